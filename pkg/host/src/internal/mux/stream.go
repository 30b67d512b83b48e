package mux

import (
	"encoding/binary"
	"errors"
	"sync"
)

// stream is one connection. Each side sends no more than the other has given
// it credit for, so that one that is not read holds up no other.
type stream struct {
	session *Session
	id      uint32

	mu      sync.Mutex
	changed *sync.Cond
	queue   [][]byte // received, not yet written; nil is the end
	held    int      // bytes in it
	credit  int
	over    bool
	conn    Conn
}

func newStream(s *Session, id uint32) *stream {
	st := &stream{session: s, id: id, credit: window}
	st.changed = sync.NewCond(&st.mu)
	return st
}

// received queues data, or the end of it (nil).
func (st *stream) received(data []byte) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.held += len(data); st.held > window {
		return errors.New("more data than there was credit for")
	}
	st.queue = append(st.queue, data)
	st.changed.Broadcast()
	return nil
}

func (st *stream) credited(n int) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.credit += n
	st.changed.Broadcast()
}

// abandon ends it at once, in both directions.
func (st *stream) abandon() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.over = true
	if st.conn != nil {
		st.conn.Close()
	}
	st.changed.Broadcast()
}

// carry moves data both ways until both have ended.
func (st *stream) carry(conn Conn) {
	defer conn.Close()
	st.mu.Lock()
	st.conn = conn
	over := st.over
	st.mu.Unlock()
	if over {
		return
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		st.write(conn)
	}()
	st.read(conn)
	<-written
}

// write hands on what was received, and gives credit for it.
func (st *stream) write(conn Conn) {
	for {
		st.mu.Lock()
		for len(st.queue) == 0 && !st.over {
			st.changed.Wait()
		}
		if st.over {
			st.mu.Unlock()
			return
		}
		data := st.queue[0]
		st.queue = st.queue[1:]
		st.mu.Unlock()
		if data == nil {
			conn.CloseWrite()
			return
		}
		if _, err := conn.Write(data); err != nil {
			st.abandon()
			return
		}
		st.mu.Lock()
		st.held -= len(data)
		st.mu.Unlock()
		st.session.send(st.id, kindCredit, binary.BigEndian.AppendUint32(nil, uint32(len(data))))
	}
}

// read sends what the connection says, as far as there is credit.
func (st *stream) read(conn Conn) {
	buf := make([]byte, chunk)
	for {
		st.mu.Lock()
		for st.credit == 0 && !st.over {
			st.changed.Wait()
		}
		room, over := min(st.credit, chunk), st.over
		st.mu.Unlock()
		if over {
			return
		}
		n, err := conn.Read(buf[:room])
		if n > 0 {
			st.mu.Lock()
			st.credit -= n
			st.mu.Unlock()
			if st.session.send(st.id, kindData, buf[:n]) != nil {
				return
			}
		}
		if err != nil {
			st.session.send(st.id, kindEnd, nil)
			return
		}
	}
}
