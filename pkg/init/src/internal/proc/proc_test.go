package proc

import (
	"errors"
	"os"
	"testing"
	"time"
)

func TestEveryProcessGetsItsOwnStatus(t *testing.T) {
	table := NewTable()
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
	_, err := NewTable().Run(Command{Argv: []string{"/bin/sleep", "60"}}, 10*time.Millisecond)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsNotThereIsAnErrorThatNamesIt(t *testing.T) {
	_, err := NewTable().Start(Command{Argv: []string{"/no/such"}})
	var path *os.PathError
	if !errors.As(err, &path) || path.Path != "/no/such" {
		t.Errorf("got %v", err)
	}
}

func TestAProcessThatIsGoneCannotBeAdopted(t *testing.T) {
	table := NewTable()
	p, err := table.Start(Command{Argv: []string{"/bin/true"}})
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done
	if _, err := table.Adopt(p.Pid); err == nil {
		t.Error("no error")
	}
}
