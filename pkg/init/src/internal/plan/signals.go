package plan

import "syscall"

// signals are the names that stop_signal may have.
var signals = map[string]syscall.Signal{
	"SIGHUP": syscall.SIGHUP, "SIGINT": syscall.SIGINT, "SIGQUIT": syscall.SIGQUIT,
	"SIGKILL": syscall.SIGKILL, "SIGUSR1": syscall.SIGUSR1, "SIGUSR2": syscall.SIGUSR2,
	"SIGTERM": syscall.SIGTERM, "SIGWINCH": syscall.SIGWINCH, "SIGPWR": syscall.SIGPWR,
	"SIGRTMIN+3": syscall.Signal(37), // systemd's halt.target (systemd(1)); SIGRTMIN is 34 in glibc
}

// Signal is the number of StopSignal.
func (s Supervision) Signal() syscall.Signal { return signals[s.StopSignal] }
