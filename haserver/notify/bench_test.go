package notify

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

// many is a machine with 10,000 zones of two secondaries that are all current.
func many(b *testing.B) (*Machine, []string, time.Duration) {
	m := New(Defaults, rand.New(rand.NewPCG(1, 2)))
	names := make([]string, 10000)
	now := start
	for i := range names {
		names[i] = fmt.Sprintf("zone%d", i)
		m.Step(now, Zone{Name: names[i], Serial: 1, Secondaries: []netip.AddrPort{one, two}})
	}
	for sent := 0; sent < 2*len(names); {
		now += Defaults.Pace
		out := m.Step(now, Tick{})
		todo := append([]Send(nil), out.Send...)
		for len(todo) > 0 {
			s := todo[0]
			todo = todo[1:]
			sent++
			todo = append(todo, m.Step(now, Answer{From: s.To, ID: s.ID}).Send...)
			m.Step(now, Seen{Zone: s.Zone, From: s.To.Addr(), Sign: Took, Serial: 1})
		}
		if now > time.Hour {
			b.Fatalf("%d messages sent in an hour", sent)
		}
	}
	return m, names, now
}

// A change of one zone of 10,000, told, answered and taken.
func BenchmarkChange(b *testing.B) {
	m, names, now := many(b)
	b.ReportAllocs()
	serial := uint32(1)
	members := []netip.AddrPort{one, two}
	i := 0
	for b.Loop() {
		if i%len(names) == 0 {
			serial++
		}
		now += Defaults.Pace
		for _, s := range append([]Send(nil), m.Step(now, Zone{Name: names[i%len(names)], Serial: serial, Secondaries: members}).Send...) {
			m.Step(now, Answer{From: s.To, ID: s.ID})
			m.Step(now, Seen{Zone: s.Zone, From: s.To.Addr(), Sign: Took, Serial: serial})
		}
		i++
	}
}

// The lags of 20,000 secondaries, which are counted every few seconds.
func BenchmarkLags(b *testing.B) {
	m, _, now := many(b)
	b.ReportAllocs()
	for b.Loop() {
		m.Lags(now)
	}
}
