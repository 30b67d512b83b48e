// Package watchdog has the machine's watchdog reset it when init no longer runs
// (Documentation/watchdog/watchdog-api.rst). It does not know why that matters.
package watchdog

import (
	"errors"
	"os"
	"syscall"
	"time"
	"unsafe"

	"lkbuild/init/internal/sys"
)

const (
	device     = "/dev/watchdog"
	setTimeout = 0xc0045706 // WDIOC_SETTIMEOUT, _IOWR('W', 6, int)
	disarm     = "V"        // before it is closed: else it goes on
	sign       = "\x00"     // any other byte: the machine lives
)

// Timeout is after how long without a sign of life the machine starts anew.
const Timeout = 30 * time.Second

// feeds per timeout: a late one does no harm.
const feeds = 6

// Dog is a watchdog that runs.
type Dog struct {
	file *os.File
	stop chan struct{}
	done chan struct{}
}

// Arm starts the machine's watchdog and feeds it, until so long after the
// machine started: what takes longer has failed. It is fs.ErrNotExist that
// there is none. What replaces this process (execve) leaves it armed, and must
// arm it anew.
func Arm(until time.Duration) (*Dog, error) {
	f, err := os.OpenFile(device, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	seconds := int32(Timeout / time.Second)
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), setTimeout, uintptr(unsafe.Pointer(&seconds))); errno != 0 {
		f.WriteString(disarm)
		return nil, errors.Join(os.NewSyscallError("set the watchdog's time", errno), f.Close())
	}
	d := &Dog{file: f, stop: make(chan struct{}), done: make(chan struct{})}
	go d.feed(until)
	return d, nil
}

func (d *Dog) feed(until time.Duration) {
	defer close(d.done)
	tick := time.NewTicker(Timeout / feeds)
	defer tick.Stop()
	for sys.SinceBoot() < until {
		d.file.WriteString(sign)
		select {
		case <-tick.C:
		case <-d.stop:
			return
		}
	}
}

// Disarm stops it.
func (d *Dog) Disarm() error {
	if d == nil {
		return nil
	}
	close(d.stop)
	<-d.done
	_, err := d.file.WriteString(disarm)
	return errors.Join(err, d.file.Close())
}
