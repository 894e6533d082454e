package dhcp

import (
	"sync"
	"time"

	"loadshare/dhcp/failover/wire"
)

// skew is how far the partner's clock is from this server's while the two are connected: the endpoint measures at the connect only, and a
// connection lasts for months. A message that was on its way for long makes the difference look larger, never smaller: the smallest of the
// last ones counts.
type skew struct {
	mu   sync.Mutex // sessions' goroutines write, status reads
	last [4]int64   // seconds, either way
	n    int
}

// heard takes the time of a CONTACT, which is sent at once and nothing else.
func (k *skew) heard(m *wire.Message, now time.Time) {
	if _, contact := m.Body.(wire.Contact); !contact {
		return
	}
	d := int64(m.Time) - now.Unix()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.last[k.n%len(k.last)] = max(d, -d)
	k.n++
}

// now is the difference; false when too few messages came to say.
func (k *skew) now() (seconds int64, known bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.n < len(k.last) {
		return 0, false
	}
	least := k.last[0]
	for _, d := range k.last {
		least = min(least, d)
	}
	return least, true
}

// forget is for a new connection.
func (k *skew) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.n = 0
}
