package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// findPort waits for the virtio-serial port of that name.
func findPort(name string, limit time.Duration) (string, error) {
	const step = 50 * time.Millisecond
	for waited := time.Duration(0); waited < limit; waited += step {
		names, _ := filepath.Glob("/sys/class/virtio-ports/*/name")
		for _, file := range names {
			text, err := os.ReadFile(file)
			if err == nil && strings.TrimSpace(string(text)) == name {
				return "/dev/" + filepath.Base(filepath.Dir(file)), nil
			}
		}
		time.Sleep(step)
	}
	return "", fmt.Errorf("no virtio-serial port %s within %v", name, limit)
}

// port is the virtio-serial port, in blocking mode: a write waits until the
// host is there, a read returns nothing when it is not (virtio_console.c).
type port struct{ fd int }

func openPort(path string) (*port, error) {
	fd, err := syscall.Open(path, syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return &port{fd: fd}, nil
}

// Read implements io.Reader.
func (p *port) Read(buf []byte) (int, error) {
	for {
		n, err := syscall.Read(p.fd, buf)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return 0, err
		}
		if n == 0 {
			time.Sleep(20 * time.Millisecond) // or the wait for the host would be a busy one
			return 0, io.EOF
		}
		return n, nil
	}
}

func (p *port) send(message any) error {
	line, err := json.Marshal(message)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	for len(line) > 0 {
		n, err := syscall.Write(p.fd, line)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		line = line[n:]
	}
	return nil
}
