package agent

import (
	"fmt"
	"testing"
	"time"

	"loadshare/monitor/order"
)

// Mass failure, mass return: many pools at once go through the whole way, link,
// disk, signed updates by TCP and verification, and none is lost.
func TestManyPoolsAtOnce(t *testing.T) {
	const pools = 300
	a, b := startDNS(t, "example", "127.0.0.1:0"), startDNS(t, "example", "127.0.0.1:0")
	s := newSite(t, publishSection("every", a, b))
	m := s.monitor("m1", s.start())
	hb := order.Heartbeat{Monitor: m.id, Lease: time.Minute, Interval: 5 * time.Second}
	for i := range pools {
		hb.Claims = append(hb.Claims, order.Claim{Pool: order.PoolID(fmt.Sprintf("p%d.example/A", i))})
	}
	m.ask(hb)
	began := time.Now()
	waiting := map[order.PoolID]bool{}
	for i, c := range hb.Claims {
		waiting[c.Pool] = true
		m.send(order.Publish{
			ID: fmt.Sprint("o", i), Pool: c.Pool, Stamp: m.stamp(1), DecidedAt: time.Now(), Reason: order.ReasonFell,
			Want: order.RecordSet{Name: c.Pool.Name(), Type: order.A, TTL: 1, Values: []string{"10.0.0.1"}}, Members: []string{"10.0.0.1"},
		})
	}
	for len(waiting) > 0 {
		p := m.published(func(p order.Published) bool { return p.Done })
		if p.Servers[0].State == order.ServerAnswers && p.Servers[1].State == order.ServerAnswers {
			delete(waiting, p.Pool)
		}
	}
	t.Logf("%d pools on two servers in %v", pools, time.Since(began).Round(time.Millisecond))
	for i := range pools {
		if got := b.get(fmt.Sprintf("p%d.example", i), "A"); got != "10.0.0.1" {
			t.Errorf("p%d holds %q", i, got)
		}
	}
}
