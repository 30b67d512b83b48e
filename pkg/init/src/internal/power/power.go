// Package power ends the machine: it stops every process, writes everything
// to disk and calls reboot(2). It does not know services: those were stopped.
package power

import (
	"os"
	"path/filepath"
	"syscall"
	"time"

	"lkbuild/init/internal/mounts"
)

// Mode is how the machine ends.
type Mode int

// The modes.
const (
	Reboot Mode = iota
	Off
	Halt
)

// Request is a wish to end, and its reason.
type Request struct {
	Mode   Mode
	Reason string
}

// Signals maps signals to requests: those that busybox's reboot, poweroff and
// halt send to init, ctrl-alt-del's, and that of a power failure.
var Signals = map[os.Signal]Request{
	syscall.SIGTERM: {Reboot, "reboot"},
	syscall.SIGINT:  {Reboot, "ctrl-alt-del"},
	syscall.SIGUSR2: {Off, "poweroff"},
	syscall.SIGPWR:  {Off, "power failure"},
	syscall.SIGUSR1: {Halt, "halt"},
}

// KillAll ends all processes but this one: politely, then not.
func KillAll(grace time.Duration) {
	const step = 10 * time.Millisecond
	if !others() {
		return
	}
	syscall.Kill(-1, syscall.SIGTERM)
	for waited := time.Duration(0); waited < grace; waited += step {
		time.Sleep(step)
		if !others() {
			return
		}
	}
	syscall.Kill(-1, syscall.SIGKILL)
	time.Sleep(step)
}

// others tells whether there is another process. The kernel's own threads,
// which kill(2) counts too, have no executable, nor has a zombie.
func others() bool {
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range links {
		if link == "/proc/1/exe" {
			continue
		}
		if _, err := os.Readlink(link); err == nil {
			return true
		}
	}
	return false
}

// Unmount writes everything out and unmounts all that can be, within limit:
// a dead disk must not keep the machine from going down.
func Unmount(limit time.Duration) (busy []string) {
	done := make(chan []string, 1)
	go func() {
		syscall.Sync()
		left := mounts.UnmountAll()
		syscall.Sync()
		done <- left
	}()
	select {
	case busy = <-done:
	case <-time.After(limit):
		busy = []string{"unmounting takes too long"}
	}
	return busy
}

// End does not return.
func End(m Mode) {
	command := map[Mode]int{
		Reboot: syscall.LINUX_REBOOT_CMD_RESTART,
		Off:    syscall.LINUX_REBOOT_CMD_POWER_OFF,
		Halt:   syscall.LINUX_REBOOT_CMD_HALT,
	}[m]
	for {
		syscall.Reboot(command)
		time.Sleep(time.Hour)
	}
}
