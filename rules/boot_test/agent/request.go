package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

const (
	outputLimit  = 256 << 10 // bytes, of each of stdout and stderr
	defaultLimit = 60 * time.Second
	killAfter    = 2 * time.Second // a runtime passes SIGTERM on, but not SIGKILL
	outOfTime    = 124             // as timeout(1)
	notRun       = 125
	notFound     = 127 // as a shell
)

// Request is a line from the host: a command, a file to write, or the end.
type Request struct {
	ID      int               `json:"id"`
	Argv    []string          `json:"argv"`
	In      string            `json:"in"`
	Timeout float64           `json:"timeout_s"`
	Stdin   string            `json:"stdin"`
	Env     map[string]string `json:"env"`

	Put    string `json:"put"`
	Base64 string `json:"base64"`
	Append bool   `json:"append"`
	Mode   uint32 `json:"mode"`

	Power string `json:"power"` // off, reboot, halt
}

// Answer is the line back.
type Answer struct {
	ID      int     `json:"id"`
	Exit    int     `json:"exit"`
	Stdout  string  `json:"stdout"`
	Stderr  string  `json:"stderr"`
	Seconds float64 `json:"seconds"`
	Timeout bool    `json:"timeout,omitempty"`
}

// limited keeps the first bytes that are written to it and drops the rest. The
// buffer is no embedded one: io.Copy would use its ReadFrom, and not Write.
type limited struct{ kept bytes.Buffer }

// Write implements io.Writer.
func (l *limited) Write(p []byte) (int, error) {
	if room := outputLimit - l.kept.Len(); room > 0 {
		l.kept.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func execute(r Request) Answer {
	argv, err := command(r)
	if err != nil {
		return Answer{Exit: notRun, Stderr: err.Error()}
	}
	limit := defaultLimit
	if r.Timeout > 0 {
		limit = time.Duration(r.Timeout * float64(time.Second))
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	c := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var stdout, stderr limited
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(r.Stdin), &stdout, &stderr
	c.Dir = "/"
	c.Env = os.Environ()
	if r.In == "" {
		c.Env = append(c.Env, environment(r.Env)...)
	}
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGTERM) }
	c.WaitDelay = killAfter
	err = c.Run()
	if c.Process != nil {
		syscall.Kill(-c.Process.Pid, syscall.SIGKILL) // what the command left behind
	}
	a := Answer{
		Stdout: strings.ToValidUTF8(stdout.kept.String(), "\uFFFD"),
		Stderr: strings.ToValidUTF8(stderr.kept.String(), "\uFFFD"),
	}
	a.Exit, a.Timeout = exitOf(c, err, ctx.Err() != nil)
	if c.ProcessState == nil && err != nil {
		a.Stderr += err.Error()
	}
	return a
}

func exitOf(c *exec.Cmd, err error, late bool) (exit int, timeout bool) {
	switch {
	case late:
		return outOfTime, true
	case c.ProcessState == nil && errors.Is(err, os.ErrNotExist) || errors.Is(err, exec.ErrNotFound):
		return notFound, false
	case c.ProcessState == nil:
		return notRun, false
	}
	if ws, ok := c.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal()), false
	}
	return c.ProcessState.ExitCode(), false
}

// command is the request's argv, through the OCI runtime for a container.
func command(r Request) ([]string, error) {
	if len(r.Argv) == 0 {
		return nil, errors.New("request without argv")
	}
	if r.In == "" {
		return r.Argv, nil
	}
	text, err := os.ReadFile("/etc/lkbuild/image.json")
	if err != nil {
		return nil, err
	}
	var plan struct {
		Runtime string `json:"runtime"`
	}
	if err := json.Unmarshal(text, &plan); err != nil {
		return nil, err
	}
	argv := []string{plan.Runtime, "--root", "/run/lkbuild/runtime", "exec"}
	for _, e := range environment(r.Env) {
		argv = append(argv, "--env", e)
	}
	return append(append(argv, r.In), r.Argv...), nil
}

func environment(env map[string]string) []string {
	var out []string
	for k, v := range env {
		out = append(out, k+"="+v)
	}
	return out
}

func put(r Request) Answer {
	content, err := base64.StdEncoding.DecodeString(r.Base64)
	if err != nil {
		return Answer{Exit: 1, Stderr: err.Error()}
	}
	mode := os.FileMode(0o644)
	if r.Mode != 0 {
		mode = os.FileMode(r.Mode)
	}
	flags := os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	if r.Append {
		flags = os.O_CREATE | os.O_WRONLY | os.O_APPEND
	}
	f, err := os.OpenFile(r.Put, flags, mode)
	if err != nil {
		return Answer{Exit: 1, Stderr: err.Error()}
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err != nil {
		return Answer{Exit: 1, Stderr: err.Error()}
	}
	return Answer{}
}

// power is how init is asked to end the machine: by the signals of
// docs/format/image.md.
func power(r Request) (a Answer, ask func()) {
	signal, ok := map[string]syscall.Signal{"off": syscall.SIGUSR2, "reboot": syscall.SIGTERM, "halt": syscall.SIGUSR1}[r.Power]
	if !ok {
		return Answer{Exit: 1, Stderr: "power: off, reboot or halt"}, func() {}
	}
	return Answer{}, func() { syscall.Kill(1, signal) }
}
