// Command agent answers a boot test's requests from inside the guest, over a
// virtio-serial port. The protocol is in docs/format/image.md. It runs
// commands and writes files; it judges nothing: that is the test's part.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"time"
)

const (
	portName  = "lkbuild.test"
	portLimit = 30 * time.Second
	maxLine   = 64 << 20 // bytes; a put request carries a file
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "agent:", err)
		os.Exit(1)
	}
}

func run() error {
	path, err := findPort(portName, portLimit)
	if err != nil {
		return err
	}
	p, err := openPort(path)
	if err != nil {
		return err
	}
	for {
		if err := serve(p); err != nil {
			return err
		}
	}
}

// serve answers one connection of the host, until it is closed.
func serve(p *port) error {
	if err := p.send(map[string]int{"hello": 1}); err != nil {
		return err
	}
	lines := bufio.NewReaderSize(p, 64<<10)
	for {
		line, err := readLine(lines)
		if err != nil {
			return nil // the host has gone; it may come again
		}
		if len(line) == 0 {
			continue
		}
		reply, after := answer(line)
		if err := p.send(reply); err != nil {
			return err
		}
		after()
	}
}

// answer does what a request asks for. What would end this program with the
// machine is left to after, so that the answer still reaches the host.
func answer(line []byte) (a Answer, after func()) {
	after = func() {}
	var r Request
	if err := json.Unmarshal(line, &r); err != nil {
		return Answer{Exit: notRun, Stderr: "bad request: " + err.Error()}, after
	}
	began := time.Now()
	switch {
	case r.Put != "":
		a = put(r)
	case r.Power != "":
		a, after = power(r)
	default:
		a = execute(r)
	}
	a.ID, a.Seconds = r.ID, float64(time.Since(began).Milliseconds())/1000
	return a, after
}

func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if err == nil {
			return line[:len(line)-1], nil
		}
		if err != bufio.ErrBufferFull || len(line) > maxLine {
			return nil, err
		}
	}
}
