package engine

import (
	"container/heap"
	"container/list"
	"time"

	"loadshare/dhcp/lease"
)

// What clients share, and invented ones could fill, is divided fairly: who is behind the same port of the network is one crowd, and when
// there is no room the crowd that has the most gives something back. A port counts as one when a client behind it has got a lease; before
// that, all that is relayed is one crowd: who invents relays and ports has no more of it.
const maxProven = 8192

// strangers is the crowd of all relays through which nobody has got a lease.
var strangers = port{relay: 0xffffffff}

// crowdOf is the crowd of the client that asks.
func (m *Machine) crowdOf(a *ask) port {
	at := port{relay: a.p.GIAddr, circuit: string(a.relay.Circuit)}
	if at.relay == 0 {
		return port{}
	}
	if m.proven[at] {
		return at
	}
	if at.circuit = ""; m.proven[at] {
		return at
	}
	return strangers
}

// prove notes that a client gets the lease that it was offered, or has, through a relay.
func (m *Machine) prove(a *ask) {
	if a.p.GIAddr == 0 || len(m.proven) >= maxProven {
		return
	}
	m.proven[port{relay: a.p.GIAddr}] = true
	if len(a.relay.Circuit) > 0 {
		m.proven[port{a.p.GIAddr, string(a.relay.Circuit)}] = true
	}
}

// crowds are things in the order of their coming, by crowd. The zero value is empty.
type crowds struct {
	by    map[port]*crowd
	order crowdHeap // the one with the most first
}

type crowd struct {
	at    port
	list  list.List
	place int // in crowdHeap
}

// seat is the place of a thing among the others of its crowd.
type seat struct {
	in *crowd
	at *list.Element
}

// add puts a thing behind the others of the crowd.
func (c *crowds) add(at port, thing any) seat {
	g := c.by[at]
	if g == nil {
		if c.by == nil {
			c.by = map[port]*crowd{}
		}
		g = &crowd{at: at}
		c.by[at] = g
		heap.Push(&c.order, g)
	}
	s := seat{g, g.list.PushBack(thing)}
	heap.Fix(&c.order, g.place)
	return s
}

func (c *crowds) remove(s seat) {
	s.in.list.Remove(s.at)
	if s.in.list.Len() > 0 {
		heap.Fix(&c.order, s.in.place)
		return
	}
	heap.Remove(&c.order, s.in.place)
	delete(c.by, s.in.at)
}

// largest is the crowd that has the most; nil: nobody has anything.
func (c *crowds) largest() *crowd {
	if len(c.order) == 0 {
		return nil
	}
	return c.order[0]
}

// size is how much a crowd has.
func (c *crowds) size(at port) int {
	if g := c.by[at]; g != nil {
		return g.list.Len()
	}
	return 0
}

type crowdHeap []*crowd

func (h crowdHeap) Len() int           { return len(h) }
func (h crowdHeap) Less(i, j int) bool { return h[i].list.Len() > h[j].list.Len() }
func (h crowdHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}
func (h *crowdHeap) Push(x any) {
	g := x.(*crowd)
	g.place = len(*h)
	*h = append(*h, g)
}
func (h *crowdHeap) Pop() any {
	old := *h
	g := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return g
}

const (
	echoBits  = 1 << 22
	echoLasts = 30 * time.Second
)

// echo knows who was heard within the last half to whole minute, as a bit each: a client that is there asks again, one that was made up
// does not. A few who were not heard are taken for ones who were. It takes a mebibyte, from its first use on.
type echo struct {
	now, before []uint64
	turned      time.Duration
}

// again notes the client, and says whether it was heard before.
func (e *echo) again(key string, now time.Duration) bool {
	if e.now == nil {
		e.now, e.before, e.turned = make([]uint64, echoBits/64), make([]uint64, echoBits/64), now
	}
	if age := now - e.turned; age >= echoLasts {
		e.now, e.before, e.turned = e.before, e.now, now
		clear(e.now)
		if age >= 2*echoLasts {
			clear(e.before)
		}
	}
	n := uint64(14695981039346656037) // FNV-1a: the same in each run
	for i := range len(key) {
		n = (n ^ uint64(key[i])) * 1099511628211
	}
	n = (n ^ n>>29) % echoBits
	w, bit := n/64, uint64(1)<<(n%64)
	heard := (e.now[w]|e.before[w])&bit != 0
	e.now[w] |= bit
	return heard
}

// young is for how long an offer stands though others want the address: the client's REQUEST is on its way.
const young = time.Second

// takeBack ends an offer of an exhausted pool in favour of the client that asks, and returns its address; 0: there is none that may be
// ended. An offer is a courtesy (RFC 2131, 3.1: the server "need not reserve the offered network address"); the client that comes with a
// REQUEST too late is told NAK. The oldest of the crowd that has the most goes first. An offer that was made to a client that had asked
// before is not taken back by one that has not, nor while it is young: it is somebody who is there.
func (m *Machine) takeBack(a *ask, p *pool, bootp bool) lease.IP {
	if p.offers.largest() == nil {
		return 0
	}
	again := m.echo.again(a.key, m.now.Mono) || a.second
	a.firm = again
	g := p.offers.largest()
	mine := m.crowdOf(a)
	other := g.at != mine && g.list.Len() > p.offers.size(mine)+1
	n := 0
	for at := g.list.Front(); at != nil && n < parkAtOnce; at, n = at.Next(), n+1 {
		e := at.Value.(*offer)
		old := m.now.Mono-e.made >= young
		if e.wait != nil || e.firm && !(old && (again || other)) || !e.firm && !(old || again || other) {
			continue
		}
		l := m.get(e.ip)
		if ok, _ := m.may(&l, a.c, bootp); !ok {
			continue
		}
		if e.probed {
			a.probed = e.ip
		}
		m.note(Note{Reason: TakenBack, IP: e.ip, Scope: p.scope.Name})
		m.offers.end(m, e.ip)
		return e.ip
	}
	return 0
}
