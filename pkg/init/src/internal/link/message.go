// Package link adds network interfaces and moves them to other network
// namespaces, by rtnetlink(7). It does nothing else with networks: addresses
// and routes are the business of containers.
package link

import (
	"encoding/binary"
	"syscall"
)

// include/uapi/linux/if_link.h, rtnetlink.h and veth.h.
const (
	iflaInfoKind = 1
	iflaInfoData = 2
	vethInfoPeer = 1
	nested       = 0x8000
	nlmsgAlign   = 4
)

var native = binary.NativeEndian

// Spec is an interface to add.
type Spec struct {
	Name string
	Kind string // veth, wireguard, dummy, bridge, ...
	Peer string // the other end's name; veth only; it stays in this namespace
	Pid  int    // the process whose network namespace gets it; 0: stays here
}

// attr is one attribute: struct rtattr and its value, padded.
func attr(kind uint16, value []byte) []byte {
	out := native.AppendUint16(nil, uint16(syscall.SizeofRtAttr+len(value)))
	out = native.AppendUint16(out, kind)
	out = append(out, value...)
	for len(out)%nlmsgAlign != 0 {
		out = append(out, 0)
	}
	return out
}

func text(s string) []byte { return append([]byte(s), 0) }

func number(n int) []byte { return native.AppendUint32(nil, uint32(n)) }

// ifinfo is struct ifinfomsg, all zero but for the index.
func ifinfo(index int) []byte {
	out := make([]byte, syscall.SizeofIfInfomsg)
	native.PutUint32(out[4:], uint32(index))
	return out
}

// request is a whole netlink message that wants an acknowledgement.
func request(kind, flags uint16, payload []byte) []byte {
	out := native.AppendUint32(nil, uint32(syscall.SizeofNlMsghdr+len(payload)))
	out = native.AppendUint16(out, kind)
	out = native.AppendUint16(out, syscall.NLM_F_REQUEST|syscall.NLM_F_ACK|flags)
	out = native.AppendUint32(out, 1) // sequence
	out = native.AppendUint32(out, 0) // port
	return append(out, payload...)
}

func addMessage(s Spec) []byte {
	info := attr(iflaInfoKind, []byte(s.Kind))
	if s.Peer != "" {
		peer := append(ifinfo(0), attr(syscall.IFLA_IFNAME, text(s.Peer))...)
		info = append(info, attr(iflaInfoData|nested, attr(vethInfoPeer|nested, peer))...)
	}
	body := append(ifinfo(0), attr(syscall.IFLA_IFNAME, text(s.Name))...)
	if s.Pid != 0 {
		body = append(body, attr(syscall.IFLA_NET_NS_PID, number(s.Pid))...)
	}
	body = append(body, attr(syscall.IFLA_LINKINFO|nested, info)...)
	return request(syscall.RTM_NEWLINK, syscall.NLM_F_CREATE|syscall.NLM_F_EXCL, body)
}

func moveMessage(index, pid int) []byte {
	body := append(ifinfo(index), attr(syscall.IFLA_NET_NS_PID, number(pid))...)
	return request(syscall.RTM_NEWLINK, 0, body)
}
