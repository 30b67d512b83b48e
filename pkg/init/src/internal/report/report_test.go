package report

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestALineIsOneJSONObjectWithTimeAndEventFirst(t *testing.T) {
	got := string(Line(Exited{Name: "a", Pid: 7, Exit: 1, Restarts: 2}, 1234567*time.Microsecond))
	want := `{"t":1.235,"event":"exited","name":"a","pid":7,"exit":1,"signal":0,"restarts":2}` + "\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAnEventWithoutFieldsIsStillAnObject(t *testing.T) {
	var out map[string]any
	if err := json.Unmarshal(Line(Down{}, 0), &out); err != nil || out["event"] != "down" || len(out) != 2 {
		t.Errorf("got %v, %v", out, err)
	}
}

func TestQuietLeavesFailuresUpAndDown(t *testing.T) {
	for _, e := range []Event{Failed{}, Up{}, Down{}, Onboot{Exit: 1}, Exited{Exit: 1}} {
		if !e.Loud() {
			t.Errorf("%s is not loud", e.Kind())
		}
	}
	for _, e := range []Event{Boot{}, Onboot{}, Started{}, Ready{}, Stopped{}, Shutdown{}, Warning{}} {
		if e.Loud() {
			t.Errorf("%s is loud", e.Kind())
		}
	}
}

func TestControlCharactersOfAContainerStayOffTheConsole(t *testing.T) {
	if got := printable("a\x1b[31m\tb\r\x7f"); got != "a?[31m\tb??" {
		t.Errorf("got %q", got)
	}
}

func TestEachConsoleThatCanBeOpenedIsToldWhatIsSaid(t *testing.T) {
	dir := t.TempDir()
	paths := []string{filepath.Join(dir, "tty0"), filepath.Join(dir, "absent", "x"), filepath.Join(dir, "ttyS0")}
	for _, i := range []int{0, 2} {
		os.WriteFile(paths[i], nil, 0o600)
	}
	null, _ := os.Open(os.DevNull)
	r := New(null, os.DevNull)
	r.Reopen(paths)
	r.Say(Down{})
	r.Flush(time.Minute)
	for _, i := range []int{0, 2} {
		if text, err := os.ReadFile(paths[i]); err != nil || !strings.Contains(string(text), `"event":"down"`) {
			t.Errorf("%s: %q, %v", paths[i], text, err)
		}
	}
}

func TestAConsoleThatWasHungUpIsOpenedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ttyS0")
	os.WriteFile(path, nil, 0o600)
	console, _ := os.Open(path) // a write fails, as after a hang-up
	defer console.Close()
	r := New(console, path)
	r.Say(Down{})
	r.Flush(time.Minute)
	if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), `"event":"down"`) {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := console.Stat(); err != nil {
		t.Errorf("what others may write to as well was closed: %v", err)
	}
}
