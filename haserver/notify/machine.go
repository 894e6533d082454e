package notify

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"loadshare/haserver/zone"
)

// Machine is every secondary of every zone. Make one with New.
type Machine struct {
	config Config
	random *rand.Rand
	zones  map[string]*zoneState
	flying map[flight]*target // what waits for an answer
	fresh  queue              // new serials
	again  queue              // repetitions, reminders, the start

	window time.Duration // when the present Pace began
	left   int           // messages left in it

	out Output
}

type flight struct {
	to netip.AddrPort
	id uint16
}

// zoneState is one zone.
type zoneState struct {
	name    string
	serial  uint32
	silent  bool
	targets []*target
	steps   []step // when changes came, oldest first
}

// step is a change, and those that came less than Gap later.
type step struct {
	from uint32 // the serial before
	at   time.Duration
}

// maxSteps is how far back the lag of a secondary can be dated.
const maxSteps = 16

type phase uint8

const (
	idle    phase = iota
	due           // a message is to go out
	flying        // it is out
	lagging       // a reminder is to go out
)

// target is one secondary of one zone.
type target struct {
	zone *zoneState
	addr netip.AddrPort

	phase phase
	in    *queue // of due, flying, lagging
	due   time.Duration
	place int

	id       uint16
	told     bool
	sent     uint32 // serial of the last message
	sentAt   time.Duration
	acked    bool // an answer to it came
	tries    int  // messages since the last answer, or since it was seen to be current
	tcp      bool // the last message went by TCP
	answered bool
	at       time.Duration

	evidence Evidence
	held     uint32
	asked    bool // the SOA was asked for, and no transfer since
	askedFor uint32
	askedAt  time.Duration
	current  bool
	since    time.Duration // not current since
	trouble  string
}

// New makes a machine without zones. random makes the IDs: an answer is told from a forged one by them.
func New(c Config, random *rand.Rand) *Machine {
	return &Machine{config: c, random: random, zones: map[string]*zoneState{}, flying: map[flight]*target{}}
}

// Step takes one input and says what is to be done.
func (m *Machine) Step(now time.Duration, in Input) Output {
	m.out = Output{Send: m.out.Send[:0], Events: m.out.Events[:0]}
	switch in := in.(type) {
	case Zone:
		m.zone(now, in)
	case Gone:
		m.gone(in.Name)
	case Answer:
		m.answer(now, in)
	case Unsent:
		if t := m.flying[flight{in.To, in.ID}]; t != nil {
			t.trouble = in.Why
			if !t.tcp { // else it is a try that the end of waiting tells of
				m.event(t, Event{What: NotSent, Why: in.Why})
			}
		}
	case Seen:
		m.seen(now, in)
	case Reconfigure:
		m.config = in.Config
	case Tick:
	}
	m.run(now)
	return m.out
}

// Names are the zones.
func (m *Machine) Names() []string {
	names := make([]string, 0, len(m.zones))
	for name := range m.zones {
		names = append(names, name)
	}
	return names
}

func (m *Machine) zone(now time.Duration, in Zone) {
	z := m.zones[in.Name]
	if z == nil {
		z = &zoneState{name: in.Name, serial: in.Serial}
		m.zones[in.Name] = z
	}
	changed := z.serial != in.Serial
	if changed {
		if n := len(z.steps); n == 0 || now-z.steps[n-1].at >= m.config.Gap {
			if n == maxSteps {
				z.steps = slices.Delete(z.steps, 0, 1)
			}
			z.steps = append(z.steps, step{z.serial, now})
		}
		for _, t := range z.targets {
			t.settle(now, m.config.Grace)
		}
		z.serial = in.Serial
	}
	z.silent = in.Silent
	m.members(now, z, in.Secondaries)
	for _, t := range z.targets {
		t.judge(now)
		if z.silent || t.told && t.sent == z.serial && (t.acked || t.current || t.phase != idle) {
			continue
		}
		if changed || t.told {
			m.want(now, t, &m.fresh)
		} else {
			m.want(now, t, &m.again)
		}
	}
}

// members makes the targets of z those addresses.
func (m *Machine) members(now time.Duration, z *zoneState, addrs []netip.AddrPort) {
	z.targets = slices.DeleteFunc(z.targets, func(t *target) bool {
		if slices.Contains(addrs, t.addr) {
			return false
		}
		m.land(t)
		m.out.Moved = true
		return true
	})
	for _, a := range addrs {
		if len(z.targets) >= m.config.Addresses {
			return
		}
		if !slices.ContainsFunc(z.targets, func(t *target) bool { return t.addr == a }) {
			z.targets = append(z.targets, &target{zone: z, addr: a, since: now})
			m.out.Moved = true
		}
	}
}

func (m *Machine) gone(name string) {
	z := m.zones[name]
	if z == nil {
		return
	}
	for _, t := range z.targets {
		m.land(t)
	}
	delete(m.zones, name)
	m.out.Moved = m.out.Moved || len(z.targets) > 0
}

// land ends what t waits for.
func (m *Machine) land(t *target) {
	t.take()
	if f := (flight{t.addr, t.id}); m.flying[f] == t {
		delete(m.flying, f)
	}
	t.phase = idle
}

// want has the zone's serial told to t. What is in flight is waited for first.
func (m *Machine) want(now time.Duration, t *target, q *queue) {
	if t.phase == flying || t.phase == due && (t.in == &m.fresh || q == &m.again) {
		return
	}
	at := now
	if t.told {
		at = max(now, t.sentAt+m.config.Gap)
	}
	t.phase = due
	t.put(q, at)
}

func (m *Machine) answer(now time.Duration, in Answer) {
	t := m.flying[flight{in.From, in.ID}]
	if t == nil {
		m.out.Events = append(m.out.Events, Event{What: Stray, To: in.From, Rcode: in.Rcode})
		return
	}
	m.land(t)
	e := Event{What: Answered, Rcode: in.Rcode, Tries: t.tries}
	t.acked, t.answered, t.at, t.tries, t.trouble = true, true, now, 0, ""
	if in.Rcode != zone.NoError && in.Rcode != zone.NotImp {
		t.trouble = "it answered NOTIFY with " + in.Rcode.String()
		e.What = Declined
	}
	m.event(t, e)
	switch {
	case t.zone.silent:
	case t.sent != t.zone.serial:
		m.want(now, t, &m.fresh)
	case t.evidence != NotSeen && !t.current:
		m.remind(now, t)
	}
}

func (m *Machine) remind(now time.Duration, t *target) {
	t.phase = lagging
	t.put(&m.again, now+m.config.Remind)
}

func (m *Machine) seen(now time.Duration, in Seen) {
	z := m.zones[in.Zone]
	if z == nil {
		return
	}
	for _, t := range z.targets {
		if t.addr.Addr() != in.From {
			continue
		}
		t.settle(now, m.config.Grace)
		t.note(now, in)
		t.judge(now)
	}
}

// run sends what is due, as much as Pace allows.
func (m *Machine) run(now time.Duration) {
	if m.left <= 0 && now < m.window+m.config.Pace {
		m.next(now)
		return
	}
	if now >= m.window+m.config.Pace {
		m.window, m.left = now, m.config.Burst
	}
	for m.left > 0 {
		t := m.fresh.ready(now)
		if t == nil {
			t = m.again.ready(now)
		}
		if t == nil {
			break
		}
		m.fire(now, t)
	}
	m.next(now)
}

func (m *Machine) next(now time.Duration) {
	m.out.Next = 0
	for _, q := range []queue{m.fresh, m.again} {
		if len(q) == 0 {
			continue
		}
		at := max(q[0].due, now)
		if m.left <= 0 {
			at = max(at, m.window+m.config.Pace)
		}
		if m.out.Next == 0 || at < m.out.Next {
			m.out.Next = at
		}
	}
}

// fire does what is due with t, which is in no queue any more.
func (m *Machine) fire(now time.Duration, t *target) {
	t.settle(now, m.config.Grace)
	was := t.phase
	if was == flying {
		m.event(t, Event{What: Silent})
	}
	switch {
	case t.zone.silent:
		m.land(t)
	case was != due && t.current && t.sent == t.zone.serial:
		m.land(t)
		t.tries = 0
	case was == flying && t.tries > m.config.Tries:
		m.land(t)
		if t.tries == m.config.Tries+1 {
			m.event(t, Event{What: Away, Tries: t.tries})
		}
		if t.trouble == "" {
			t.trouble = "it does not answer NOTIFY"
		}
		if t.sent != t.zone.serial {
			m.want(now, t, &m.again)
			return
		}
		m.remind(now, t)
	default:
		m.send(now, t)
	}
}

// send puts a message out. A repetition keeps its ID, so that a late answer counts, unless it says something new.
func (m *Machine) send(now time.Duration, t *target) {
	if t.phase != flying || t.sent != t.zone.serial {
		m.land(t)
		if !m.number(t) {
			t.phase = due
			t.put(&m.again, now+m.config.Retry)
			return
		}
	}
	t.tcp = m.byTCP(t)
	t.phase, t.told, t.acked, t.sent, t.sentAt = flying, true, false, t.zone.serial, now
	wait := min(m.config.Retry<<min(t.tries, 20), m.config.RetryMax)
	if t.tcp {
		wait = min(tcpPatience*m.config.Retry, m.config.RetryMax)
	}
	t.tries++
	t.put(&m.again, now+wait)
	m.left--
	m.out.Send = append(m.out.Send, Send{Zone: t.zone.name, To: t.addr, ID: t.id, TCP: t.tcp})
	m.event(t, Event{What: Sent})
}

// tcpPatience times Config.Retry is how long a message by TCP is waited for: the connection is part of it.
const tcpPatience = 8

// byTCP: the last try before a secondary is taken to be away goes by TCP, and so does the first one to a secondary that answered like that.
func (m *Machine) byTCP(t *target) bool {
	return t.tries == m.config.Tries || t.tries == 0 && t.tcp
}

// number gives t an ID that nothing else in flight to its address has.
func (m *Machine) number(t *target) bool {
	for range 64 {
		f := flight{t.addr, uint16(m.random.Uint32())}
		if m.flying[f] == nil {
			t.id = f.id
			m.flying[f] = t
			return true
		}
	}
	return false
}

func (m *Machine) event(t *target, e Event) {
	e.Zone, e.To = t.zone.name, t.addr
	m.out.Events = append(m.out.Events, e)
}
