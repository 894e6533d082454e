package ask

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"time"
)

const (
	// maxZones bounds what is remembered.
	maxZones = 10_000
	// zoneMemory is for how long: a zone may be cut out of another one.
	zoneMemory = 10 * time.Minute
)

// Zones remembers the zone of names, server by server (M12). The zero value is
// empty and ready. Safe for concurrent use: the lock is held for map access
// only, two askers at once may both ask.
type Zones struct {
	mu    sync.Mutex
	known map[zoneKey]knownZone
}

type zoneKey struct {
	server netip.AddrPort
	name   string
}

type knownZone struct {
	zone  string
	until time.Time
}

// Find is [Client.Zone], remembered for ten minutes or until [Zones.Forget].
func (z *Zones) Find(ctx context.Context, c *Client, server netip.AddrPort, name string) (string, error) {
	k := zoneKey{server, strings.ToLower(strings.TrimSuffix(name, "."))}
	z.mu.Lock()
	known, ok := z.known[k]
	z.mu.Unlock()
	if ok && time.Now().Before(known.until) {
		return known.zone, nil
	}
	zone, err := c.Zone(ctx, server, k.name)
	if err != nil {
		return "", err
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.known == nil || len(z.known) >= maxZones {
		z.known = map[zoneKey]knownZone{}
	}
	z.known[k] = knownZone{zone, time.Now().Add(zoneMemory)}
	return zone, nil
}

// Forget drops what is known about one name at one server: it said that the
// zone was wrong.
func (z *Zones) Forget(server netip.AddrPort, name string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	delete(z.known, zoneKey{server, strings.ToLower(strings.TrimSuffix(name, "."))})
}
