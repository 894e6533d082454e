package notify

import (
	"container/heap"
	"time"
)

// queue holds targets by the moment when something is due.
type queue []*target

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].due < q[j].due }
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

// Push is for container/heap.
func (q *queue) Push(x any) {
	t := x.(*target)
	t.place = len(*q)
	*q = append(*q, t)
}

// Pop is for container/heap.
func (q *queue) Pop() any {
	old := *q
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return t
}

// ready takes the first target out, if its moment has come.
func (q *queue) ready(now time.Duration) *target {
	if len(*q) == 0 || (*q)[0].due > now {
		return nil
	}
	t := heap.Pop(q).(*target)
	t.in = nil
	return t
}

// put moves t into q, due at a moment.
func (t *target) put(q *queue, due time.Duration) {
	t.take()
	t.in, t.due = q, due
	heap.Push(q, t)
}

// take takes t out of the queue it is in.
func (t *target) take() {
	if t.in != nil {
		heap.Remove(t.in, t.place)
		t.in = nil
	}
}
