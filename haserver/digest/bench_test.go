package digest

import (
	"fmt"
	"iter"
	"testing"

	"loadshare/haserver/zone"
)

// bigZone has n names with an address each.
func bigZone(tb testing.TB, n int) *zone.Zone {
	tb.Helper()
	sets := func(yield func(zone.RRset) bool) {
		apex := name(tb, "big.test.")
		yield(zone.RRset{Name: apex, Type: zone.TypeSOA, TTL: 300, Data: []string{"\x00\x00" + string(make([]byte, 20))}})
		for i := range n {
			host := name(tb, fmt.Sprintf("host%07d.big.test.", i))
			if !yield(zone.RRset{Name: host, Type: zone.TypeA, TTL: 300, Data: []string{string([]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})}}) {
				return
			}
		}
	}
	z, err := zone.Build(name(tb, "big.test."), iter.Seq[zone.RRset](sets))
	if err != nil {
		tb.Fatal(err)
	}
	return z
}

func BenchmarkOfMillion(b *testing.B) {
	z := bigZone(b, 1_000_000)
	for b.Loop() {
		Of(z)
	}
}

func BenchmarkPartsMillion(b *testing.B) {
	z := bigZone(b, 1_000_000)
	for b.Loop() {
		Parts(z)
	}
}

// BenchmarkStep is an update that replaces one address: the SOA and one record on each side.
func BenchmarkStep(b *testing.B) {
	z := bigZone(b, 10)
	host := zone.Record{Name: name(b, "host0000003.big.test."), Type: zone.TypeA, Class: zone.ClassANY}
	fresh := host
	fresh.Class, fresh.TTL, fresh.Data = zone.ClassIN, 300, "\x0a\x01\x01\x01"
	_, delta, _, _ := z.Apply(zone.Update{Updates: []zone.Record{host, fresh}})
	if len(delta.Deleted) != 2 || len(delta.Added) != 2 {
		b.Fatalf("delta has %d and %d records", len(delta.Deleted), len(delta.Added))
	}
	d := Of(z)
	for b.Loop() {
		d = d.Step(delta)
	}
}
