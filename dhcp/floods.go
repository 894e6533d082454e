package dhcp

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/packet"
)

const (
	maxFloods  = 64          // places that are told apart; the rest is one
	floodLeast = 100         // messages dropped, below which it is none
	floodOver  = time.Minute // without a dropped message
)

// place is where messages come from: a relay and its port, or an interface, or an address that is no relay's.
type place struct {
	relay lease.IP
	port  string // option 82, circuit
	iface string
	from  lease.IP
}

// String is for people.
func (p place) String() string {
	switch {
	case p.relay != 0 && p.port != "":
		return "relay " + p.relay.String() + ", port " + printable(p.port)
	case p.relay != 0:
		return "relay " + p.relay.String()
	case p.iface != "":
		return "interface " + p.iface
	case p.from != 0:
		return "address " + p.from.String()
	}
	return "many places"
}

// spate is what one place had dropped in one go.
type spate struct {
	since, last time.Time
	limited     uint64 // by the limits of new clients
	behind      uint64 // because the server did not keep up
}

// floods are where more comes from than is answered.
type floods struct {
	mu sync.Mutex // receivers and the loop count, the watcher and status read
	by map[place]*spate
}

func (f *floods) count(p place, limited bool, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e := f.by[p]
	if e == nil {
		if f.by == nil {
			f.by = map[place]*spate{}
		}
		if len(f.by) >= maxFloods {
			p = place{}
			e = f.by[p]
		}
		if e == nil {
			e = &spate{since: now}
			f.by[p] = e
		}
	}
	if now.Sub(e.last) > floodOver {
		*e = spate{since: now}
	}
	e.last = now
	if limited {
		e.limited++
	} else {
		e.behind++
	}
}

// shed counts a message that was not parsed.
func (f *floods) shed(h *packet.Head, from packet.Arrival, now time.Time) {
	p := place{relay: h.GIAddr}
	if p.relay == 0 {
		if p.iface = from.Interface; p.iface == "" {
			p.from = lease.IPOf(from.Source.Addr())
		}
	}
	f.count(p, false, now)
}

// note counts a client that met a limit.
func (f *floods) note(n *engine.Note, now time.Time) {
	if n.Reason == engine.TooMany {
		f.count(place{relay: n.Relay, port: n.Port, iface: n.Interface}, true, now)
	}
}

// standing are the floods that go on, the greatest first. What is over is forgotten.
func (f *floods) standing(now time.Time) []FloodStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := []FloodStatus{}
	for p, e := range f.by {
		if now.Sub(e.last) > floodOver {
			delete(f.by, p)
			continue
		}
		if e.limited+e.behind < floodLeast {
			continue
		}
		one := FloodStatus{
			Where: p.String(), Port: printable(p.port), Interface: p.iface, Since: e.since.UTC().Truncate(time.Second), Last: e.last.UTC().Truncate(time.Second),
			Dropped: e.limited + e.behind, Limited: e.limited,
		}
		if p.relay != 0 {
			one.Relay = p.relay.String()
		}
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b FloodStatus) int {
		return cmp.Or(cmp.Compare(b.Dropped, a.Dropped), cmp.Compare(a.Where, b.Where))
	})
	return out
}
