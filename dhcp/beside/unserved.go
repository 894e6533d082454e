package beside

import (
	"cmp"
	"slices"
	"time"

	"loadshare/dhcp/lease"
)

// Waiter is a client that asks, and that this server does not know to be acknowledged by anybody. Times are in seconds.
type Waiter struct {
	Client lease.Client
	Relay  lease.IP // 0: none
	Waited uint32   // since its first message
	Quiet  uint32   // since its last
	Tries  uint32
	Why    string // the server did not answer
	Denied bool   // by the configuration: no outage is to blame. It is not told
}

// Unserved is a client that asks and that neither server has acknowledged (decision D-k).
type Unserved struct {
	Waiter
	Here, There bool   // who hears it
	WhyThere    string // the partner did not answer; "" when it does not hear the client
}

const (
	maxAcked     = 1 << 14
	ackedTime    = 10 * time.Minute
	waitingEvery = 5 * time.Second
	sayAgain     = 4 // what the partner said counts for so many of its turns
)

// acks are the clients that this server acknowledged of late.
type acks struct {
	at    map[uint64]time.Duration
	order []uint64
}

func (a *acks) add(client uint64, now time.Duration) {
	if a.at == nil {
		a.at = map[uint64]time.Duration{}
	}
	if _, ok := a.at[client]; !ok {
		for len(a.order) > 0 && (len(a.order) >= maxAcked || now-a.at[a.order[0]] > ackedTime) {
			delete(a.at, a.order[0])
			a.order = a.order[1:]
		}
		a.order = append(a.order, client)
	}
	a.at[client] = now
}

// since says how many seconds ago the client was acknowledged, if that is less than within.
func (a *acks) since(client uint64, within uint32, now time.Duration) (uint32, bool) {
	at, ok := a.at[client]
	ago := seconds(now - at)
	return ago, ok && ago <= within
}

// unserved joins what both know of clients that wait.
type unserved struct {
	own     []Waiter
	theirs  []Waiter
	ownAt   time.Duration // when own was so
	theirAt time.Duration
	acked   acks
	served  acks // by the partner, as it says
	said    time.Duration
}

// answer is which clients of the partner's list this server has acknowledged since they began to ask.
func (u *unserved) answer(list []Waiter, now time.Duration) (out []servedOne) {
	for i := range list {
		h := clientHash(list[i].Client)
		if ago, ok := u.acked.since(h, list[i].Waited, now); ok {
			out = append(out, servedOne{h, ago})
		}
	}
	return out
}

// aged is what this server knows, as of now.
func (u *unserved) aged(now time.Duration) []Waiter {
	out := slices.Clone(u.own)
	for i := range out {
		out[i].Waited += seconds(now - u.ownAt)
		out[i].Quiet += seconds(now - u.ownAt)
	}
	return out
}

// isServed says that one of the two has acknowledged the client since it began to ask.
func (u *unserved) isServed(w *Waiter, waited uint32, now time.Duration) bool {
	h := clientHash(w.Client)
	_, here := u.acked.since(h, waited, now)
	_, there := u.served.since(h, waited, now)
	return here || there
}

// Unserved are the clients that neither server has acknowledged, those that have waited longest first.
func (m *Machine) Unserved() []Unserved {
	u := &m.unserved
	out := make([]Unserved, 0, len(u.own))
	at := map[string]int{}
	add := func(list []Waiter, age uint32, own bool) {
		for i := range list {
			w := list[i]
			w.Waited += age
			w.Quiet += age
			if u.isServed(&w, w.Waited, m.now.Mono) {
				continue
			}
			k, ok := at[w.Client.Key()]
			if !ok {
				k = len(out)
				at[w.Client.Key()] = k
				out = append(out, Unserved{Waiter: w})
				if !own {
					out[k].Why = ""
				}
			}
			x := &out[k]
			x.Here, x.There = x.Here || own, x.There || !own
			x.Waited, x.Quiet, x.Tries = max(x.Waited, w.Waited), min(x.Quiet, w.Quiet), max(x.Tries, w.Tries)
			if !own {
				x.WhyThere = w.Why
			}
		}
	}
	add(u.own, seconds(m.now.Mono-u.ownAt), true)
	if m.up && m.now.Mono-u.theirAt < sayAgain*waitingEvery {
		add(u.theirs, seconds(m.now.Mono-u.theirAt), false)
	}
	slices.SortStableFunc(out, func(a, b Unserved) int { return cmp.Compare(b.Waited, a.Waited) })
	return out
}

func seconds(d time.Duration) uint32 { return uint32(max(0, min(d/time.Second, 1<<31))) }
