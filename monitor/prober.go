package monitor

import (
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"loadshare/monitor/decide"
	"loadshare/monitor/schedule"
	"loadshare/probes"
)

// observationsWaiting is how many observations may wait for the loop; then the
// scheduler waits, and is late, and says so.
const observationsWaiting = 4096

// scheduled is the Prober over package schedule.
type scheduled struct {
	s        *schedule.Scheduler
	log      *slog.Logger
	out      chan decide.Observation
	stopped  chan struct{}
	lateness atomic.Int64 // mean of the looks of about the last second

	compiled map[string]*probes.Probe // by specification, so that an equal one is the same; touched by Set only

	mu       sync.Mutex // deliver and Recheck are on different goroutines
	rechecks map[string]time.Time
}

func newScheduled(log *slog.Logger, random *rand.Rand) *scheduled {
	p := &scheduled{log: log, out: make(chan decide.Observation, observationsWaiting), stopped: make(chan struct{}),
		compiled: map[string]*probes.Probe{}, rechecks: map[string]time.Time{}}
	p.s = schedule.New(schedule.Config{Jitter: 0.02, Rand: random}, p.deliver)
	return p
}

// run makes the looks until ctx ends.
func (p *scheduled) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { close(p.stopped) })
	defer stop()
	var measured sync.WaitGroup
	measured.Go(func() { p.measure(ctx) })
	p.s.Run(ctx)
	measured.Wait()
	return nil
}

// measure keeps the lateness.
func (p *scheduled) measure(ctx context.Context) {
	var before schedule.Metrics
	for sleep(ctx, time.Second) {
		now := p.s.Metrics()
		if n := now.Runs - before.Runs; n > 0 {
			p.lateness.Store(int64(now.Lateness.Sum-before.Lateness.Sum) / int64(n))
		}
		before = now
	}
}

// Set is Prober's.
func (p *scheduled) Set(looks []Look) {
	used := make(map[string]*probes.Probe, len(p.compiled))
	checks := make([]schedule.Check, 0, len(looks))
	for _, l := range looks {
		key, err := json.Marshal(l.Spec)
		probe := p.compiled[string(key)]
		if probe == nil {
			probe = used[string(key)]
		}
		if probe == nil && err == nil {
			var errs []probes.SpecError
			if probe, errs = l.Spec.Compile(); len(errs) > 0 {
				p.log.Error("check cannot be run", "check", string(l.ID), "error", errs[0].Error())
				continue
			}
		}
		used[string(key)] = probe
		checks = append(checks, schedule.Check{ID: string(l.ID), Addr: l.Address, Probe: probe, Interval: l.Interval})
	}
	p.compiled = used
	if err := p.s.Set(checks); err != nil {
		p.log.Error("schedule not changed", "error", err)
	}
}

// Recheck is Prober's.
func (p *scheduled) Recheck(ids []decide.CheckID) {
	p.mu.Lock()
	for _, id := range ids {
		p.rechecks[string(id)] = time.Now()
	}
	p.mu.Unlock()
	for _, id := range ids {
		if !p.s.Now(string(id)) {
			p.mu.Lock()
			delete(p.rechecks, string(id))
			p.mu.Unlock()
		}
	}
}

// Observations is Prober's.
func (p *scheduled) Observations() <-chan decide.Observation { return p.out }

// Lateness is Prober's.
func (p *scheduled) Lateness() time.Duration { return time.Duration(p.lateness.Load()) }

func (p *scheduled) deliver(id string, res probes.Result, started time.Time) {
	o := observation(id, res, started)
	p.mu.Lock()
	if asked, ok := p.rechecks[id]; ok && !started.Before(asked) {
		o.Recheck = true
		delete(p.rechecks, id)
	}
	p.mu.Unlock()
	select {
	case p.out <- o:
	case <-p.stopped:
	}
}

// observation turns what a probe saw into the machine's words.
func observation(id string, res probes.Result, started time.Time) decide.Observation {
	o := decide.Observation{Check: decide.CheckID(id), Reason: res.Reason.String(), Took: res.Total, At: started.Add(res.Total)}
	switch res.Outcome {
	case probes.OK:
		o.Outcome = decide.OK
	case probes.Failed:
		o.Outcome = decide.Failed
	default:
		o.Outcome = decide.Untested
	}
	if o.Outcome == decide.OK {
		o.Reason = ""
	}
	o.Detail = detail(res)
	return o
}

// detail is one line of what was seen: the step, the sentence, the bytes.
func detail(res probes.Result) string {
	if res.Outcome == probes.OK {
		return res.Warning
	}
	var b strings.Builder
	if res.Step > 0 {
		b.WriteString("step " + itoa(res.Step) + ": ")
	}
	b.WriteString(res.Detail)
	if len(res.Got) > 0 {
		if res.Detail != "" {
			b.WriteString("; ")
		}
		b.WriteString("got " + printable(res.Got))
	}
	return b.String()
}
