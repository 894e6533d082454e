package engine

import (
	"slices"
	"time"

	"loadshare/dhcp/lease"
)

const (
	maxWaiters = 8192
	maxRelays  = 4096
	secondTry  = 30 * time.Second // decision D-f
	sameTry    = time.Second      // copies of one message over several relays are one try
	waiterGone = 10 * time.Minute // after its last message
)

// waiters are the clients that were heard asking and are not known to be served: for second tries (decision D-f), and for people
// (decision D-k). The oldest of the crowd that has the most makes place for a new one.
type waiters struct {
	by     map[string]waiter
	order  []string      // by the first message; some are gone already
	next   time.Duration // when order is looked at
	crowds crowds        // of keys
}

type waiter struct {
	client      lease.Client
	relay       lease.IP
	first, last time.Duration
	since       int64
	tries       int
	asked       bool   // the last was a DISCOVER, and no REQUEST came after it
	why         Reason // of silence, or Offered
	seat        seat
}

// Unserved is a client that asks, and nobody serves it as far as this server knows.
type Unserved struct {
	Client lease.Client
	Relay  lease.IP // 0: none
	Since  int64
	Waited time.Duration
	Quiet  time.Duration // since its last message
	Tries  int
	Why    Reason // this server did not serve it; Offered: it did, and the client has not taken it
}

// discovers records a DISCOVER; second says that it is the client's second without a REQUEST.
func (w *waiters) discovers(key string, c lease.Client, relay lease.IP, at port, now time.Duration, wall int64) (second bool) {
	e, ok := w.by[key]
	if !ok {
		if w.by == nil {
			w.by = map[string]waiter{}
		}
		if len(w.order) > 2*len(w.by)+64 {
			w.order = slices.DeleteFunc(w.order, func(k string) bool { _, ok := w.by[k]; return !ok })
		}
		for len(w.by) >= maxWaiters { // the oldest of those of whom there are the most
			w.drop(w.crowds.largest().list.Front().Value.(string))
		}
		w.by[key] = waiter{client: c, relay: relay, first: now, last: now, since: wall, tries: 1, asked: true, seat: w.crowds.add(at, key)}
		w.order = append(w.order, key)
		return false
	}
	if now-e.last < sameTry {
		return false
	}
	second = e.asked && now-e.last <= secondTry
	e.last, e.asked, e.relay = now, true, relay
	e.tries++
	w.by[key] = e
	return second
}

// why records the reason of silence, or that there was an offer.
func (w *waiters) why(key string, r Reason) {
	if e, ok := w.by[key]; ok {
		e.why = r
		w.by[key] = e
	}
}

// requests: the client has an offer.
func (w *waiters) requests(key string) {
	if e, ok := w.by[key]; ok {
		e.asked = false
		w.by[key] = e
	}
}

// done: somebody serves it.
func (w *waiters) done(key string) { w.drop(key) }

func (w *waiters) drop(key string) {
	if e, ok := w.by[key]; ok {
		w.crowds.remove(e.seat)
		delete(w.by, key)
	}
}

// clean forgets those that are gone, every second: those behind them move up, which for each message would cost more than the message.
func (w *waiters) clean(now time.Duration) {
	if now < w.next {
		return
	}
	w.next = now + time.Second
	n := 0
	for n < len(w.order) && n < maxWaiters {
		key := w.order[n]
		if e, ok := w.by[key]; ok {
			if now-e.last < waiterGone {
				break
			}
			w.drop(key)
		}
		n++
	}
	w.order = shift(w.order, n)
}

// Unserved are the clients that have waited for Config.UnservedAfter and longer, longest first.
func (m *Machine) Unserved() []Unserved {
	var out []Unserved
	seen := map[string]bool{}
	for _, key := range m.waiters.order {
		e, ok := m.waiters.by[key]
		if !ok || seen[key] || e.last-e.first < m.cfg.UnservedAfter && m.now.Mono-e.first < m.cfg.UnservedAfter {
			continue
		}
		seen[key] = true
		out = append(out, m.unserved(&e))
	}
	return out
}

func (m *Machine) unserved(e *waiter) Unserved {
	return Unserved{Client: e.client, Relay: e.relay, Since: e.since, Waited: m.now.Mono - e.first, Quiet: m.now.Mono - e.last, Tries: e.tries, Why: e.why}
}

// RelayHeard is a relay and when it was heard last.
type RelayHeard struct {
	Relay lease.IP
	First int64
	Last  int64
	Count uint64
}

func (m *Machine) hearRelay(ip lease.IP) {
	r, ok := m.relays[ip]
	if !ok {
		if len(m.relays) >= maxRelays && !m.forgetRelay() {
			return
		}
		r = RelayHeard{Relay: ip, First: m.now.Wall}
		m.note(Note{Reason: NewRelay, Relay: ip})
	}
	r.Last = m.now.Wall
	r.Count++
	m.relays[ip] = r
}

// forgetRelay makes room for another relay: of some through which nobody has got a lease, the one that was heard longest ago goes.
func (m *Machine) forgetRelay() bool {
	n, oldest := 0, RelayHeard{}
	for ip, r := range m.relays {
		if !m.proven[port{relay: ip}] && (oldest.Relay == 0 || r.Last < oldest.Last) {
			oldest = r
		}
		if n++; n >= 32 { // all would cost more than the message
			break
		}
	}
	delete(m.relays, oldest.Relay)
	return oldest.Relay != 0
}
