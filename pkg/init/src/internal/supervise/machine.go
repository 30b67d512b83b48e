// Package supervise keeps services running. What happens next is decided by a
// pure function of a service's state and an event (Step); the Loop carries the
// decisions out. It does not know what a service is made of.
package supervise

import (
	"fmt"
	"time"
)

const (
	maxDelay   = 30 * time.Second // between restarts
	resetAfter = 60 * time.Second // of life, the delay is as at first
)

// Policy is how a service is kept running.
type Policy struct {
	Restart      string // always, on-failure, never
	Delay        time.Duration
	Limit        int // of restarts in a row; 0: none
	OneShot      bool
	Probed       bool
	ReadyTimeout time.Duration // 0: none
	StopTimeout  time.Duration
}

// Phase is where a service is in its life.
type Phase int

// The phases.
const (
	Waiting Phase = iota // for the services it comes after
	Starting
	Running // its process lives
	Pausing // until it is started again
	Done    // ended well; not started again
	Failed  // will not be started again
	Stopping
	Stopped
)

// State is all that is remembered of a service.
type State struct {
	Phase    Phase
	Run      int  // counts starts: timers and probes of an earlier one are stale
	Ready    bool // was ready once, which is for good
	Restarts int
	InARow   int // restarts since it last lived long
	Began    time.Duration
	Killed   bool
	Doomed   bool // was killed since it did not get ready
}

// Over tells whether nothing more will happen.
func (s State) Over() bool { return s.Phase == Done || s.Phase == Failed || s.Phase == Stopped }

// Kind is a kind of event.
type Kind int

// The events.
const (
	Go          Kind = iota // all it waits for is ready
	NeverGo                 // something it waits for failed
	Began                   // its process was started
	NoStart                 // it could not be
	GotReady                // the probe succeeded
	Unready                 // the time for that is over
	Ended                   // its process ended
	PauseOver               // the time between restarts is over
	Stop                    // the machine stops
	StopTooLong             // the time for that is over
)

// Event is what happened to a service. Run is the start it belongs to.
type Event struct {
	Kind   Kind
	Run    int
	At     time.Duration // since boot
	Exit   int
	Signal int
	Error  string
}

// Do is a kind of action.
type Do int

// The actions.
const (
	DoStart Do = iota
	DoProbe
	DoTimer // sends Then after After
	DoSignal
	DoKill
	SayStarted
	SayReady
	SayExited
	SayFailed // with Error
	SayStopped
)

// Action is what is to be done about an event.
type Action struct {
	Do    Do
	After time.Duration
	Then  Kind
	Error string
}

// Step decides: the state after the event, and what is to be done.
func Step(p Policy, s State, e Event) (State, []Action) {
	if s.Over() || e.Run != s.Run && e.Kind != Stop {
		return s, nil
	}
	switch e.Kind {
	case Go, PauseOver:
		return start(s, e)
	case NeverGo:
		return giveUp(s, e.Error)
	case Began:
		return began(p, s, e)
	case NoStart:
		return noStart(p, s, e)
	case GotReady:
		return ready(s)
	case Unready:
		return unready(p, s)
	case Ended:
		return ended(p, s, e)
	case Stop:
		return stop(p, s)
	case StopTooLong:
		if s.Phase != Stopping {
			return s, nil
		}
		s.Killed = true
		return s, []Action{{Do: DoKill}}
	}
	return s, nil
}

func start(s State, e Event) (State, []Action) {
	if e.Kind == Go && s.Phase != Waiting || e.Kind == PauseOver && s.Phase != Pausing {
		return s, nil
	}
	if s.Phase == Pausing {
		s.Restarts++
		s.InARow++
	}
	s.Phase, s.Doomed = Starting, false
	s.Run++
	return s, []Action{{Do: DoStart}}
}

func began(p Policy, s State, e Event) (State, []Action) {
	s.Began = e.At
	if s.Phase == Stopping { // told to stop while it was being started
		return s, []Action{{Do: DoSignal}, {Do: DoTimer, After: p.StopTimeout, Then: StopTooLong}}
	}
	s.Phase = Running
	actions := []Action{{Do: SayStarted}}
	if s.Ready || p.OneShot {
		return s, actions
	}
	if !p.Probed {
		s.Ready = true
		return s, append(actions, Action{Do: SayReady})
	}
	actions = append(actions, Action{Do: DoProbe})
	if p.ReadyTimeout > 0 {
		actions = append(actions, Action{Do: DoTimer, After: p.ReadyTimeout, Then: Unready})
	}
	return s, actions
}

func noStart(p Policy, s State, e Event) (State, []Action) {
	if s.Phase == Stopping {
		s.Phase = Stopped
		return s, []Action{{Do: SayStopped}}
	}
	s, actions := again(p, s, "could not be started: "+e.Error)
	if s.Phase != Failed {
		actions = append([]Action{{Do: SayFailed, Error: e.Error}}, actions...)
	}
	return s, actions
}

func ready(s State) (State, []Action) {
	if s.Phase != Running || s.Ready {
		return s, nil
	}
	s.Ready = true
	return s, []Action{{Do: SayReady}}
}

func unready(p Policy, s State) (State, []Action) {
	if s.Phase != Running || s.Ready {
		return s, nil
	}
	s.Doomed = true
	return s, []Action{{Do: SayFailed, Error: fmt.Sprintf("not ready within %v", p.ReadyTimeout)}, {Do: DoKill}}
}

func ended(p Policy, s State, e Event) (State, []Action) {
	switch s.Phase {
	case Stopping:
		s.Phase = Stopped
		return s, []Action{{Do: SayStopped}}
	case Running:
	default:
		return s, nil
	}
	if e.At-s.Began >= resetAfter {
		s.InARow = 0
	}
	actions := []Action{{Do: SayExited}}
	well := e.Exit == 0 && e.Signal == 0 && !s.Doomed
	if well && (p.OneShot || p.Restart != "always") {
		s.Phase = Done
		if !s.Ready {
			s.Ready = true
			actions = append(actions, Action{Do: SayReady})
		}
		return s, actions
	}
	s, more := again(p, s, fmt.Sprintf("ended with %d", e.Exit))
	return s, append(actions, more...)
}

// again decides about one more start.
func again(p Policy, s State, why string) (State, []Action) {
	if p.Restart == "never" {
		return giveUp(s, why)
	}
	if p.Limit > 0 && s.InARow >= p.Limit {
		return giveUp(s, fmt.Sprintf("%s, after %d restarts", why, s.InARow))
	}
	s.Phase = Pausing
	return s, []Action{{Do: DoTimer, After: pause(p, s.InARow), Then: PauseOver}}
}

// pause doubles with each restart in a row.
func pause(p Policy, inARow int) time.Duration {
	d := p.Delay
	for range inARow {
		if d >= maxDelay {
			break
		}
		d *= 2
	}
	return min(d, max(maxDelay, p.Delay))
}

func giveUp(s State, why string) (State, []Action) {
	s.Phase = Failed
	return s, []Action{{Do: SayFailed, Error: why}}
}

func stop(p Policy, s State) (State, []Action) {
	switch s.Phase {
	case Starting:
		s.Phase = Stopping
		return s, nil
	case Running:
		s.Phase = Stopping
		return s, []Action{{Do: DoSignal}, {Do: DoTimer, After: p.StopTimeout, Then: StopTooLong}}
	case Stopping:
		return s, nil
	}
	s.Phase = Stopped
	return s, nil
}
