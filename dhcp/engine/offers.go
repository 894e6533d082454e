package engine

import (
	"container/list"
	"time"

	"loadshare/dhcp/lease"
)

const (
	maxOffers = 32768
	maxProbes = 1024
	maxTries  = 4 // addresses in a row that may answer a probe
	probeRest = 250 * time.Millisecond
)

// offers are the addresses that clients were offered, or that are being probed for one. Nobody else is offered them.
type offers struct {
	by     map[lease.IP]*offer
	client map[string]lease.IP // by its key
	queue  list.List           // of *offer, by their end; each is there once, however often it is made again
	probes []probing           // by their end
}

type probing struct {
	ip    lease.IP
	until time.Duration
}

// offer is one address. The lease's own record, if it has one, is not touched by it.
type offer struct {
	ip     lease.IP
	key    string // of the client
	until  time.Duration
	place  *list.Element // in the queue
	made   time.Duration // when the client asked last
	pool   *pool         // of the address; nil: none
	seat   seat          // among the offers of the pool
	firm   bool          // the client had asked before
	probed bool          // nobody answered
	wait   *waited       // the message that is answered after the probe
}

// waited is a message that waits for a probe.
type waited struct {
	heard   Heard
	tries   int
	second  bool
	late    bool
	until   time.Duration // then nobody has answered
	reclaim bool          // the address is an abandoned one
}

// taken says that the address is on offer to another client.
func (o *offers) taken(ip lease.IP, key string) bool {
	e := o.by[ip]
	return e != nil && e.key != key
}

// offerTo keeps the address for the client from now on.
func (m *Machine) offerTo(ip lease.IP, a *ask, probed bool) *offer {
	o := &m.offers
	if old, ok := o.client[a.key]; ok && old != ip {
		o.end(m, old)
	}
	e := o.by[ip]
	if e == nil {
		if o.by == nil {
			o.by, o.client = map[lease.IP]*offer{}, map[string]lease.IP{}
		}
		e = &offer{ip: ip}
		o.by[ip] = e
		e.place = o.queue.PushBack(e)
		if p := m.poolOf(ip); p >= 0 {
			e.pool = m.pools[p]
			if i := m.table.find(ip); i >= 0 {
				e.pool.park(m.table, i)
			} else {
				e.pool.offered(ip)
			}
		}
	} else if e.pool != nil {
		e.pool.offers.remove(e.seat)
	}
	if e.pool != nil {
		e.seat = e.pool.offers.add(m.crowdOf(a), e)
	}
	if e.key != a.key {
		delete(o.client, e.key)
		e.firm = false
	}
	e.key, e.made, e.until, e.wait = a.key, m.now.Mono, m.now.Mono+m.cfg.OfferHold, nil
	e.firm = e.firm || a.second || a.firm
	e.probed = e.probed || probed
	o.client[a.key] = ip
	o.queue.MoveToBack(e.place)
	return e
}

// end gives an address back that was on offer.
func (o *offers) end(m *Machine, ip lease.IP) {
	e := o.by[ip]
	if e == nil {
		return
	}
	delete(o.by, ip)
	o.queue.Remove(e.place)
	if o.client[e.key] == ip {
		delete(o.client, e.key)
	}
	if e.pool == nil {
		return
	}
	e.pool.offers.remove(e.seat)
	if i := m.table.find(ip); i >= 0 {
		e.pool.enlist(m.table, i)
	} else {
		e.pool.lapsed(ip)
	}
}

// endOldest makes room for another: who was offered an address first, and has not taken it, is the least likely to be there. Refused
// instead, whoever makes up clients would keep all others out. False: the oldest is being probed.
func (o *offers) endOldest(m *Machine) bool {
	at := o.queue.Front()
	if at == nil || at.Value.(*offer).wait != nil {
		return false
	}
	o.end(m, at.Value.(*offer).ip)
	return true
}

// drop ends the offer of an address that became a client's.
func (o *offers) drop(m *Machine, ip lease.IP, key string) {
	o.end(m, ip)
	if other, ok := o.client[key]; ok {
		o.end(m, other)
	}
}

func (o *offers) forgetAll(m *Machine) {
	for ip := range o.by {
		o.end(m, ip)
	}
	o.probes = o.probes[:0]
}

// lapse ends the offers whose time is over, and the probes that nobody answered for.
func (m *Machine) lapse() {
	o := &m.offers
	for at := o.queue.Front(); at != nil && at.Value.(*offer).until <= m.now.Mono; at = o.queue.Front() {
		o.end(m, at.Value.(*offer).ip)
	}
	for len(o.probes) > 0 && o.probes[0].until <= m.now.Mono {
		ip := o.probes[0].ip
		o.probes = shift(o.probes, 1)
		if e := o.by[ip]; e != nil && e.wait != nil && e.wait.until <= m.now.Mono { // not a later probe, after an offer that ended
			m.probeOver(e, false)
		}
	}
}

// nextProbe is when a probe is over at the latest; 0: none is under way.
func (o *offers) nextProbe() time.Duration {
	if len(o.probes) == 0 {
		return 0
	}
	return o.probes[0].until
}

// probe asks whether somebody uses the address before the message is answered with it.
func (m *Machine) probe(ip lease.IP, a *ask, reclaim bool) {
	if e := m.offers.by[ip]; e != nil && e.wait != nil && e.key == a.key {
		e.wait.heard, e.wait.second, e.wait.late = a.heard, e.wait.second || a.second, a.late // the answer is for the last message
		m.silent(a, Probing, ip)
		return
	}
	if a.tries >= maxTries || len(m.offers.probes) >= maxProbes {
		m.silent(a, ProbedTooOften, ip)
		return
	}
	e := m.offerTo(ip, a, false)
	e.probed = false
	until := m.now.Mono + m.cfg.PingTimeout + probeRest
	e.wait = &waited{heard: a.heard, tries: a.tries, second: a.second, late: a.late, until: until, reclaim: reclaim}
	m.offers.probes = append(m.offers.probes, probing{ip, until})
	iface := ""
	if a.p.GIAddr == 0 {
		iface = a.from.Interface
	}
	m.out.Probes = append(m.out.Probes, Probe{IP: ip, Interface: iface})
	m.silent(a, Probing, ip)
}

func (m *Machine) probed(in Probed) {
	e := m.offers.by[in.IP]
	if e == nil || e.wait == nil {
		return
	}
	for k := range m.offers.probes {
		if m.offers.probes[k].ip == in.IP {
			m.offers.probes = append(m.offers.probes[:k], m.offers.probes[k+1:]...)
			break
		}
	}
	m.probeOver(e, in.InUse)
}

// probeOver answers the message that waited: with the address, or, when somebody uses it, with another.
func (m *Machine) probeOver(e *offer, inUse bool) {
	w := e.wait
	e.wait = nil
	if m.unwell != "" || !m.prepare(w.heard) {
		m.offers.end(m, e.ip)
		return
	}
	a := &m.ask
	a.probed, a.tries, a.second, a.late = e.ip, w.tries+1, w.second, w.late
	switch {
	case inUse:
		a.probed = 0
		m.offers.end(m, e.ip)
		m.abandon(a, e.ip, Answered)
	case w.reclaim:
		m.offers.end(m, e.ip)
		m.reclaim(e.ip)
	default:
		e.probed = true
	}
	m.answer(a)
}

// abandon leaves an address alone that somebody uses without a lease.
func (m *Machine) abandon(a *ask, ip lease.IP, why Reason) {
	l := m.get(ip)
	who := lease.Client{}
	if why == Declined {
		who = a.c
	}
	s := m.cfg.Scopes.ScopeOf(ip)
	if s == nil {
		return
	}
	terms := m.terms(a, s, nil)
	was := l.Client
	l, ok := l.Decline(who, m.now.Wall, m.now.Wall+int64(terms.AbandonTime))
	if !ok {
		return
	}
	l.Scope, l.Owed = s.Name, m.pairOf(ip) >= 0
	m.put(l, change{why: why, by: a.c, ours: true})
	m.owe(ip)
	m.note(Note{Reason: why, IP: ip, Client: was, Scope: s.Name})
}

// reclaim makes an abandoned address available before its time: nothing else is left, and nobody answered.
func (m *Machine) reclaim(ip lease.IP) {
	l := m.get(ip)
	if l.State != lease.Abandoned {
		return
	}
	l.End = min(l.End, m.now.Wall)
	l, ok := l.Retry(m.now.Wall)
	if !ok {
		return
	}
	if m.pairOf(ip) >= 0 {
		l.Owed = true
	} else {
		l, _ = l.Confirm(m.now.Wall)
	}
	m.put(l, change{why: Swept, ours: true, quiet: true})
	m.owe(ip)
}
