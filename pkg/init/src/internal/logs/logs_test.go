package logs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheTailIsTheLastTwentyLinesEvenAcrossWrites(t *testing.T) {
	l := Open(filepath.Join(t.TempDir(), "a.log"))
	for i := range 25 {
		fmt.Fprintf(l, "li")
		fmt.Fprintf(l, "ne %d\n", i)
	}
	fmt.Fprint(l, "unfinished")
	tail := l.Tail()
	if len(tail) != tailLines || tail[0] != "line 6" || tail[19] != "unfinished" {
		t.Errorf("%q", tail)
	}
}

func TestALongLineIsCutInTheTailOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	l := Open(path)
	long := strings.Repeat("x", 3*lineLimit) + "\n"
	fmt.Fprint(l, long)
	if got := l.Tail(); len(got) != 1 || len(got[0]) != lineLimit {
		t.Errorf("%d lines", len(got))
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != long {
		t.Errorf("file has %d bytes, %v", len(text), err)
	}
}

func TestALogIsRotatedOnceAtItsLimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	l := Open(path)
	chunk := []byte(strings.Repeat("y", 1023) + "\n")
	for range 2500 {
		l.Write(chunk)
	}
	for _, p := range []string{path, path + ".1"} {
		if info, err := os.Stat(p); err != nil || info.Size() > rotateAt {
			t.Errorf("%s: %v %v", p, info, err)
		}
	}
}

func TestWhatIsWrittenToAPipeIsInTheLogOnceItIsDrained(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	l := Open(path)
	w, drained, err := Pipe(l)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(w, "hello")
	w.Close()
	<-drained
	if text, _ := os.ReadFile(path); string(text) != "hello\n" {
		t.Errorf("%q", text)
	}
}
