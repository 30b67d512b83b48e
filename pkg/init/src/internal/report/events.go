package report

// The events. Their JSON form is a promise: docs/format/image.md.
type (
	// Boot is the first line: the format's version and the kernel's release.
	Boot struct {
		Version int    `json:"version"`
		Kernel  string `json:"kernel"`
	}
	// Onboot tells that an onboot container ended.
	Onboot struct {
		Name    string  `json:"name"`
		Exit    int     `json:"exit"`
		Seconds float64 `json:"seconds"`
	}
	// Onshutdown is the same for an onshutdown container.
	Onshutdown Onboot
	// Started tells that a service runs, not that it is ready.
	Started struct {
		Name     string `json:"name"`
		Pid      int    `json:"pid"`
		Restarts int    `json:"restarts"`
	}
	// Ready tells that a service's probe succeeded (once per service).
	Ready struct {
		Name string `json:"name"`
	}
	// Exited tells that a service ended without being told to.
	Exited struct {
		Name     string `json:"name"`
		Pid      int    `json:"pid"`
		Exit     int    `json:"exit"`
		Signal   int    `json:"signal"`
		Restarts int    `json:"restarts"`
	}
	// Failed tells what could not be done.
	Failed struct {
		Name  string `json:"name"`
		Error string `json:"error"`
	}
	// Warning tells what is not as it should be, without consequence.
	Warning struct {
		Text string `json:"text"`
	}
	// Up tells that all services are ready.
	Up struct {
		Seconds       float64 `json:"seconds"`
		MemoryUsedKiB int64   `json:"memory_used_kib"`
	}
	// Trial tells that the boot loader counts this boot, and how long it may take.
	Trial struct {
		Slot    string  `json:"slot"`
		WithinS float64 `json:"within_s"`
		// WatchdogS is after how long a hang of init ends the boot; 0: the machine has no watchdog.
		WatchdogS float64 `json:"watchdog_s,omitempty"`
	}
	// Good tells that it came up in time, and that the boot loader knows.
	Good struct {
		Slot string `json:"slot"`
	}
	// Shutdown tells that the machine will stop: reboot, poweroff, halt, failure.
	Shutdown struct {
		Reason string `json:"reason"`
	}
	// Stopped tells that a service ended because it was told to.
	Stopped struct {
		Name   string `json:"name"`
		Exit   int    `json:"exit"`
		Killed bool   `json:"killed"`
	}
	// Down is the last line.
	Down struct{}
)

// Kind implements Event.
func (Boot) Kind() string { return "boot" }

// Kind implements Event.
func (Onboot) Kind() string { return "onboot" }

// Kind implements Event.
func (Onshutdown) Kind() string { return "onshutdown" }

// Kind implements Event.
func (Started) Kind() string { return "started" }

// Kind implements Event.
func (Ready) Kind() string { return "ready" }

// Kind implements Event.
func (Exited) Kind() string { return "exited" }

// Kind implements Event.
func (Failed) Kind() string { return "failed" }

// Kind implements Event.
func (Warning) Kind() string { return "warning" }

// Kind implements Event.
func (Up) Kind() string { return "up" }

// Kind implements Event.
func (Trial) Kind() string { return "trial" }

// Kind implements Event.
func (Good) Kind() string { return "good" }

// Kind implements Event.
func (Shutdown) Kind() string { return "shutdown" }

// Kind implements Event.
func (Stopped) Kind() string { return "stopped" }

// Kind implements Event.
func (Down) Kind() string { return "down" }

// Loud implements Event.
func (Boot) Loud() bool { return false }

// Loud implements Event: a failure is.
func (o Onboot) Loud() bool { return o.Exit != 0 }

// Loud implements Event: a failure is.
func (o Onshutdown) Loud() bool { return o.Exit != 0 }

// Loud implements Event.
func (Started) Loud() bool { return false }

// Loud implements Event.
func (Ready) Loud() bool { return false }

// Loud implements Event: a failure is.
func (e Exited) Loud() bool { return e.Exit != 0 }

// Loud implements Event.
func (Failed) Loud() bool { return true }

// Loud implements Event.
func (Warning) Loud() bool { return false }

// Loud implements Event.
func (Up) Loud() bool { return true }

// Loud implements Event.
func (Trial) Loud() bool { return false }

// Loud implements Event.
func (Good) Loud() bool { return true }

// Loud implements Event.
func (Shutdown) Loud() bool { return false }

// Loud implements Event.
func (Stopped) Loud() bool { return false }

// Loud implements Event.
func (Down) Loud() bool { return true }
