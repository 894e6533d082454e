package sim

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// kept is how many events a failure shows.
const kept = 200

// World is time, chance and what is going to happen. Make it with [New].
type World struct {
	now    time.Time
	seq    uint64
	events eventHeap
	rng    *rand.Rand
	seed   uint64

	trace [kept]string // a ring of the last events
	count uint64       // events and notes so far
	ended error
}

// New makes a world at a time, with all its chance from one seed.
func New(seed uint64, start time.Time) *World {
	return &World{now: start, seed: seed, rng: rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))}
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
	heap.Push(&w.events, event{at, w.seq, what, do})
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
	for len(w.events) > 0 && !w.events[0].at.After(until) && w.ended == nil {
		e := heap.Pop(&w.events).(event)
		w.now = e.at
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

type event struct {
	at   time.Time
	seq  uint64
	what string
	do   func()
}

type eventHeap []event

func (h eventHeap) Len() int { return len(h) }
func (h eventHeap) Less(i, j int) bool {
	if c := h[i].at.Compare(h[j].at); c != 0 {
		return c < 0
	}
	return h[i].seq < h[j].seq
}
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *eventHeap) Push(x any)   { *h = append(*h, x.(event)) }
func (h *eventHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = event{}
	*h = old[:len(old)-1]
	return e
}
