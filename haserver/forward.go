package haserver

import (
	"net/netip"
	"sync"
	"time"

	"loadshare/haserver/message"
	"loadshare/haserver/pairmsg"
)

const (
	forwardWait   = 1500 * time.Millisecond // decision H-f
	maxForwards   = 1024                    // under way, on either side
	forwardQueued = 4 << 20                 // octets waiting for the partner above which nothing is forwarded
)

// forwards are updates that the backup has passed on and that are not answered yet. The zero value is ready.
type forwards struct {
	mu      sync.Mutex // workers ask, the session's goroutine answers
	last    uint64
	waiting map[uint64]chan []byte
	serving int // of the other side: messages of the partner's clients
}

// ask makes a place for an answer; nil: too many wait.
func (f *forwards) ask() (uint64, chan []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.waiting) >= maxForwards {
		return 0, nil
	}
	if f.waiting == nil {
		f.waiting = map[uint64]chan []byte{}
	}
	f.last++
	c := make(chan []byte, 1)
	f.waiting[f.last] = c
	return f.last, c
}

func (f *forwards) answer(m pairmsg.Forwarded) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.waiting[m.ID]; c != nil {
		delete(f.waiting, m.ID)
		c <- m.Wire
	}
}

func (f *forwards) giveUp(id uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.waiting, id)
}

// enter takes a place for a message of the partner's client.
func (f *forwards) enter() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.serving >= maxForwards {
		return false
	}
	f.serving++
	return true
}

func (f *forwards) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.serving--
}

// passOn has the partner, the main, answer a client's update, as it came. It is never queued: without an answer within 1.5 s, or when
// the connection ends, there is none (ok is false). A nil answer is the partner's word that the client gets none.
func (p *pairLink) passOn(wire []byte, from netip.Addr, tcp bool) (answer []byte, ok bool) {
	s := p.session(p.current.Load())
	if s == nil || s.load() > forwardQueued {
		return nil, false
	}
	id, reply := p.forward.ask()
	if reply == nil {
		return nil, false
	}
	defer p.forward.giveUp(id)
	if !p.put(s, pairmsg.Forward{ID: id, Client: netip.AddrPortFrom(from, 0), TCP: tcp, Wire: wire}) {
		return nil, false
	}
	late := time.NewTimer(forwardWait)
	defer late.Stop()
	select {
	case answer = <-reply:
		return answer, true
	case <-late.C:
	case <-s.gone: // the client's next try may find another state
	}
	return nil, false
}

func (s *session) load() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queued
}

// serveForwarded answers an update of a client of the partner. What is no update, or one too many, is not answered at all.
func (p *pairLink) serveForwarded(s *session, m pairmsg.Forward) {
	if len(m.Wire) < 12 || message.Opcode(m.Wire[2]>>3&15) != message.Update || m.Wire[2]&0x80 != 0 || !m.Client.Addr().IsValid() || !p.forward.enter() {
		p.put(s, pairmsg.Forwarded{ID: m.ID})
		return
	}
	p.work.Go(func() {
		defer p.forward.leave()
		w := newWorker(p.s, &p.s.count.counters)
		w.forwarded = true
		reply := pairmsg.Forwarded{ID: m.ID}
		w.slow(m.Wire, m.Client.Addr().Unmap().WithZone(""), m.TCP, func(answer []byte) error {
			reply.Wire = append([]byte(nil), answer...)
			return nil
		})
		p.put(s, reply)
	})
}
