package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"loadshare/monitor/schedule"
	"loadshare/probes"
)

const (
	checkCount = 20000
	interval   = 5 * time.Second
	warmUp     = 6 * time.Second
	measured   = 20 * time.Second
	wantLate   = 10 * time.Millisecond
	wantBytes  = 2048
)

// manyChecks runs half tcp, half http checks, each with a Probe of its own, and prints how late they start and what they cost.
func manyChecks(t *targets) (missed []string, err error) {
	fmt.Printf("\nscheduler: %d checks every %v (half tcp, half http), %v measured\n", checkCount, interval, measured)
	var ok atomic.Uint64
	var bad atomic.Pointer[string]
	s := schedule.New(schedule.Config{}, func(id string, r probes.Result, _ time.Time) {
		if r.Outcome != probes.OK {
			text := id + ": " + r.String()
			bad.CompareAndSwap(nil, &text)
			return
		}
		ok.Add(1)
	})
	schedule.TuneCollector() // as the monitor does
	before := heap()
	if err := s.Set(makeChecks(t)); err != nil {
		return nil, err
	}
	bytes := (heap() - before) / checkCount

	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { s.Run(ctx) })
	time.Sleep(warmUp)
	m0, cpu0, ok0, queue0 := s.Metrics(), cpuTime(), ok.Load(), processorQueue()
	time.Sleep(measured)
	m1, cpu1, ok1, queue1 := s.Metrics(), cpuTime(), ok.Load(), processorQueue()
	cancel()
	wg.Wait()
	if text := bad.Load(); text != nil {
		return nil, fmt.Errorf("a check failed: %s", *text)
	}

	runs := m1.Runs - m0.Runs
	late := since(m1.Lateness, m0.Lateness)
	p99 := late.Quantile(0.99)
	fmt.Printf("  looks %d (wanted %d), ok %d, skipped %d, saturated %d\n", runs, checkCount*int(measured/interval), ok1-ok0, m1.Skipped-m0.Skipped, m1.Saturated-m0.Saturated)
	fmt.Printf("  lateness: median <= %v, p99 <= %v, p99.9 <= %v, max since start %v\n", late.Quantile(0.5), p99, late.Quantile(0.999), m1.Lateness.Max.Round(time.Microsecond))
	fmt.Printf("  processor: %.0f %% of one core, %s a check\n", 100*(cpu1-cpu0).Seconds()/measured.Seconds(), us((cpu1-cpu0)/time.Duration(max(1, runs))))
	fmt.Printf("  other programs on this core: %v ready to run but not running, of %v\n", (queue1 - queue0).Round(time.Millisecond), measured)
	fmt.Printf("  memory: %d bytes a check at rest, with its probe and id\n", bytes)
	if p99 > wantLate {
		missed = append(missed, fmt.Sprintf("p99 lateness %v, wanted is %v", p99, wantLate))
	}
	if bytes > wantBytes {
		missed = append(missed, fmt.Sprintf("%d bytes a check, wanted is %d", bytes, wantBytes))
	}
	if want := uint64(checkCount * int(measured/interval)); runs < want*99/100 {
		missed = append(missed, fmt.Sprintf("%d looks, wanted is %d", runs, want))
	}
	return missed, nil
}

// makeChecks gives each check an address of its own.
func makeChecks(t *targets) []schedule.Check {
	checks := make([]schedule.Check, checkCount)
	for i := range checks {
		at := t.at(uint32(i))
		spec := probes.Spec{Kind: probes.TCP, Port: at.Port(), Steps: []probes.Step{{Send: "GET /robots.txt HTTP/1.0", Expect: probes.Pattern{Text: fragment}}}}
		if i%2 == 1 {
			spec = probes.Spec{Kind: probes.HTTP, Port: at.Port(), HTTP: probes.HTTPSpec{Path: "/robots.txt", Expect: probes.Pattern{Text: fragment}}}
		}
		p, errs := spec.Compile()
		if len(errs) > 0 {
			panic(fmt.Sprint(errs))
		}
		checks[i] = schedule.Check{ID: fmt.Sprintf("pool-%d.mydomain.com/%v", i, at), Addr: at.Addr(), Probe: p, Interval: interval}
	}
	return checks
}

// since is what was counted between two snapshots. Max stays that of the later one.
func since(later, earlier schedule.Histogram) schedule.Histogram {
	for i := range later.Counts {
		later.Counts[i] -= earlier.Counts[i]
	}
	return later
}

// heap is what is in use after a collection.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// processorQueue is how long this process' threads were ready to run while others had the processor: on a machine that is not
// quiet the lateness is mostly this.
func processorQueue() (sum time.Duration) {
	files, _ := filepath.Glob("/proc/self/task/*/schedstat")
	for _, name := range files {
		data, err := os.ReadFile(name)
		var ran, waited int64
		if err == nil {
			_, err = fmt.Sscan(string(data), &ran, &waited)
		}
		if err == nil {
			sum += time.Duration(waited)
		}
	}
	return sum
}
