// Package probe asks whether a service is ready. It does not know services,
// only paths, sockets and addresses.
package probe

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"
)

// Path tells whether something exists at path.
func Path(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Unix tells whether the socket at path takes a connection, as a stream,
// datagrams or packets.
func Unix(path string) bool {
	for _, kind := range []int{syscall.SOCK_STREAM, syscall.SOCK_SEQPACKET, syscall.SOCK_DGRAM} {
		fd, err := syscall.Socket(syscall.AF_UNIX, kind|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
		if err != nil {
			return false
		}
		err = syscall.Connect(fd, &syscall.SockaddrUnix{Name: path})
		syscall.Close(fd)
		if err == nil {
			return true
		}
		if !errors.Is(err, syscall.EPROTOTYPE) {
			return false
		}
	}
	return false
}

// Address reads "host:port", where host is an IP address, "localhost" or
// empty (this machine): at boot there is nobody to ask for names.
func Address(s string) (netip.AddrPort, error) {
	host, port, ok := cutLast(s, ":")
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("%q is not host:port", s)
	}
	if host == "" || host == "localhost" {
		s = "127.0.0.1:" + port
	}
	return netip.ParseAddrPort(s)
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// TCP tells whether a connection to addr is accepted within limit.
func TCP(addr netip.AddrPort, limit time.Duration) bool {
	family := syscall.AF_INET
	var to syscall.Sockaddr
	if ip := addr.Addr().Unmap(); ip.Is4() {
		to = &syscall.SockaddrInet4{Port: int(addr.Port()), Addr: ip.As4()}
	} else {
		family = syscall.AF_INET6
		to = &syscall.SockaddrInet6{Port: int(addr.Port()), Addr: ip.As16()}
	}
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer syscall.Close(fd)
	tv := syscall.NsecToTimeval(limit.Nanoseconds())
	syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_SNDTIMEO, &tv) // bounds connect too: socket(7)
	return syscall.Connect(fd, to) == nil
}
