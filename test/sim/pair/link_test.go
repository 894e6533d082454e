package pairsim

import (
	"fmt"
	"strings"
	"time"

	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
)

// link is the network between the two nodes.
type link struct {
	s     *site
	delay [2]time.Duration
	cut   [2]bool // what this node sends does not arrive
	conns []*conn
}

// conn is one connection. What one end sends arrives at the other in order, or the connection ends there.
type conn struct {
	l    *link
	ends [2]*end
	dead bool // broken off: nothing arrives any more
}

// end is one end of a connection; its queue is what is on the way to it.
type end struct {
	c       *conn
	n       *node
	run     uint64
	session uint64
	open    bool // its process has it open
	told    bool // its machine knows it
	queue   []packet
	waiting bool
	sets    map[setsKey]*sets
}

type packet struct {
	at    time.Time
	frame []byte // nil: the end
}

func (e *end) alive() bool { return e.n.life.Alive() && e.n.life.Run() == e.run }

func (e *end) other() *end { return e.c.ends[1-e.n.i] }

// send puts a frame on the way to the other end.
func (e *end) send(frame []byte) {
	o := e.other()
	w := e.n.s.w
	o.queue = append(o.queue, packet{w.Now().Add(w.Between(e.c.l.delay[0], e.c.l.delay[1])), frame})
	o.pump()
}

// pump sees to it that the first of the queue arrives.
func (e *end) pump() {
	if e.waiting || len(e.queue) == 0 {
		return
	}
	e.waiting = true
	e.n.s.w.At(e.queue[0].at, "", e.arrive)
}

func (e *end) arrive() {
	e.waiting = false
	if e.c.dead || len(e.queue) == 0 {
		return
	}
	if e.c.l.cut[1-e.n.i] || !e.n.power {
		e.stalled()
		return
	}
	p := e.queue[0]
	e.queue = e.queue[1:]
	if e.open && e.alive() {
		if p.frame == nil {
			e.lost()
		} else {
			e.n.received(e, p.frame)
		}
	}
	e.pump()
}

// stalled: the network does not carry it. TCP tries again for some time, then gives up.
func (e *end) stalled() {
	w := e.n.s.w
	if len(e.queue) > 0 && w.Now().Sub(e.queue[0].at) > 10*time.Second {
		e.c.breakOff()
		return
	}
	e.waiting = true
	w.After(w.Between(50*time.Millisecond, 300*time.Millisecond), "", e.arrive)
}

// lost tells the machine that the connection is gone.
func (e *end) lost() {
	e.open = false
	if e.alive() && e.told {
		e.n.step(pair.Lost{Session: e.session})
	}
}

// breakOff ends a connection by the network: each side learns of it at its own time.
func (c *conn) breakOff() {
	if c.dead {
		return
	}
	c.dead = true
	w := c.l.s.w
	for _, e := range c.ends {
		w.After(w.Between(0, 5*time.Second), "", func() {
			if e.open {
				e.lost()
			}
		})
	}
}

// close is the end by the process of e (or by its death): what was sent may or may not arrive before it.
func (e *end) close() {
	if !e.open {
		return
	}
	e.open = false
	o := e.other()
	if e.n.s.w.Chance(0.3) && len(o.queue) > 0 {
		o.queue = o.queue[:e.n.s.w.Rand().IntN(len(o.queue))]
	}
	e.send(nil)
}

// reset breaks all connections at once.
func (l *link) reset() {
	for _, c := range l.conns {
		c.breakOff()
	}
}

// find is the open end of a node's session.
func (l *link) find(n *node, session uint64) *end {
	for _, c := range l.conns {
		if e := c.ends[n.i]; e.session == session && e.run == n.life.Run() && e.open {
			return e
		}
	}
	return nil
}

// died: a process is gone. When its host is there, the kernel says so to the partner; else nobody does, until the host
// is back.
func (l *link) died(n *node, host bool) {
	for _, c := range l.conns {
		if e := c.ends[n.i]; e.open {
			if host {
				e.close()
			} else {
				e.open = false
				w := l.s.w
				w.After(w.Between(15*time.Second, time.Minute), "", c.breakOff)
			}
		}
	}
}

// back: the host of n is there again and knows nothing of old connections.
func (l *link) back(n *node) {
	for _, c := range l.conns {
		if !c.ends[n.i].open {
			c.breakOff()
		}
	}
}

// sweep forgets connections that nobody has any more.
func (l *link) sweep() {
	kept := l.conns[:0]
	for _, c := range l.conns {
		if !c.dead && (c.ends[0].open || c.ends[1].open || len(c.ends[0].queue)+len(c.ends[1].queue) > 0) {
			kept = append(kept, c)
		}
	}
	l.conns = kept
}

// dial is one attempt of n to reach its partner.
func (l *link) dial(n *node) {
	w, p := l.s.w, l.s.nodes[1-n.i]
	failed := func(after time.Duration, refused bool) {
		w.After(after, "", n.life.Bind(func() {
			n.dialling = false
			n.step(pair.DialFailed{Refused: refused})
		}))
	}
	took := 2 * w.Between(l.delay[0], l.delay[1])
	switch {
	case !p.power || l.cut[0] || l.cut[1]:
		failed(5*time.Second, false)
	case !p.life.Alive() || p.stopping:
		failed(took, true)
	default:
		w.After(took, "", n.life.Bind(func() {
			if !p.power || !p.life.Alive() || l.cut[0] || l.cut[1] {
				failed(0, false)
				return
			}
			l.connect(n, p)
		}))
	}
}

func (l *link) connect(n, p *node) {
	l.sweep()
	w := l.s.w
	c := &conn{l: l}
	for _, x := range []*node{n, p} {
		x.sessions++
		c.ends[x.i] = &end{c: c, n: x, run: x.life.Run(), session: x.sessions, open: true, waiting: true, sets: map[setsKey]*sets{}}
	}
	l.conns = append(l.conns, c)
	for _, x := range []*node{n, p} {
		e := c.ends[x.i]
		w.After(w.Between(0, 2*l.delay[1]), "", func() {
			if x == n && e.alive() {
				n.dialling = false
			}
			e.waiting = false
			if e.open && e.alive() {
				e.told = true
				w.Note("%s: connected, session %d", x.name, e.session)
				x.step(pair.Connected{Session: e.session, Dialled: x == n})
			}
			e.pump()
		})
	}
}

// say is a message for the trace; small talk is "".
func say(m pairmsg.Message) string {
	switch m := m.(type) {
	case pairmsg.Heartbeat, pairmsg.HeartbeatReply:
		return ""
	case pairmsg.Update:
		e := m.Entries
		return fmt.Sprintf("update %d+%d of %s to %d", m.First, len(e), m.Zone, e[len(e)-1].Delta.To)
	case pairmsg.UpdateReply:
		return fmt.Sprintf("update reply through %d", m.Through)
	case pairmsg.SyncEntries:
		return fmt.Sprintf("sync %d entries %d of %s, last %t, gone %t", m.Sync, len(m.Entries), m.Zone, m.Last, m.Gone)
	case pairmsg.SyncCompare:
		return fmt.Sprintf("sync %d compare %s, %d digests", m.Sync, m.Zone, len(m.Digests))
	case pairmsg.SyncSets:
		return fmt.Sprintf("sync %d sets %d of %s, last %t", m.Sync, len(m.Sets), m.Zone, m.Last)
	case pairmsg.SyncCommit:
		return fmt.Sprintf("sync %d commit %s %d > %d", m.Sync, m.Zone, m.Before.Serial, m.After.Serial)
	case pairmsg.SyncPoints:
		return fmt.Sprintf("sync %d points %s, missing %t, here %s, %d of history", m.Sync, m.Here.Zone, m.Missing, point(m.Here.Point), len(m.History))
	case pairmsg.SyncAsk:
		return fmt.Sprintf("sync %d ask %s, main at %s", m.Sync, m.Zone, point(m.Main.Point))
	case pairmsg.SyncDone:
		return fmt.Sprintf("sync %d done %s %s %s", m.Sync, m.Zone, point(m.Point), m.Error)
	case pairmsg.SyncEnd:
		return fmt.Sprintf("sync %d end %s %s %s", m.Sync, m.Zone, point(m.Point), m.Error)
	case pairmsg.Negotiate:
		return "negotiate " + points(m.Zones)
	case pairmsg.NegotiateReply:
		return "negotiate reply " + points(m.Zones)
	case pairmsg.Shutdown:
		return "shutdown " + points(m.Last)
	case pairmsg.Hello:
		return fmt.Sprintf("hello %v epoch %d store %x boot %d seq %d (of yours %x %d) state %v unfit %q", m.Role, m.Epoch, m.Store[:2], m.Boot, m.Seq, m.PeerStore[:2], m.PeerSeq, m.State, m.Unfit)
	default:
		return strings.TrimPrefix(fmt.Sprintf("%T%+v", m, m), "pairmsg.")
	}
}

func point(p pairmsg.Point) string { return fmt.Sprintf("%d/%04x", p.Serial, p.Digest[0]>>48) }

func points(zs []pairmsg.ZonePoint) string {
	var b strings.Builder
	for _, z := range zs {
		fmt.Fprintf(&b, "%s %s agreed %s flags %d; ", z.Zone, point(z.Point), point(z.Agreed), z.Flags)
	}
	return b.String()
}
