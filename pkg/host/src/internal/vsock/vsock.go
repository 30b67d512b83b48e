// Package vsock listens at a number of the machine's vsock(7), from whatever
// side it is called. Go's syscall package does not know that family.
package vsock

import (
	"os"
	"syscall"
	"unsafe"
)

const (
	family  = 40         // AF_VSOCK
	anyCID  = 0xffffffff // VMADDR_CID_ANY
	here    = 1          // VMADDR_CID_LOCAL: the module vsock_loopback
	backlog = 16
)

// address is struct sockaddr_vm.
type address struct {
	Family, Reserved uint16
	Port, CID        uint32
	Flags            uint8
	Zero             [3]uint8
}

// Listener takes connections.
type Listener struct{ fd int }

// Listen begins to listen at a number.
func Listen(number uint32) (*Listener, error) {
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	a := address{Family: family, Port: number, CID: anyCID}
	if _, _, errno := syscall.Syscall(sysBind, uintptr(fd), uintptr(unsafe.Pointer(&a)), unsafe.Sizeof(a)); errno != 0 {
		syscall.Close(fd)
		return nil, os.NewSyscallError("bind", errno)
	}
	if err := syscall.Listen(fd, backlog); err != nil {
		syscall.Close(fd)
		return nil, os.NewSyscallError("listen", err)
	}
	return &Listener{fd: fd}, nil
}

// Dial connects to a number of this machine itself.
func Dial(number uint32) (*Conn, error) {
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	a := address{Family: family, Port: number, CID: here}
	if _, _, errno := syscall.Syscall(sysConnect, uintptr(fd), uintptr(unsafe.Pointer(&a)), unsafe.Sizeof(a)); errno != 0 {
		syscall.Close(fd)
		return nil, os.NewSyscallError("connect", errno)
	}
	return &Conn{os.NewFile(uintptr(fd), "vsock")}, nil
}

// Accept waits for the next connection.
func (l *Listener) Accept() (*Conn, error) {
	for {
		fd, _, errno := syscall.Syscall6(sysAccept4, uintptr(l.fd), 0, 0, syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0, 0)
		if errno == syscall.EINTR {
			continue
		}
		if errno != 0 {
			return nil, os.NewSyscallError("accept", errno)
		}
		return &Conn{os.NewFile(fd, "vsock")}, nil
	}
}

// Conn is a connection.
type Conn struct{ *os.File }

// CloseWrite tells the other side that no more comes.
func (c *Conn) CloseWrite() error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	shut := raw.Control(func(fd uintptr) { err = syscall.Shutdown(int(fd), syscall.SHUT_WR) })
	if shut != nil {
		return shut
	}
	return err
}
