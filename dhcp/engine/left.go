package engine

import (
	"slices"
	"time"

	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/packet"
)

const (
	maxLeft    = 1024            // messages that are kept
	leftFresh  = 2 * time.Second // who waits longer has tried again
	leftAtOnce = 128             // that are answered in one Step
	maxAhead   = 64              // probes under way, above which no other is made ahead
)

// left are the last messages that were left to a partner, one of each client. When contact with the partner is lost they are answered as
// if they came then: a client's own next try may be seconds away. What is heard of the client meanwhile, from itself or from the partner,
// takes its message away.
//
// An answer that is one too many, because the partner was only slow, does no harm: an OFFER promises nothing, and an ACK of a lease that
// the client asks for by its address is what either server may say. BOOTP clients and rapid commit would get a second address; the former
// are not kept, the latter are made an offer.
type left struct {
	by    map[string]leftMessage
	order []leftAt // by their time; some are gone, or there is a newer one
}

type leftMessage struct {
	heard Heard
	pair  int32
	at    time.Duration
	ahead bool // an address was probed for it
}

type leftAt struct {
	key string
	at  time.Duration
}

// leave keeps a message that the partner answers.
func (m *Machine) leave(a *ask) {
	if a.late || a.p.Type == packet.BOOTP {
		return
	}
	l := &m.left
	if l.by == nil {
		l.by = map[string]leftMessage{}
	}
	if len(l.order) > 2*len(l.by)+64 {
		l.order = slices.DeleteFunc(l.order, func(o leftAt) bool { _, ok := l.get(o); return !ok })
	}
	if len(l.by) >= maxLeft {
		l.oldest(maxLeft / 16) // at a time: to move all for each would cost more than the message
	}
	l.by[a.key] = leftMessage{heard: a.heard, pair: a.leftTo, at: m.now.Mono}
	l.order = append(l.order, leftAt{a.key, m.now.Mono})
}

// drop: the client was heard again, or is served.
func (l *left) drop(key string) { delete(l.by, key) }

// oldest forgets the first of the order.
func (l *left) oldest(n int) {
	for _, o := range l.order[:n] {
		if _, ok := l.get(o); ok {
			l.drop(o.key)
		}
	}
	l.order = shift(l.order, n)
}

// get is the message of a place in the order.
func (l *left) get(o leftAt) (leftMessage, bool) {
	e, ok := l.by[o.key]
	return e, ok && e.at == o.at
}

// clean forgets those whose client has tried again.
func (l *left) clean(now time.Duration) {
	n := 0
	for n < len(l.order) {
		o := l.order[n]
		if _, ok := l.get(o); ok {
			if now-o.at < leftFresh {
				break
			}
			l.drop(o.key)
		}
		n++
	}
	l.order = shift(l.order, n)
}

// takeOver answers what was left to a partner that is not there; true: there is more. While the partner's word is only overdue, addresses
// are probed for it: this takes longer than the rest.
func (m *Machine) takeOver() (more bool) {
	if len(m.left.order) == 0 {
		return false
	}
	m.left.clean(m.now.Mono)
	for x, p := range m.pairs {
		switch {
		case p.state != wire.Normal:
			more = m.answerLeft(int32(x)) || more
		case p.m.Late():
			m.probeAhead(int32(x))
		}
	}
	return more
}

// answerLeft answers what was left to that partner.
func (m *Machine) answerLeft(pair int32) (more bool) {
	n := 0
	for _, o := range m.left.order {
		e, ok := m.left.get(o)
		if !ok || e.pair != pair {
			continue
		}
		if n == leftAtOnce {
			return true
		}
		n++
		m.left.drop(o.key)
		if m.unwell == "" && m.prepare(e.heard) {
			m.ask.late = true
			m.answer(&m.ask)
		}
	}
	return false
}

// probeAhead probes the addresses that clients will be offered if the partner stays silent.
func (m *Machine) probeAhead(pair int32) {
	for _, o := range m.left.order {
		if len(m.offers.probes) >= maxAhead {
			return
		}
		e, ok := m.left.get(o)
		if !ok || e.pair != pair || e.ahead || e.heard.Packet.Type != packet.Discover {
			continue
		}
		e.ahead = true
		m.left.by[o.key] = e
		if m.unwell != "" || !m.prepare(e.heard) {
			continue
		}
		a := &m.ask
		a.late, a.ahead = true, true
		m.ahead(a)
	}
}
