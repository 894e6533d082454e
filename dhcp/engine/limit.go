package engine

import (
	"time"

	"loadshare/dhcp/lease"
)

// bucket lets burst through at once, and rate a second after that. It begins full.
type bucket struct {
	burst, rate float64
	spent       float64
	at          time.Duration
}

func (b *bucket) take(now time.Duration) bool {
	b.spent = max(0, b.spent-b.rate*(now-b.at).Seconds())
	b.at = now
	if b.spent+1 > b.burst {
		return false
	}
	b.spent++
	return true
}

const (
	maxPorts    = 4096
	maxDeclined = 8  // addresses that one client has declined, and that are still left alone
	maxActive   = 32 // leases of one client, on all networks
)

// mayTakeNew says that the client may be given an address that it has not had. Those whom the configuration knows always may, but for one
// that declines whatever it gets, or takes one address after the other: it would empty the pool.
func (m *Machine) mayTakeNew(a *ask) bool {
	if m.hasTooMany(&a.c) {
		return false
	}
	return a.id.Known != nil || m.ports.take(a.p.GIAddr, a.relay.Circuit, &m.cfg, m.now.Mono)
}

func (m *Machine) hasTooMany(c *lease.Client) bool {
	declined, active := 0, 0
	for i, n := m.table.first(byKey, c), 0; i >= 0 && n < maxOwn; i, n = m.table.following(byKey, c, i), n+1 {
		switch lease.State(m.table.at(i).state) {
		case lease.Abandoned:
			declined++
		case lease.Active:
			active++
		default:
		}
	}
	return declined >= maxDeclined || active >= maxActive
}

// ports limits new clients behind each relay and each of its ports, so that one who makes up hardware addresses does not take the pool. Who
// has a lease, had one, or is configured is never limited.
type ports struct{ ports, relays buckets }

func (p *ports) take(relay lease.IP, circuit []byte, c *Config, now time.Duration) bool {
	if len(circuit) > 0 && !p.ports.of(port{relay, string(circuit)}, c.PortBurst, c.PortRate).take(now) {
		return false
	}
	return p.relays.of(port{relay: relay}, c.RelayBurst, c.RelayRate).take(now)
}

// port is a port of a relay; without a circuit it is the relay.
type port struct {
	relay   lease.IP
	circuit string
}

// buckets are those of the ports that were heard last.
type buckets struct {
	by    map[port]*bucket
	order []port
}

func (s *buckets) of(k port, burst, rate int) *bucket {
	if b := s.by[k]; b != nil {
		return b
	}
	if s.by == nil {
		s.by = map[port]*bucket{}
	}
	if len(s.order) >= maxPorts {
		const many = maxPorts / 16 // at a time: to move all for each would cost more than the message
		for _, k := range s.order[:many] {
			delete(s.by, k)
		}
		s.order = shift(s.order, many)
	}
	b := &bucket{burst: float64(burst), rate: float64(rate)}
	s.by[k] = b
	s.order = append(s.order, k)
	return b
}
