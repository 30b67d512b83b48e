package vsock

import (
	"io"
	"testing"
)

func TestAConnectionCarriesBothWaysAndItsHalvesEndByThemselves(t *testing.T) {
	const number = 54321
	l, err := Listen(number)
	if err != nil {
		t.Skip("this machine has no vsock:", err)
	}
	client, err := Dial(number)
	if err != nil {
		t.Skip("no vsock_loopback:", err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	client.Write([]byte("question"))
	client.CloseWrite()
	if text, err := io.ReadAll(server); err != nil || string(text) != "question" {
		t.Errorf("%q, %v", text, err)
	}
	server.Write([]byte("answer"))
	server.Close()
	if text, err := io.ReadAll(client); err != nil || string(text) != "answer" {
		t.Errorf("%q, %v", text, err)
	}
}
