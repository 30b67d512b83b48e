package link

import (
	"bytes"
	"syscall"
	"testing"
)

func TestAMessageIsWhatTheStandardLibraryParses(t *testing.T) {
	m := addMessage(Spec{Name: "wg0", Kind: "wireguard", Pid: 77})
	parsed, err := syscall.ParseNetlinkMessage(m)
	if err != nil || len(parsed) != 1 {
		t.Fatal(parsed, err)
	}
	attrs, err := syscall.ParseNetlinkRouteAttr(&parsed[0])
	if err != nil || len(attrs) != 3 {
		t.Fatal(attrs, err)
	}
	if attrs[0].Attr.Type != syscall.IFLA_IFNAME || string(attrs[0].Value) != "wg0\x00" {
		t.Errorf("name: %v", attrs[0])
	}
	if attrs[1].Attr.Type != syscall.IFLA_NET_NS_PID || native.Uint32(attrs[1].Value) != 77 {
		t.Errorf("namespace: %v", attrs[1])
	}
	if attrs[2].Attr.Type&^nested != syscall.IFLA_LINKINFO || !bytes.Contains(attrs[2].Value, []byte("wireguard")) {
		t.Errorf("kind: %v", attrs[2])
	}
}

func TestAnInterfaceThatStaysHasNoNamespace(t *testing.T) {
	m := addMessage(Spec{Name: "e0", Kind: "veth", Peer: "e1"})
	parsed, err := syscall.ParseNetlinkMessage(m)
	if err != nil {
		t.Fatal(err)
	}
	attrs, err := syscall.ParseNetlinkRouteAttr(&parsed[0])
	if err != nil || len(attrs) != 2 || !bytes.Contains(attrs[1].Value, []byte("e1\x00")) {
		t.Errorf("%v, %v", attrs, err)
	}
}

func TestAttributesArePaddedToFourBytes(t *testing.T) {
	for n := range 9 {
		if got := attr(1, make([]byte, n)); len(got)%4 != 0 || int(native.Uint16(got)) != 4+n {
			t.Errorf("%d bytes: %v", n, got)
		}
	}
}
