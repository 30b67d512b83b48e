// Package port opens a virtio-serial port by its name. It knows nothing of
// what goes through it.
package port

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Find waits for the port of that name.
func Find(name string, limit time.Duration) (string, error) {
	const step = 50 * time.Millisecond
	for waited := time.Duration(0); waited < limit; waited += step {
		files, _ := filepath.Glob("/sys/class/virtio-ports/*/name")
		for _, file := range files {
			if text, err := os.ReadFile(file); err == nil && strings.TrimSpace(string(text)) == name {
				return "/dev/" + filepath.Base(filepath.Dir(file)), nil
			}
		}
		time.Sleep(step)
	}
	return "", fmt.Errorf("no virtio-serial port %s", name)
}

// Port is in blocking mode: a write waits until the host is there, a read
// returns nothing when it is not (drivers/char/virtio_console.c).
type Port struct {
	fd int
	mu sync.Mutex // of writes: each is whole
}

// Open opens it.
func Open(path string) (*Port, error) {
	fd, err := syscall.Open(path, syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return &Port{fd: fd}, nil
}

// Read implements io.Reader.
func (p *Port) Read(buf []byte) (int, error) {
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

// Write implements io.Writer.
func (p *Port) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for done := 0; done < len(data); {
		n, err := syscall.Write(p.fd, data[done:])
		if err != nil && err != syscall.EINTR {
			return done, err
		}
		done += max(n, 0)
	}
	return len(data), nil
}
