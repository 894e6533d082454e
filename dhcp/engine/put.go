package engine

import (
	"cmp"
	"slices"

	"loadshare/dhcp/failover"
	"loadshare/dhcp/lease"
)

// area is a range of a pool.
type area struct {
	first, last lease.IP
	pool        int32
}

// poolOf is the pool of an address; -1: none.
func (m *Machine) poolOf(ip lease.IP) int32 {
	i, found := slices.BinarySearchFunc(m.areas, ip, func(a area, ip lease.IP) int { return cmp.Compare(a.first, ip) })
	if !found {
		i--
	}
	if i < 0 || m.areas[i].last < ip {
		return -1
	}
	return m.areas[i].pool
}

// pairOf is the relationship of an address; -1: none.
func (m *Machine) pairOf(ip lease.IP) int32 {
	if i := m.table.find(ip); i >= 0 {
		return m.table.at(i).pair
	}
	if i := m.poolOf(ip); i >= 0 {
		return m.pools[i].pair
	}
	return m.pairOfScope(ip)
}

func (m *Machine) pairOfScope(ip lease.IP) int32 {
	if s := m.cfg.Scopes.ScopeOf(ip); s != nil {
		return m.scopePair[s]
	}
	return -1
}

// get is an address; one without a record is Free.
func (m *Machine) get(ip lease.IP) lease.Lease {
	if i := m.table.find(ip); i >= 0 {
		return m.table.at(i).lease(m.scopeNames)
	}
	l := lease.Lease{IP: ip, State: lease.Free}
	if m.cfg.Scopes.Reserved(ip) != nil {
		l.Flags = lease.Reserved
	}
	return l
}

func (m *Machine) scopeOf(name string) uint16 {
	i, ok := m.scopeIndex[name]
	if !ok && len(m.scopeNames) < 1<<16 {
		i = uint16(len(m.scopeNames))
		m.scopeNames = append(m.scopeNames, name)
		m.scopeIndex[name] = i
	}
	return i
}

// change says what was done to a lease, why, and whether by this server or by a partner.
type change struct {
	why  Reason
	by   lease.Client
	ours bool
	// quiet is not for the history: a renewal, a change of shares.
	quiet bool
}

// put changes a lease: in the table at once, and on disk with this step's batch.
func (m *Machine) put(l lease.Lease, c change) {
	before := m.get(l.IP)
	m.name(&before, &l, c.ours)
	i := m.table.find(l.IP)
	if i < 0 {
		i = m.table.add(l.IP)
		m.settleHome(i)
		m.count(i, &l, 1)
		m.table.at(i).take(&l, m.scopeOf(l.Scope))
		m.table.link(i)
	} else {
		m.count(i, &before, -1)
		m.count(i, &l, 1)
		same := before.Client == l.Client
		if !same {
			m.table.unlink(i)
		}
		m.table.at(i).take(&l, m.scopeOf(l.Scope))
		if !same {
			m.table.link(i)
		}
	}
	r := m.table.at(i)
	if r.batch != m.cur() {
		r.batch = m.cur()
		m.dirty = append(m.dirty, l.IP)
	}
	m.place(i, &l)
	if l.State == lease.Active && (before.State != lease.Active || !before.Same(l.Client)) {
		m.taken(i)
	}
	if !c.quiet {
		m.out.Write.History = append(m.out.Write.History, Event{At: m.now.Wall, What: c.why, Lease: l, Client: c.by})
	}
}

// name makes the jobs of DNS that follow from a change.
func (m *Machine) name(before, after *lease.Lease, ours bool) {
	for _, j := range m.cfg.Names.Change(before, after, ours) {
		m.jobID++
		j.ID = m.jobID
		m.out.Write.Jobs = append(m.out.Write.Jobs, j)
		m.jobs = append(m.jobs, promisedJob{m.cur(), j})
	}
}

// settleHome finds the pool and the pair of a new record.
func (m *Machine) settleHome(i int32) {
	r := m.table.at(i)
	if r.pool = m.poolOf(r.ip); r.pool >= 0 {
		p := m.pools[r.pool]
		r.pair = p.pair
		p.records++
		p.offered(r.ip) // it is no never used one any more
		return
	}
	r.pair = m.pairOfScope(r.ip)
}

// count keeps the numbers of states.
func (m *Machine) count(i int32, l *lease.Lease, by int) {
	if l.State == lease.Active {
		m.active += by
	}
	if r := m.table.at(i); r.pool >= 0 {
		m.pools[r.pool].counts[l.State] += by
	}
}

// place puts a record into the list where it belongs, and sets its timer.
func (m *Machine) place(i int32, l *lease.Lease) {
	r := m.table.at(i)
	if r.pool >= 0 {
		p := m.pools[r.pool]
		if _, on := m.offers.by[r.ip]; on {
			p.park(m.table, i)
		} else {
			p.enlist(m.table, i)
		}
	}
	if r.orphan {
		m.timers.set(i, stamp(max(l.Due(), l.CLTT, l.Start)+int64(m.cfg.OrphanTime.Seconds())))
		return
	}
	_, next, changed := m.sweep(*l)
	if changed {
		next = m.now.Wall
	}
	if l.Hold > m.now.Wall && (next == 0 || l.Hold < next) && l.State.Available() {
		next = l.Hold + 1
	}
	if next > 0 {
		m.timers.set(i, stamp(next))
	}
}

// sweep is what time does to a lease: see failover.Machine.Sweep. Without a partner nothing waits.
func (m *Machine) sweep(l lease.Lease) (swept lease.Lease, next int64, changed bool) {
	if i := m.pairOf(l.IP); i >= 0 {
		return m.pairs[i].m.Sweep(l)
	}
	now := m.now.Wall
	var ok bool
	switch l.State {
	case lease.Active:
		if l.Due() >= lease.Forever {
			return l, 0, false
		}
		l, ok = l.Expire(now)
		return l, l.Due() + 1, ok
	case lease.Abandoned:
		end := l.End
		l, ok = l.Retry(now)
		return l, end, ok
	case lease.Expired, lease.Released, lease.Reset:
		l, ok = l.Confirm(now)
		return l, now, ok
	case lease.Backup: // of a pair that is no more
		l.State, l.Start = lease.Free, now
		return l, now, true
	}
	return l, 0, false
}

// fire does what the time has come for; true: there is more. While the clock is doubted nothing ends (decision D-g), nor while
// the store cannot write.
func (m *Machine) fire() (more bool) {
	now := stamp(m.now.Wall)
	for n := range sweepAtOnce {
		i := m.timers.top()
		if i < 0 || m.table.at(i).due > now {
			return false
		}
		if n == 0 && (m.unwell != "" || m.massExpiry() || m.clock.doubted()) {
			return false
		}
		m.timers.drop(i)
		m.wake(i)
	}
	return true
}

// wake looks at one record whose timer has fired.
func (m *Machine) wake(i int32) {
	r := m.table.at(i)
	l := r.lease(m.scopeNames)
	if r.orphan {
		if max(l.Due(), l.CLTT, l.Start)+int64(m.cfg.OrphanTime.Seconds()) <= m.now.Wall {
			m.forget(i, &l)
		} else {
			m.place(i, &l)
		}
		return
	}
	was := l.State
	moved := false
	for range 3 {
		swept, _, changed := m.sweep(l)
		if !changed {
			break
		}
		l, moved = swept, true
	}
	if !moved {
		m.place(i, &l)
		return
	}
	why := Swept
	if was == lease.Active {
		why = Expired
	}
	m.put(l, change{why: why, by: l.Client, ours: true, quiet: why == Swept})
	m.owe(l.IP)
	m.note(Note{Reason: why, IP: l.IP, Client: l.Client, Scope: l.Scope})
}

// forget removes an orphan whose time is over.
func (m *Machine) forget(i int32, l *lease.Lease) {
	after := *l
	after.State, after.ToldEnd = lease.Free, 0
	m.name(l, &after, true)
	m.count(i, l, -1)
	m.table.unlink(i)
	m.table.remove(i)
	m.orphans--
	m.out.Write.Forget = append(m.out.Write.Forget, l.IP)
	m.out.Write.History = append(m.out.Write.History, Event{At: m.now.Wall, What: Forgotten, Lease: *l})
	m.note(Note{Reason: Forgotten, IP: l.IP, Client: l.Client, Scope: l.Scope})
}

// may says whether this server may give the address to that client: see failover.Machine.May. Whether it is reserved is another question.
func (m *Machine) may(l *lease.Lease, c lease.Client, bootp bool) (bool, failover.Reason) {
	if i := m.pairOf(l.IP); i >= 0 {
		return m.pairs[i].m.May(*l, c, bootp)
	}
	same := l.Same(c)
	switch {
	case l.State == lease.Active && same:
		return true, failover.Renewal
	case l.State == lease.Active:
		return false, failover.AnotherClient
	case l.State == lease.Abandoned:
		return false, failover.AbandonedAddress
	case l.Hold > m.now.Wall && !same:
		return false, failover.HeldBack
	case l.State.Waiting() && !same || l.State == lease.Reset:
		return false, failover.PartnerMustKnow
	}
	return true, failover.Mine
}
