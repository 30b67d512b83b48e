package supervise

import (
	"sync"
	"time"

	"lkbuild/init/internal/proc"
	"lkbuild/init/internal/report"
	"lkbuild/init/internal/sys"
)

// Unit is something to supervise.
type Unit interface {
	// Start starts it. When it fails, nothing is left of it.
	Start() (*proc.Process, error)
	// Probe asks once whether it is ready.
	Probe() bool
	// Signal asks the process to end; Kill ends it and all that belongs to it.
	Signal(p *proc.Process)
	Kill(p *proc.Process)
	// Clean is called when the process ended.
	Clean()
	// Tail is the last lines that it wrote.
	Tail() []string
}

// Service is a unit with its place among the others.
type Service struct {
	Name   string
	After  []string
	Policy Policy
	Unit   Unit
}

type member struct {
	Service
	state   State
	process *proc.Process
	last    Event // of kind Ended
}

type message struct {
	to    *member
	event Event
	p     *proc.Process
}

// Loop supervises services. All state belongs to the goroutine of Run.
type Loop struct {
	members []*member
	byName  map[string]*member
	reports *report.Reporter
	inbox   chan message
	stop    chan struct{}
	once    sync.Once
	done    chan struct{}
	onUp    func()
	up      bool
	ending  bool
}

// New makes a Loop over services; onUp is called once all are ready.
func New(services []Service, reports *report.Reporter, onUp func()) *Loop {
	l := &Loop{
		byName: map[string]*member{}, reports: reports, onUp: onUp,
		inbox: make(chan message, 64), stop: make(chan struct{}), done: make(chan struct{}),
	}
	for _, s := range services {
		m := &member{Service: s}
		l.members = append(l.members, m)
		l.byName[s.Name] = m
	}
	return l
}

// Run supervises until Stop was called and all services have stopped.
func (l *Loop) Run() {
	defer close(l.done)
	l.settle()
	stop := l.stop
	for !l.ending || !l.allOver() {
		select {
		case m := <-l.inbox:
			if m.p != nil {
				m.to.process = m.p
			}
			l.handle(m.to, m.event)
		case <-stop:
			stop, l.ending = nil, true
		}
		l.settle()
	}
}

// Stop stops all services, each once those that come after it have stopped,
// and returns when that is done.
func (l *Loop) Stop() {
	l.once.Do(func() { close(l.stop) })
	<-l.done
}

func (l *Loop) allOver() bool {
	for _, m := range l.members {
		if !m.state.Over() {
			return false
		}
	}
	return true
}

// settle starts, or stops, what can be by now, until nothing changes.
func (l *Loop) settle() {
	for l.pass() {
		continue
	}
	if !l.up && !l.ending && l.allReady() {
		l.up = true
		l.onUp()
	}
}

func (l *Loop) pass() bool {
	changed := false
	for i := range l.members {
		m := l.members[i]
		if l.ending {
			m = l.members[len(l.members)-1-i]
		}
		if event, ok := l.due(m); ok {
			l.handle(m, event)
			changed = true
		}
	}
	return changed
}

func (l *Loop) due(m *member) (Event, bool) {
	event := Event{Run: m.state.Run, At: sys.SinceBoot()}
	if l.ending {
		event.Kind = Stop
		return event, !m.state.Over() && m.state.Phase != Stopping && !l.needed(m)
	}
	if m.state.Phase != Waiting {
		return event, false
	}
	for _, name := range m.After {
		dep := l.byName[name]
		if dep == nil || dep.state.Phase == Failed && !dep.state.Ready {
			event.Kind, event.Error = NeverGo, name+" failed"
			return event, true
		}
		if !dep.state.Ready {
			return event, false
		}
	}
	event.Kind = Go
	return event, true
}

// needed tells whether a service that comes after m is not over yet.
func (l *Loop) needed(m *member) bool {
	for _, other := range l.members {
		if other.state.Over() {
			continue
		}
		for _, name := range other.After {
			if name == m.Name {
				return true
			}
		}
	}
	return false
}

func (l *Loop) allReady() bool {
	for _, m := range l.members {
		if !m.state.Ready {
			return false
		}
	}
	return true
}

func (l *Loop) handle(m *member, e Event) {
	if e.Kind == Ended && e.Run == m.state.Run {
		m.last = e
	}
	var actions []Action
	m.state, actions = Step(m.Policy, m.state, e)
	for _, a := range actions {
		l.carryOut(m, a)
	}
	if showsTail(e, actions) {
		l.reports.Text(m.Name, m.Unit.Tail())
	}
	if (e.Kind == Ended || e.Kind == NoStart) && m.state.Phase != Starting {
		m.process = nil
	}
}

// showsTail tells whether the event is a failure that the service's last
// lines may explain.
func showsTail(e Event, actions []Action) bool {
	for _, a := range actions {
		if a.Do == SayFailed && e.Kind != NeverGo || a.Do == SayExited && e.Exit != 0 {
			return true
		}
	}
	return false
}

func (l *Loop) send(m *member, e Event, p *proc.Process) {
	e.At = sys.SinceBoot()
	l.inbox <- message{to: m, event: e, p: p}
}

func (l *Loop) carryOut(m *member, a Action) {
	run := m.state.Run
	switch a.Do {
	case DoStart:
		go l.start(m, run)
	case DoProbe:
		go l.probe(m, m.process, run)
	case DoTimer:
		time.AfterFunc(a.After, func() { l.send(m, Event{Kind: a.Then, Run: run}, nil) })
	case DoSignal:
		if m.process != nil {
			m.Unit.Signal(m.process)
		}
	case DoKill:
		if m.process != nil {
			go m.Unit.Kill(m.process)
		}
	default:
		l.say(m, a)
	}
}

func (l *Loop) say(m *member, a Action) {
	pid := 0
	if m.process != nil {
		pid = m.process.Pid
	}
	switch a.Do {
	case SayStarted:
		l.reports.Say(report.Started{Name: m.Name, Pid: pid, Restarts: m.state.Restarts})
	case SayReady:
		l.reports.Say(report.Ready{Name: m.Name})
	case SayExited:
		l.reports.Say(report.Exited{Name: m.Name, Pid: pid, Exit: m.last.Exit, Signal: m.last.Signal, Restarts: m.state.Restarts})
	case SayFailed:
		l.reports.Say(report.Failed{Name: m.Name, Error: a.Error})
	case SayStopped:
		l.reports.Say(report.Stopped{Name: m.Name, Exit: m.last.Exit, Killed: m.state.Killed})
	}
}

func (l *Loop) start(m *member, run int) {
	defer l.guard(m, run)
	p, err := m.Unit.Start()
	if err != nil {
		l.send(m, Event{Kind: NoStart, Run: run, Error: err.Error()}, nil)
		return
	}
	l.send(m, Event{Kind: Began, Run: run}, p)
	status := <-p.Done
	m.Unit.Clean()
	l.send(m, Event{Kind: Ended, Run: run, Exit: status.Exit, Signal: status.Signal}, nil)
}

// survive says that there is a bug in a probe; the service just is not ready.
func (l *Loop) survive(m *member) {
	if bug := recover(); bug != nil {
		l.reports.Say(report.Failed{Name: m.Name, Error: "bug in init: " + describe(bug)})
	}
}

// guard turns a bug in a unit into a failure of that unit: PID 1 must live.
func (l *Loop) guard(m *member, run int) {
	if bug := recover(); bug != nil {
		l.reports.Say(report.Failed{Name: m.Name, Error: "bug in init: " + describe(bug)})
		l.send(m, Event{Kind: NoStart, Run: run, Error: "bug in init"}, nil)
	}
}

func describe(bug any) string {
	if err, ok := bug.(error); ok {
		return err.Error()
	}
	if s, ok := bug.(string); ok {
		return s
	}
	return "unknown"
}

// probe asks until the service is ready or its process is gone: often at
// first, since that delays those that wait for it, then ever more rarely.
func (l *Loop) probe(m *member, p *proc.Process, run int) {
	const first, last = 20 * time.Millisecond, 500 * time.Millisecond
	defer l.survive(m)
	for wait := first; p != nil && p.Alive(); wait = min(wait*5/4, last) {
		if m.Unit.Probe() {
			l.send(m, Event{Kind: GotReady, Run: run}, nil)
			return
		}
		time.Sleep(wait)
	}
}
