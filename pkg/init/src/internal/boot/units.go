package boot

import (
	"os"
	"path/filepath"
	"syscall"
	"time"

	"lkbuild/init/internal/container"
	"lkbuild/init/internal/logs"
	"lkbuild/init/internal/plan"
	"lkbuild/init/internal/probe"
	"lkbuild/init/internal/proc"
	"lkbuild/init/internal/supervise"
)

const (
	logDir     = "/run/log"
	probeLimit = 10 * time.Second // of one question
	drainLimit = 2 * time.Second
)

// output is a log and the pipe into it while something runs.
type output struct {
	log     *logs.Log
	writer  *os.File
	drained <-chan struct{}
}

func newOutput(name string) *output {
	return &output{log: logs.Open(filepath.Join(logDir, name+".log"))}
}

func (o *output) open() (*os.File, error) {
	o.log.Forget()
	var err error
	o.writer, o.drained, err = logs.Pipe(o.log)
	return o.writer, err
}

// close waits until all was written; a process that left the container with
// the pipe open does not hold it up for long.
func (o *output) close() {
	if o.writer == nil {
		return
	}
	o.writer.Close()
	o.writer = nil
	select {
	case <-o.drained:
	case <-time.After(drainLimit):
	}
}

// prober answers a service's ready probe.
func prober(r plan.Ready, exec func([]string) bool) func() bool {
	switch {
	case r.Path != "":
		return func() bool { return probe.Path(r.Path) }
	case r.Unix != "":
		return func() bool { return probe.Unix(r.Unix) }
	case r.TCP != "":
		addr, err := probe.Address(r.TCP)
		return func() bool { return err == nil && probe.TCP(addr, probeLimit) }
	case len(r.Exec) > 0:
		return func() bool { return exec(r.Exec) }
	}
	return func() bool { return true }
}

// containerUnit is a service's container.
type containerUnit struct {
	runtime container.Runtime
	spec    container.Spec
	signal  syscall.Signal
	output  *output
	ready   func() bool
}

func newContainerUnit(r container.Runtime, s plan.Service) *containerUnit {
	u := &containerUnit{runtime: r, spec: specOf(s.Container, s.Name), signal: s.Signal(), output: newOutput(s.Name)}
	u.ready = prober(s.Ready, func(argv []string) bool { return r.Exec(s.Name, argv, probeLimit) })
	return u
}

func specOf(c plan.Container, id string) container.Spec {
	return container.Spec{ID: id, Bundle: c.Bundle, Layers: c.Layers, ReadOnly: c.ReadOnly}
}

// Start implements supervise.Unit.
func (u *containerUnit) Start() (*proc.Process, error) {
	out, err := u.output.open()
	if err != nil {
		return nil, err
	}
	p, err := u.runtime.Start(u.spec, out)
	if err != nil {
		u.Clean()
		return nil, err
	}
	return p, nil
}

// Probe implements supervise.Unit.
func (u *containerUnit) Probe() bool { return u.ready() }

// Signal implements supervise.Unit.
func (u *containerUnit) Signal(p *proc.Process) { p.Signal(u.signal) }

// Kill implements supervise.Unit.
func (u *containerUnit) Kill(p *proc.Process) { p.Signal(syscall.SIGKILL) }

// Clean implements supervise.Unit.
func (u *containerUnit) Clean() {
	u.runtime.Remove(u.spec, u.output.writer)
	u.output.close()
}

// Tail implements supervise.Unit.
func (u *containerUnit) Tail() []string { return u.output.log.Tail() }

// hostUnit is a process in init's root.
type hostUnit struct {
	procs  *proc.Table
	argv   []string
	signal syscall.Signal
	output *output
	ready  func() bool
}

func newHostUnit(procs *proc.Table, h plan.HostService) *hostUnit {
	u := &hostUnit{procs: procs, argv: h.Command, signal: h.Signal(), output: newOutput(h.Name)}
	u.ready = prober(h.Ready, func(argv []string) bool {
		status, err := procs.Run(proc.Command{Argv: argv, Env: container.Env, Dir: "/"}, probeLimit)
		return err == nil && status.OK()
	})
	return u
}

// Start implements supervise.Unit.
func (u *hostUnit) Start() (*proc.Process, error) {
	out, err := u.output.open()
	if err != nil {
		return nil, err
	}
	p, err := u.procs.Start(proc.Command{Argv: u.argv, Env: container.Env, Dir: "/", Stdout: out, Stderr: out})
	if err != nil {
		u.Clean()
		return nil, err
	}
	return p, nil
}

// Probe implements supervise.Unit.
func (u *hostUnit) Probe() bool { return u.ready() }

// Signal implements supervise.Unit.
func (u *hostUnit) Signal(p *proc.Process) { p.Signal(u.signal) }

// Kill implements supervise.Unit.
func (u *hostUnit) Kill(p *proc.Process) { p.SignalGroup(syscall.SIGKILL) }

// Clean implements supervise.Unit.
func (u *hostUnit) Clean() { u.output.close() }

// Tail implements supervise.Unit.
func (u *hostUnit) Tail() []string { return u.output.log.Tail() }

// policyOf has patience with a service that stops slowly, too: one that is killed because the machine is slow has lost what it would have saved.
func policyOf(s plan.Supervision, patience time.Duration) supervise.Policy {
	return supervise.Policy{
		Restart: s.Restart, Delay: seconds(s.RestartDelay), Limit: s.RestartLimit,
		OneShot: s.Ready.Exit, Probed: !s.Ready.None(),
		ReadyTimeout: seconds(s.ReadyTimeout) * patience, StopTimeout: seconds(s.StopTimeout) * patience,
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
