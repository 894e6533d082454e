package plan

import (
	"fmt"
	"testing"
	"time"

	"loadshare/ddns"
	"loadshare/monitor/order"
)

func manyPools(n int) (*Machine, *nameServer, order.Heartbeat, time.Time) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	cfg := Config{Servers: []string{"main"}, Fence: true, Strays: StraysRemove, Records: ddns.Patterns{{Name: "*.example", Types: []string{"A"}}}}
	m, err := New(now, cfg, nil, "boot")
	if err != nil {
		panic(err)
	}
	hb := order.Heartbeat{Monitor: "m1", Lease: time.Minute, Interval: 5 * time.Second}
	for i := range n {
		hb.Claims = append(hb.Claims, order.Claim{Pool: order.PoolID(fmt.Sprintf("p%d.example/A", i)), Current: stamp("m1", 1, 1)})
	}
	m.Step(now, Heard{From: "m1", Msg: hb})
	return m, newNameServer(), hb, now
}

// BenchmarkHeartbeat renews the leases of 10,000 pools.
func BenchmarkHeartbeat(b *testing.B) {
	m, _, hb, now := manyPools(10_000)
	b.ReportAllocs()
	for b.Loop() {
		m.Step(now, Heard{From: "m1", Msg: hb})
		m.Deadline()
	}
}

// BenchmarkOrder is one order from Publish to "answers", among 10,000 pools.
func BenchmarkOrder(b *testing.B) {
	m, server, _, now := manyPools(10_000)
	b.ReportAllocs()
	for i := uint64(2); b.Loop(); i++ {
		o := order.Publish{ID: fmt.Sprint(i), Pool: "p5.example/A", Stamp: stamp("m1", 1, i), DecidedAt: now,
			Want: order.RecordSet{Name: "p5.example", Type: order.A, TTL: 1, Values: []string{fmt.Sprintf("10.0.0.%d", i%250)}}, Members: []string{"10.0.0.1"}}
		out := m.Step(now, Heard{From: "m1", Msg: o})
		for done := false; !done; {
			switch {
			case len(out.Read) > 0:
				out = m.Step(now, server.read(out.Read[0]))
			case len(out.Write) > 0:
				out = m.Step(now, server.write(out.Write[0]))
			default:
				done = true
			}
			m.Deadline()
		}
		if q, _, _ := m.Counts(); q != 0 {
			b.Fatal("not done")
		}
	}
}
