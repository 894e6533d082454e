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

const maxPorts = 4096

// ports limits new clients behind each port of a relay, so that one who makes up hardware addresses does not take the pool. Who has a lease,
// had one, or is configured is never limited; nor is a relay that does not say the port.
type ports struct {
	by    map[port]*bucket
	order []port
}

type port struct {
	relay   lease.IP
	circuit string
}

func (p *ports) take(relay lease.IP, circuit []byte, burst, rate int, now time.Duration) bool {
	if len(circuit) == 0 {
		return true
	}
	b := p.by[port{relay, string(circuit)}]
	if b == nil {
		if p.by == nil {
			p.by = map[port]*bucket{}
		}
		if len(p.order) >= maxPorts {
			delete(p.by, p.order[0])
			p.order = shift(p.order, 1)
		}
		b = &bucket{burst: float64(burst), rate: float64(rate)}
		k := port{relay, string(circuit)}
		p.by[k] = b
		p.order = append(p.order, k)
	}
	return b.take(now)
}
