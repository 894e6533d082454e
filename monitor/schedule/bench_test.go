package schedule

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"loadshare/probes"
)

// instant is a probe that takes no time.
type instant struct{ n atomic.Int64 }

func (p *instant) Look(context.Context, netip.Addr) probes.Result {
	p.n.Add(1)
	return probes.Result{Outcome: probes.OK}
}

func manyChecks(n int, p Looker, every time.Duration) []Check {
	checks := make([]Check, n)
	for i := range checks {
		checks[i] = Check{fmt.Sprintf("pool-%d.mydomain.com", i), addr(i), p, every}
	}
	return checks
}

// BenchmarkLooks is what the scheduler itself costs for each look.
func BenchmarkLooks(b *testing.B) {
	p := &instant{}
	s := New(Config{}, func(string, probes.Result, time.Time) {})
	if err := s.Set(manyChecks(20000, p, 50*time.Millisecond)); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); s.Run(ctx) }()
	b.ReportAllocs()
	b.ResetTimer()
	for want := int64(b.N); p.n.Load() < want; {
		time.Sleep(time.Millisecond)
	}
	b.StopTimer()
	cancel()
	<-ended
}

// TestMemory: "under 2 KiB a check" at rest (speed, Monitoring).
func TestMemory(t *testing.T) {
	const n = 20000
	checks := manyChecks(n, &instant{}, time.Hour)
	inUse := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := inUse()
	s := New(Config{}, func(string, probes.Result, time.Time) {})
	mustSet(t, s, checks...)
	if each := (inUse() - before) / n; each > 1024 {
		t.Errorf("%d bytes a check in the scheduler alone, want less than half of 2 KiB", each)
	} else {
		t.Logf("%d bytes a check", each)
	}
	runtime.KeepAlive(s)
	runtime.KeepAlive(checks)
}
