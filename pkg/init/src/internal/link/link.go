package link

import (
	"os"
	"syscall"
	"unsafe"
)

// ifreq is struct ifreq: a name, and the one field that a request uses.
type ifreq struct {
	name  [syscall.IFNAMSIZ]byte
	value uint32
	_     [20]byte
}

// Add makes an interface.
func Add(s Spec) error { return talk(addMessage(s)) }

// Move gives the interface of that name to the network namespace of a process.
func Move(name string, pid int) error {
	var index uint32
	err := control(name, syscall.SIOCGIFINDEX, func(r *ifreq) { index = r.value })
	if err != nil {
		return err
	}
	return talk(moveMessage(int(index), pid))
}

// Up sets an interface up.
func Up(name string) error {
	var flags uint32
	err := control(name, syscall.SIOCGIFFLAGS, func(r *ifreq) { flags = uint32(*(*uint16)(unsafe.Pointer(&r.value))) })
	if err != nil {
		return err
	}
	fd, req, err := open(name)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	*(*uint16)(unsafe.Pointer(&req.value)) = uint16(flags | syscall.IFF_UP)
	return ioctl(fd, syscall.SIOCSIFFLAGS, req)
}

func control(name string, op uintptr, use func(*ifreq)) error {
	fd, req, err := open(name)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	if err := ioctl(fd, op, req); err != nil {
		return err
	}
	use(req)
	return nil
}

func open(name string) (int, *ifreq, error) {
	req := &ifreq{}
	if len(name) >= len(req.name) {
		return -1, nil, &os.PathError{Op: "interface", Path: name, Err: syscall.ENAMETOOLONG}
	}
	copy(req.name[:], name)
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	return fd, req, err
}

func ioctl(fd int, op uintptr, req *ifreq) error {
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), op, uintptr(unsafe.Pointer(req)))
	if errno != 0 {
		return os.NewSyscallError("ioctl "+string(req.name[:]), errno)
	}
	return nil
}

// talk sends one request and waits for its acknowledgement.
func talk(message []byte) error {
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, syscall.NETLINK_ROUTE)
	if err != nil {
		return os.NewSyscallError("netlink", err)
	}
	defer syscall.Close(fd)
	kernel := &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}
	if err := syscall.Sendto(fd, message, 0, kernel); err != nil {
		return os.NewSyscallError("netlink send", err)
	}
	buf := make([]byte, 8192)
	for {
		n, _, err := syscall.Recvfrom(fd, buf, 0)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return os.NewSyscallError("netlink receive", err)
		}
		replies, err := syscall.ParseNetlinkMessage(buf[:n])
		if err != nil {
			return err
		}
		for _, reply := range replies {
			if reply.Header.Type == syscall.NLMSG_ERROR && len(reply.Data) >= 4 {
				if code := int32(native.Uint32(reply.Data)); code != 0 {
					return os.NewSyscallError("rtnetlink", syscall.Errno(-code))
				}
				return nil
			}
		}
	}
}
