package supervise

import (
	"reflect"
	"testing"
	"time"
)

var usual = Policy{Restart: "always", Delay: time.Second, Probed: true, ReadyTimeout: time.Minute, StopTimeout: 10 * time.Second}

// play feeds events, each as of the newest start, and returns the state and
// what was to be done about the last one.
func play(p Policy, events ...Event) (State, []Do) {
	var s State
	var actions []Action
	for _, e := range events {
		e.Run = s.Run
		s, actions = Step(p, s, e)
	}
	var dos []Do
	for _, a := range actions {
		dos = append(dos, a.Do)
	}
	return s, dos
}

func check(t *testing.T, s State, dos []Do, phase Phase, want ...Do) {
	t.Helper()
	if s.Phase != phase || len(dos)+len(want) > 0 && !reflect.DeepEqual(dos, want) {
		t.Errorf("phase %d, to do %v; want %d, %v", s.Phase, dos, phase, want)
	}
}

func with(p Policy, change func(*Policy)) Policy {
	change(&p)
	return p
}

var (
	run  = Event{Kind: Go}
	live = Event{Kind: Began}
	died = Event{Kind: Ended, Exit: 1}
	well = Event{Kind: Ended}
	over = Event{Kind: PauseOver}
)

func TestAServiceWithAProbeIsReadyOnlyWhenTheProbeSaysSo(t *testing.T) {
	s, dos := play(usual, run, live)
	check(t, s, dos, Running, SayStarted, DoProbe, DoTimer)
	if s.Ready {
		t.Error("ready too early")
	}
	s, dos = play(usual, run, live, Event{Kind: GotReady})
	check(t, s, dos, Running, SayReady)
}

func TestAServiceWithoutAProbeIsReadyOnceStarted(t *testing.T) {
	s, dos := play(with(usual, func(p *Policy) { p.Probed = false }), run, live)
	check(t, s, dos, Running, SayStarted, SayReady)
}

func TestReadinessOutlastsARestartAndIsSaidOnce(t *testing.T) {
	s, dos := play(usual, run, live, Event{Kind: GotReady}, died, over, live)
	check(t, s, dos, Running, SayStarted)
	if !s.Ready || s.Restarts != 1 {
		t.Errorf("%+v", s)
	}
}

func TestAServiceThatDoesNotGetReadyIsKilledAndStartedAgain(t *testing.T) {
	s, dos := play(usual, run, live, Event{Kind: Unready})
	check(t, s, dos, Running, SayFailed, DoKill)
	s, dos = play(with(usual, func(p *Policy) { p.Restart = "on-failure" }), run, live, Event{Kind: Unready}, well)
	check(t, s, dos, Pausing, SayExited, DoTimer)
}

func TestRestartPoliciesDifferInWhatTheyDoAboutAnEnd(t *testing.T) {
	for _, c := range []struct {
		restart string
		end     Event
		phase   Phase
	}{
		{"always", well, Pausing}, {"always", died, Pausing},
		{"on-failure", well, Done}, {"on-failure", died, Pausing},
		{"on-failure", Event{Kind: Ended, Signal: 9, Exit: 137}, Pausing},
		{"never", well, Done}, {"never", died, Failed},
	} {
		s, _ := play(with(usual, func(p *Policy) { p.Restart = c.restart }), run, live, Event{Kind: GotReady}, c.end)
		if s.Phase != c.phase {
			t.Errorf("%s after exit %d: phase %d, want %d", c.restart, c.end.Exit, s.Phase, c.phase)
		}
	}
}

func TestAOneShotIsReadyOnceItEndedWell(t *testing.T) {
	p := with(usual, func(p *Policy) { p.OneShot = true })
	s, dos := play(p, run, live)
	check(t, s, dos, Running, SayStarted)
	s, dos = play(p, run, live, well)
	check(t, s, dos, Done, SayExited, SayReady)
	s, _ = play(p, run, live, died)
	if s.Phase != Pausing || s.Ready {
		t.Errorf("%+v", s)
	}
}

func TestTheDelayDoublesUpToItsLimitAndIsResetByALongLife(t *testing.T) {
	p := with(usual, func(p *Policy) { p.Probed = false })
	s := State{}
	at := time.Duration(0)
	step := func(e Event) []Action {
		e.Run, e.At = s.Run, at
		var actions []Action
		s, actions = Step(p, s, e)
		return actions
	}
	step(run)
	var delays []time.Duration
	for range 7 {
		step(live)
		actions := step(died)
		delays = append(delays, actions[len(actions)-1].After/time.Second)
		step(over)
	}
	if want := []time.Duration{1, 2, 4, 8, 16, 30, 30}; !reflect.DeepEqual(delays, want) {
		t.Errorf("delays %v, want %v", delays, want)
	}
	step(live)
	at += resetAfter
	if actions := step(died); actions[1].After != time.Second {
		t.Errorf("delay after a long life: %v", actions[1].After)
	}
}

func TestADelayAboveTheLimitIsKept(t *testing.T) {
	p := with(usual, func(p *Policy) { p.Delay = time.Minute })
	if got := pause(p, 3); got != time.Minute {
		t.Errorf("got %v", got)
	}
}

func TestBeyondItsLimitAServiceFailsForGood(t *testing.T) {
	p := with(usual, func(p *Policy) { p.Limit = 2 })
	s, dos := play(p, run, live, died, over, live, died, over, live, died)
	check(t, s, dos, Failed, SayExited, SayFailed)
	s, dos = play(p, run, live, died, over, live, died, over, live, died, over)
	check(t, s, dos, Failed)
}

func TestWhatCannotBeStartedIsTriedAgain(t *testing.T) {
	s, dos := play(usual, run, Event{Kind: NoStart, Error: "x"})
	check(t, s, dos, Pausing, SayFailed, DoTimer)
	s, dos = play(with(usual, func(p *Policy) { p.Restart = "never" }), run, Event{Kind: NoStart, Error: "x"})
	check(t, s, dos, Failed, SayFailed)
}

func TestStoppingSignalsThenKillsThenSaysHowItEnded(t *testing.T) {
	s, dos := play(usual, run, live, Event{Kind: Stop})
	check(t, s, dos, Stopping, DoSignal, DoTimer)
	s, dos = play(usual, run, live, Event{Kind: Stop}, Event{Kind: StopTooLong})
	check(t, s, dos, Stopping, DoKill)
	s, dos = play(usual, run, live, Event{Kind: Stop}, Event{Kind: StopTooLong}, died)
	check(t, s, dos, Stopped, SayStopped)
	if !s.Killed {
		t.Error("not marked as killed")
	}
}

func TestAServiceToldToStopWhileItStartsIsStoppedOnceItRuns(t *testing.T) {
	s, dos := play(usual, run, Event{Kind: Stop})
	check(t, s, dos, Stopping)
	s, dos = play(usual, run, Event{Kind: Stop}, live)
	check(t, s, dos, Stopping, DoSignal, DoTimer)
	s, dos = play(usual, run, Event{Kind: Stop}, Event{Kind: NoStart})
	check(t, s, dos, Stopped, SayStopped)
}

func TestAStoppedServiceIsNotStartedAgain(t *testing.T) {
	for _, before := range [][]Event{{}, {run, live, died}} {
		s, dos := play(usual, append(before, Event{Kind: Stop})...)
		check(t, s, dos, Stopped)
		s, dos = play(usual, append(before, Event{Kind: Stop}, over)...)
		check(t, s, dos, Stopped)
	}
}

func TestEventsOfAnEarlierStartAreStale(t *testing.T) {
	s, _ := play(usual, run, live, died, over, live)
	for _, kind := range []Kind{Ended, GotReady, Unready, PauseOver} {
		after, actions := Step(usual, s, Event{Kind: kind, Run: s.Run - 1})
		if !reflect.DeepEqual(after, s) || actions != nil {
			t.Errorf("event %d: %+v, %v", kind, after, actions)
		}
	}
}

func TestAServiceWhoseDependencyFailedFails(t *testing.T) {
	s, dos := play(usual, Event{Kind: NeverGo, Error: "a failed"})
	check(t, s, dos, Failed, SayFailed)
}
