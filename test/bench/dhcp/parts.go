package main

import (
	"fmt"
	"syscall"
	"time"

	"loadshare/internal/dhcpclient"
	"loadshare/test/bench/measure"
)

// each starts every kind anew, in turn, as often as is repeated; a kind that fails is named and left out from then on.
func (b *bench) each(repeats, pool int, only func(kind) bool, measure func(r *running) error) error {
	var failed error
	out := map[string]bool{}
	for range repeats {
		for _, k := range b.kinds {
			if out[k.name] || only != nil && !only(k) {
				continue
			}
			r, err := b.start(k, pool)
			if err == nil {
				err = measure(r)
				r.stop()
			}
			if err != nil {
				fmt.Fprintf(b.out, "%s: %v\n%s", k.name, err, r.tails())
				out[k.name] = true
				failed = fmt.Errorf("%s failed", k.name)
			}
		}
	}
	return failed
}

// windows are how many exchanges are tried to be under way at once.
var windows = []int{4, 16, 64, 256}

// tuned finds the window that serves a kind best, with a few clients each: more under way help a server that gathers, and drown another.
// One start serves for all: a pair may need half a minute until it works as one.
func (b *bench) tuned(k kind, clients int) (window int, err error) {
	r, err := b.start(k, 2*clients*len(windows))
	if err != nil {
		return 0, err
	}
	defer r.stop()
	best := 0.0
	for i, w := range windows {
		res, err := r.load(time.Second, 1, dhcpclient.Load{First: i * clients, Clients: clients, Window: w})
		if err != nil {
			return 0, err
		}
		fmt.Fprintf(b.out, "%s, %d under way: %s\n", k.name, w, &res.Result)
		if res.LostShare() >= 0.01 {
			break // more would drown it more
		}
		if res.PerSecond() > best {
			best, window = res.PerSecond(), w
		}
	}
	if window == 0 {
		return 0, fmt.Errorf("it loses more than 1 %% with %d under way", windows[0])
	}
	return window, nil
}

// rate: how many new clients a second get a lease when a fixed number is always under way, and what a lease costs.
func (b *bench) rate() error {
	kept := b.newTable(fmt.Sprintf("Leases kept, %d new clients", b.clients), "1/s", "alone 10,000, pair 7,000; under 1 % lost")
	cost := b.newTable("Processor time a lease, all processes", "us", "alone 60, pair 150")
	lag := b.newTable("Pair: the partner knows everything so long after the end of the load", "s", "1")
	window := map[string]int{}
	err := b.each(b.repeats, b.clients*5/4, nil, func(r *running) error {
		if window[r.name] == 0 && b.quick {
			window[r.name] = 64
		}
		if window[r.name] == 0 {
			r.stop()
			w, err := b.tuned(r.kind, 2000)
			if err != nil {
				return err
			}
			window[r.name] = w
			if err := r.start(); err != nil {
				return err
			}
		}
		res, err := r.load(time.Second, 1, dhcpclient.Load{Clients: b.clients, Window: window[r.name]})
		if err != nil {
			return err
		}
		if res.Kept == 0 {
			return fmt.Errorf("no lease: %s", &res.Result)
		}
		kept.Add(r.kind.name, res.PerSecond())
		kept.Note(r.kind.name, fmt.Sprintf("%d under way, lost %.2f %%, p50 %v, p99 %v", window[r.name], 100*res.LostShare(), res.Percentile(50).Round(10*time.Microsecond), res.Percentile(99).Round(10*time.Microsecond)))
		cost.Add(r.kind.name, res.each(res.servers))
		cost.Note(r.kind.name, fmt.Sprintf("the load itself %.0f us", res.each(res.load)))
		if r.ours && r.pair {
			took, err := r.settled()
			if err != nil {
				return err
			}
			lag.Add(r.kind.name, took.Seconds())
		}
		return nil
	})
	kept.Print(b.out)
	cost.Print(b.out)
	lag.Print(b.out)
	return err
}

// latency: from DISCOVER to ACK at a rate that all can bear.
func (b *bench) latency() error {
	rate := 500.0
	p50 := b.newTable(fmt.Sprintf("DISCOVER to ACK at %.0f new clients/s, p50", rate), "ms", "")
	p99 := b.newTable("the same, p99", "ms", "")
	worst := b.newTable("the same, the slowest", "ms", "")
	cost := b.newTable("the same: processor time a lease, all processes", "us", "")
	err := b.each(b.repeats, 2*b.steady, nil, func(r *running) error {
		res, err := r.load(2*time.Second, 1, dhcpclient.Load{Clients: b.steady, Rate: rate})
		if err != nil {
			return err
		}
		for t, p := range map[*measure.Table]float64{p50: 50, p99: 99, worst: 100} {
			t.Add(r.kind.name, float64(res.Percentile(p).Microseconds())/1000)
			t.Note(r.kind.name, fmt.Sprintf("lost %.2f %%", 100*res.LostShare()))
		}
		cost.Add(r.kind.name, res.each(res.servers))
		return nil
	})
	p50.Print(b.out)
	p99.Print(b.out)
	worst.Print(b.out)
	cost.Print(b.out)
	return err
}

// memory: of a server alone that holds so many leases, and how long it takes to serve again after a kill -9.
func (b *bench) memory() error {
	leases := b.pick(0, 100000, 2000)
	used := b.newTable(fmt.Sprintf("Memory with %d leases", leases), "MiB", "64 with 100,000")
	again := b.newTable("the same killed -9: from its start to the first lease", "s", "")
	err := b.each(1, leases*5/4, func(k kind) bool { return !k.pair }, func(r *running) error {
		res, err := r.load(time.Second, 5, dhcpclient.Load{Clients: leases, Window: 100})
		if err != nil {
			return err
		}
		if res.Kept < leases*99/100 {
			return fmt.Errorf("only %s", &res.Result)
		}
		used.Add(r.kind.name, r.servers[0].proc.Memory())
		r.servers[0].stop(syscall.SIGKILL)
		begun := time.Now()
		if err := r.start(); err != nil {
			return fmt.Errorf("again: %w\n%s", err, r.tails())
		}
		again.Add(r.kind.name, time.Since(begun).Seconds())
		return nil
	})
	used.Print(b.out)
	again.Print(b.out)
	return err
}

// away: one of a pair is killed -9 in the middle of a steady stream of new clients, who try again every second.
func (b *bench) away() error {
	const rate = 20
	clients := b.pick(0, 1200, 100)
	waited := b.newTable(fmt.Sprintf("New clients of %d that waited more than 1 s, the main killed -9 after a third", clients), "clients", "nobody")
	longest := b.newTable("the same: the longest wait, clients try again every second", "s", "")
	err := b.each(1, 30*clients, func(k kind) bool { return k.pair }, func(r *running) error {
		kill := time.AfterFunc(time.Duration(clients/3)*time.Second/rate, func() { r.servers[0].proc.Kill() })
		defer kill.Stop()
		res, err := r.load(time.Second, 90, dhcpclient.Load{Clients: clients, Rate: rate})
		if err != nil {
			return err
		}
		waited.Add(r.kind.name, float64(res.Waited(time.Second)+res.Started-res.Kept))
		waited.Note(r.kind.name, fmt.Sprintf("%d never served", res.Started-res.Kept))
		longest.Add(r.kind.name, res.Percentile(100).Seconds())
		return nil
	})
	waited.Print(b.out)
	longest.Print(b.out)
	return err
}
