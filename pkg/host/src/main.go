// Command host gives the one that runs this machine its sockets, by number,
// and takes its time from there: over vsock, and over a virtio-serial port
// that carries many connections (internal/mux). See docs/design/0186.
//
//	host NUMBER:SOCKET...   serves
//	host dial NUMBER        connects its input and output to a number, by the machine's own vsock: to see whether one answers
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"lkbuild/host/internal/clock"
	"lkbuild/host/internal/mux"
	"lkbuild/host/internal/port"
	"lkbuild/host/internal/vsock"
)

const (
	portName  = "lkbuild.host"
	portLimit = 10 * time.Second
	askEvery  = 30 * time.Second
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "dial" {
		if err := dial(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "host:", err)
			os.Exit(1)
		}
		return
	}
	sockets, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "host:", err)
		os.Exit(2)
	}
	ways := 0
	done := make(chan error)
	for number, path := range sockets {
		l, err := vsock.Listen(number)
		if err != nil {
			fmt.Fprintf(os.Stderr, "host: no vsock: %v\n", err)
			break // the others would fail alike
		}
		ways++
		go func() { done <- listen(l, path) }()
	}
	if path, err := port.Find(portName, portLimit); err != nil {
		fmt.Fprintln(os.Stderr, "host:", err)
	} else {
		ways++
		go func() { done <- serve(path, sockets) }()
	}
	for ; ways > 0; ways-- {
		if err := <-done; err != nil {
			fmt.Fprintln(os.Stderr, "host:", err)
			os.Exit(1)
		}
	}
}

func dial(text string) error {
	var number uint32
	if _, err := fmt.Sscanf(text, "%d", &number); err != nil {
		return err
	}
	conn, err := vsock.Dial(number)
	if err != nil {
		return err
	}
	go func() {
		io.Copy(conn, os.Stdin)
		conn.CloseWrite()
	}()
	_, err = io.Copy(os.Stdout, conn)
	return err
}

// parse reads NUMBER:SOCKET.
func parse(args []string) (map[uint32]string, error) {
	sockets := map[uint32]string{}
	for _, arg := range args {
		text, path, ok := strings.Cut(arg, ":")
		var number uint32
		if _, err := fmt.Sscanf(text, "%d", &number); err != nil || !ok || path == "" {
			return nil, fmt.Errorf("%q is not NUMBER:SOCKET", arg)
		}
		sockets[number] = path
	}
	return sockets, nil
}

// listen hands each connection of vsock on to a socket.
func listen(l *vsock.Listener, path string) error {
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			if to, err := net.Dial("unix", path); err == nil {
				join(conn, to)
			}
		}()
	}
}

// halfCloser is a connection whose other end can be told that no more comes.
type halfCloser interface {
	io.ReadWriteCloser
	CloseWrite() error
}

func join(a halfCloser, b net.Conn) {
	defer b.Close()
	back := make(chan struct{})
	go func() {
		defer close(back)
		io.Copy(a, b)
		a.CloseWrite()
	}()
	io.Copy(b, a)
	b.(*net.UnixConn).CloseWrite()
	<-back
}

// serve speaks to the host over the port, whenever one is at its other end.
func serve(path string, sockets map[uint32]string) error {
	p, err := port.Open(path)
	if err != nil {
		return err
	}
	for {
		session := mux.New(p, func(number uint32) (mux.Conn, error) {
			path, known := sockets[number]
			if !known {
				return nil, fmt.Errorf("no socket %d", number)
			}
			conn, err := net.Dial("unix", path)
			if err != nil {
				return nil, err
			}
			return conn.(*net.UnixConn), nil
		})
		stop := make(chan struct{})
		go func() {
			for {
				clock.Follow(session.Time)
				select {
				case <-stop:
					return
				case <-time.After(askEvery):
				}
			}
		}()
		if err := session.Run(); err != io.EOF { // the host has gone; it may come again
			fmt.Fprintln(os.Stderr, "host:", err)
		}
		close(stop)
	}
}
