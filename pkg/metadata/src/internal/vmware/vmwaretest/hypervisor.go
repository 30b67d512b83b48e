// Package vmwaretest plays VMware's hypervisor for tests. Numbers stand here as
// the hypervisor has them, and not as the package under test calls them.
package vmwaretest

import (
	"encoding/binary"
	"strings"

	"lkbuild/metadata/internal/vmware"
)

// Hypervisor is the other side of the port, with one channel at a time.
type Hypervisor struct {
	Values map[string]string
	Refuse uint32 // the step that fails
	Open   bool   // a channel is

	size         uint32
	said, answer []byte
}

const (
	id, high, low = 0x00030000, 0xCAFE, 0xBEEF
	success       = 1
	doReceive     = 2
)

// Door is what the machine's instruction does.
func (h *Hypervisor) Door(r *vmware.Registers) {
	step, status := r.CX>>16, uint32(success)
	right := r.AX == 0x564D5868 && r.CX&0xFFFF == 0x1E && r.DX&0xFFFF == 0x5658
	if step != 0 {
		right = right && h.Open && r.DX&0xFFFF0000 == id && r.SI == high && r.DI == low
	}
	if !right || h.Refuse != 0 && step == h.Refuse {
		r.CX &= 0xFFFF
		return
	}
	switch step {
	case 0: // open
		right = r.BX == 0xC9435052 // "RPCI", with cookies
		h.Open, r.DX, r.SI, r.DI = right, id|0x5658, high, low
	case 1: // the size of a message
		h.size, h.said = r.BX, nil
	case 2: // four bytes of it
		h.said = binary.LittleEndian.AppendUint32(h.said, r.BX)
		if uint32(len(h.said)) >= h.size {
			h.decide(string(h.said[:h.size]))
		}
	case 3: // the size of the answer
		r.BX, status = uint32(len(h.answer)), success|doReceive
	case 4: // four bytes of it
		var word [4]byte
		h.answer = h.answer[copy(word[:], h.answer):]
		r.BX = binary.LittleEndian.Uint32(word[:])
	case 6: // close
		h.Open = false
	}
	r.CX = status<<16 | r.CX&0xFFFF
}

func (h *Hypervisor) decide(request string) {
	h.answer = []byte("0 No value found")
	if value, ok := h.Values[strings.TrimPrefix(request, "info-get ")]; ok {
		h.answer = []byte("1 " + value)
	}
}
