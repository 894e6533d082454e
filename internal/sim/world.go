package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// kept is how many events a failure shows.
const kept = 200

// World is time, chance and what is going to happen. Make it with [New].
type World struct {
	start  time.Time
	now    time.Time
	seq    uint64
	events agenda
	rng    *rand.Rand
	seed   uint64

	trace [kept]string // a ring of the last events
	count uint64       // events and notes so far
	ended error
}

// New makes a world at a time, with all its chance from one seed.
func New(seed uint64, start time.Time) *World {
	return &World{start: start, now: start, seed: seed, rng: rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))}
}

// Now is the true time.
func (w *World) Now() time.Time { return w.now }

// Rand is the only source of chance.
func (w *World) Rand() *rand.Rand { return w.rng }

// Chance is true with probability p.
func (w *World) Chance(p float64) bool { return w.rng.Float64() < p }

// Between is a random duration from least to most, both included.
func (w *World) Between(least, most time.Duration) time.Duration {
	return least + time.Duration(w.rng.Int64N(int64(most-least)+1))
}

// At has do happen at a time; a time that has passed is now. Events of one time
// happen in the order in which they were asked for.
func (w *World) At(at time.Time, what string, do func()) {
	if at.Before(w.now) {
		at = w.now
	}
	w.seq++
	w.events.add(int64(at.Sub(w.start)), w.seq, event{what, do})
}

// After has do happen later.
func (w *World) After(d time.Duration, what string, do func()) { w.At(w.now.Add(d), what, do) }

// Note writes a line into the trace.
func (w *World) Note(format string, a ...any) {
	w.line(fmt.Sprintf(format, a...))
}

func (w *World) line(s string) {
	w.trace[w.count%kept] = fmt.Sprintf("%s %s", w.now.Format("15:04:05.000"), s)
	w.count++
}

// Fail ends the run with an error, from inside an event.
func (w *World) Fail(format string, a ...any) {
	if w.ended == nil {
		w.ended = fmt.Errorf(format, a...)
	}
}

// Run lets everything happen until a time. After each event check runs, if it is
// not nil. The first error ends it; it is a [*Failure].
func (w *World) Run(until time.Time, check func() error) error {
	end := int64(until.Sub(w.start))
	for len(w.events.heap) > 0 && w.events.heap[0].at <= end && w.ended == nil {
		w.now = w.start.Add(time.Duration(w.events.heap[0].at))
		e := w.events.take()
		if e.what != "" {
			w.line(e.what)
		}
		e.do()
		if w.ended == nil && check != nil {
			w.ended = check()
		}
	}
	if w.ended != nil {
		return &Failure{Seed: w.seed, At: w.now, Err: w.ended, Last: w.last()}
	}
	w.now = until
	return nil
}

// Events is how much has happened, for reports.
func (w *World) Events() uint64 { return w.count }

func (w *World) last() []string {
	var out []string
	for i := w.count - min(w.count, kept); i < w.count; i++ {
		out = append(out, w.trace[i%kept])
	}
	return out
}

// Failure is an invariant that did not hold, with what led to it.
type Failure struct {
	Seed uint64
	At   time.Time
	Err  error
	Last []string
}

func (f *Failure) Error() string {
	return fmt.Sprintf("seed %d at %s: %v\nthe last events:\n%s", f.Seed, f.At.Format("15:04:05.000"), f.Err, strings.Join(f.Last, "\n"))
}

func (f *Failure) Unwrap() error { return f.Err }

// event is one thing that will happen.
type event struct {
	what string
	do   func()
}

// agenda is the events to come, by time, and by order within a time: a heap of keys without pointers, which point to the events.
type agenda struct {
	heap  []key
	slots []event
	empty []int32 // slots
}

type key struct {
	at   int64 // nanoseconds since the beginning of the world
	seq  uint64
	slot int32
}

func (k key) before(o key) bool { return k.at < o.at || k.at == o.at && k.seq < o.seq }

func (a *agenda) add(at int64, seq uint64, e event) {
	k := key{at, seq, int32(len(a.slots))}
	if n := len(a.empty); n > 0 {
		k.slot, a.empty = a.empty[n-1], a.empty[:n-1]
		a.slots[k.slot] = e
	} else {
		a.slots = append(a.slots, e)
	}
	a.heap = append(a.heap, k)
	h, i := a.heap, len(a.heap)-1
	for ; i > 0 && k.before(h[(i-1)/2]); i = (i - 1) / 2 {
		h[i] = h[(i-1)/2]
	}
	h[i] = k
}

// take is the first event; there must be one.
func (a *agenda) take() event {
	top := a.heap[0]
	last := len(a.heap) - 1
	k, h := a.heap[last], a.heap[:last]
	a.heap = h
	for i := 0; last > 0; {
		c := 2*i + 1
		if c+1 < last && h[c+1].before(h[c]) {
			c++
		}
		if c >= last || !h[c].before(k) {
			h[i] = k
			break
		}
		h[i] = h[c]
		i = c
	}
	e := a.slots[top.slot]
	a.slots[top.slot] = event{}
	a.empty = append(a.empty, top.slot)
	return e
}
