package beside

import (
	"cmp"
	"slices"
	"time"

	"loadshare/dhcp/lease"
)

// Harm is what an outage did to a client.
type Harm uint8

// The harms, the worst first.
const (
	NeverServed Harm = iota + 1 // it asked, and got nothing before contact was made
	Waited                      // it got a lease after it had waited
	ShortLease                  // at once, but only for the MCLT
)

// String is a few words.
func (h Harm) String() string {
	if h >= NeverServed && h <= ShortLease {
		return [...]string{"never served", "waited", "short lease"}[h-1]
	}
	return "unknown"
}

// Affected is a client that felt an outage.
type Affected struct {
	Client  lease.Client
	Relay   lease.IP
	How     Harm
	Waited  uint32 // seconds
	Seconds uint32 // of the lease; 0 of NeverServed
}

// Outage is the time without contact that ended last, and whom it touched, as both servers know it (decision D-k).
type Outage struct {
	From, Until int64 // seconds since 1970; the zero value is none
	Clients     []Affected
	Cut         bool // there were more than fit
}

// Count is how many clients felt it so.
func (o *Outage) Count(h Harm) (n int) {
	for i := range o.Clients {
		if o.Clients[i].How == h {
			n++
		}
	}
	return n
}

// outage is what this server sees of one. A start without contact is one too.
type outage struct {
	running bool
	from    time.Duration
	fromAt  int64
	by      map[uint64]Affected
	cut     bool
	last    Outage
	ended   time.Duration
}

const outageShown = 24 * time.Hour

// starts: contact is lost.
func (o *outage) starts(now Now) {
	if !o.running {
		o.running, o.from, o.fromAt, o.by, o.cut = true, now.Mono, now.Wall, map[uint64]Affected{}, false
	}
}

// acked: a client got a lease while there was no contact. waited is 0 when it got it at once.
func (o *outage) acked(h uint64, a *Acked, waited uint32) {
	if !o.running {
		return
	}
	if have, ok := o.by[h]; ok && have.How == NeverServed {
		waited = max(1, waited, have.Waited)
	}
	switch {
	case waited > 0:
		o.add(h, Affected{a.Client, a.Relay, Waited, waited, a.Seconds})
	case a.Short:
		o.add(h, Affected{a.Client, a.Relay, ShortLease, 0, a.Seconds})
	}
}

// waits: a client waits, or waited and gave up.
func (o *outage) waits(w *Waiter) {
	if !o.running || w.Denied {
		return
	}
	h := clientHash(w.Client)
	if have, ok := o.by[h]; !ok || have.How == NeverServed {
		o.add(h, Affected{w.Client, w.Relay, NeverServed, w.Waited, 0})
	}
}

func (o *outage) add(h uint64, a Affected) {
	have, ok := o.by[h]
	switch {
	case !ok && len(o.by) >= maxOutage:
		o.cut = true
		return
	case ok && have.How == Waited && a.How == ShortLease: // it has waited nevertheless
		a.How, a.Waited = Waited, have.Waited
	}
	o.by[h] = a
}

// ends: contact is made. What this server saw is to be told.
func (o *outage) ends(now Now) (lasted uint32, list []Affected) {
	if !o.running {
		return 0, nil
	}
	o.running, o.ended = false, now.Mono
	o.last = Outage{From: o.fromAt, Until: now.Wall, Cut: o.cut}
	for _, a := range o.by {
		o.last.Clients = append(o.last.Clients, a)
	}
	o.by = nil
	o.sort()
	return seconds(now.Mono - o.from), slices.Clone(o.last.Clients)
}

// joins what the partner saw of the same outage: of a client that both speak of the one who gave it a lease is right.
func (o *outage) joins(f *outageFrame, now Now) {
	if o.last.Until == 0 || now.Mono-o.ended > time.Minute {
		if len(f.list) == 0 {
			return
		}
		o.last, o.ended = Outage{From: now.Wall - int64(f.lasted), Until: now.Wall}, now.Mono // this server was not there
	}
	for _, a := range f.list {
		i := slices.IndexFunc(o.last.Clients, func(b Affected) bool { return b.Client.Key() == a.Client.Key() })
		switch {
		case i < 0 && len(o.last.Clients) >= 2*maxOutage:
			o.last.Cut = true
		case i < 0:
			o.last.Clients = append(o.last.Clients, a)
		default:
			o.last.Clients[i] = join(o.last.Clients[i], a)
		}
	}
	o.sort()
}

// join is what both know of one client.
func join(a, b Affected) Affected {
	if a.How == NeverServed {
		a, b = b, a
	}
	waited := a.Waited
	if b.How == Waited || a.How == NeverServed {
		waited = max(waited, b.Waited)
	}
	a.Waited = waited
	if b.How == Waited && a.How == ShortLease {
		a.How = Waited
	}
	return a
}

// served: the partner gave leases to these while there was no contact; it did not find them worth telling, for they got them at once.
func (o *outage) served(client uint64) {
	o.last.Clients = slices.DeleteFunc(o.last.Clients, func(a Affected) bool { return a.How == NeverServed && clientHash(a.Client) == client })
}

func (o *outage) sort() {
	slices.SortStableFunc(o.last.Clients, func(a, b Affected) int {
		return cmp.Or(cmp.Compare(a.How, b.How), cmp.Compare(b.Waited, a.Waited), cmp.Compare(a.Client.Key(), b.Client.Key()))
	})
}

// Outage is the last time without contact that touched a client, for a day; the zero value is none.
func (m *Machine) Outage() Outage {
	if len(m.outage.last.Clients) == 0 || m.now.Mono-m.outage.ended > outageShown {
		return Outage{}
	}
	out := m.outage.last
	out.Clients = slices.Clone(out.Clients)
	return out
}
