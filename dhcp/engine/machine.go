package engine

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"loadshare/dhcp/failover"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/names"
	"loadshare/dhcp/scope"
)

const (
	offerHold     = 30 * time.Second
	pingTimeout   = 500 * time.Millisecond
	orphanTime    = 30 * 24 * time.Hour // decision D-h
	unservedAfter = 10 * time.Second
	pulse         = time.Second // Tick is due at least so often
	sweepAtOnce   = 256         // timers that fire in one Step
)

// The defaults of the limits of new clients: see Config.
const (
	DefaultPortBurst, DefaultPortRate   = 256, 32
	DefaultRelayBurst, DefaultRelayRate = 1 << 17, 1 << 14
)

// Machine is the DHCP server's decisions. It is not for several goroutines at once.
type Machine struct {
	cfg   Config
	now   failover.Now // Wall is what this server believes: see clock
	clock clock

	table      *table
	timers     timers
	pools      []*pool
	areas      []area // of the pools, ascending
	scopePool  map[*scope.Scope]*pool
	scopePair  map[*scope.Scope]int32
	scopeNames []string // of leases; index 0 is ""
	scopeIndex map[string]uint16
	active     int
	orphans    int

	pairs            []*pair
	pairBy           map[string]int32
	shared           map[string]Shared         // as it is on disk, or will be
	gone             []Shared                  // that were taken away, with scopes that are served
	dormant          map[string]failover.Saved // of those without such scopes
	offers           offers
	waiters          waiters
	proven           map[port]bool // relays, and ports of them, through which clients got leases
	echo             echo
	left             left
	relays           map[lease.IP]RelayHeard
	ports            ports
	locals           map[lease.IP]bool // addresses of this server that messages came to
	unwell           string
	stepped          bool
	shadows          bucket
	measured, houred time.Duration // when measure took its last samples

	batch    uint64 // the last that was given out
	durable  uint64
	seq      uint64
	start    failover.Start // of pairs that a reload adds: what is of the store
	dirty    []lease.IP     // in the batch of this step
	promises []promise
	jobs     []promisedJob
	jobID    uint64
	spared   []names.Job // of Start

	scratch []*scope.Scope
	ask     ask // of the message at hand
	out     Output
}

// promise is a reply that waits for the disk.
type promise struct {
	batch  uint64
	reply  Reply
	ip     lease.IP
	client lease.Client
	end    int64 // what it promises
}

type promisedJob struct {
	batch uint64
	job   names.Job
}

// New starts from what is on disk. The first Tick is due at once.
func New(now failover.Now, c Config, s Start) (*Machine, error) {
	if err := check(c); err != nil {
		return nil, err
	}
	m := &Machine{
		cfg: withDefaults(c), now: now, table: newTable(), scopeNames: []string{""}, scopeIndex: map[string]uint16{"": 0}, pairBy: map[string]int32{},
		shared: map[string]Shared{}, proven: map[port]bool{}, relays: map[lease.IP]RelayHeard{}, locals: map[lease.IP]bool{}, seq: s.Seq, spared: s.Jobs,
	}
	m.timers.t = m.table
	m.clock.start(now, s.LastCommit)
	m.shadows = bucket{burst: 64, rate: 32}
	for _, j := range s.Jobs {
		m.jobID = max(m.jobID, j.ID)
	}
	had := false
	for i := range s.Leases {
		l := &s.Leases[i]
		if m.table.find(l.IP) >= 0 {
			return nil, fmt.Errorf("address %s is in the lease database twice", l.IP)
		}
		slot := m.table.add(l.IP)
		m.table.at(slot).take(l, m.scopeOf(l.Scope))
		m.table.link(slot)
		had = had || !l.Client.IsZero()
	}
	for _, k := range s.Shared {
		m.shared[k.Name] = k
	}
	for _, name := range slices.Sorted(maps.Keys(s.Saved)) { // of a time when it was not kept whose networks were whose
		if _, known := m.shared[name]; !known && !m.configured(name) && s.Saved[name] != (failover.Saved{}) {
			m.saved(PairSaved{name, failover.Saved{}})
		}
	}
	saved := maps.Clone(s.Saved)
	if saved == nil {
		saved = map[string]failover.Saved{}
	}
	before := maps.Clone(m.shared)
	m.part(saved)
	m.configure()
	m.start = failover.Start{Store: s.Store, Boot: s.Boot, Seq: s.Seq, LastCommit: s.LastCommit, HasLeases: had}
	for _, p := range m.endpoints() {
		start := m.start
		start.Saved = saved[p.Name]
		start.OtherRole = before[p.Name].Role != 0 && before[p.Name].Role != p.Role
		m.startPair(p, start)
	}
	m.settle()
	return m, nil
}

// check refuses what would be served alone though it is meant to be shared.
func check(c Config) error {
	if c.Scopes == nil {
		return errors.New("no scopes")
	}
	for _, s := range c.Scopes.Scopes() {
		if s.Failover != "" && !slices.ContainsFunc(c.Pairs, func(p failover.Config) bool { return p.Name == s.Failover }) {
			return fmt.Errorf("scope %q is of pair %q, which is not configured", s.Name, s.Failover)
		}
	}
	return nil
}

func withDefaults(c Config) Config {
	for _, d := range []struct {
		at *time.Duration
		is time.Duration
	}{{&c.OfferHold, offerHold}, {&c.PingTimeout, pingTimeout}, {&c.OrphanTime, orphanTime}, {&c.UnservedAfter, unservedAfter}} {
		if *d.at <= 0 {
			*d.at = d.is
		}
	}
	for _, n := range []struct {
		at *int
		is int
	}{{&c.PortBurst, DefaultPortBurst}, {&c.PortRate, DefaultPortRate}, {&c.RelayBurst, DefaultRelayBurst}, {&c.RelayRate, DefaultRelayRate}} {
		if *n.at <= 0 {
			*n.at = n.is
		}
	}
	return c
}

// Step takes one input. Mono of successive calls must not go back.
func (m *Machine) Step(now failover.Now, in Input) *Output {
	m.begin(now)
	switch in := in.(type) {
	case Heard:
		m.heard(in)
	case Probed:
		m.probed(in)
	case Durable:
		m.onDurable(in)
	case Pair:
		m.onPair(in)
	case Named:
		m.named(in)
	case FreeLease:
		m.freeLease(in)
	case Reconfigure:
		m.reconfigure(in.Config)
	case Unwell:
		m.onUnwell(in.Why)
	case ClockSure:
		m.clockAgreed("it is set")
	case Tick:
	}
	m.finish()
	return &m.out
}

// begin makes place for the output; what New had to say is in the first one.
func (m *Machine) begin(now failover.Now) {
	m.now.Mono = now.Mono
	if m.stepped {
		m.clear()
	}
	m.stepped = true
	m.readClock(now)
	for _, p := range m.pairs {
		if p.wall != m.now.Wall || p.next > 0 && m.now.Mono >= p.next {
			m.stepPair(p, failover.Tick{})
		}
	}
	if len(m.spared) > 0 {
		m.out.Jobs = append(m.out.Jobs, m.spared...)
		m.spared = nil
	}
}

func (m *Machine) clear() {
	m.out.Write = Write{
		Leases: m.out.Write.Leases[:0], Forget: m.out.Write.Forget[:0], Saved: m.out.Write.Saved[:0], Shared: m.out.Write.Shared[:0], History: m.out.Write.History[:0],
		Jobs: m.out.Write.Jobs[:0], Done: m.out.Write.Done[:0],
	}
	m.out = Output{
		Write: m.out.Write, Replies: m.out.Replies[:0], Pairs: m.out.Pairs[:0], Probes: m.out.Probes[:0], Jobs: m.out.Jobs[:0],
		Answers: m.out.Answers[:0], Notes: m.out.Notes[:0], Shadows: m.out.Shadows[:0],
	}
	m.dirty = m.dirty[:0]
}

// finish does what time does, closes the batch, and says when it is due again.
func (m *Machine) finish() {
	more := m.sweepPairs()
	more = m.takeOver() || more
	more = m.fire() || more
	m.endGone()
	m.lapse()
	m.waiters.clean(m.now.Mono)
	m.measure()
	m.closeBatch()
	next := m.now.Mono + pulse
	if more {
		next = m.now.Mono
	}
	for _, p := range m.pairs {
		m.pairOutput(p)
		if p.next > 0 {
			next = min(next, p.next)
		}
	}
	if at := m.offers.nextProbe(); at > 0 {
		next = min(next, at)
	}
	m.out.Next = max(next, 1)
}

// cur is the batch of what is written in this step.
func (m *Machine) cur() uint64 { return m.batch + 1 }

func (m *Machine) closeBatch() {
	w := &m.out.Write
	for _, ip := range m.dirty {
		if i := m.table.find(ip); i >= 0 {
			w.Leases = append(w.Leases, m.table.at(i).lease(m.scopeNames))
		}
	}
	if len(w.Leases)+len(w.Forget)+len(w.Saved)+len(w.Shared)+len(w.History)+len(w.Jobs)+len(w.Done) == 0 {
		return
	}
	m.batch++
	w.Batch = m.batch
	w.Awaited = len(w.Saved)+len(w.Shared) > 0 || len(m.promises) > 0 && m.promises[len(m.promises)-1].batch == w.Batch
}

// onDurable sends what waited for the disk, first to the clients, then to the partners (checklist D33).
func (m *Machine) onDurable(in Durable) {
	m.durable, m.seq = max(m.durable, in.Batch), max(m.seq, in.Seq)
	n := 0
	for n < len(m.promises) && m.promises[n].batch <= m.durable {
		m.keep(&m.promises[n])
		n++
	}
	m.promises = shift(m.promises, n)
	n = 0
	for n < len(m.jobs) && m.jobs[n].batch <= m.durable {
		m.out.Jobs = append(m.out.Jobs, m.jobs[n].job)
		n++
	}
	m.jobs = shift(m.jobs, n)
	for _, p := range m.pairs {
		m.pairDurable(p)
	}
}

// keep sends an acknowledgement, if what it promises still stands.
func (m *Machine) keep(p *promise) {
	l := m.get(p.ip)
	ok := l.State == lease.Active && l.Same(p.client) && l.Due() >= p.end
	if i := m.pairOf(p.ip); ok && i >= 0 {
		ok, _ = m.pairs[i].m.May(l, p.client, false)
	}
	if !ok {
		m.note(Note{Reason: Overtaken, IP: p.ip, Client: p.client})
		return
	}
	m.out.Replies = append(m.out.Replies, p.reply)
	m.note(Note{Reason: Acknowledged, IP: p.ip, Client: p.client, Scope: l.Scope, Relay: p.reply.Packet.GIAddr})
}

// shift removes the first n, and keeps the memory.
func shift[T any](s []T, n int) []T {
	if n == 0 {
		return s
	}
	rest := copy(s, s[n:])
	clear(s[rest:])
	return s[:rest]
}

func (m *Machine) note(n Note) { m.out.Notes = append(m.out.Notes, n) }

func (m *Machine) onUnwell(why string) {
	m.unwell = why
	for _, p := range m.pairs {
		m.stepPair(p, failover.Unwell{Why: why})
	}
}
