package store

import (
	"fmt"
	"testing"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/lease"
)

// BenchmarkOpen: 100,000 leases.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	s, _, err := Open(dir, Options{})
	if err != nil {
		b.Fatal(err)
	}
	const n = 100_000
	w := engine.Write{Batch: 1}
	for i := range n {
		l := full(lease.IP(0x0a000000 + i))
		l.Client.ID = fmt.Sprintf("\x01%06d", i)
		w.Leases = append(w.Leases, l)
	}
	if _, err := s.Commit(&w, 1); err != nil {
		b.Fatal(err)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, start, err := Open(dir, Options{})
		if err != nil || len(start.Leases) != n {
			b.Fatal(len(start.Leases), err)
		}
		b.StopTimer()
		_ = s.Close()
		b.StartTimer()
	}
}

// BenchmarkCommit: so many leases, each with a line of history, in one write.
func BenchmarkCommit(b *testing.B) {
	for _, n := range []int{1, 16, 64} {
		b.Run(fmt.Sprint("leases=", n), func(b *testing.B) {
			s, _, err := Open(b.TempDir(), Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			next := lease.IP(1)
			b.ReportAllocs()
			for b.Loop() {
				w := engine.Write{Batch: 1}
				for range n {
					l := full(next)
					next++
					w.Leases = append(w.Leases, l)
					w.History = append(w.History, engine.Event{At: 1, What: 1, Lease: l, Client: l.Client})
				}
				if _, err := s.Commit(&w, 1); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/lease")
		})
	}
}
