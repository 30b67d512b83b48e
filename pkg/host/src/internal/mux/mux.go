// Package mux carries many connections over one stream, and questions for the
// time. The other side is rules/boot_test/tools/link.py; what goes over the
// stream is in docs/format/host-link.md. It does not know what it is about.
package mux

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"
)

const (
	headerSize = 9        // stream, kind, length
	chunk      = 32 << 10 // of data, at most, in a frame
	window     = 256 << 10

	kindOpen   = 'O'
	kindData   = 'D'
	kindEnd    = 'E'
	kindClose  = 'C'
	kindCredit = 'W'
	kindTime   = 'T'
)

// ErrGone is what waits for the other side get when it goes.
var ErrGone = errors.New("the other side has gone")

// Conn is what a number leads to.
type Conn interface {
	io.ReadWriteCloser
	CloseWrite() error
}

// Session is one life of the stream.
type Session struct {
	wire io.ReadWriter
	dial func(number uint32) (Conn, error)

	mu      sync.Mutex
	streams map[uint32]*stream
	gone    chan struct{}
	times   chan time.Time
}

// New makes a session; dial connects a number.
func New(wire io.ReadWriter, dial func(uint32) (Conn, error)) *Session {
	return &Session{
		wire: wire, dial: dial,
		streams: map[uint32]*stream{}, gone: make(chan struct{}), times: make(chan time.Time, 1),
	}
}

// Time asks the other side for its time, and tells how long the answer took.
func (s *Session) Time() (t time.Time, took time.Duration, err error) {
	// Before there is another side, this waits for it: that is no part of the answer.
	if err := s.send(0, kindTime, nil); err != nil {
		return t, 0, err
	}
	asked := time.Now()
	select {
	case t = <-s.times:
		return t, time.Since(asked), nil
	case <-s.gone:
		return t, 0, ErrGone
	}
}

// Run reads until the stream ends, and ends with it all that it carried.
func (s *Session) Run() error {
	err := s.read()
	close(s.gone)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.streams {
		st.abandon()
	}
	return err
}

func (s *Session) read() error {
	var header [headerSize]byte
	buf := make([]byte, chunk)
	for {
		if _, err := io.ReadFull(s.wire, header[:]); err != nil {
			return err
		}
		id, kind, size := binary.BigEndian.Uint32(header[:]), header[4], binary.BigEndian.Uint32(header[5:])
		if size > chunk {
			return fmt.Errorf("a frame of %d bytes", size)
		}
		if _, err := io.ReadFull(s.wire, buf[:size]); err != nil {
			return err
		}
		if err := s.take(id, kind, buf[:size]); err != nil {
			return err
		}
	}
}

func (s *Session) take(id uint32, kind byte, payload []byte) error {
	s.mu.Lock()
	st := s.streams[id]
	s.mu.Unlock()
	switch {
	case kind == kindTime && len(payload) == 8:
		select {
		case s.times <- time.Unix(0, int64(binary.BigEndian.Uint64(payload))):
		default: // nobody has asked
		}
	case kind == kindOpen && st == nil:
		s.open(id, string(payload))
	case st == nil: // it was closed here while this was on its way
	case kind == kindData && len(payload) > 0:
		return st.received(append([]byte(nil), payload...))
	case kind == kindEnd:
		return st.received(nil)
	case kind == kindClose:
		st.abandon()
	case kind == kindCredit && len(payload) == 4:
		st.credited(int(binary.BigEndian.Uint32(payload)))
	default:
		return fmt.Errorf("frame %q of stream %d", kind, id)
	}
	return nil
}

func (s *Session) open(id uint32, number string) {
	st := newStream(s, id)
	s.mu.Lock()
	s.streams[id] = st
	s.mu.Unlock()
	go func() {
		defer func() {
			s.mu.Lock()
			delete(s.streams, id)
			s.mu.Unlock()
			s.send(id, kindClose, nil)
		}()
		n, err := strconv.ParseUint(number, 10, 32)
		if err != nil {
			return
		}
		conn, err := s.dial(uint32(n))
		if err != nil {
			return
		}
		st.carry(conn)
	}()
}

// send writes a frame as a whole.
func (s *Session) send(id uint32, kind byte, payload []byte) error {
	frame := make([]byte, headerSize, headerSize+len(payload))
	binary.BigEndian.PutUint32(frame, id)
	frame[4] = kind
	binary.BigEndian.PutUint32(frame[5:], uint32(len(payload)))
	_, err := s.wire.Write(append(frame, payload...))
	return err
}
