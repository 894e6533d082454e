package merge

import (
	"fmt"
	"testing"

	"loadshare/haserver/digest"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// bigZone has n names with an address each.
func bigZone(tb testing.TB, n int) *zone.Zone {
	tb.Helper()
	apex := load(tb, "")
	z, err := zone.Build(origin, func(yield func(zone.RRset) bool) {
		for s := range apex.All() {
			yield(s)
		}
		for i := range n {
			if !yield(zone.RRset{Name: host(i), Type: zone.TypeA, TTL: 300, Data: []string{address(i)}}) {
				return
			}
		}
	})
	if err != nil {
		tb.Fatal(err)
	}
	return z
}

func host(i int) zone.Name {
	label := fmt.Sprintf("host%07d", i)
	return zone.Name(string([]byte{byte(len(label))})+label) + origin
}

func address(i int) string { return string([]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}) }

// busy is a side with n changes: every step-th name gets another address.
func busy(tb testing.TB, base *zone.Zone, n, first, step int) *history {
	tb.Helper()
	h := &history{zone: base}
	for i := range n {
		r := zone.Record{Name: host(first + i*step), Type: zone.TypeA, Class: zone.ClassANY}
		fresh := r
		fresh.Class, fresh.TTL, fresh.Data = zone.ClassIN, 300, address(5_000_000+first+i)
		next, d, rcode, why := h.zone.Apply(zone.Update{Updates: []zone.Record{r, fresh}})
		if rcode != zone.NoError {
			tb.Fatal(rcode, why)
		}
		h.zone, h.entries = next, append(h.entries, pairmsg.Entry{Time: int64(i), Delta: d})
	}
	return h
}

// BenchmarkMergeMillion: both sides made 1,000 changes in a zone of 1,000,000, 100 of them to the same names.
func BenchmarkMergeMillion(b *testing.B) {
	base := bigZone(b, 1_000_000)
	main, backup := busy(b, base, 1000, 0, 90), busy(b, base, 1000, 0, 100)
	var r Result
	for b.Loop() {
		var err error
		if r, err = Merge(input(main, backup)); err != nil {
			b.Fatal(err)
		}
	}
	if r.Zone.Len() < base.Len() {
		b.Fatal("records are missing")
	}
}

func BenchmarkUndoMillion(b *testing.B) {
	base := bigZone(b, 1_000_000)
	main := busy(b, base, 1000, 0, 90)
	net := Compose(main.entries)
	for b.Loop() {
		if _, err := Undo(main.zone, net); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkNoBaseMillion: nothing in common is known of two zones of 1,000,000 that share no memory and differ in 1,000 names.
func BenchmarkNoBaseMillion(b *testing.B) {
	main, backup := bigZone(b, 1_000_000), busy(b, bigZone(b, 1_000_000), 1000, 0, 100).zone
	for b.Loop() {
		if _, err := Merge(Input{Main: main, Backup: backup, NoBase: true, Serial: 4711}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAssembleMillion: 1,000 names differ, in most of the buckets.
func BenchmarkAssembleMillion(b *testing.B) {
	own := bigZone(b, 1_000_000)
	partner := busy(b, own, 1000, 0, 100).zone
	differ, sets := compare(own, partner)
	for b.Loop() {
		if _, err := Assemble(own, differ, sets); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(differ)), "buckets")
	if got, err := Assemble(own, differ, sets); err != nil || digest.Of(got) != digest.Of(partner) {
		b.Fatal("not the partner's content", err)
	}
}
