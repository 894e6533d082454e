package dhcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"loadshare/dhcp/beside"
	"loadshare/dhcp/config"
	"loadshare/dhcp/engine"
	"loadshare/dhcp/failover"
	"loadshare/dhcp/failover/wire"
	"loadshare/internal/link"
)

const dialTime = 5 * time.Second

// pairLink is the way to one partner: it connects when the endpoint asks, and carries messages both ways. Which of several
// connections is in use the endpoint decides.
type pairLink struct {
	s       *Server
	conf    config.Pair
	lastErr atomic.Pointer[string] // of the last attempt to connect
	skew    skew
	refused atomic.Pointer[refusal] // by one of the two endpoints, since contact was made last
	heard   atomic.Int64            // when anything came, nanoseconds since 1970; 0: not since the start
	met     atomic.Bool             // contact was made since the start
	beside  *besideBox              // nil with an ISC partner

	syncMu  sync.Mutex // those who ask the partner, and the session that brings answers
	asked   map[uint64]chan *syncAnswer
	lastAsk uint64

	mu       sync.Mutex // the loop, doors and the sessions' goroutines meet here
	last     uint64
	sessions map[uint64]*session
}

// refusal is why the two, though connected, do not speak with each other.
type refusal struct {
	clocks bool // differ too much
	text   string
}

func newPairLink(s *Server, conf config.Pair) *pairLink {
	p := &pairLink{s: s, conf: conf, sessions: map[uint64]*session{}}
	p.beside = newBesideBox(p)
	p.beside.configured(s.conf.Load())
	return p
}

func (p *pairLink) tell(in failover.Input) bool {
	return p.s.loop.tell(engine.Pair{Name: p.conf.Name, Input: in})
}

// dial makes one attempt to connect.
func (p *pairLink) dial() {
	p.s.side.Go(func() {
		ctx, cancel := context.WithTimeout(p.s.ctx, dialTime)
		defer cancel()
		way, err := p.connect(ctx)
		if err == nil {
			p.adopt(way, true)
			return
		}
		if p.s.ctx.Err() != nil {
			return
		}
		text := err.Error()
		p.lastErr.Store(&text)
		p.refused.Store(nil)
		refused := errors.Is(err, syscall.ECONNREFUSED)
		if !refused || errors.Is(err, link.ErrNotProved) || errors.Is(err, link.ErrRefused) {
			p.s.quiet.Info(p.s.log, "pair_no_connection", "pair", p.conf.Name, "partner", p.conf.Partner.String(), "error", text)
		}
		p.tell(failover.DialFailed{})
	})
}

func (p *pairLink) connect(ctx context.Context) (carrier, error) {
	if !p.conf.Draft {
		conn, err := link.DialFrom(ctx, p.conf.Address.Addr(), p.conf.Partner, p.conf.Auth)
		if err != nil {
			return nil, err
		}
		if err := conn.Send(ctx, hello(p.conf.Name)); err != nil {
			return nil, err
		}
		return secured{conn, p.s.ctx}, nil
	}
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: p.conf.Address.Addr().AsSlice()}}
	conn, err := d.DialContext(ctx, "tcp", p.conf.Partner.String())
	if err != nil {
		return nil, err
	}
	return newPlain(conn.(*net.TCPConn)), nil
}

// adopt makes a session of a connection.
func (p *pairLink) adopt(way carrier, dialled bool) {
	p.mu.Lock()
	if p.s.ctx.Err() != nil {
		p.mu.Unlock()
		way.close()
		return
	}
	p.last++
	s := newSession(p.last, dialled, !p.conf.Draft, way)
	p.sessions[s.id] = s
	p.mu.Unlock()
	p.lastErr.Store(nil) // of a time before: "connection refused" would make a silent partner look dead
	p.s.side.Go(s.sendAll)
	p.s.side.Go(func() { p.receive(s) })
}

func (p *pairLink) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.sessions)
}

// newest is the connection that was made last; nil: there is none.
func (p *pairLink) newest() *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	var newest *session
	for _, s := range p.sessions {
		if newest == nil || s.id > newest.id {
			newest = s
		}
	}
	return newest
}

func (p *pairLink) session(id uint64) *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sessions[id]
}

// send queues a message of the endpoint.
func (p *pairLink) send(id uint64, m *wire.Message) {
	s := p.session(id)
	if s == nil {
		return
	}
	p.s.logMessage("sent", p.conf.Name, m)
	p.s.count.message(true, m.Body.Type())
	if err := s.put(m); err != nil {
		p.s.quiet.Warn(p.s.log, "pair_message_not_sent", "pair", p.conf.Name, "message", m.Body.Type().String(), "error", err.Error())
	}
}

// close ends a session after what was said.
func (p *pairLink) close(id uint64) {
	if s := p.session(id); s != nil {
		s.finish()
		time.AfterFunc(time.Second, s.close)
	}
}

// shut ends all connections.
func (p *pairLink) shut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.sessions {
		s.close()
	}
}

// receive hands on what comes in until the connection ends.
func (p *pairLink) receive(s *session) {
	defer p.forget(s)
	if !p.tell(failover.Connected{Session: s.id, Dialled: s.dialled}) {
		return
	}
	err := p.receiveAll(s)
	if p.s.ctx.Err() == nil && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "use of closed") {
		p.s.quiet.Info(p.s.log, "pair_connection_ended", "pair", p.conf.Name, "partner", s.way.remote().String(), "session", s.id, "why", err.Error())
	}
}

func (p *pairLink) receiveAll(s *session) error {
	var stream wire.Stream
	for {
		b, err := s.way.receive()
		if err != nil {
			return err
		}
		p.heard.Store(time.Now().UnixNano())
		if s.ours && beside.Is(b) {
			p.takeBeside(b)
			continue
		}
		if s.ours && isAside(b) {
			if err := p.takeAside(s, b); err != nil {
				return err
			}
			continue
		}
		err = stream.Feed(b, func(octets []byte) error { return p.take(s, octets) })
		if err != nil {
			return err
		}
	}
}

// take hands one message to the endpoint.
func (p *pairLink) take(s *session, octets []byte) error {
	m, err := wire.Decode(octets)
	if err != nil {
		p.s.quiet.Warn(p.s.log, "pair_message_bad", "pair", p.conf.Name, "partner", s.way.remote().String(), "error", err.Error(),
			"hint", "the connection is closed; do both servers speak the same protocol?")
		return fmt.Errorf("a message that cannot be read: %w", err)
	}
	p.s.logMessage("received", p.conf.Name, &m)
	p.s.count.message(false, m.Body.Type())
	p.skew.heard(&m, time.Now())
	if err := p.room(s); err != nil {
		return err
	}
	if !p.tell(failover.Received{Session: s.id, Message: m}) {
		return errStopping
	}
	return nil
}

// room waits until the disk has come on: what the partner sends meanwhile waits on its side.
func (p *pairLink) room(s *session) error {
	for p.s.loop.unwritten.Load() > maxUnwritten {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-s.gone:
			return net.ErrClosed
		case <-p.s.loop.done:
			return errStopping
		}
	}
	return nil
}

// forget ends a session and tells the endpoint.
func (p *pairLink) forget(s *session) {
	s.close()
	p.mu.Lock()
	delete(p.sessions, s.id)
	p.mu.Unlock()
	p.tell(failover.Lost{Session: s.id})
}

// noted keeps what an endpoint says of connections: refusals until there is contact. Two connections at once are no trouble.
func (p *pairLink) noted(n *failover.Note) {
	switch {
	case n.Reason == failover.ContactMade:
		p.met.Store(true)
		p.skew.forget()
		p.refused.Store(nil)
		p.lastErr.Store(nil) // of an attempt beside a connection that was silent
	case n.Reason == failover.TwoServers && n.Text != "":
		p.refused.Store(&refusal{text: n.Text})
	case n.Reject == wire.DuplicateConnect:
	case n.Reason == failover.ConnectRefused:
		p.refused.Store(&refusal{n.Reject == wire.ClockMismatch, "the partner refuses: " + orReject(n)})
	case n.Reason == failover.RefusedConnect:
		p.refused.Store(&refusal{n.Reject == wire.ClockMismatch, "refused by this server: " + orReject(n)})
	}
}

// orReject is the words of a refusal, or its number's.
func orReject(n *failover.Note) string {
	if n.Text != "" {
		return n.Text
	}
	return n.Reject.String()
}

// clocksApart says that the two do not connect because their clocks differ.
func (p *pairLink) clocksApart() bool {
	r := p.refused.Load()
	return r != nil && r.clocks
}

// lastError is why the last attempt to connect failed; "" when none has.
func (p *pairLink) lastError() string {
	if r := p.refused.Load(); r != nil {
		return r.text
	}
	if text := p.lastErr.Load(); text != nil {
		return *text
	}
	return ""
}
