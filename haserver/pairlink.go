package haserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/internal/link"
)

const (
	maxSessions  = 8        // connections of the partner that have proved themselves
	maxUnwritten = 64 << 20 // octets that wait for the disk above which nothing more is taken from the partner
	unmetTime    = 10 * time.Second
)

// pairLink is the way to the partner: it listens for it, connects to it when the machine asks, and carries messages both ways. Which
// of several connections is in use the machine decides.
type pairLink struct {
	s        *Server
	l        *loop
	lastErr  atomic.Pointer[string]
	from     netip.Addr // our address of the link: the partner sees no other
	partner  netip.AddrPort
	auth     link.Auth
	patient  time.Duration // how long an attempt to connect may take
	messages bool          // log them all
	ln       *link.Listener

	ctx    context.Context // ends at shut
	cancel context.CancelFunc
	work   sync.WaitGroup

	current atomic.Uint64 // the session in use, for what goes beside the machine
	met     atomic.Uint64 // the same once it is known that the partner is at its other end
	forward forwards

	ready *session // of the loop: has messages of the machine that are to go out; nil: none has

	mu       sync.Mutex // the loop, jobs and the sessions' goroutines meet here
	last     uint64
	sessions map[uint64]*session
}

// newPairLink opens the listener; begin must follow.
func newPairLink(s *Server, l *loop, ha *HA) (*pairLink, error) {
	p := &pairLink{s: s, l: l, from: ha.Listen.Addr(), partner: ha.Partner, auth: ha.Auth, messages: ha.Messages, patient: min(max(ha.CommTimeout, time.Second), 5*time.Second), sessions: map[uint64]*session{}}
	var err error
	p.ln, err = link.Listen(ha.Listen, ha.Auth, link.Limits{Conns: maxSessions, Refused: func(from netip.AddrPort, err error) {
		s.quiet.Warn(s.log, "pair_connection_refused", "from", from.String(), "error", err.Error())
		if from.Addr() == ha.Partner.Addr() {
			text := fmt.Sprintf("%s was refused: %v", from, err)
			p.lastErr.Store(&text)
		}
	}})
	if err != nil {
		return nil, fmt.Errorf("[ha]: %w", err)
	}
	p.ctx, p.cancel = context.WithCancel(background)
	return p, nil
}

// begin starts accepting; the loop runs.
func (p *pairLink) begin() { p.work.Go(p.accept) }

// shut ends all connections and everything that goes on over them.
func (p *pairLink) shut() {
	p.cancel()
	_ = p.ln.Close()
	p.mu.Lock()
	for _, s := range p.sessions {
		s.close()
	}
	p.mu.Unlock()
	p.work.Wait()
}

func (p *pairLink) accept() {
	for {
		conn, err := p.ln.Accept(p.ctx)
		if err != nil {
			return
		}
		p.adopt(conn, false)
	}
}

// lastError is why the last attempt to connect failed; "" when none has.
func (p *pairLink) lastError() string {
	if text := p.lastErr.Load(); text != nil {
		return *text
	}
	return ""
}

// dial makes one attempt to connect.
func (p *pairLink) dial() {
	p.work.Go(func() {
		ctx, cancel := context.WithTimeout(p.ctx, p.patient)
		defer cancel()
		conn, err := link.DialFrom(ctx, p.from, p.partner, p.auth)
		if err == nil {
			p.adopt(conn, true)
			return
		}
		if p.ctx.Err() != nil {
			return
		}
		refused := errors.Is(err, syscall.ECONNREFUSED)
		text := err.Error()
		p.lastErr.Store(&text)
		if !refused || errors.Is(err, link.ErrNotProved) || errors.Is(err, link.ErrRefused) {
			p.s.quiet.Info(p.s.log, "pair_no_connection", "partner", p.partner.String(), "error", err.Error())
		}
		p.l.tell(pair.DialFailed{Refused: refused})
	})
}

// adopt makes a session of a proved connection.
func (p *pairLink) adopt(conn *link.Conn, dialled bool) {
	p.mu.Lock()
	if p.ctx.Err() != nil {
		p.mu.Unlock()
		_ = conn.Close()
		return
	}
	p.last++
	s := newSession(p.last, dialled, conn)
	p.sessions[s.id] = s
	p.mu.Unlock()
	p.work.Go(s.sendAll)
	p.work.Go(func() { p.receive(s) })
}

func (p *pairLink) session(id uint64) *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sessions[id]
}

// send queues what the machine says over the session in use (0: none is), until release.
func (p *pairLink) send(id uint64, met bool, list []pairmsg.Message) {
	p.current.Store(id)
	if !met {
		p.met.Store(0)
	} else {
		p.met.Store(id)
	}
	if len(list) == 0 {
		return
	}
	s := p.session(id)
	if s == nil {
		return
	}
	if p.ready != s {
		p.release()
	}
	p.ready = s
	for _, m := range list {
		if !s.add(p.encode(s, m)) {
			return
		}
	}
}

// release lets what the machine has said go out; false: it has said nothing since.
func (p *pairLink) release() bool {
	if p.ready == nil {
		return false
	}
	p.ready.wake()
	p.ready = nil
	return true
}

// put encodes, queues and counts a message that is to go out now.
func (p *pairLink) put(s *session, m pairmsg.Message) bool { return s.put(p.encode(s, m)) }

func (p *pairLink) encode(s *session, m pairmsg.Message) []byte {
	b := pairmsg.Encode(m)
	p.s.count.ha.sent(m, len(b))
	if p.messages {
		p.s.log.Info("pair_message", "way", "sent", "session", s.id, "message", fmt.Sprintf("%T", m), "octets", len(b))
	}
	return b
}

// flush waits until everything that the machine said is on its way, or for so long.
func (p *pairLink) flush(limit time.Duration) {
	s := p.session(p.current.Load())
	if s == nil {
		return
	}
	late := time.AfterFunc(limit, s.close)
	defer late.Stop()
	s.await(0)
}

// stream queues a message of many when there is room for it; false: the session is over.
func (p *pairLink) stream(id uint64, m pairmsg.Message) bool {
	s := p.session(id)
	return s != nil && s.await(streamAhead) && p.put(s, m)
}

func (p *pairLink) close(id uint64) {
	if s := p.session(id); s != nil {
		s.close()
	}
}

// receive hands on what comes in until the connection ends.
func (p *pairLink) receive(s *session) {
	defer p.forget(s)
	if !p.l.tell(pair.Connected{Session: s.id, Dialled: s.dialled}) {
		return
	}
	gather := newGatherer(p)
	defer gather.end()
	late := time.AfterFunc(unmetTime, func() {
		if p.current.Load() != s.id { // of the one in use the machine looks at the time
			s.close()
		}
	})
	defer late.Stop()
	err := p.receiveAll(s, gather)
	if p.ctx.Err() == nil && !errors.Is(err, net.ErrClosed) {
		p.s.quiet.Info(p.s.log, "pair_connection_ended", "partner", s.conn.RemoteAddr().String(), "session", s.id, "why", err.Error())
	}
}

func (p *pairLink) receiveAll(s *session, gather *gatherer) error {
	var in splitter
	for {
		frame, err := s.conn.Receive(p.ctx)
		if err != nil {
			return err
		}
		in.add(frame)
		for {
			most := uint32(maxStranger)
			if p.met.Load() == s.id {
				most = maxMessage
			}
			m, octets, err := in.next(most)
			if err != nil {
				p.s.quiet.Warn(p.s.log, "pair_message_bad", "partner", s.conn.RemoteAddr().String(), "error", err.Error(), "hint", "the connection is closed; do both servers run the same version?")
				return err
			}
			if m == nil {
				break
			}
			p.s.count.ha.received(m, octets, time.Now())
			if p.messages {
				p.s.log.Info("pair_message", "way", "received", "session", s.id, "message", fmt.Sprintf("%T", m), "octets", octets)
			}
			if err := p.take(s, gather, m); err != nil {
				return err
			}
		}
	}
}

// take hands one message to whoever it is for. Who has not said who it is, or was refused, is heard by the machine alone.
func (p *pairLink) take(s *session, gather *gatherer, m pairmsg.Message) error {
	if p.met.Load() == s.id {
		done, err := p.takeBeside(s, gather, m)
		if done || err != nil {
			return err
		}
	}
	if err := p.room(s); err != nil {
		return err
	}
	if !p.l.tell(pair.Received{Session: s.id, Message: m}) {
		return errStopping
	}
	return nil
}

// room waits until the disk has come on: what the partner sends meanwhile waits on its side.
func (p *pairLink) room(s *session) error {
	for p.l.unwritten.Load() > maxUnwritten {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-s.gone:
			return net.ErrClosed
		case <-p.l.done:
			return errStopping
		}
	}
	return nil
}

// takeBeside takes what the machine has nothing to do with.
func (p *pairLink) takeBeside(s *session, gather *gatherer, m pairmsg.Message) (done bool, err error) {
	switch m := m.(type) {
	case pairmsg.Forward:
		p.serveForwarded(s, m)
		return true, nil
	case pairmsg.Forwarded:
		p.forward.answer(m)
		return true, nil
	case pairmsg.Settings, pairmsg.SettingsAsk, pairmsg.SettingsDone:
		p.s.settingsReceived(m, func(answer pairmsg.Message) { p.put(s, answer) })
		return true, nil
	case pairmsg.Marks:
		p.s.scavenge.learn(m)
		return true, nil
	case pairmsg.Dropped:
		p.put(s, pairmsg.Heard{Clients: p.s.unheard.among(m.Clients, time.Now())})
		return true, nil
	case pairmsg.Heard:
		p.s.unheardAnswered(m)
		return true, nil
	case pairmsg.ConflictsKept:
		p.s.settings.order(func() { p.s.conflictsAsked(m) })
		return true, nil
	case pairmsg.Conflicts:
		p.s.settings.order(func() { p.s.conflictsCame(m) })
		return true, nil
	case pairmsg.SyncSets:
		return true, gather.take(m)
	case pairmsg.SyncCopy:
		if m.Zone != "" && m.Settings.Name.Equal(m.Zone) {
			p.s.settingsArrived(m.Settings)
		}
	}
	return false, nil
}

// forget ends a session and tells the machine.
func (p *pairLink) forget(s *session) {
	s.close()
	p.s.count.ha.inc(haConnLost)
	p.mu.Lock()
	delete(p.sessions, s.id)
	p.mu.Unlock()
	p.l.tell(pair.Lost{Session: s.id})
}
