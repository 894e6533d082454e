package failover

import (
	"slices"
	"time"

	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
)

// updates is what the partner must still be told, and what it has been told without an answer yet.
type updates struct {
	queue  []entry // in order; the table says what to tell
	queued map[lease.IP]bool
	seq    uint64 // of the last entry
	soon   []soon // of this machine's own writes, until they are durable

	flying  map[uint32]*flight
	inAir   map[lease.IP]uint32 // xid
	again   map[lease.IP]bool   // changed while in the air
	refused []lease.IP
	retryAt time.Duration

	// The answer to an update request: a walk through the table, then UPDDONE when all through mark is answered.
	answering bool
	all       bool
	xid       uint32
	at        lease.IP
	walked    bool
	mark      uint64
	owesAll   bool // an UPDREQALL was cut short: the next request is one too (draft 5.17)
}

type entry struct {
	ip  lease.IP
	seq uint64
}

type soon struct {
	ip    lease.IP
	batch uint64
}

// flight is one BNDUPD without answer.
type flight struct {
	seq    uint64
	leases []lease.Lease // as they were told
}

func (u *updates) reset() {
	*u = updates{
		queued: map[lease.IP]bool{}, flying: map[uint32]*flight{}, inAir: map[lease.IP]uint32{}, again: map[lease.IP]bool{}, owesAll: u.owesAll,
		seq: u.seq,
	}
}

// add queues an address, if it is not queued already.
func (u *updates) add(ip lease.IP) {
	if _, ok := u.inAir[ip]; ok {
		u.again[ip] = true
		return
	}
	if u.queued[ip] {
		return
	}
	u.queued[ip] = true
	u.seq++
	u.queue = append(u.queue, entry{ip, u.seq})
}

// later queues an address once batch is durable.
func (u *updates) later(ip lease.IP, batch uint64) { u.soon = append(u.soon, soon{ip, batch}) }

func (u *updates) settle(durable uint64) {
	n := 0
	for _, s := range u.soon {
		if s.batch > durable {
			break
		}
		n++
		u.add(s.ip)
	}
	u.soon = append(u.soon[:0], u.soon[n:]...)
}

// disconnected forgets what is in the air: it is told again on the next connection.
func (u *updates) disconnected() {
	for xid := range u.flying {
		delete(u.flying, xid)
	}
	clear(u.inAir)
	clear(u.again)
	u.refused, u.retryAt = nil, 0
	u.owesAll = u.owesAll || u.answering && u.all
	u.answering = false
}

// everything queues all that the partner has not confirmed: the entry into normal.
func (u *updates) everything(m *Machine) {
	for l, ok := m.table.Next(0); ok; l, ok = m.table.Next(l.IP) {
		if l, _ := m.get(l.IP); l.Owed {
			u.add(l.IP)
		}
	}
}

// tail is the last thing that was to be told so far.
func (u *updates) tail() uint64 { return u.seq }

// before says that something through mark has not been answered.
func (u *updates) before(mark uint64) bool {
	if len(u.queue) > 0 && u.queue[0].seq <= mark {
		return true
	}
	for _, f := range u.flying {
		if f.seq <= mark {
			return true
		}
	}
	return false
}

// ask begins to answer an update request; one that runs is replaced.
func (u *updates) ask(xid uint32, all bool) {
	u.answering, u.all, u.xid = true, all || u.owesAll, xid
	u.at, u.walked = 0, false
}

func (u *updates) timers(now time.Duration) {
	if u.retryAt > 0 && now >= u.retryAt {
		u.retryAt = 0
		for _, ip := range u.refused {
			u.add(ip)
		}
		u.refused = nil
	}
}

// retryLater queues an address after a while. The two do not wait equally long: what crossed once must not cross again each time.
func (m *Machine) retryLater(ip lease.IP) {
	u := &m.updates
	if !slices.Contains(u.refused, ip) {
		u.refused = append(u.refused, ip)
	}
	if u.retryAt == 0 {
		u.retryAt = m.now.Mono + refusedRetry
		if m.cfg.Role == Backup {
			u.retryAt -= refusedRetry / 4
		}
	}
}

// mayPush says that updates go out unasked: not while a conflict is resolved, nor while this server itself is behind.
func (m *Machine) mayPush() bool {
	if m.starting {
		return false
	}
	s := m.saved.State
	return s == wire.Normal || s == wire.CommInterrupted || s == wire.PartnerDown
}

// push tells what is to be told, as much as the partner takes at once.
func (m *Machine) push() {
	u := &m.updates
	if !m.comm() || m.durable < m.stated {
		return
	}
	for len(u.flying) < m.link.unacked {
		f := &flight{}
		body := wire.BndUpd{}
		octets := 0
		for len(body.Bindings) < m.batchSize() {
			l, seq, ok := m.nextUpdate()
			if !ok {
				break
			}
			b := BindingOf(l, m.cfg.ISC)
			octets += b.Size()
			body.Bindings = append(body.Bindings, b)
			f.leases = append(f.leases, l)
			f.seq = max(f.seq, seq)
			if octets > batchOctets {
				break
			}
		}
		if len(body.Bindings) == 0 {
			return
		}
		xid := m.send(body)
		u.flying[xid] = f
		for _, l := range f.leases {
			u.inAir[l.IP] = xid
		}
	}
}

func (m *Machine) batchSize() int {
	if m.cfg.ISC {
		return 1
	}
	return maxBatch
}

// nextUpdate is the next address to tell of: from the queue, or of the walk that answers a request.
func (m *Machine) nextUpdate() (lease.Lease, uint64, bool) {
	u := &m.updates
	if m.mayPush() || u.answering {
		for len(u.queue) > 0 {
			e := u.queue[0]
			if _, ok := m.get(e.ip); ok && !m.settled(e.ip) {
				break // it comes with Committed, or with Durable; its turn is kept
			}
			u.queue = u.queue[1:]
			delete(u.queued, e.ip)
			if l, ok := m.get(e.ip); ok && l.Owed {
				return l, e.seq, true
			}
		}
	}
	if !u.answering || u.walked {
		return lease.Lease{}, 0, false
	}
	for {
		l, ok := m.table.Next(u.at)
		if !ok {
			u.walked, u.mark = true, u.seq
			return lease.Lease{}, 0, false
		}
		if l, _ = m.get(l.IP); !m.settled(l.IP) {
			return lease.Lease{}, 0, false // wait for the disk
		}
		u.at = l.IP
		if _, flying := u.inAir[l.IP]; flying || u.queued[l.IP] {
			continue
		}
		if l.Owed || u.all && known(l) {
			u.seq++
			return l, u.seq, true
		}
	}
}

// known says that an address is not just as it was made: the partner would not assume the same.
func known(l lease.Lease) bool { return l.State != lease.Free || l.Start != 0 || !l.Client.IsZero() }

// answered ends the answer to an update request when all of it was answered.
func (m *Machine) answered() {
	u := &m.updates
	if !u.answering || !u.walked || !m.comm() || u.before(u.mark) {
		return
	}
	u.answering, u.owesAll = false, false
	m.sendReply(m.link.up, wire.UpdDone{}, u.xid)
}

// onBndAck is the partner's answer.
func (m *Machine) onBndAck(b wire.BndAck, xid uint32) {
	u := &m.updates
	f := u.flying[xid]
	if f == nil {
		return // told before a change of state, and again since
	}
	delete(u.flying, xid)
	for _, told := range f.leases {
		var answer *wire.Answer
		for i := range b.Answers {
			if b.Answers[i].IP == told.IP {
				answer = &b.Answers[i]
			}
		}
		again := u.again[told.IP]
		if u.inAir[told.IP] != xid { // the partner's own update for it stands
			continue
		}
		delete(u.inAir, told.IP)
		delete(u.again, told.IP)
		switch {
		case answer == nil || answer.Reject != 0:
			n := Note{Reason: UpdateRefused, IP: told.IP, Text: "no answer"}
			if answer != nil {
				n.Reject, n.Text = answer.Reject, answer.Text
			}
			m.note(n)
			if again {
				u.add(told.IP)
			} else {
				m.retryLater(told.IP)
			}
		default:
			m.confirmed(told)
			if again {
				u.add(told.IP)
			}
		}
	}
}

// confirmed: the partner has told on disk.
func (m *Machine) confirmed(told lease.Lease) {
	l, ok := m.get(told.IP)
	if !ok {
		return
	}
	if l.Same(told.Client) && told.State == lease.Active {
		l.Acked = potential(told)
	}
	if l.State == told.State && l.Client.Key() == told.Client.Key() && l.Due() == told.Due() && l.CLTT == told.CLTT && l.Start == told.Start {
		l.Owed = l.Hold > told.Hold && !m.cfg.ISC // it has heard of another holder since
		l.Hold = m.facts().held(l)
		if free, ok := l.Confirm(m.now.Wall); ok {
			l = free
		}
	}
	m.put(l)
}
