package probe

import (
	"net"
	"path/filepath"
	"testing"
	"time"
)

func TestAddressesNeedNoResolver(t *testing.T) {
	for text, want := range map[string]string{":80": "127.0.0.1:80", "localhost:81": "127.0.0.1:81", "10.0.0.1:2": "10.0.0.1:2", "[::1]:3": "[::1]:3"} {
		if got, err := Address(text); err != nil || got.String() != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"example.org:80", "80", "localhost:http"} {
		if got, err := Address(text); err == nil {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestAUnixSocketIsReadyOnceSomebodyListens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if Unix(path) {
		t.Error("ready without a socket")
	}
	for _, network := range []string{"unix", "unixpacket"} {
		l, err := net.Listen(network, path)
		if err != nil {
			t.Fatal(err)
		}
		if !Unix(path) {
			t.Errorf("%s: not ready", network)
		}
		l.Close()
	}
}

func TestATCPAddressIsReadyOnceSomebodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr, err := Address(l.Addr().String())
	if err != nil || !TCP(addr, time.Second) {
		t.Errorf("not ready: %v", err)
	}
	l.Close()
	if TCP(addr, time.Second) {
		t.Error("ready without listener")
	}
}
