package proc

import (
	"errors"
	"os"
	"testing"
	"time"
)

// There is one table in a process: two would reap each other's children.
var table = NewTable()

func TestEveryProcessGetsItsOwnStatus(t *testing.T) {
	for range 20 {
		for script, want := range map[string]Status{"exit 3": {Exit: 3}, "kill -9 $$": {Exit: 137, Signal: 9}, "true": {}} {
			got, err := table.Run(Command{Argv: []string{"/bin/sh", "-c", script}}, time.Minute)
			if err != nil || got != want {
				t.Fatalf("%s: %+v, %v", script, got, err)
			}
		}
	}
}

func TestWhatTakesTooLongIsKilled(t *testing.T) {
	_, err := table.Run(Command{Argv: []string{"/bin/sh", "-c", "exec sleep 60"}}, 10*time.Millisecond)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsNotThereIsAnErrorThatNamesIt(t *testing.T) {
	_, err := table.Start(Command{Argv: []string{"/no/such"}})
	var path *os.PathError
	if !errors.As(err, &path) || path.Path != "/no/such" {
		t.Errorf("got %v", err)
	}
}

func TestAProcessThatIsGoneCannotBeAdopted(t *testing.T) {
	p, err := table.Start(Command{Argv: []string{"/bin/sh", "-c", ":"}})
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done
	if _, err := table.Adopt(p.Pid); err == nil {
		t.Error("no error")
	}
	if p.Alive() {
		t.Error("still alive")
	}
	p.Signal(9) // reaches nobody
}
