package schedule

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Metrics is a snapshot of what the Scheduler did and does. Counts are since New.
type Metrics struct {
	Checks   int // in the list
	InFlight int // looks under way or being delivered
	Workers  int // goroutines that wait for a look to make
	Runs     uint64
	// Skipped starts came while the check still ran, or waited for its turn.
	Skipped uint64
	// Dropped results were of checks removed or changed while they ran.
	Dropped uint64
	// Saturated counts how often a due start found MaxInFlight looks under way: the probes hang or the
	// consumer is slow.
	Saturated uint64
	// TargetBusy counts the due starts that had to wait for others at the same address.
	TargetBusy uint64
	// Throttled counts how often a due start had to wait for Rate.
	Throttled uint64
	// Lateness is how long after they were due looks started.
	Lateness Histogram
}

// counts is the part of Metrics that only grows.
type counts struct {
	runs, skipped, dropped, saturated, targetBusy, throttled uint64
	lateness                                                 Histogram
}

// latenessBounds are the upper bounds of the Histogram's buckets but the last.
var latenessBounds = [...]time.Duration{
	100 * time.Microsecond, 200 * time.Microsecond, 500 * time.Microsecond,
	1 * time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond,
	10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second,
}

// Histogram counts durations. The zero value is empty.
type Histogram struct {
	// Counts holds a number for each of Bounds, and one more for what is above the last.
	Counts [len(latenessBounds) + 1]uint64
	Sum    time.Duration
	Max    time.Duration
}

func (h *Histogram) add(d time.Duration) {
	d = max(d, 0)
	i, _ := slices.BinarySearch(latenessBounds[:], d)
	h.Counts[i]++
	h.Sum += d
	h.Max = max(h.Max, d)
}

// Quantile is an upper bound of the q-th part (0.99) of what was counted; 0 when nothing was.
func (h *Histogram) Quantile(q float64) time.Duration {
	var total, upTo uint64
	for _, n := range h.Counts {
		total += n
	}
	for i, n := range h.Counts {
		upTo += n
		if n > 0 && float64(upTo) >= q*float64(total) {
			if i < len(latenessBounds) {
				return min(latenessBounds[i], h.Max)
			}
			return h.Max
		}
	}
	return 0
}

// Metrics takes a snapshot.
func (s *Scheduler) Metrics() Metrics {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.counts
	m := Metrics{
		Checks: len(s.byID), InFlight: s.taken, Workers: s.idle, Runs: c.runs, Skipped: c.skipped, Dropped: c.dropped,
		Saturated: c.saturated, TargetBusy: c.targetBusy, Throttled: c.throttled, Lateness: c.lateness,
	}
	for _, e := range s.byID {
		if e.removed {
			m.Checks--
		}
	}
	return m
}

// Running is one check and where it stands: nothing is looked at that is not in this list.
type Running struct {
	ID       string
	Addr     netip.Addr
	Interval time.Duration
	InFlight bool      // a look is under way, or its result waits for deliver
	Removed  bool      // no longer wanted: only its last look is still under way
	Started  time.Time // of the latest look; zero before the first
	Next     time.Time // when the next is due; zero while one is under way
}

// Status lists all checks, by id.
func (s *Scheduler) Status() []Running {
	s.mu.Lock()
	out := make([]Running, 0, len(s.byID))
	for _, e := range s.byID {
		r := Running{ID: e.check.ID, Addr: e.check.Addr, Interval: e.check.Interval, InFlight: e.state == running, Removed: e.removed}
		if e.started > 0 {
			r.Started = s.base.Add(e.started)
		}
		if e.state != running {
			r.Next = s.base.Add(e.due)
		}
		out = append(out, r)
	}
	s.mu.Unlock()
	slices.SortFunc(out, func(a, b Running) int { return strings.Compare(a.ID, b.ID) })
	return out
}
