package schedule

import (
	"container/heap"
	"context"
	"fmt"
	"math"
	"time"

	"loadshare/probes"
)

// never is later than any start.
const never = time.Duration(math.MaxInt64)

// spareWorkers is how many more workers than are busy stay for the next burst.
const spareWorkers = 16

// Run starts checks when they are due, until ctx ends; then it waits for the looks under way, whose results are dropped.
// It is called once.
func (s *Scheduler) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		if at := s.startDue(ctx); at < never {
			timer.Reset(time.Until(s.base.Add(at)))
		} else {
			timer.Stop()
		}
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-s.wake:
		}
	}
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	close(s.jobs)
	s.workers.Wait()
}

// startDue starts all that is due and within the bounds, and says when to look again.
func (s *Scheduler) startDue(ctx context.Context) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.armed = s.startUntil(ctx, now)
	return s.armed
}

func (s *Scheduler) startUntil(ctx context.Context, now time.Duration) time.Duration {
	for len(s.queue) > 0 {
		e := s.queue[0]
		if e.due > now {
			return e.due
		}
		if s.taken >= s.config.MaxInFlight {
			s.counts.saturated++
			return never // a look that ends wakes us
		}
		if s.config.PerTarget > 0 && e.target.running >= s.config.PerTarget {
			heap.Pop(&s.queue)
			e.state = waiting
			e.target.waiting = append(e.target.waiting, e)
			s.counts.targetBusy++
			continue
		}
		if at, ok := s.rate.take(now); !ok {
			s.counts.throttled++
			return at
		}
		heap.Pop(&s.queue)
		s.start(ctx, e, now)
	}
	return never
}

// start hands e to an idle worker, or to a new one.
func (s *Scheduler) start(ctx context.Context, e *entry, now time.Duration) {
	e.state, e.started = running, now
	e.target.running++
	s.taken++
	j := job{e: e, check: e.check, version: e.version, due: e.due}
	select {
	case s.jobs <- j:
		s.idle--
	default:
		s.workers.Go(func() { s.work(ctx, j) })
	}
}

// work makes one look after another, until there are workers to spare.
func (s *Scheduler) work(ctx context.Context, j job) {
	for ok := true; ok; j, ok = <-s.jobs {
		started := time.Now()
		res := look(ctx, j.check)
		late := started.Sub(s.base) - j.due
		if ctx.Err() == nil {
			s.hand(j, res, started)
		}
		if !s.finish(j, late) {
			return
		}
	}
}

// look makes one look; a panic is that look's fault alone.
func look(ctx context.Context, c Check) (res probes.Result) {
	defer func() {
		if e := recover(); e != nil {
			res = probes.Result{Outcome: probes.Untested, Reason: probes.ReasonInternal, Detail: fmt.Sprint("panic: ", e)}
		}
	}()
	return c.Probe.Look(ctx, c.Addr)
}

// hand delivers the result, unless the check is another one by now.
func (s *Scheduler) hand(j job, res probes.Result, started time.Time) {
	s.delivering <- struct{}{}
	defer func() { <-s.delivering }()
	s.mu.Lock()
	stale := j.e.version != j.version
	if stale {
		s.counts.dropped++
	}
	s.mu.Unlock()
	if !stale {
		s.deliver(j.check.ID, res, started)
	}
}

// finish makes the check ready for its next look, and says whether the worker should stay.
func (s *Scheduler) finish(j job, late time.Duration) (stay bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.counts.runs++
	s.counts.lateness.add(late)
	full := s.taken >= s.config.MaxInFlight
	s.taken--
	e := j.e
	s.releaseTarget(e.target)
	if e.removed {
		s.forget(e)
	} else {
		s.requeue(e, j, now)
	}
	if full || len(s.queue) > 0 && s.queue[0].due < s.armed {
		s.poke()
	}
	if s.stopped || s.idle > s.taken+spareWorkers {
		return false
	}
	s.idle++
	return true
}

// releaseTarget lets the next in line at the address go on.
func (s *Scheduler) releaseTarget(t *target) {
	t.running--
	if len(t.waiting) > 0 {
		s.unwait(t.waiting[0])
	}
}

// requeue puts e back into the queue for its next start.
func (s *Scheduler) requeue(e *entry, j job, now time.Duration) {
	if e.target.addr != e.check.Addr {
		s.leave(e)
		s.join(e, e.check.Addr)
	}
	if e.again {
		e.again, e.due = false, now
	} else {
		e.due = s.nextStart(&e.check, now)
		s.counts.skipped += missed(&e.check, j.due, now)
	}
	e.state = queued
	heap.Push(&s.queue, e)
}

// missed counts the starts on the grid after due and not after now.
func missed(c *Check, due, now time.Duration) uint64 {
	shift := phase(c.ID, c.Interval)
	first, next := gridAfter(due, shift, c.Interval), gridAfter(now, shift, c.Interval)
	return uint64((next - first) / c.Interval)
}
