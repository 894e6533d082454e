package schedule

import (
	"math"
	"time"
)

// queue is a heap (container/heap) of entries, the one due first on top.
type queue []*entry

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].due < q[j].due }

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q *queue) Push(x any) {
	e, _ := x.(*entry)
	e.index = len(*q)
	*q = append(*q, e)
}

func (q *queue) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	e.index = -1
	return e
}

// phase is where in its interval a check starts: from a hash of its id, so that it is the same after a restart and
// checks added together do not start together.
func phase(id string, interval time.Duration) time.Duration {
	h := uint64(14695981039346656037) // FNV-1a
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * 1099511628211
	}
	// FNV leaves ids that differ in the last byte close together: mix once more.
	h ^= h >> 32
	h *= 0x9e3779b97f4a7c15
	h ^= h >> 29
	return time.Duration(h % uint64(interval))
}

// gridAfter is the first of shift, shift+interval, … that is later than now.
func gridAfter(now, shift, interval time.Duration) time.Duration {
	if now < shift {
		return shift
	}
	return shift + ((now-shift)/interval+1)*interval
}

// nextStart is the check's next start after now, jitter and all.
func (s *Scheduler) nextStart(c *Check, now time.Duration) time.Duration {
	due := gridAfter(now, phase(c.ID, c.Interval), c.Interval)
	if s.config.Jitter > 0 {
		due += time.Duration(s.config.Rand.Float64() * s.config.Jitter * float64(c.Interval))
	}
	return due
}

// limiter lets starts through at a steady rate. The zero value lets all through.
type limiter struct {
	gap  time.Duration // between two starts
	next time.Duration // when the next may come
}

func newLimiter(rate float64) limiter {
	if rate <= 0 {
		return limiter{}
	}
	return limiter{gap: time.Duration(max(1, math.Round(float64(time.Second)/rate)))}
}

// limiterBurst is how far starts may run ahead of the steady rate, so that a late wake-up is made good.
const limiterBurst = 10 * time.Millisecond

// take says whether a start may come now, and if not, when.
func (l *limiter) take(now time.Duration) (at time.Duration, ok bool) {
	if l.gap == 0 {
		return now, true
	}
	if earliest := l.next - limiterBurst; now < earliest {
		return earliest, false
	}
	l.next = max(l.next, now) + l.gap
	return now, true
}
