package plan

import (
	"slices"
	"strings"
	"time"

	"loadshare/ddns"
	"loadshare/monitor/order"
)

// Bounds of a lease.
const (
	minLease     = time.Second
	maxLease     = 10 * time.Minute
	defaultLease = 3 * defaultInterval
)

// heldBy is the monitor obeyed for the pool now; "" when the lease lapsed.
func (p *pool) heldBy(now time.Time) string {
	if p.holder == "" || now.After(p.until) {
		return ""
	}
	return p.holder
}

func (p *pool) held(now time.Time) order.Held {
	h := order.Held{Pool: p.id, Newest: p.newest, Holder: p.heldBy(now)}
	if h.Holder != "" {
		h.LapsesIn = p.until.Sub(now)
	}
	return h
}

func (m *Machine) hello(now time.Time, in Heard) {
	w := order.Welcome{Version: order.Version, Agent: m.cfg.Agent, Publishes: len(m.cfg.Servers) > 0, Boot: m.boot}
	for name := range m.cfg.Services {
		w.Services = append(w.Services, name)
	}
	slices.Sort(w.Services)
	for _, p := range m.sortedPools() {
		w.Pools = append(w.Pools, p.held(now))
	}
	m.out.Reply = append(m.out.Reply, Reply{To: in.From, ID: in.ID, Msg: w})
	// What it may have missed while it was not connected.
	for _, p := range m.sortedPools() {
		if p.job != nil && p.job.from == in.From {
			m.report(in.From, p.job.published(m.cfg))
		}
	}
	for _, s := range m.sortedServices() {
		for _, a := range s.attempts {
			if a.Monitor == in.From && a.Result != nil && now.Sub(a.At) < repeatResults {
				m.report(in.From, *a.Result)
			}
		}
	}
}

// validPool keeps nonsense out of the store.
func validPool(id order.PoolID) bool {
	return id == order.NewPoolID(id.Name(), id.Type()) && ddns.CheckName(id.Name()) == nil && slices.Contains(ddns.PoolTypes, string(id.Type()))
}

func (m *Machine) sortedPools() []*pool {
	ps := make([]*pool, 0, len(m.pools))
	for _, p := range m.pools {
		ps = append(ps, p)
	}
	slices.SortFunc(ps, func(a, b *pool) int { return strings.Compare(string(a.id), string(b.id)) })
	return ps
}

// heartbeat grants and renews leases (M1) and takes the confirmations (M2).
func (m *Machine) heartbeat(now time.Time, in Heard, hb order.Heartbeat) {
	lease := hb.Lease
	if lease <= 0 {
		lease = defaultLease
	}
	lease = min(max(lease, minLease), maxLease)
	beat := order.Beat{}
	for _, c := range hb.Claims {
		p := m.pools[c.Pool]
		if p == nil && validPool(c.Pool) {
			p = m.pool(c.Pool)
		}
		if p == nil {
			beat.Refused = append(beat.Refused, order.Held{Pool: c.Pool})
			continue
		}
		holder := p.heldBy(now)
		if holder != "" && holder != in.From {
			beat.Refused = append(beat.Refused, p.held(now))
			m.note(Note{Reason: LeaseRefused, Pool: p.id, Text: in.From + ": held by " + holder})
			continue
		}
		save := false
		if p.holder != in.From || p.lease != lease {
			if p.holder != "" && p.holder != in.From {
				m.note(Note{Reason: LeaseLapsed, Pool: p.id, Text: p.holder})
			}
			if p.holder != in.From {
				m.note(Note{Reason: LeaseTaken, Pool: p.id, Stamp: c.Current, Text: in.From})
			}
			p.holder, p.lease, save = in.From, lease, true
		}
		p.until = now.Add(lease)
		if c.Current.Newer(p.newest) {
			p.newest, save = c.Current, true
		}
		if p.confirm(now, c.Current) {
			m.touch(p)
		}
		if save {
			m.save(p)
		}
	}
	m.out.Reply = append(m.out.Reply, Reply{To: in.From, ID: in.ID, Msg: beat})
}

// confirm notes that the holder calls a stamp current; legs that wait for it
// may act at once.
func (p *pool) confirm(now time.Time, current order.Stamp) (freed bool) {
	p.confirmed, p.confirmedAt = current, now
	if p.job == nil || p.job.order.Stamp != current {
		return false
	}
	for i := range p.job.legs {
		if l := &p.job.legs[i]; l.unconfirmed {
			l.unconfirmed, l.next, freed = false, now, true
		}
	}
	return freed
}

// confirms reports whether a queued or repeated write of a stamp may go (M2).
func (p *pool) confirms(now time.Time, s order.Stamp) bool {
	return p.confirmed == s && !s.IsZero() && now.Sub(p.confirmedAt) <= ConfirmedWithin
}

// obeys checks who may order, and whether the order is not older than what is
// known (M1). It notes a newer stamp.
func (m *Machine) obeys(now time.Time, from string, id order.PoolID, s order.Stamp) (*pool, verdict) {
	p := m.pools[id]
	if p == nil {
		return nil, verdict{refused: order.RefusedNotHolder, detail: "claim the pool first"}
	}
	if h := p.heldBy(now); h != from {
		d := "held by " + h
		if h == "" {
			d = "nobody holds it: claim it first"
		}
		return nil, verdict{refused: order.RefusedNotHolder, newest: p.newest, detail: d}
	}
	if s.IsZero() || s.Monitor != from {
		return nil, verdict{refused: order.RefusedBadOrder, detail: "its stamp is not the sender's"}
	}
	if p.newest.Newer(s) {
		return nil, verdict{refused: order.RefusedStale, newest: p.newest}
	}
	return p, verdict{}
}

// badID says what is wrong with the id of an order.
func badID(id string) string {
	if id == "" || len(id) > maxID {
		return "its id is empty or longer than 128"
	}
	return ""
}
