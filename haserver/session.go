package haserver

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"

	"loadshare/haserver/pairmsg"
	"loadshare/internal/link"
)

const (
	maxQueued   = 64 << 20  // octets that wait for the partner; when there are more the connection is closed
	streamAhead = 1 << 20   // a stream waits while more octets are queued
	chunk       = 128 << 10 // octets of messages that go into one frame of the link, at most
	maxMessage  = 256 << 20 // octets of one message
	maxStranger = 1 << 20   // octets of one message before it is known that the partner speaks
)

// session is one connection to the partner. What is queued goes out in order, many small messages in one frame of the link.
//
// The frames of a connection are one stream: each message is its length (4 octets) and its octets, and may begin and end
// anywhere in a frame.
type session struct {
	id      uint64
	dialled bool
	conn    *link.Conn
	gone    chan struct{} // closed when it is over

	mu     sync.Mutex // the loop and jobs queue, the sender takes
	change *sync.Cond // of queue and closed
	queue  [][]byte
	queued int // octets in queue and being sent
	closed bool
}

func newSession(id uint64, dialled bool, conn *link.Conn) *session {
	s := &session{id: id, dialled: dialled, conn: conn, gone: make(chan struct{})}
	s.change = sync.NewCond(&s.mu)
	return s
}

// put queues a message that is to go out now; false: the session is over, or too much is queued, which ends it.
func (s *session) put(message []byte) bool {
	ok := s.add(message)
	s.wake()
	return ok
}

// add is put for a message that others follow: wake sends them together.
func (s *session) add(message []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.queued+len(message) > maxQueued && s.queued > 0 {
		s.end()
		return false
	}
	s.queue = append(s.queue, message)
	s.queued += len(message)
	return true
}

func (s *session) wake() { s.change.Broadcast() }

// await waits until no more than so many octets are queued; false: the session is over.
func (s *session) await(most int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.queued > most && !s.closed {
		s.change.Wait()
	}
	return !s.closed
}

func (s *session) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end()
}

// end is close with mu held.
func (s *session) end() {
	if s.closed {
		return
	}
	s.closed = true
	close(s.gone)
	s.change.Broadcast()
	go s.conn.Close() // it waits for a keep-alive that is being sent
}

// sendAll sends what is queued until the session is over.
func (s *session) sendAll() {
	var frame []byte
	var list [][]byte
	for {
		s.mu.Lock()
		for len(s.queue) == 0 && !s.closed {
			s.change.Wait()
		}
		closed := s.closed
		list, s.queue = s.queue, list[:0]
		s.mu.Unlock()
		if closed {
			return
		}
		pending := 0 // octets of messages that are in frame
		for _, m := range list {
			frame = append(binary.BigEndian.AppendUint32(frame, uint32(len(m))), m...)
			pending += len(m)
			rest := frame
			for ; len(rest) >= chunk; rest = rest[chunk:] { // each has its time to get through, however slow the way is
				if !s.transmit(rest[:chunk]) {
					return
				}
			}
			frame = append(frame[:0], rest...)
			if len(frame) == 0 {
				s.sent(pending)
				pending = 0
			}
		}
		if len(frame) > 0 && !s.transmit(frame) {
			return
		}
		s.sent(pending)
		if frame = frame[:0]; cap(frame) > 2*link.MaxFrame { // a large message was in it
			frame = nil
		}
		clear(list)
	}
}

func (s *session) transmit(frame []byte) bool {
	if err := s.conn.Send(context.Background(), frame); err != nil {
		s.close()
		return false
	}
	return true
}

func (s *session) sent(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queued -= n
	s.change.Broadcast()
}

// splitter cuts the stream of a session into messages.
type splitter struct {
	rest []byte // what is not taken yet
}

// add takes the next frame, which it may keep.
func (s *splitter) add(frame []byte) {
	if len(s.rest) == 0 {
		s.rest = frame
		return
	}
	s.rest = append(s.rest, frame...)
}

// next returns the next message and of how many octets it was; nil: it is not all there yet. The memory in use grows with what has
// arrived, not with the length that is announced, of which most is the limit.
func (s *splitter) next(most uint32) (m pairmsg.Message, octets int, err error) {
	if len(s.rest) < 4 {
		return nil, 0, nil
	}
	n := binary.BigEndian.Uint32(s.rest)
	if n > most {
		return nil, 0, fmt.Errorf("the partner announced a message of %d octets, over the %d allowed", n, most)
	}
	if len(s.rest)-4 < int(n) {
		return nil, 0, nil
	}
	m, err = pairmsg.Decode(s.rest[4 : 4+n])
	if s.rest = s.rest[4+n:]; len(s.rest) == 0 {
		s.rest = nil
	}
	return m, int(n), err
}
