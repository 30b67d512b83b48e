package sys

import (
	"errors"
	"os"
	"syscall"
	"unsafe"
)

// LoadModule loads the uncompressed kernel module at path. A module that is
// loaded already is no error.
func LoadModule(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	params := new(byte)
	_, _, errno := syscall.Syscall(finitModule, f.Fd(), uintptr(unsafe.Pointer(params)), 0)
	if errno != 0 && !errors.Is(errno, syscall.EEXIST) {
		return os.NewSyscallError("finit_module "+path, errno)
	}
	return nil
}

// KernelRelease is the running kernel's release, as `uname -r` prints it.
func KernelRelease() string {
	var u syscall.Utsname
	if err := syscall.Uname(&u); err != nil {
		return ""
	}
	var out []byte
	for _, c := range u.Release {
		if c == 0 {
			break
		}
		out = append(out, byte(c))
	}
	return string(out)
}
