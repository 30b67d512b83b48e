// Package logs keeps what containers write: a file each, rotated once, and
// the last lines in memory. It knows nothing of containers.
package logs

import (
	"bytes"
	"os"
	"sync"
)

const (
	rotateAt  = 1 << 20 // bytes
	tailLines = 20
	lineLimit = 400 // bytes of a line that the tail keeps
)

// Log is one container's log. Its methods may be called concurrently.
type Log struct {
	mu      sync.Mutex
	path    string
	file    *os.File
	size    int64
	tail    []string
	partial []byte
}

// Open appends to the log at path, which is made where it is missing.
func Open(path string) *Log {
	l := &Log{path: path}
	l.reopen()
	return l
}

func (l *Log) reopen() {
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return // the tail still works
	}
	l.file = f
	if info, err := f.Stat(); err == nil {
		l.size = info.Size()
	}
}

// Write implements io.Writer. It never fails: a full /run must not stop a
// service.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		if l.size+int64(len(p)) > rotateAt {
			l.rotate()
		}
		n, _ := l.file.Write(p)
		l.size += int64(n)
	}
	l.remember(p)
	return len(p), nil
}

func (l *Log) rotate() {
	l.file.Close()
	os.Rename(l.path, l.path+".1")
	l.file, l.size = nil, 0
	l.reopen()
	if l.file == nil {
		l.file, _ = os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	}
}

func (l *Log) remember(p []byte) {
	for len(p) > 0 {
		line, rest, complete := bytes.Cut(p, []byte{'\n'})
		if room := lineLimit - len(l.partial); room > 0 {
			l.partial = append(l.partial, line[:min(room, len(line))]...)
		}
		if !complete {
			return
		}
		l.push(string(l.partial))
		l.partial = l.partial[:0]
		p = rest
	}
}

func (l *Log) push(line string) {
	if len(l.tail) == tailLines {
		copy(l.tail, l.tail[1:])
		l.tail = l.tail[:tailLines-1]
	}
	l.tail = append(l.tail, line)
}

// Tail is the last lines, an unfinished one included.
func (l *Log) Tail() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := append([]string(nil), l.tail...)
	if len(l.partial) > 0 {
		out = append(out, string(l.partial))
	}
	return out[max(0, len(out)-tailLines):]
}

// Forget empties the tail: a new start has a new tail.
func (l *Log) Forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail, l.partial = nil, nil
}
