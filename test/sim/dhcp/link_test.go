package dhcpsim

import (
	"time"

	"loadshare/dhcp/failover"
	"loadshare/dhcp/failover/wire"
)

// conn is a TCP connection between partners: octets, in order, in pieces; until it dies, at any octet.
type conn struct {
	id       uint64
	relation *relation
	ends     [2]*host
	held     [2][]func() // by receiver: what is on its way
	closed   [2]bool
	pumps    [2]bool
	streams  [2]wire.Stream
}

func (s *site) wire(a, b *host) bool { return !s.cut[[2]*host{a, b}] && !s.cut[[2]*host{b, a}] }

func (s *site) dial(r *relation, h *host) {
	other := r.other(h)
	if !s.wire(h, other) {
		h.after(3*time.Second, func() { h.pair(r, failover.DialFailed{}) })
		return
	}
	h.after(s.w.Between(time.Millisecond, 5*time.Millisecond), func() {
		if !other.alive || !s.wire(h, other) {
			h.pair(r, failover.DialFailed{})
			return
		}
		s.session++
		c := &conn{id: s.session, relation: r, ends: [2]*host{h, other}}
		s.conns = append(s.conns, c)
		life := h.life
		other.pair(r, failover.Connected{Session: c.id})
		if h.life == life {
			h.pair(r, failover.Connected{Session: c.id, Dialled: true})
		}
	})
}

func (c *conn) end(h *host) int {
	if c.ends[0] == h {
		return 0
	}
	return 1
}

// through carries something to one end, after what is on its way there.
func (s *site) through(c *conn, to int, f func()) {
	c.held[to] = append(c.held[to], f)
	s.pump(c, to)
}

func (s *site) pump(c *conn, to int) {
	if c.pumps[to] {
		return
	}
	c.pumps[to] = true
	delay := s.w.Between(time.Millisecond, 4*time.Millisecond)
	if s.slow {
		delay = s.w.Between(time.Millisecond, 700*time.Millisecond)
	}
	s.w.After(delay, "", func() {
		c.pumps[to] = false
		if !s.wire(c.ends[0], c.ends[1]) || len(c.held[to]) == 0 {
			return
		}
		f := c.held[to][0]
		c.held[to] = c.held[to][1:]
		f()
		if len(c.held[to]) > 0 {
			s.pump(c, to)
		}
	})
}

// deliver sends octets, in one piece or two.
func (s *site) deliver(session uint64, from *host, b []byte) {
	for _, c := range s.conns {
		if c.id != session || c.closed[c.end(from)] {
			continue
		}
		at := len(b)
		if s.w.Chance(0.1) {
			at = s.w.Rand().IntN(len(b))
		}
		for _, piece := range [][]byte{b[:at], b[at:]} {
			if len(piece) > 0 {
				s.feed(c, 1-c.end(from), piece)
			}
		}
	}
}

func (s *site) feed(c *conn, to int, b []byte) {
	s.through(c, to, func() {
		if c.closed[to] {
			return
		}
		err := c.streams[to].Feed(b, func(raw []byte) error {
			m, err := wire.Decode(raw)
			if err == nil {
				c.ends[to].pair(c.relation, failover.Received{Session: c.id, Message: m})
			}
			return err
		})
		if err != nil {
			s.fail("does not decode: %v", err)
		}
	})
}

// closeEnd is one end's close, or the end of its process. The other hears of it when it has read the rest.
func (s *site) closeEnd(c *conn, h *host) {
	i := c.end(h)
	if c.ends[i] != h || c.closed[i] {
		return
	}
	c.closed[i] = true
	s.through(c, 1-i, func() { s.lose(c, 1-i) })
}

// lose tells an end that its connection is gone.
func (s *site) lose(c *conn, to int) {
	if !c.closed[to] {
		c.closed[to] = true
		c.ends[to].pair(c.relation, failover.Lost{Session: c.id})
	}
}

// reset kills the connections between two hosts, each direction at an octet of its own.
func (s *site) reset(a, b *host) {
	s.tell("*** connections of %s and %s are reset", a.name, b.name)
	for _, c := range s.conns {
		if c.closed[0] || c.closed[1] || c.ends != [2]*host{a, b} && c.ends != [2]*host{b, a} {
			continue
		}
		for to := range 2 {
			if n := len(c.held[to]); n > 0 { // the rest never arrives
				c.held[to] = c.held[to][:s.w.Rand().IntN(n+1)]
			}
			c.ends[to].after(s.w.Between(0, 5*time.Millisecond), func() { s.lose(c, to) })
		}
	}
}

func (s *site) part(a, b *host) {
	s.tell("*** %s and %s are cut off from each other", a.name, b.name)
	s.stats.cuts++
	s.cut[[2]*host{a, b}] = true
}

func (s *site) mend() {
	if len(s.cut) == 0 {
		return
	}
	s.tell("*** links are whole")
	clear(s.cut)
	live := s.conns[:0]
	for _, c := range s.conns {
		for to := range 2 {
			if len(c.held[to]) > 0 {
				s.pump(c, to)
			}
		}
		if !c.closed[0] || !c.closed[1] || len(c.held[0])+len(c.held[1]) > 0 {
			live = append(live, c)
		}
	}
	s.conns = live
}
