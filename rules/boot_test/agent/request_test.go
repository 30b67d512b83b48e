package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func ask(t *testing.T, r Request) Answer {
	t.Helper()
	line, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := answer(line)
	return a
}

func shell(script string) []string { return []string{"/bin/sh", "-c", script} }

func TestACommandsOutputsAndExitComeBack(t *testing.T) {
	a := ask(t, Request{ID: 7, Argv: shell("cat; echo $X >&2; exit 3"), Stdin: "in", Env: map[string]string{"X": "err"}})
	if a.ID != 7 || a.Exit != 3 || a.Stdout != "in" || a.Stderr != "err\n" || a.Timeout {
		t.Errorf("%+v", a)
	}
}

func TestATimeOutEndsTheCommandAndWhatItStarted(t *testing.T) {
	a := ask(t, Request{Argv: shell("echo before; sleep 1000 & sleep 1000"), Timeout: 0.2})
	if a.Exit != outOfTime || !a.Timeout || a.Stdout != "before\n" {
		t.Errorf("%+v", a)
	}
}

func TestLongOutputIsCutAndWhatIsNotTextIsReplaced(t *testing.T) {
	a := ask(t, Request{Argv: shell("head -c 400000 /dev/zero; printf 'a\\377b' >&2")})
	if len(a.Stdout) != outputLimit || a.Stderr != "a\uFFFDb" {
		t.Errorf("%d bytes, %q", len(a.Stdout), a.Stderr)
	}
}

func TestFailuresHaveTheShellsExitCodes(t *testing.T) {
	for want, argv := range map[int][]string{notFound: {"/no/such"}, notRun: nil, 137: shell("kill -9 $$")} {
		if a := ask(t, Request{Argv: argv}); a.Exit != want {
			t.Errorf("%v: %+v", argv, a)
		}
	}
	if a, _ := answer([]byte("{")); a.Exit != notRun {
		t.Errorf("%+v", a)
	}
}

func TestAFileIsWrittenAndAppendedTo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	ask(t, Request{Put: path, Base64: "YWL/", Mode: 0o755})
	ask(t, Request{Put: path, Base64: "Yw==", Append: true})
	text, err := os.ReadFile(path)
	info, _ := os.Stat(path)
	if err != nil || string(text) != "ab\xffc" || info.Mode() != 0o755 {
		t.Errorf("%q, %v, %v", text, info.Mode(), err)
	}
	if a := ask(t, Request{Put: path, Base64: "!"}); a.Exit != 1 || !strings.Contains(a.Stderr, "base64") {
		t.Errorf("%+v", a)
	}
}
