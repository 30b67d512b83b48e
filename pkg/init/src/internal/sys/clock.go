package sys

import (
	"syscall"
	"time"
	"unsafe"
)

const clockBoottime = 7

// SinceBoot is the time since the kernel started, by CLOCK_BOOTTIME.
func SinceBoot() time.Duration {
	var ts syscall.Timespec
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockBoottime, uintptr(unsafe.Pointer(&ts)), 0)
	return time.Duration(ts.Nano())
}
