package dhcp

import (
	"sync"
	"time"

	"loadshare/dhcp/engine"
)

const oneSidedAfter = time.Minute // that a relay has been heard here, and not by a partner that is connected

// A relay that only one partner hears is not set up as it should be (checklist D48): its clients would be without a server when that
// partner is away.

// relayBook remembers since when a relay is heard by one only.
type relayBook struct {
	mu    sync.Mutex // the watcher and those who ask for status
	since map[string]time.Time
}

// status joins what both heard. A relay is heard by one only when the other has not heard it for the time in which the first heard it
// again and again.
func (b *relayBook) status(own []engine.RelayHeard, theirs map[string]int64, partner bool, now time.Time) []RelayStatus {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.since == nil {
		b.since = map[string]time.Time{}
	}
	out := []RelayStatus{}
	seen := map[string]bool{}
	add := func(ip string, here, there int64) {
		seen[ip] = true
		one := RelayStatus{Address: ip, Last: moment(here), Partner: moment(there)}
		apart := here - there
		if partner && max(apart, -apart) > int64(oneSidedAfter/time.Second) {
			if _, ok := b.since[ip]; !ok {
				b.since[ip] = now
			}
			one.OneOnly = now.Sub(b.since[ip]) >= oneSidedAfter
		} else {
			delete(b.since, ip)
		}
		out = append(out, one)
	}
	for _, r := range own {
		ip := r.Relay.String()
		add(ip, r.Last, theirs[ip])
	}
	for ip, at := range theirs {
		if !seen[ip] {
			add(ip, 0, at)
		}
	}
	for ip := range b.since {
		if !seen[ip] {
			delete(b.since, ip)
		}
	}
	return out
}

// moment is a time in seconds for JSON; nil when it never was.
func moment(at int64) *time.Time {
	if at <= 0 {
		return nil
	}
	t := time.Unix(at, 0).UTC()
	return &t
}
