package plan

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"loadshare/ddns"
	"loadshare/monitor/order"
)

// defaultInterval stands in until a monitor has told its own.
const (
	defaultInterval = 5 * time.Second
	defaultMaxPools = 10_000
	maxID           = 128
)

// Machine is the state of an agent. Make one with [New]; one goroutine owns it.
type Machine struct {
	cfg   Config
	boot  string
	pools map[order.PoolID]*pool
	// active are the pools whose job some server still misses; dirty are those
	// that this step has touched.
	active   map[order.PoolID]*pool
	dirty    map[order.PoolID]*pool
	services map[string]*service
	monitors map[string]*monitor
	servers  map[string]*server

	heard    time.Time // when any monitor spoke last; at first the start
	interval time.Duration
	frozen   bool

	token   uint64
	flights map[uint64]flight
	reset   bool // a reset is being carried out

	// out is the output of the step under way, saved where in out.Save each key is.
	out   *Output
	saved map[string]int
}

// pool is what is known of one record set.
type pool struct {
	id     order.PoolID
	newest order.Stamp
	// holder is obeyed until then.
	holder string
	until  time.Time
	lease  time.Duration
	// confirmed is the stamp that the holder called current, and when (M2).
	confirmed   order.Stamp
	confirmedAt time.Time
	// adopted: strays were reported once; from then on they may be removed (M3).
	adopted bool
	job     *job
	// busy is the token in flight for each server, 0 for none. It outlives
	// jobs: one read or write a server and pool at a time.
	busy map[string]uint64
}

type monitor struct {
	last     time.Time
	interval time.Duration
}

type server struct {
	// silent: the last try had no answer.
	silent bool
	// deafUntil is how long it is taken for one that answers questions but
	// takes no updates: its last write had no answer.
	deafUntil time.Time
	deafErr   string
	lastErr   string
	asked     time.Time // when the last try ended; zero: none yet
}

// flight is one read or write that the loop is carrying out.
type flight struct {
	pool   *pool
	server string
}

// New returns a machine in the state that an earlier one saved. saved holds
// every key and value of the Save outputs that were not deleted; what does not
// parse is an error that names the key. boot changes at each start.
func New(now time.Time, cfg Config, saved map[string][]byte, boot string) (*Machine, error) {
	m := &Machine{
		cfg: cfg, boot: boot, heard: now, interval: defaultInterval,
		pools: map[order.PoolID]*pool{}, active: map[order.PoolID]*pool{}, dirty: map[order.PoolID]*pool{}, services: map[string]*service{},
		monitors: map[string]*monitor{}, servers: map[string]*server{}, flights: map[uint64]flight{},
	}
	for _, key := range slices.Sorted(maps.Keys(saved)) {
		if err := m.load(now, key, saved[key]); err != nil {
			return nil, fmt.Errorf("saved state %q: %w", key, err)
		}
	}
	return m, nil
}

// Step takes one thing that happened and says what to do.
func (m *Machine) Step(now time.Time, in Input) Output {
	var out Output
	m.begin(&out)
	switch in := in.(type) {
	case Heard:
		m.hear(now, in)
	case Tick:
		m.checkFrozen(now)
		m.touchDue(now)
	case ReadDone:
		m.readDone(now, in)
	case WriteDone:
		m.writeDone(now, in)
	case RestartDone:
		m.restartDone(now, in)
	case HookDone:
		m.hookDone(in)
	case NotSaved:
		m.forget(in)
	case ResetDone:
		m.reset = false
	}
	m.advance(now)
	m.out = nil
	return out
}

func (m *Machine) begin(out *Output) { m.out, m.saved = out, map[string]int{} }

// Reconfigure swaps the configuration. Jobs, leases, stamps and budgets stay;
// jobs go on with the new servers.
func (m *Machine) Reconfigure(now time.Time, cfg Config) Output {
	var out Output
	m.begin(&out)
	m.cfg = cfg
	for _, p := range m.active {
		p.job.legs = newLegs(now, cfg, false)
		p.job.turn, p.job.done = 0, false
		m.touch(p)
	}
	for _, p := range m.pools {
		if p.job != nil && p.job.over() {
			p.job = nil // its legs are of the old servers; it has ended
		}
	}
	m.advance(now)
	m.out = nil
	return out
}

// Deadline is when to step with [Tick] at the latest; the zero time means never.
func (m *Machine) Deadline() time.Time {
	var d time.Time
	if !m.frozen {
		d = m.frozenAt()
	}
	for _, p := range m.active {
		for i := range p.job.legs {
			if l := &p.job.legs[i]; m.mayAct(p, i) && (d.IsZero() || l.next.Before(d)) {
				d = l.next
			}
		}
	}
	return d
}

func (m *Machine) hear(now time.Time, in Heard) {
	m.heard = now
	if m.frozen {
		m.frozen = false
		m.out.Alert = append(m.out.Alert, Alert{Kind: AlertFrozen, Final: true, Since: now})
		m.note(Note{Reason: Thawed, Text: in.From})
	}
	mon := m.monitors[in.From]
	if mon == nil {
		m.dropOldMonitor()
		mon = &monitor{}
		m.monitors[in.From] = mon
	}
	mon.last = now
	switch msg := in.Msg.(type) {
	case order.Hello:
		m.hello(now, in)
	case order.Heartbeat:
		mon.interval = min(max(msg.Interval, time.Second), time.Hour)
		m.heartbeat(now, in, msg)
	case order.Publish:
		m.receipt(in, msg.ID, m.publish(now, in.From, msg))
	case order.Restart:
		m.receipt(in, msg.ID, m.restart(now, in.From, msg))
	case order.Hook:
		m.receipt(in, msg.ID, m.hook(now, in.From, msg))
	case order.NormalDNS:
		m.normalDNS(now, in, msg)
	default: // answers are the agent's own words; the loop answers probe requests
	}
}

// dropOldMonitor keeps the list of monitors bounded.
func (m *Machine) dropOldMonitor() {
	const most = 64
	if len(m.monitors) < most {
		return
	}
	oldest := ""
	for id, mon := range m.monitors {
		if oldest == "" || mon.last.Before(m.monitors[oldest].last) {
			oldest = id
		}
	}
	delete(m.monitors, oldest)
}

func (m *Machine) frozenAt() time.Time {
	return m.heard.Add(FrozenIntervals*m.longestInterval() + FrozenExtra)
}

func (m *Machine) longestInterval() time.Duration {
	longest := time.Duration(0)
	for _, mon := range m.monitors {
		longest = max(longest, mon.interval)
	}
	if longest == 0 {
		return m.interval
	}
	return longest
}

func (m *Machine) checkFrozen(now time.Time) {
	if m.frozen || now.Before(m.frozenAt()) {
		return
	}
	m.frozen = true
	m.out.Alert = append(m.out.Alert, Alert{Kind: AlertFrozen, Since: m.heard})
	m.note(Note{Reason: Frozen, Text: "since " + m.heard.UTC().Format(time.RFC3339)})
}

// verdict is what becomes of an order at once.
type verdict struct {
	refused order.Refusal
	newest  order.Stamp
	detail  string
}

func (m *Machine) receipt(in Heard, id string, v verdict) {
	if v.refused != order.Taken {
		m.note(Note{Reason: OrderRefused, Text: fmt.Sprintf("%s from %s: %s %s", id, in.From, v.refused, v.detail)})
	}
	m.out.Reply = append(m.out.Reply, Reply{To: in.From, ID: in.ID, Msg: order.Receipt{Order: id, Refused: v.refused, Newest: v.newest, Detail: v.detail}})
}

func (m *Machine) note(n Note) { m.out.Notes = append(m.out.Notes, n) }

func (m *Machine) report(to string, msg order.Message) {
	m.out.Report = append(m.out.Report, Report{To: to, Msg: msg})
}

// forget drops orders whose Save failed. What they made known (the newest stamp)
// stays: it was seen.
func (m *Machine) forget(in NotSaved) {
	for _, id := range in.Orders {
		for _, p := range m.pools {
			if p.job != nil && p.job.order.ID == id {
				p.job = nil
				delete(m.active, p.id)
			}
		}
		for _, s := range m.services {
			s.attempts = slices.DeleteFunc(s.attempts, func(a attempt) bool { return a.Order == id })
		}
	}
}

// pool returns the state of one pool, made when there is room.
func (m *Machine) pool(id order.PoolID) *pool {
	if p := m.pools[id]; p != nil {
		return p
	}
	most := m.cfg.MaxPools
	if most == 0 {
		most = defaultMaxPools
	}
	if len(m.pools) >= most {
		return nil
	}
	p := &pool{id: id, busy: map[string]uint64{}}
	m.pools[id] = p
	return p
}

func (m *Machine) server(name string) *server {
	s := m.servers[name]
	if s == nil {
		s = &server{}
		m.servers[name] = s
	}
	return s
}

func key(id order.PoolID) ddns.Key { return ddns.Key{Name: id.Name(), Type: string(id.Type())} }
