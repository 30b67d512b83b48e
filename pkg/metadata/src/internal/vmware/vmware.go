// Package vmware asks VMware's hypervisor for values of guestinfo, by messages
// over its port (open-vm-tools: lib/message/message.c, lib/include/backdoor_def.h,
// guest_msg_def.h). It does not know what the values mean.
package vmware

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// Registers go to the hypervisor by an IN from its port, and come back changed.
type Registers struct{ AX, BX, CX, DX, SI, DI uint32 }

// Door is that instruction.
type Door func(*Registers)

// ErrUnset is what Get says of a value that nobody has set.
var ErrUnset = errors.New("not set")

const (
	magic    = 0x564D5868
	port     = 0x5658
	message  = 0x1E
	rpci     = 0x49435052 // "RPCI"
	cookie   = 0x80000000 // this and later calls of the channel carry a cookie
	maxReply = 1 << 20

	// Subcommands, in the upper half of CX.
	open, sendSize, sendData, receiveSize, receiveData, receiveStatus, shut = 0, 1, 2, 3, 4, 5, 6

	// Status, in the upper half of CX.
	success, doReceive = 1, 2
)

type channel struct {
	door      Door
	id        uint32 // in the upper half
	high, low uint32 // the cookie
	failure   error
}

// Get asks for one value: guestinfo.userdata.
func Get(door Door, name string) (string, error) {
	c := &channel{door: door}
	r := c.call(open, rpci|cookie)
	if c.failure != nil {
		return "", c.failure
	}
	c.id, c.high, c.low = r.DX&0xFFFF0000, r.SI, r.DI
	c.send("info-get " + name)
	answer := c.receive()
	failure := c.failure
	c.failure = nil
	c.call(shut, 0) // a channel that stays open is one less for others
	if failure != nil {
		return "", failure
	}
	// "1 " and the value, or "0 " and why there is none.
	status, value, _ := strings.Cut(answer, " ")
	if status != "1" {
		return "", fmt.Errorf("%s: %w (%s)", name, ErrUnset, value)
	}
	return value, nil
}

// call is one step of the conversation, unless an earlier one failed.
func (c *channel) call(sub, value uint32) Registers {
	r := Registers{AX: magic, BX: value, CX: sub<<16 | message, DX: c.id | port, SI: c.high, DI: c.low}
	if c.failure != nil {
		return r
	}
	c.door(&r)
	if r.CX>>16&success == 0 {
		c.failure = fmt.Errorf("the hypervisor refuses step %d of a message", sub)
	}
	return r
}

func (c *channel) send(text string) {
	c.call(sendSize, uint32(len(text)))
	for len(text) > 0 {
		var word [4]byte
		text = text[copy(word[:], text):]
		c.call(sendData, binary.LittleEndian.Uint32(word[:]))
	}
}

func (c *channel) receive() string {
	r := c.call(receiveSize, 0)
	if c.failure == nil && r.CX>>16&doReceive == 0 {
		c.failure = errors.New("the hypervisor has no answer")
	}
	size := int(r.BX)
	if c.failure == nil && size > maxReply {
		c.failure = fmt.Errorf("an answer of %d bytes", size)
	}
	if c.failure != nil {
		return ""
	}
	answer := make([]byte, 0, size+4)
	for len(answer) < size && c.failure == nil {
		r = c.call(receiveData, success)
		answer = binary.LittleEndian.AppendUint32(answer, r.BX)
	}
	c.call(receiveStatus, success)
	return string(answer[:min(size, len(answer))])
}
