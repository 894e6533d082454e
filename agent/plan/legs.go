package plan

import (
	"maps"
	"slices"
	"time"

	"loadshare/ddns"
	"loadshare/monitor/order"
)

// Times of one leg.
const (
	// retryFirst is the wait after the first failure: a restarting server is back soon.
	retryFirst = time.Second
	// changesAtOnce bounds how often a changed set is read again without a wait.
	changesAtOnce = 5
	// partnerLooks bounds how often the partner of a pair is asked for what the
	// other one took.
	partnerLooks = 4
)

// leg is one server's part of a job.
type leg struct {
	state order.ServerState
	// token is in flight; 0 for none.
	token uint64
	// next is when to act again; the zero time means at once.
	next time.Time
	// began is when the last read did: waits count from there, so that a slow
	// timeout does not add to them.
	began time.Time
	// over: answers, refused, or given up as a silent partner.
	over bool
	// first: the first write has not gone yet, so it needs no confirmation.
	first       bool
	unconfirmed bool // wants to write but may not: waits for a confirmation
	lookOnly    bool // Pair: the other one took it, this one is only asked
	noZone      bool // Pair: it is not authoritative; the other one may be
	looks       int
	failed      int  // without success since the last answer
	changes     int  // failed prerequisites in a row
	mistaken    bool // the last write failed its prerequisites
	// literal counts through what of an answer may have come from a wildcard:
	// bit 0 the set, bit 1 the generation record.
	literal uint8
	zone    string
	last    ddns.Have

	attempts   int
	writtenAt  time.Time
	answeredAt time.Time
	already    bool
	refused    order.Refusal
	err        string
}

func newLegs(now time.Time, cfg Config, fresh bool) []leg {
	legs := make([]leg, len(cfg.Servers))
	for i := range legs {
		legs[i] = leg{state: order.ServerPending, first: fresh, next: now}
	}
	return legs
}

// mayAct reports whether a leg waits for its time and nothing else.
func (m *Machine) mayAct(p *pool, i int) bool {
	l := &p.job.legs[i]
	return !l.over && l.token == 0 && p.busy[m.cfg.Servers[i]] == 0 && m.hasTurn(p.job, i)
}

// advance starts what is due, and reports what changed.
func (m *Machine) advance(now time.Time) {
	for _, id := range slices.Sorted(maps.Keys(m.dirty)) {
		p := m.dirty[id]
		delete(m.dirty, id)
		if p.job == nil {
			continue
		}
		for i := range p.job.legs {
			if m.mayAct(p, i) && !p.job.legs[i].next.After(now) {
				m.read(now, p, i)
			}
		}
		m.finish(p)
	}
}

func (m *Machine) touch(p *pool) { m.dirty[p.id] = p }

func (m *Machine) touchDue(now time.Time) {
	for _, p := range m.active {
		for i := range p.job.legs {
			if m.mayAct(p, i) && !p.job.legs[i].next.After(now) {
				m.touch(p)
			}
		}
	}
}

// finish sees whether the order has ended (M5), saves that, and reports what changed.
func (m *Machine) finish(p *pool) {
	j := p.job
	if !j.done && m.ended(j) {
		j.done = true
		if !p.adopted && slices.ContainsFunc(j.legs, func(l leg) bool { return l.state == order.ServerAnswers }) {
			p.adopted = true
			m.save(p)
		}
		m.note(Note{Reason: OrderEnded, Pool: p.id, Stamp: j.order.Stamp})
	}
	if now := j.published(m.cfg); !samePublished(now, j.told) {
		if j.over() {
			delete(m.active, p.id)
			m.save(p)
		}
		j.told = now
		m.report(j.from, now)
	}
}

// ended: `every`: each living server answers it, a dead one is owed. `pair`: one
// of them took it and answers it.
func (m *Machine) ended(j *job) bool {
	if j.over() {
		return true
	}
	answers := 0
	for i := range j.legs {
		l := &j.legs[i]
		if l.state == order.ServerAnswers {
			answers++
		} else if m.cfg.Policy == Every && !l.over && l.failed == 0 {
			return false
		}
	}
	return answers > 0
}

func samePublished(a, b order.Published) bool {
	return a.Order == b.Order && a.Done == b.Done && slices.Equal(a.Set, b.Set) && a.Newest == b.Newest &&
		slices.EqualFunc(a.Servers, b.Servers, func(x, y order.ServerResult) bool {
			return x.Server == y.Server && x.State == y.State && x.Refused == y.Refused && x.Error == y.Error
		})
}

func (m *Machine) read(now time.Time, p *pool, i int) {
	l := &p.job.legs[i]
	l.began = now
	r := Read{Server: m.cfg.Servers[i], Zone: p.job.order.Zone, Key: p.job.want.Key()}
	if m.cfg.Fence {
		// badPublish has refused names without room for it.
		r.Generation, _ = ddns.GenerationName(r.Key)
	}
	r.Token = m.launch(p, l, r.Server)
	m.out.Read = append(m.out.Read, r)
}

func (m *Machine) launch(p *pool, l *leg, server string) uint64 {
	m.token++
	m.flights[m.token] = flight{p, server}
	p.busy[server] = m.token
	l.token, l.next = m.token, time.Time{}
	return m.token
}

// land takes a token back. The leg is nil when its job is gone meanwhile.
func (m *Machine) land(token uint64) (*pool, *leg, string) {
	f, ok := m.flights[token]
	if !ok {
		return nil, nil, ""
	}
	delete(m.flights, token)
	f.pool.busy[f.server] = 0
	m.touch(f.pool)
	if f.pool.job == nil {
		return f.pool, nil, f.server
	}
	for i := range f.pool.job.legs {
		if l := &f.pool.job.legs[i]; l.token == token {
			l.token = 0
			return f.pool, l, f.server
		}
	}
	return f.pool, nil, f.server
}

func (m *Machine) readDone(now time.Time, in ReadDone) {
	p, l, server := m.land(in.Token)
	if p == nil {
		return
	}
	m.heardServer(now, server, in.Fault, in.Err)
	if l == nil {
		return
	}
	if in.Fault != NoFault {
		m.note(Note{Reason: ReadFailed, Pool: p.id, Server: server, Stamp: p.job.order.Stamp, Text: in.Err})
		m.fail(now, p, l, in.Fault, in.Err)
		return
	}
	l.zone, l.failed, l.err = in.Zone, 0, ""
	in.Have.Set = in.Have.Set.Normalize()
	m.decide(now, p, l, server, in.Have)
}

// decide compares what a server holds with what is wanted.
func (m *Machine) decide(now time.Time, p *pool, l *leg, server string, have ddns.Have) {
	j := p.job
	stamp, stamped := have.Stamp()
	if m.cfg.Fence && stamped && order.Stamp(stamp).Newer(j.order.Stamp) {
		m.stale(p, l, server, order.Stamp(stamp))
		return
	}
	keep := m.keepStrays(j)
	normal, _ := m.cfg.Normal.Get(j.want.Key())
	sorted := ddns.Sort(have.Set, j.want, j.members, normal, keep)
	m.noteStrays(now, p, have.Set, sorted, keep)
	fenced := !m.cfg.Fence || stamped && order.Stamp(stamp) == j.order.Stamp
	if have.Set.Equal(sorted.Target) && fenced {
		m.answers(now, p, l, server)
		return
	}
	if l.lookOnly {
		m.lookAgain(now, l)
		return
	}
	if !l.first && !p.confirms(now, j.order.Stamp) {
		l.unconfirmed, l.next = true, now.Add(RetryEvery)
		m.note(Note{Reason: NotConfirmed, Pool: p.id, Server: server, Stamp: j.order.Stamp})
		return
	}
	if !l.writtenAt.IsZero() && l.changes == 0 && l.looks == 0 {
		// It said NOERROR a moment ago and does not show it: look once more
		// before writing again.
		l.looks, l.next = 1, now.Add(retryFirst)
		return
	}
	m.write(p, l, server, have, sorted.Target)
}

func (m *Machine) write(p *pool, l *leg, server string, have ddns.Have, target ddns.Set) {
	j := p.job
	// A wildcard answers for a name that is not there: a set that is refused as
	// changed, but reads the same again, does not exist literally.
	if l.mistaken && slices.Equal(have.Set.Values, l.last.Set.Values) && slices.Equal(have.Generation, l.last.Generation) {
		l.literal = (l.literal + 1) % 4
	}
	l.last, l.mistaken = have, false
	if l.literal&1 != 0 {
		have.Set.Values = nil
	}
	if l.literal&2 != 0 {
		have.Generation = nil
	}
	w := Write{Server: server, Pool: p.id, Stamp: j.order.Stamp, Change: ddns.Unfenced(l.zone, have.Set, target)}
	if m.cfg.Fence {
		c, err := ddns.Fenced(l.zone, have, ddns.Want{Set: target, Stamp: ddns.Stamp(j.order.Stamp)})
		if err != nil {
			m.refuse(l, order.RefusedBadOrder, err.Error())
			return
		}
		w.Change = c
	}
	l.first, l.looks = false, 0
	l.attempts++
	w.Token = m.launch(p, l, server)
	m.out.Write = append(m.out.Write, w)
	m.note(Note{Reason: WriteSent, Pool: p.id, Server: server, Stamp: j.order.Stamp})
}

func (m *Machine) writeDone(now time.Time, in WriteDone) {
	p, l, server := m.land(in.Token)
	if p == nil {
		return
	}
	m.heardServer(now, server, in.Fault, in.Err)
	if s := m.server(server); in.Fault == Silent {
		s.deafUntil, s.deafErr = now.Add(deafFor), in.Err
	} else {
		s.deafUntil, s.deafErr = time.Time{}, ""
	}
	if l == nil {
		return
	}
	switch in.Fault {
	case NoFault:
		l.state, l.writtenAt, l.failed, l.changes, l.err = order.ServerWritten, now, 0, 0, ""
	case Changed:
		m.note(Note{Reason: ChangedUnder, Pool: p.id, Server: server, Stamp: p.job.order.Stamp, Text: in.Err})
		l.mistaken = true
		if l.changes++; l.changes > changesAtOnce {
			l.next, l.err = now.Add(RetryEvery), in.Err
		}
	case Silent, Final, NoZone:
		m.note(Note{Reason: WriteFailed, Pool: p.id, Server: server, Stamp: p.job.order.Stamp, Text: in.Err})
		m.fail(now, p, l, in.Fault, in.Err)
	}
}

func (m *Machine) answers(now time.Time, p *pool, l *leg, server string) {
	reason := Answers
	if l.writtenAt.IsZero() {
		l.already, reason = true, AlreadyThere
	}
	l.state, l.over, l.answeredAt, l.err = order.ServerAnswers, true, now, ""
	m.note(Note{Reason: reason, Pool: p.id, Server: server, Stamp: p.job.order.Stamp})
	if m.cfg.Policy == Pair {
		m.pairTook(now, p.job)
	}
}

// stale: the server holds a later decision. That is final for this order, and
// known from now on.
func (m *Machine) stale(p *pool, l *leg, server string, newer order.Stamp) {
	m.note(Note{Reason: StaleInDNS, Pool: p.id, Server: server, Stamp: newer})
	if newer.Newer(p.newest) {
		p.newest = newer
		m.save(p)
	}
	if newer.Newer(p.job.newest) {
		p.job.newest = newer
	}
	m.refuse(l, order.RefusedStale, "it holds a newer generation")
	if m.cfg.Policy == Pair {
		m.pairRefused(p.job)
	}
}

func (m *Machine) refuse(l *leg, why order.Refusal, text string) {
	l.state, l.over, l.refused, l.err = order.ServerRefused, true, why, text
}

// fail is a try without an answer, or a no for good.
func (m *Machine) fail(now time.Time, p *pool, l *leg, f Fault, text string) {
	l.err = text
	switch f {
	case Final, NoZone:
		why := order.RefusedByServer
		if f == NoZone {
			why = order.RefusedNoZone
		}
		if l.lookOnly {
			m.lookAgain(now, l)
			return
		}
		if l.noZone = f == NoZone; m.cfg.Policy == Pair && l.noZone && !p.job.lame() {
			break
		}
		m.refuse(l, why, text)
		if m.cfg.Policy == Pair {
			m.pairRefused(p.job)
		}
		return
	case NoFault, Changed, Silent:
	}
	l.first = false
	l.failed++
	if l.lookOnly {
		m.lookAgain(now, l)
		return
	}
	if l.writtenAt.IsZero() {
		l.state = order.ServerOwed
	}
	if m.cfg.Policy == Pair {
		m.pairFailed(now, p.job)
		return
	}
	l.next = later(now, l.began.Add(RetryEvery))
	if l.failed == 1 {
		l.next = later(now, l.began.Add(retryFirst))
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (m *Machine) heardServer(now time.Time, name string, f Fault, text string) {
	s := m.server(name)
	s.silent, s.lastErr, s.asked = f == Silent, text, now
	if f == NoFault || f == Changed {
		s.lastErr = ""
	}
}
