package sys

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"unsafe"
)

// Numbers above 402 are the same on every architecture (asm-generic/unistd.h
// and the tables that follow it since Linux 5.0).
const (
	openTree     = 428
	moveMount    = 429
	fsopen       = 430
	fsconfig     = 431
	fsmount      = 432
	mountSetattr = 442
)

// include/uapi/linux/mount.h and fcntl.h.
const (
	fsopenCloexec      = 0x1
	fsmountCloexec     = 0x1
	setString          = 1
	cmdCreate          = 6
	moveFromEmptyPath  = 0x4
	openTreeClone      = 0x1
	atFdcwd            = ^uintptr(99) // -100
	atEmptyPath        = 0x1000
	atRecursive        = 0x8000
	AttrReadOnly       = 0x1
	AttrNoSUID         = 0x2
	AttrNoDev          = 0x4
	AttrNoExec         = 0x8
	sizeofMountAttr    = 32
	maxContextMessages = 1024
)

// Param is one option of a file system: key=value.
type Param struct{ Key, Value string }

// NewFS makes a file system of the given type with params and mounts it on
// target with the given mount attributes. Parameters are passed one by one, so
// that the 4 KiB limit of mount(2)'s data does not apply.
func NewFS(kind, target string, params []Param, attrs uintptr) error {
	name, err := syscall.BytePtrFromString(kind)
	if err != nil {
		return err
	}
	fd, _, errno := syscall.Syscall(fsopen, uintptr(unsafe.Pointer(name)), fsopenCloexec, 0)
	if errno != 0 {
		return os.NewSyscallError("fsopen "+kind, errno)
	}
	context := int(fd)
	defer syscall.Close(context)
	for _, p := range params {
		if err := configure(context, p); err != nil {
			return err
		}
	}
	if _, _, errno := syscall.Syscall6(fsconfig, fd, cmdCreate, 0, 0, 0, 0); errno != 0 {
		return contextError(context, "create "+kind, errno)
	}
	mfd, _, errno := syscall.Syscall(fsmount, fd, fsmountCloexec, attrs)
	if errno != 0 {
		return contextError(context, "fsmount "+kind, errno)
	}
	defer syscall.Close(int(mfd))
	return moveTo(mfd, target)
}

func configure(context int, p Param) error {
	key, err := syscall.BytePtrFromString(p.Key)
	if err != nil {
		return err
	}
	value, err := syscall.BytePtrFromString(p.Value)
	if err != nil {
		return err
	}
	_, _, errno := syscall.Syscall6(fsconfig, uintptr(context), setString,
		uintptr(unsafe.Pointer(key)), uintptr(unsafe.Pointer(value)), 0, 0)
	if errno != 0 {
		return contextError(context, p.Key+"="+p.Value, errno)
	}
	return nil
}

// contextError adds what the kernel says about the failure: messages are read
// from the context's descriptor (fsopen(2)).
func contextError(context int, what string, errno syscall.Errno) error {
	buf := make([]byte, maxContextMessages)
	n, err := syscall.Read(context, buf)
	if err != nil || n <= 0 {
		return os.NewSyscallError(what, errno)
	}
	return fmt.Errorf("%s: %w (%s)", what, errno, strings.TrimSpace(string(buf[:n])))
}

func moveTo(mount uintptr, target string) error {
	empty := new(byte)
	to, err := syscall.BytePtrFromString(target)
	if err != nil {
		return err
	}
	_, _, errno := syscall.Syscall6(moveMount, mount, uintptr(unsafe.Pointer(empty)),
		atFdcwd, uintptr(unsafe.Pointer(to)), moveFromEmptyPath, 0)
	if errno != 0 {
		return os.NewSyscallError("move_mount "+target, errno)
	}
	return nil
}

type mountAttr struct{ set, clear, propagation, userns uint64 }

// Bind clones the mount at source (with its submounts, if recursive), adds
// the attributes and attaches it at target.
func Bind(source, target string, attrs uint64, recursive bool) error {
	from, err := syscall.BytePtrFromString(source)
	if err != nil {
		return err
	}
	flags := uintptr(openTreeClone | syscall.O_CLOEXEC)
	setFlags := uintptr(atEmptyPath)
	if recursive {
		flags |= atRecursive
		setFlags |= atRecursive
	}
	fd, _, errno := syscall.Syscall(openTree, atFdcwd, uintptr(unsafe.Pointer(from)), flags)
	if errno != 0 {
		return os.NewSyscallError("open_tree "+source, errno)
	}
	defer syscall.Close(int(fd))
	if attrs != 0 {
		attr := mountAttr{set: attrs}
		empty := new(byte)
		_, _, errno = syscall.Syscall6(mountSetattr, fd, uintptr(unsafe.Pointer(empty)), setFlags,
			uintptr(unsafe.Pointer(&attr)), sizeofMountAttr, 0)
		if errno != 0 {
			return os.NewSyscallError("mount_setattr "+source, errno)
		}
	}
	return moveTo(fd, target)
}
