package decide

import (
	"container/heap"
	"time"
)

// timerKind is the concern a timer belongs to. Each concern of each member has at most one.
type timerKind uint8

const (
	timerRestart timerKind = iota // restart unanswered, or grace over
	timerFlap                     // flap_hold over
	timerDrain                    // drain over
	timerGuard                    // ask for second views again
	timerReset                    // reset_on_start waits no longer
)

type timerKey struct {
	kind   timerKind
	member *member // nil for timers of the machine
}

type timerEntry struct {
	at  time.Time
	seq uint64
	key timerKey
}

// timers is a set of deadlines: at most one per key, the earliest first, ties
// in the order in which they were set.
type timers struct {
	heap timerHeap
	live map[timerKey]uint64 // the entry that counts; others in the heap are stale
	seq  uint64
}

func (t *timers) set(k timerKey, at time.Time) {
	if t.live == nil {
		t.live = make(map[timerKey]uint64)
	}
	t.seq++
	t.live[k] = t.seq
	heap.Push(&t.heap, timerEntry{at, t.seq, k})
}

func (t *timers) stop(k timerKey) { delete(t.live, k) }

// next drops stale entries and returns the earliest live one.
func (t *timers) next() (timerEntry, bool) {
	for len(t.heap) > 0 {
		e := t.heap[0]
		if t.live[e.key] == e.seq {
			return e, true
		}
		heap.Pop(&t.heap)
	}
	return timerEntry{}, false
}

// due removes and returns the earliest timer that is not after now.
func (t *timers) due(now time.Time) (timerKey, bool) {
	e, ok := t.next()
	if !ok || e.at.After(now) {
		return timerKey{}, false
	}
	heap.Pop(&t.heap)
	delete(t.live, e.key)
	return e.key, true
}

type timerHeap []timerEntry

func (h timerHeap) Len() int { return len(h) }
func (h timerHeap) Less(i, j int) bool {
	if c := h[i].at.Compare(h[j].at); c != 0 {
		return c < 0
	}
	return h[i].seq < h[j].seq
}
func (h timerHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *timerHeap) Push(x any)   { *h = append(*h, x.(timerEntry)) }
func (h *timerHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	*h = old[:len(old)-1]
	return e
}
