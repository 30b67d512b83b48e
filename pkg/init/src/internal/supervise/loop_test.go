package supervise

import (
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"lkbuild/init/internal/proc"
	"lkbuild/init/internal/report"
)

var table = proc.NewTable()

// shell is a unit that runs a shell script.
type shell struct {
	script string
	ready  func() bool
}

func (s *shell) Start() (*proc.Process, error) {
	return table.Start(proc.Command{Argv: []string{"/bin/sh", "-c", s.script}})
}
func (s *shell) Probe() bool            { return s.ready() }
func (s *shell) Signal(p *proc.Process) { p.SignalGroup(syscall.SIGTERM) }
func (s *shell) Kill(p *proc.Process)   { p.SignalGroup(syscall.SIGKILL) }
func (s *shell) Clean()                 {}
func (s *shell) Tail() []string         { return nil }

// words collects "event name" of what is reported.
type words struct {
	mu  sync.Mutex
	all []string
}

func (w *words) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, field(line, "event")+" "+field(line, "name"))
	return len(line), nil
}

func (w *words) list() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.all)
}

func field(line []byte, name string) string {
	_, rest, _ := strings.Cut(string(line), `"`+name+`":"`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

func supervised(t *testing.T, services ...Service) (*Loop, *words, chan struct{}) {
	t.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	reports, said, up := report.New(null, os.DevNull), &words{}, make(chan struct{})
	reports.SetLog(said)
	loop := New(services, reports, func() { close(up) })
	go loop.Run()
	return loop, said, up
}

func inOrder(t *testing.T, all []string, wanted ...string) {
	t.Helper()
	at := -1
	for _, w := range wanted {
		i := slices.Index(all, w)
		if i <= at {
			t.Errorf("%q is at %d, after %d, in %q", w, i, at, all)
		}
		at = i
	}
}

func forever(name string, after ...string) Service {
	policy := Policy{Restart: "always", Delay: time.Millisecond, StopTimeout: time.Minute}
	return Service{Name: name, After: after, Policy: policy, Unit: &shell{script: "exec sleep 1000"}}
}

func TestServicesStartAfterAndStopBeforeWhatTheyNeed(t *testing.T) {
	loop, said, up := supervised(t, forever("c", "b"), forever("a"), forever("b", "a"))
	<-up
	loop.Stop()
	inOrder(t, said.list(), "started a", "ready a", "started b", "started c", "stopped c", "stopped b", "stopped a")
}

func TestAServiceIsStartedAgainAndUpWaitsForItsProbe(t *testing.T) {
	dir := t.TempDir()
	first := forever("flaky")
	first.Policy.Probed = true
	first.Unit = &shell{
		script: "test -e " + dir + "/once && exec sleep 1000; touch " + dir + "/once; exit 3",
		ready: func() bool {
			_, err := os.Stat(dir + "/again")
			return err == nil
		},
	}
	loop, said, up := supervised(t, first)
	for slices.Index(said.list(), "exited flaky") < 0 {
		time.Sleep(time.Millisecond)
	}
	select {
	case <-up:
		t.Error("up before the probe says so")
	default:
	}
	if err := os.WriteFile(dir+"/again", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	<-up
	loop.Stop()
	inOrder(t, said.list(), "started flaky", "exited flaky", "ready flaky", "stopped flaky")
}

func TestAFailedServiceFailsThoseThatNeedItAndTheRestCanBeStopped(t *testing.T) {
	bad := forever("bad")
	bad.Policy = Policy{Restart: "never", OneShot: true}
	bad.Unit = &shell{script: "exit 1"}
	loop, said, _ := supervised(t, forever("needs", "bad"), bad, forever("rest"))
	for slices.Index(said.list(), "failed needs") < 0 || slices.Index(said.list(), "ready rest") < 0 {
		time.Sleep(time.Millisecond)
	}
	loop.Stop()
	inOrder(t, said.list(), "started bad", "exited bad", "failed bad", "failed needs", "stopped rest")
}

func TestWhatIgnoresItsSignalIsKilled(t *testing.T) {
	stubborn := forever("stubborn")
	stubborn.Policy.StopTimeout = 20 * time.Millisecond
	dir := t.TempDir()
	stubborn.Policy.Probed = true
	stubborn.Unit = &shell{
		script: "trap '' TERM; touch " + dir + "/deaf; while :; do sleep 1; done",
		ready: func() bool {
			_, err := os.Stat(dir + "/deaf")
			return err == nil
		},
	}
	loop, said, up := supervised(t, stubborn)
	<-up
	loop.Stop()
	inOrder(t, said.list(), "ready stubborn", "stopped stubborn")
}
