// Package proc starts processes and reaps them. As PID 1 the program also
// inherits every orphan, so one reaper waits for all children and hands each
// exit to whoever waits for that process. os/exec can't be used beside it:
// both would wait for the same children.
package proc

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// Status tells how a process ended: by exit code, or by a signal.
type Status struct{ Exit, Signal int }

// OK tells whether the process exited with 0.
func (s Status) OK() bool { return s.Exit == 0 && s.Signal == 0 }

// Process is a running child, started here or adopted. Done gets one Status.
type Process struct {
	Pid   int
	Done  <-chan Status
	table *Table
}

// Signal sends a signal to the process, unless it has ended: its number may be
// another's by then.
func (p *Process) Signal(sig syscall.Signal) { p.table.signal(p, p.Pid, sig) }

// SignalGroup sends it to all of the process's group.
func (p *Process) SignalGroup(sig syscall.Signal) { p.table.signal(p, -p.Pid, sig) }

// Alive tells whether the process has not ended yet.
func (p *Process) Alive() bool {
	p.table.mu.Lock()
	defer p.table.mu.Unlock()
	return p.table.waiters[p.Pid] == p
}

func (t *Table) signal(p *Process, to int, sig syscall.Signal) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiters[p.Pid] == p {
		syscall.Kill(to, sig)
	}
}

// Table knows the processes that somebody waits for.
type Table struct {
	mu      sync.Mutex
	waiters map[int]*Process
	ends    map[int]chan<- Status
}

// NewTable makes a table and starts its reaper. A process has only one: two
// would reap each other's children.
func NewTable() *Table {
	t := &Table{waiters: map[int]*Process{}, ends: map[int]chan<- Status{}}
	wake := make(chan os.Signal, 1)
	signal.Notify(wake, syscall.SIGCHLD)
	go func() {
		for range wake {
			t.reap()
		}
	}()
	return t
}

// reap holds the lock over each wait, so that no process can end between its
// start and its registration.
func (t *Table) reap() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		var ws syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &ws, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		if done, ok := t.ends[pid]; ok {
			delete(t.waiters, pid)
			delete(t.ends, pid)
			done <- statusOf(ws)
		}
	}
}

func statusOf(ws syscall.WaitStatus) Status {
	if ws.Signaled() {
		return Status{Exit: 128 + int(ws.Signal()), Signal: int(ws.Signal())}
	}
	return Status{Exit: ws.ExitStatus()}
}

// Command is what to start. Nil files are /dev/null.
type Command struct {
	Argv   []string
	Env    []string
	Dir    string
	Stdout *os.File
	Stderr *os.File
}

// Start runs the command in a session of its own.
func (t *Table) Start(c Command) (*Process, error) {
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	files := []uintptr{null.Fd(), null.Fd(), null.Fd()}
	if c.Stdout != nil {
		files[1] = c.Stdout.Fd()
	}
	if c.Stderr != nil {
		files[2] = c.Stderr.Fd()
	}
	attr := &syscall.ProcAttr{Dir: c.Dir, Env: c.Env, Files: files, Sys: &syscall.SysProcAttr{Setsid: true}}
	t.mu.Lock()
	defer t.mu.Unlock()
	pid, err := syscall.ForkExec(c.Argv[0], c.Argv, attr)
	if err != nil {
		return nil, &os.PathError{Op: "exec", Path: c.Argv[0], Err: err}
	}
	return t.register(pid), nil
}

// Adopt waits for a child that another process left to us. It fails when
// there is no such process (any more).
func (t *Table) Adopt(pid int) (*Process, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := syscall.Kill(pid, 0); err != nil {
		return nil, os.NewSyscallError("adopt", err)
	}
	return t.register(pid), nil
}

func (t *Table) register(pid int) *Process {
	done := make(chan Status, 1)
	p := &Process{Pid: pid, Done: done, table: t}
	t.waiters[pid], t.ends[pid] = p, done
	return p
}

// Run starts the command and waits for it, no longer than limit (0: for
// ever); then it is killed with its session's process group.
func (t *Table) Run(c Command, limit time.Duration) (Status, error) {
	p, err := t.Start(c)
	if err != nil {
		return Status{}, err
	}
	var expired <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case status := <-p.Done:
		return status, nil
	case <-expired:
		p.SignalGroup(syscall.SIGKILL)
		<-p.Done
		return Status{}, os.ErrDeadlineExceeded
	}
}
