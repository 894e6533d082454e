package schedule

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"loadshare/probes"
)

// Looker looks once at an address; *probes.Probe is one. It returns soon after ctx ends. Lookers are compared
// with ==, so their type must be comparable, as pointers are.
type Looker interface {
	Look(ctx context.Context, addr netip.Addr) probes.Result
}

// Check is one thing to look at again and again.
type Check struct {
	ID       string // unique and stable: it decides when in the interval the check runs
	Addr     netip.Addr
	Probe    Looker
	Interval time.Duration // from start to start; greater than 0
}

// Config bounds a Scheduler. The zero value is usable.
type Config struct {
	MaxInFlight int     // looks at once, each a goroutine and a socket; 0 is 4096
	PerTarget   int     // looks at once at one address; 0 is 16, negative is no bound
	Rate        float64 // starts a second over all checks; 0 is no bound
	// Jitter is the greatest part of the interval by which a start is put off at random: 0.02 is up to
	// 2 %; 0 is none. It needs Rand.
	Jitter float64
	Rand   *rand.Rand // used only with Jitter, under the Scheduler's lock
}

const (
	defaultMaxInFlight = 4096
	defaultPerTarget   = 16
)

func (c Config) withDefaults() Config {
	if c.MaxInFlight <= 0 {
		c.MaxInFlight = defaultMaxInFlight
	}
	if c.PerTarget == 0 {
		c.PerTarget = defaultPerTarget
	}
	if c.Rand == nil {
		c.Jitter = 0
	}
	return c
}

// Deliver takes the result of a look that began at started. It is called by one goroutine at a time. While it
// blocks, results wait and starts get late; Run waits for it when it ends.
type Deliver func(id string, res probes.Result, started time.Time)

// Scheduler runs checks. Make it with New; all methods may be called at any time by any goroutine.
type Scheduler struct {
	config  Config
	deliver Deliver
	base    time.Time     // all times below count from here, by the monotonic clock
	wake    chan struct{} // capacity 1: the loop must look at the queue again
	jobs    chan job      // to idle workers
	workers sync.WaitGroup

	delivering chan struct{} // capacity 1: held for one deliver at a time

	// mu guards all below. It is a mutex, not a loop with messages, because a worker that ends a look reschedules
	// its check itself: one goroutine switch less for each look. Nothing blocks under it.
	mu      sync.Mutex
	byID    map[string]*entry
	targets map[netip.Addr]*target
	queue   queue         // idle entries by due time
	armed   time.Duration // when the loop wakes by itself
	taken   int           // looks under way or being delivered
	idle    int           // workers without a job
	stopped bool
	rate    limiter
	counts  counts
}

// entry is one check and where it stands.
type entry struct {
	check   Check
	target  *target
	due     time.Duration
	started time.Duration // of the latest look
	index   int           // in the queue; -1 when not there
	version uint32        // grows when address or probe change: a look of an older version is dropped
	state   state
	again   bool // Now was called while it ran
	removed bool // gone from the list while it ran
}

type state uint8

const (
	queued  state = iota // in the queue
	waiting              // due, but its target is busy
	running
)

// target is one address and who is at it.
type target struct {
	addr    netip.Addr
	checks  int // entries that name it
	running int
	waiting []*entry
}

// job is one look to be made.
type job struct {
	e       *entry
	check   Check
	version uint32
	due     time.Duration
}

// New makes a Scheduler without checks.
func New(c Config, deliver Deliver) *Scheduler {
	c = c.withDefaults()
	return &Scheduler{
		config:     c,
		deliver:    deliver,
		base:       time.Now(),
		wake:       make(chan struct{}, 1),
		jobs:       make(chan job),
		delivering: make(chan struct{}, 1),
		byID:       make(map[string]*entry),
		targets:    make(map[netip.Addr]*target),
		rate:       newLimiter(c.Rate),
	}
}

// Set replaces the whole list of checks. An error names every bad one, and then nothing is changed. A check that is
// the same as before goes on undisturbed.
func (s *Scheduler) Set(checks []Check) error {
	if err := validate(checks); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	keep := make(map[string]struct{}, len(checks))
	for _, c := range checks {
		keep[c.ID] = struct{}{}
		if e := s.byID[c.ID]; e != nil {
			s.change(e, c)
		} else {
			s.add(c)
		}
	}
	for id, e := range s.byID {
		if _, ok := keep[id]; !ok {
			s.remove(e)
		}
	}
	s.poke()
	return nil
}

func validate(checks []Check) error {
	var errs []error
	seen := make(map[string]struct{}, len(checks))
	for _, c := range checks {
		if _, ok := seen[c.ID]; ok {
			errs = append(errs, fmt.Errorf("check %q is there twice", c.ID))
		}
		seen[c.ID] = struct{}{}
		switch {
		case c.ID == "":
			errs = append(errs, fmt.Errorf("a check of %v has no id", c.Addr))
		case c.Interval <= 0:
			errs = append(errs, fmt.Errorf("check %q has the interval %v", c.ID, c.Interval))
		case c.Probe == nil:
			errs = append(errs, fmt.Errorf("check %q has no probe", c.ID))
		case !c.Addr.IsValid():
			errs = append(errs, fmt.Errorf("check %q has no address", c.ID))
		}
	}
	return errors.Join(errs...)
}

func (s *Scheduler) add(c Check) {
	e := &entry{check: c, index: -1}
	s.join(e, c.Addr)
	s.byID[c.ID] = e
	e.due = s.nextStart(&e.check, s.now())
	heap.Push(&s.queue, e)
}

// change makes e the check c, which has the same id. What is the same stays as it is.
func (s *Scheduler) change(e *entry, c Check) {
	old := e.check
	if e.removed {
		e.removed = false // it came back before its last look ended
	} else if old == c {
		return
	}
	if old.Addr != c.Addr || old.Probe != c.Probe {
		e.version++
	}
	if old.Addr != c.Addr && e.state != running { // a running one moves when it ends
		s.unwait(e)
		s.leave(e)
		s.join(e, c.Addr)
	}
	e.check = c
	if old.Interval != c.Interval && e.state == queued {
		e.due = s.nextStart(&e.check, s.now())
		heap.Fix(&s.queue, e.index)
	}
}

func (s *Scheduler) remove(e *entry) {
	switch e.state {
	case running:
		e.removed = true
		e.again = false
		e.version++
		return
	case waiting:
		s.unwait(e)
	case queued:
	}
	heap.Remove(&s.queue, e.index)
	s.forget(e)
}

func (s *Scheduler) forget(e *entry) {
	delete(s.byID, e.check.ID)
	s.leave(e)
}

// unwait puts an entry that waits for its target back into the queue.
func (s *Scheduler) unwait(e *entry) {
	if e.state != waiting {
		return
	}
	w := e.target.waiting
	for i := range w {
		if w[i] == e {
			e.target.waiting = append(w[:i], w[i+1:]...)
			break
		}
	}
	e.state = queued
	heap.Push(&s.queue, e)
}

func (s *Scheduler) join(e *entry, addr netip.Addr) {
	t := s.targets[addr]
	if t == nil {
		t = &target{addr: addr}
		s.targets[addr] = t
	}
	t.checks++
	e.target = t
}

// leave takes e off its target, and drops a target that nobody names.
func (s *Scheduler) leave(e *entry) {
	t := e.target
	e.target = nil
	if t.checks--; t.checks == 0 {
		delete(s.targets, t.addr)
	}
}

// Now makes the check's next start at once; when it runs, once more as soon as that look ends. It says whether there
// is such a check.
func (s *Scheduler) Now(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.byID[id]
	if e == nil || e.removed {
		return false
	}
	switch e.state {
	case running:
		e.again = true
	case queued:
		if now := s.now(); e.due > now {
			e.due = now
			heap.Fix(&s.queue, e.index)
			s.poke()
		}
	case waiting: // it is due already
	}
	return true
}

func (s *Scheduler) now() time.Duration { return time.Since(s.base) }

// poke makes the loop look again.
func (s *Scheduler) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
