package beside

import (
	"time"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/scope"
)

// Now is a moment: Mono never goes back, Wall is seconds since 1970.
type Now struct {
	Mono time.Duration
	Wall int64
}

// Input is one of the types below.
type Input interface{ input() }

// The inputs, with [Told] and [Acked].
type (
	// Connected is contact with a partner that speaks this; Lost is its end.
	Connected struct{}
	Lost      struct{}
	// Configured is this server's configuration: at the start, and after each reload.
	Configured struct{ Summary scope.Summary }
	// Waits is all clients that wait, as this server knows it, every few seconds.
	Waits struct{ List []Waiter }
	// Hears is all relays that this server heard, every few seconds.
	Hears struct{ List []Heard }
	// Received is a frame of the partner.
	Received struct{ Frame []byte }
	// Tick is time passing: due at Output.Next, or earlier.
	Tick struct{}
)

// Acked is a client that this server has acknowledged.
type Acked struct {
	Client  lease.Client
	Relay   lease.IP
	Seconds uint32 // of its lease
	Short   bool   // less than it would have got with contact
}

func (Connected) input()  {}
func (Lost) input()       {}
func (Configured) input() {}
func (Told) input()       {}
func (Waits) input()      {}
func (Acked) input()      {}
func (Hears) input()      {}
func (Received) input()   {}
func (Tick) input()       {}

// Output is what is to be done.
type Output struct {
	Send [][]byte      // frames, in order; they may be kept
	Next time.Duration // when Tick is due at the latest
}

const toldEvery = time.Second

// Machine is one partnership. Make it with [New]; it is not for several goroutines at once.
type Machine struct {
	us, them string
	now      Now
	start    time.Duration
	up       bool
	upSince  time.Duration
	toldAt   time.Duration
	passed   uint64

	shadows  shadows
	unserved unserved
	outage   outage
	relays   relays
	settings settings
	out      Output
}

// New begins without contact: that is an outage until there is some. us and them are the words for the two in findings: main and backup.
func New(us, them string, now Now) *Machine {
	m := &Machine{us: us, them: them, now: now, start: now.Mono}
	m.outage.starts(now)
	return m
}

// Step takes one input. Mono of successive calls must not go back.
func (m *Machine) Step(now Now, in Input) Output {
	m.now, m.out = now, Output{Next: now.Mono + toldEvery}
	switch in := in.(type) { // what comes with every client first, and nothing more is done for it
	case Acked:
		m.acked(&in)
		return m.out
	case Told:
		m.told(&in)
		return m.out
	case Connected:
		m.connected()
	case Lost:
		m.lost()
	case Configured:
		m.configured(in.Summary)
	case Waits:
		m.waits(in.List)
	case Hears:
		m.hears(in.List)
	case Received:
		m.received(in.Frame)
	case Tick:
	}
	m.say()
	return m.out
}

func (m *Machine) send(frames ...[]byte) {
	if m.up {
		m.out.Send = append(m.out.Send, frames...)
	}
}

func (m *Machine) connected() {
	if m.up {
		return
	}
	m.up, m.upSince = true, m.now.Mono
	lasted, list := m.outage.ends(m.now)
	if len(list) > 0 {
		m.send(encodeOutage(lasted, list)...)
	}
	// All is said at once.
	m.settings.said, m.unserved.said, m.relays.said = m.now.Mono-digestEvery, m.now.Mono-waitingEvery, m.now.Mono-relaysEvery
}

// lost forgets what the partner said: another one may come.
func (m *Machine) lost() {
	if !m.up {
		return
	}
	m.up = false
	m.outage.starts(m.now)
	m.settings.told, m.settings.asked, m.settings.given, m.settings.piece = false, false, false, nil
	m.unserved.theirs, m.unserved.served = nil, acks{}
	m.relays.theirs, m.relays.told, m.relays.since = nil, false, nil
	m.shadows.waiting, m.shadows.order, m.shadows.unsent = nil, nil, nil
}

// configured begins anew with what was found of the old configuration.
func (m *Machine) configured(s scope.Summary) {
	set := &m.settings
	set.own, set.digest, set.known = s, s.Digest(), true
	set.asked = false
	set.said = m.now.Mono - digestEvery
	m.shadows = shadows{matched: m.shadows.matched}
}

func (m *Machine) told(t *Told) {
	if !m.up {
		return // there is nobody to compare with
	}
	d := digestOf(t)
	if len(m.shadows.unsent) < maxUnsent {
		m.shadows.unsent = append(m.shadows.unsent, d)
	}
	m.shadows.meet(d, true, m.now, m.us, m.them)
}

func (m *Machine) waits(list []Waiter) {
	u := &m.unserved
	list = list[:min(len(list), maxWaiting)]
	for i := range list {
		if !u.isServed(&list[i], list[i].Waited, m.now.Mono) {
			m.outage.waits(&list[i])
		}
	}
	u.own, u.ownAt = list, m.now.Mono
}

// hears keeps what is heard; that there is a new relay is said at once.
func (m *Machine) hears(list []Heard) {
	r := &m.relays
	if len(list) > len(r.own) {
		r.said = m.now.Mono - relaysEvery
	}
	r.own = list[:min(len(list), maxRelays)]
}

func (m *Machine) acked(a *Acked) {
	h := clientHash(a.Client)
	u := &m.unserved
	u.acked.add(h, m.now.Mono)
	if !m.outage.running {
		return
	}
	waited := uint32(0)
	for i := range u.own {
		if u.own[i].Client.Key() == a.Client.Key() {
			waited = u.own[i].Waited + seconds(m.now.Mono-u.ownAt)
		}
	}
	m.outage.acked(h, a, waited)
}

// received takes what the partner says.
func (m *Machine) received(frame []byte) {
	f, err := decode(frame)
	if err != nil || !m.up {
		m.passed++
		return
	}
	u, s := &m.unserved, &m.settings
	switch f := f.(type) {
	case toldFrame:
		for _, t := range f.list {
			m.shadows.meet(t, false, m.now, m.us, m.them)
		}
	case relayFrame:
		m.relays.take(&f, m.upSince, m.now.Mono)
	case waitingFrame:
		if f.first {
			u.theirs = nil
		}
		u.theirs = append(u.theirs, f.list[:min(len(f.list), maxWaiting-len(u.theirs))]...)
		u.theirAt = m.now.Mono
		m.answer(u.answer(f.list, m.now.Mono))
	case servedFrame:
		for _, o := range f.list {
			u.served.add(o.client, m.now.Mono-time.Duration(o.ago)*time.Second)
			m.outage.served(o.client)
		}
	case outageFrame:
		m.outageTold(&f)
	case digestFrame:
		if !s.told || s.theirs != f.digest {
			m.shadows = shadows{matched: m.shadows.matched} // its configuration is another one
			s.asked = false
		}
		s.theirs, s.told = f.digest, true
	case wantFrame:
		m.give(f.digest)
	case summaryFrame:
		s.take(&f)
	}
}

func (m *Machine) answer(list []servedOne) {
	if len(list) > 0 {
		m.send(encodeServed(list)...)
	}
}

// outageTold joins the partner's list, and says of whom it does not know that they got their leases at once.
func (m *Machine) outageTold(f *outageFrame) {
	m.outage.joins(f, m.now)
	var list []servedOne
	for i := range f.list {
		a := &f.list[i]
		h := clientHash(a.Client)
		if ago, ok := m.unserved.acked.since(h, f.lasted+seconds(apart), m.now.Mono); ok && a.How == NeverServed {
			list = append(list, servedOne{h, ago})
			m.outage.served(h)
		}
	}
	m.answer(list)
}

// give sends the words of the configuration, if that is still the one that is wanted.
func (m *Machine) give(digest [32]byte) {
	s := &m.settings
	if !s.known || digest != s.digest || s.given && m.now.Mono-s.gave < wantEvery/2 {
		return
	}
	s.gave, s.given = m.now.Mono, true
	if words := s.words(); len(words) <= maxSummary {
		m.send(encodeSummary(s.digest, words)...)
	}
}

// say says what is due.
func (m *Machine) say() {
	m.shadows.clean(m.now.Wall)
	if !m.up {
		return
	}
	now := m.now.Mono
	m.relays.judge(now)
	if len(m.shadows.unsent) > 0 && now-m.toldAt >= toldEvery {
		m.toldAt = now
		m.send(encodeTold(m.shadows.unsent)...)
		m.shadows.unsent = nil
	}
	if s := &m.settings; s.known && now-s.said >= digestEvery {
		s.said = now
		m.send(encodeDigest(kindDigest, s.digest))
	}
	if s := &m.settings; s.lacks() && (!s.asked || now-s.wanted >= wantEvery) {
		s.asked, s.wanted = true, now
		m.send(encodeDigest(kindWant, s.theirs))
	}
	if u := &m.unserved; now-u.said >= waitingEvery {
		u.said = now
		m.send(encodeWaiting(u.aged(now))...)
	}
	if r := &m.relays; now-r.said >= relaysEvery {
		r.said = now
		list := make([]relayAgo, 0, len(r.own))
		for _, h := range r.own {
			list = append(list, relayAgo{h.Relay, seconds(now - h.Last)})
		}
		m.send(encodeRelays(seconds(now-m.start), list)...)
	}
}

// Passed is how many frames of the partner were passed over: of another version, or ill-formed.
func (m *Machine) Passed() uint64 { return m.passed }
