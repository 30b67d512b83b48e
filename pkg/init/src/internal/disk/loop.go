package disk

import (
	"encoding/binary"
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

// include/uapi/linux/loop.h
const (
	loopControl   = "/dev/loop-control"
	loopGetFree   = 0x4c82 // LOOP_CTL_GET_FREE
	loopConfigure = 0x4c0a // LOOP_CONFIGURE, struct loop_config

	loopConfigSize = 304
	loopFlagsAt    = 60 // info.lo_flags
	loopReadOnly   = 1
	loopAutoClear  = 4
)

// attach makes a file a block device that can't be written. The device is
// there as long as somebody has it open, or has mounted it: it is given open.
func attach(path string) (*os.File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	control, err := os.OpenFile(loopControl, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer control.Close()
	number, _, errno := syscall.Syscall(syscall.SYS_IOCTL, control.Fd(), loopGetFree, 0)
	if errno != 0 {
		return nil, os.NewSyscallError("a free loop device", errno)
	}
	device, err := os.Open(fmt.Sprintf("/dev/loop%d", number))
	if err != nil {
		return nil, err
	}
	config := loopConfig(uint32(file.Fd()))
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, device.Fd(), loopConfigure, uintptr(unsafe.Pointer(&config[0]))); errno != 0 {
		device.Close()
		return nil, fmt.Errorf("%s as %s: %w", path, device.Name(), errno)
	}
	return device, nil
}

// loopConfig is a struct loop_config for a file.
func loopConfig(file uint32) []byte {
	b := make([]byte, loopConfigSize)
	binary.NativeEndian.PutUint32(b, file)
	binary.NativeEndian.PutUint32(b[loopFlagsAt:], loopReadOnly|loopAutoClear)
	return b
}
