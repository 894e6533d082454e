package beside

import (
	"cmp"
	"slices"
	"time"

	"loadshare/dhcp/lease"
)

// Heard is a relay and when this server heard it last, on the monotonic clock of Now.
type Heard struct {
	Relay lease.IP
	Last  time.Duration
}

// Coverage says who hears a relay.
type Coverage uint8

// The coverages.
const (
	Both   Coverage = iota + 1 // or it is too early to say that not
	OnlyUs                     // its clients have no server when this one is away (checklist D48)
	OnlyThem
)

// String is a few words.
func (c Coverage) String() string {
	if c >= Both && c <= OnlyThem {
		return [...]string{"both", "heard here only", "heard by the partner only"}[c-1]
	}
	return "unknown"
}

// Relay is a relay as both servers hear it.
type Relay struct {
	Relay       lease.IP
	Here, There int64 // seconds since 1970 on this server's clock; 0: never
	Coverage    Coverage
}

const (
	relaysEvery = 15 * time.Second
	apart       = time.Minute // that the last messages are apart, and for how long, before it is said
)

// relays joins what both hear.
type relays struct {
	own       []Heard
	theirs    map[lease.IP]time.Duration
	listening time.Duration // since when both have listened
	told      bool          // the partner has said what it hears
	theirAt   time.Duration
	since     map[lease.IP]time.Duration // since when only one hears it
	said      time.Duration
}

// take is what the partner hears.
func (r *relays) take(f *relayFrame, up, now time.Duration) {
	if f.first {
		r.theirs = map[lease.IP]time.Duration{}
	}
	r.told, r.theirAt = true, now
	r.listening = max(up, now-time.Duration(f.listening)*time.Second)
	for _, x := range f.list {
		if len(r.theirs) < maxRelays && r.theirs != nil {
			r.theirs[x.ip] = now - time.Duration(x.ago)*time.Second
		}
	}
}

// judge follows which relays one of the two hears and the other does not. What one heard before the other listened proves nothing.
func (r *relays) judge(now time.Duration) {
	one := func(a, b time.Duration, has bool) bool { // a was heard, b is what the other heard
		return a >= r.listening && (!has || a-b > apart)
	}
	own := map[lease.IP]time.Duration{}
	for _, h := range r.own {
		own[h.Relay] = h.Last
	}
	if r.since == nil {
		r.since = map[lease.IP]time.Duration{}
	}
	follow := func(ip lease.IP, bad bool) {
		if _, ok := r.since[ip]; !bad {
			delete(r.since, ip)
		} else if !ok {
			r.since[ip] = now
		}
	}
	for ip, a := range own {
		b, has := r.theirs[ip]
		follow(ip, one(a, b, has) || has && one(b, a, true))
	}
	for ip, b := range r.theirs {
		if _, has := own[ip]; !has {
			follow(ip, one(b, 0, false))
		}
	}
	for ip := range r.since {
		_, here := own[ip]
		if _, there := r.theirs[ip]; !here && !there {
			delete(r.since, ip)
		}
	}
}

// Relays are all that either hears, by address.
func (m *Machine) Relays() []Relay {
	r := &m.relays
	fresh := m.up && r.told && m.now.Mono-r.theirAt < sayAgain*relaysEvery
	out := make([]Relay, 0, len(r.own))
	wall := func(at time.Duration) int64 { return m.now.Wall - int64((m.now.Mono-at)/time.Second) }
	seen := map[lease.IP]bool{}
	for _, h := range r.own {
		seen[h.Relay] = true
		x := Relay{Relay: h.Relay, Here: wall(h.Last), Coverage: Both}
		at, has := r.theirs[h.Relay]
		if has {
			x.There = wall(at)
		}
		if since, bad := r.since[h.Relay]; fresh && bad && m.now.Mono-since >= apart {
			x.Coverage = OnlyUs
			if has && at > h.Last {
				x.Coverage = OnlyThem
			}
		}
		out = append(out, x)
	}
	for ip, at := range r.theirs {
		if seen[ip] {
			continue
		}
		x := Relay{Relay: ip, There: wall(at), Coverage: Both}
		if since, bad := r.since[ip]; fresh && bad && m.now.Mono-since >= apart {
			x.Coverage = OnlyThem
		}
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b Relay) int { return cmp.Compare(a.Relay, b.Relay) })
	return out
}
