package dhcp

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"loadshare/dhcp/failover/wire"
	"loadshare/internal/link"
)

const (
	maxQueued    = 8 << 20 // octets that wait for the partner; when there are more the connection is closed
	maxFrame     = 64 << 10
	writeTimeout = 10 * time.Second
)

// carrier is a connection to a partner: octets of failover messages, and between two of ours what goes beside them.
type carrier interface {
	// send sends whole messages.
	send(b []byte) error
	// receive returns what came next, in pieces of any size; the octets are the caller's until the next call.
	receive() ([]byte, error)
	remote() netip.AddrPort
	close()
}

// session is one connection to a partner. What is queued goes out in order, what waits together.
type session struct {
	id      uint64
	dialled bool
	way     carrier
	ours    bool
	gone    chan struct{} // closed when it is over

	mu     sync.Mutex // the loop queues, the sender takes
	change *sync.Cond // of queue and closed
	queue  []byte     // whole failover messages
	aside  [][]byte   // frames besides
	asides int        // octets of them
	closed bool
	ending bool // closed once all is sent
}

func newSession(id uint64, dialled, ours bool, way carrier) *session {
	s := &session{id: id, dialled: dialled, ours: ours, way: way, gone: make(chan struct{})}
	s.change = sync.NewCond(&s.mu)
	return s
}

// put encodes and queues a message. A partner that takes nothing loses the connection.
func (s *session) put(m *wire.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.ending {
		return net.ErrClosed
	}
	if len(s.queue) > maxQueued {
		s.end()
		return errors.New("the partner takes no data")
	}
	b, err := wire.Append(s.queue, *m)
	if err != nil {
		return err
	}
	s.queue = b
	s.change.Signal()
	return nil
}

// putAside queues a frame that is no failover message.
func (s *session) putAside(frame []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.ending || s.asides > maxQueued {
		return
	}
	s.aside = append(s.aside, frame)
	s.asides += len(frame)
	s.change.Signal()
}

// finish closes the connection once what is queued is sent.
func (s *session) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ending = true
	s.change.Signal()
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
	s.change.Signal()
	go s.way.close() // it may wait for what is being sent
}

// sendAll sends what is queued until the session is over.
func (s *session) sendAll() {
	var list []byte
	for {
		s.mu.Lock()
		for len(s.queue) == 0 && len(s.aside) == 0 && !s.closed && !s.ending {
			s.change.Wait()
		}
		list, s.queue = s.queue, list[:0]
		aside := s.aside
		s.aside, s.asides = nil, 0
		closed, last := s.closed, s.ending
		s.mu.Unlock()
		if closed {
			return
		}
		for rest := list; len(rest) > 0; {
			n := wholeMessages(rest)
			if err := s.way.send(rest[:n]); err != nil {
				s.close()
				return
			}
			rest = rest[n:]
		}
		for _, frame := range aside {
			if err := s.way.send(frame); err != nil {
				s.close()
				return
			}
		}
		if last {
			s.close()
			return
		}
	}
}

// wholeMessages is how many octets of b are whole messages that fit into a frame.
func wholeMessages(b []byte) int {
	n := 0
	for n < len(b) {
		one := int(b[n])<<8 | int(b[n+1])
		if n > 0 && n+one > maxFrame {
			break
		}
		n += one
	}
	return n
}

// secured carries frames of package link.
type secured struct {
	conn *link.Conn
	ctx  context.Context
}

func (c secured) send(b []byte) error      { return c.conn.Send(context.Background(), b) }
func (c secured) receive() ([]byte, error) { return c.conn.Receive(c.ctx) }
func (c secured) remote() netip.AddrPort   { return c.conn.RemoteAddr() }
func (c secured) close()                   { _ = c.conn.Close() }

// plain carries the octets of the draft over TCP.
type plain struct {
	conn *net.TCPConn
	buf  []byte
}

func newPlain(conn *net.TCPConn) *plain {
	_ = conn.SetNoDelay(true)
	return &plain{conn: conn, buf: make([]byte, 16<<10)}
}

func (c *plain) send(b []byte) error {
	_ = c.conn.SetWriteDeadline(time.Now().Add(writeTimeout)) // fails only when closed, as the write will
	_, err := c.conn.Write(b)
	return err
}

func (c *plain) receive() ([]byte, error) {
	n, err := c.conn.Read(c.buf)
	return c.buf[:n], err
}

func (c *plain) remote() netip.AddrPort { return unmapped(c.conn.RemoteAddr()) }
func (c *plain) close()                 { _ = c.conn.Close() }

func unmapped(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := t.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
