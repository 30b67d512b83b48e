package mux

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// other is the other side, by hand: it writes frames and reads them.
type other struct {
	t    *testing.T
	wire net.Conn
}

func (o other) send(id uint32, kind byte, payload string) {
	frame := binary.BigEndian.AppendUint32(nil, id)
	frame = binary.BigEndian.AppendUint32(append(frame, kind), uint32(len(payload)))
	if _, err := o.wire.Write(append(frame, payload...)); err != nil {
		o.t.Error(err)
	}
}

func (o other) next() (id uint32, kind byte, payload string) {
	header := make([]byte, headerSize)
	if _, err := io.ReadFull(o.wire, header); err != nil {
		o.t.Fatal(err)
	}
	data := make([]byte, binary.BigEndian.Uint32(header[5:]))
	io.ReadFull(o.wire, data)
	return binary.BigEndian.Uint32(header), header[4], string(data)
}

// data reads frames until the stream has said so much; ends and credit pass.
func (o other) data(id uint32, size int) string {
	text := ""
	for len(text) < size {
		if got, kind, payload := o.next(); got == id && kind == kindData {
			text += payload
		}
	}
	return text
}

// session is one whose numbers lead to a server on a Unix socket.
func session(t *testing.T, serve func(net.Conn)) (*Session, other, chan error) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { theirs.Close() })
	var mu sync.Mutex
	s := New(struct {
		io.Reader
		io.Writer
	}{ours, writer(func(p []byte) (int, error) { mu.Lock(); defer mu.Unlock(); return ours.Write(p) })}, func(number uint32) (Conn, error) {
		if number != 7 {
			return nil, errors.New("no")
		}
		conn, err := net.Dial("unix", path)
		if err != nil {
			return nil, err
		}
		return conn.(*net.UnixConn), nil
	})
	ended := make(chan error, 1)
	go func() { ended <- s.Run() }()
	return s, other{t, theirs}, ended
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

func echo(conn net.Conn) {
	io.Copy(conn, conn)
	conn.Close()
}

func TestTwoStreamsAreTwoConnectionsWhoseHalvesEndByThemselves(t *testing.T) {
	_, o, _ := session(t, func(conn net.Conn) {
		text, _ := io.ReadAll(conn) // until the other half has ended
		conn.Write(append([]byte("got "), text...))
		conn.Close()
	})
	o.send(1, kindOpen, "7")
	o.send(2, kindOpen, "7")
	o.send(2, kindData, "two")
	o.send(1, kindData, "one")
	o.send(1, kindEnd, "")
	if got := o.data(1, len("got one")); got != "got one" {
		t.Errorf("%q", got)
	}
	o.send(2, kindEnd, "")
	if got := o.data(2, len("got two")); got != "got two" {
		t.Errorf("%q", got)
	}
}

func TestANumberThatLeadsNowhereIsClosed(t *testing.T) {
	_, o, _ := session(t, echo)
	o.send(1, kindOpen, "8")
	if id, kind, _ := o.next(); id != 1 || kind != kindClose {
		t.Errorf("%d %q", id, kind)
	}
	o.send(1, kindData, "late: it was on its way")
	o.send(2, kindOpen, "7")
	o.send(2, kindData, "x")
	if got := o.data(2, 1); got != "x" {
		t.Errorf("%q", got)
	}
}

func TestWithoutCreditNothingIsSentAndOthersGoOn(t *testing.T) {
	_, o, _ := session(t, func(conn net.Conn) {
		conn.Write(bytes.Repeat([]byte("x"), window+1))
		echo(conn)
	})
	o.send(1, kindOpen, "7")
	o.data(1, window)
	o.send(2, kindOpen, "7")
	// The next is the other's: of the first there is no byte more.
	if id, kind, _ := o.next(); id != 2 || kind != kindData {
		t.Errorf("%d %q", id, kind)
	}
	o.send(1, kindCredit, "\x00\x00\x00\x01")
	for {
		if id, kind, payload := o.next(); id == 1 && kind == kindData {
			if payload != "x" {
				t.Errorf("%q", payload)
			}
			return
		}
	}
}

func TestWhoSendsMoreThanThereIsCreditForEndsTheSession(t *testing.T) {
	_, o, ended := session(t, func(net.Conn) {})
	go func() {
		for {
			if _, err := io.Copy(io.Discard, o.wire); err != nil {
				return
			}
		}
	}()
	o.send(1, kindOpen, "8")
	o.send(3, kindOpen, "7")
	big := string(make([]byte, chunk))
	go func() {
		for range 2 + 2*window/chunk { // a socket's buffer takes some of it
			frame := binary.BigEndian.AppendUint32(nil, 3)
			frame = binary.BigEndian.AppendUint32(append(frame, kindData), chunk)
			if _, err := o.wire.Write(append(frame, big...)); err != nil {
				return
			}
		}
	}()
	if err := <-ended; err == nil || err == io.EOF {
		t.Errorf("%v", err)
	}
}

func TestTheTimeIsTheOtherSides(t *testing.T) {
	s, o, _ := session(t, echo)
	go func() {
		if _, kind, _ := o.next(); kind == kindTime {
			o.send(0, kindTime, string(binary.BigEndian.AppendUint64(nil, 1_700_000_000_000_000_000)))
		}
	}()
	got, _, err := s.Time()
	if err != nil || !got.Equal(time.Unix(1_700_000_000, 0)) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestWhenTheOtherSideGoesConnectionsAndQuestionsEnd(t *testing.T) {
	closed := make(chan struct{})
	s, o, ended := session(t, func(conn net.Conn) {
		io.Copy(io.Discard, conn)
		close(closed)
	})
	o.send(1, kindOpen, "7")
	o.send(1, kindData, "x")
	o.next() // the credit: it is connected
	asked := make(chan error)
	go func() { _, _, err := s.Time(); asked <- err }()
	o.next()
	o.wire.Close()
	if err := <-ended; err != io.EOF {
		t.Errorf("%v", err)
	}
	if err := <-asked; err != ErrGone {
		t.Errorf("%v", err)
	}
	<-closed
}
