// Package report writes what init has to say: one JSON object a line on the
// console, and the same to a log file. It knows the events and their form
// (docs/format/image.md), not when they happen.
package report

import (
	"encoding/json"
	"io"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"lkbuild/init/internal/sys"
)

const (
	prefix = "lkbuild-init: "
	// A console may be slower than what is said (a serial line has 11 KB/s),
	// or stop altogether: lines wait here, and are lost when it is full.
	queueLength = 512
	tcsbrk      = 0x5409 // ioctl_tty(2); the same on all our architectures
)

// Event is one thing that happened.
type Event interface {
	// Kind is the value of the line's "event".
	Kind() string
	// Loud events are said even with lkbuild.quiet.
	Loud() bool
}

// item is a line to write, or a wish to know when all before it are written.
type item struct {
	line    []byte
	written chan<- struct{}
}

// Reporter writes events. It is safe for concurrent use.
type Reporter struct {
	mu       sync.Mutex
	consoles []*console
	log      io.Writer
	quiet    bool
	lines    chan item
	clock    func() time.Duration
}

// New makes a Reporter that writes to a console, which is opened anew at path
// where it is hung up; the file itself stays open, others may have it too.
func New(file *os.File, path string) *Reporter {
	r := &Reporter{consoles: []*console{{file: file, path: path, shared: true}}, lines: make(chan item, queueLength), clock: sys.SinceBoot}
	go r.drain()
	return r
}

// SetQuiet keeps all but loud events off the console.
func (r *Reporter) SetQuiet(quiet bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.quiet = quiet
}

// SetLog makes events go to w as well.
func (r *Reporter) SetLog(w io.Writer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = w
}

// Reopen takes the consoles at these paths, as far as they can be opened.
func (r *Reporter) Reopen(paths []string) {
	var opened []*console
	for _, path := range paths {
		if f, err := openConsole(path); err == nil {
			opened = append(opened, &console{file: f, path: path})
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(opened) > 0 {
		r.consoles = opened
	}
}

// Say reports one event.
func (r *Reporter) Say(e Event) {
	line := Line(e, r.clock())
	r.mu.Lock()
	log, silent := r.log, r.quiet && !e.Loud()
	r.mu.Unlock()
	if log != nil {
		log.Write(line)
	}
	if !silent {
		r.put(append([]byte(prefix), line...))
	}
}

// Text puts lines of a failed container on the console.
func (r *Reporter) Text(name string, lines []string) {
	for _, line := range lines {
		r.put([]byte(name + "| " + printable(line) + "\n"))
	}
}

// Line is the event's JSON line, with its end of line.
func Line(e Event, at time.Duration) []byte {
	head := `{"t":` + strconv.FormatFloat(at.Seconds(), 'f', 3, 64) + `,"event":"` + e.Kind() + `"`
	body, err := json.Marshal(e)
	if err != nil || len(body) <= len("{}") {
		return []byte(head + "}\n")
	}
	return append(append([]byte(head+","), body[1:]...), '\n')
}

func (r *Reporter) put(line []byte) {
	select {
	case r.lines <- item{line: line}:
	default:
	}
}

func (r *Reporter) drain() {
	for next := range r.lines {
		r.mu.Lock()
		consoles := r.consoles
		r.mu.Unlock()
		for _, console := range consoles {
			if next.written == nil {
				console.write(next.line)
			} else {
				console.flush()
			}
		}
		if next.written != nil {
			close(next.written)
		}
	}
}

// console is a terminal. Only drain uses it. The end of a shell there hangs up what was opened before, which is opened anew then.
type console struct {
	file   *os.File
	path   string
	shared bool // the file is not ours alone: standard output
}

func openConsole(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|syscall.O_NOCTTY, 0)
}

func (c *console) write(line []byte) {
	if _, err := c.file.Write(line); err != nil && c.reopen() {
		c.file.Write(line)
	}
}

// flush waits for what the terminal still has to send, which would be lost with the machine: tcdrain(3).
func (c *console) flush() {
	if c.tcdrain() == syscall.EIO && c.reopen() {
		c.tcdrain()
	}
}

func (c *console) tcdrain() syscall.Errno {
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, c.file.Fd(), tcsbrk, 1)
	return errno
}

func (c *console) reopen() bool {
	again, err := openConsole(c.path)
	if err != nil {
		return false
	}
	if !c.shared {
		c.file.Close()
	}
	c.file, c.shared = again, false
	return true
}

// Flush waits until what was said is written, at most for limit.
func (r *Reporter) Flush(limit time.Duration) {
	written := make(chan struct{})
	expired := time.After(limit)
	select {
	case r.lines <- item{written: written}:
	case <-expired:
		return
	}
	select {
	case <-written:
	case <-expired:
	}
}

// printable keeps control characters of a container off the console.
func printable(s string) string {
	out := make([]rune, 0, len(s))
	for _, c := range s {
		if c < ' ' && c != '\t' || c == 0x7f {
			c = '?'
		}
		out = append(out, c)
	}
	return string(out)
}
