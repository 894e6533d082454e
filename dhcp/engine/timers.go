package engine

// timers is a heap of records by due. A record's timer may fire too early, never too late: moving its end further, as every renewal does,
// costs nothing.
type timers struct {
	t    *table
	heap []int32
}

func (h *timers) less(a, b int) bool { return h.t.at(h.heap[a]).due < h.t.at(h.heap[b]).due }

func (h *timers) swap(a, b int) {
	h.heap[a], h.heap[b] = h.heap[b], h.heap[a]
	h.t.at(h.heap[a]).timer, h.t.at(h.heap[b]).timer = int32(a+1), int32(b+1)
}

// set makes the timer fire no later than due.
func (h *timers) set(i int32, due uint32) {
	r := h.t.at(i)
	if r.timer == 0 {
		r.due = due
		h.heap = append(h.heap, i)
		r.timer = int32(len(h.heap))
	} else if due < r.due {
		r.due = due
	} else {
		return
	}
	h.up(int(r.timer) - 1)
}

// top is the record that is due first; -1: none.
func (h *timers) top() int32 {
	if len(h.heap) == 0 {
		return -1
	}
	return h.heap[0]
}

// drop takes a record's timer away.
func (h *timers) drop(i int32) {
	r := h.t.at(i)
	if r.timer == 0 {
		return
	}
	at, last := int(r.timer)-1, len(h.heap)-1
	h.swap(at, last)
	h.heap = h.heap[:last]
	r.timer = 0
	if at < last {
		h.down(at)
		h.up(at)
	}
}

func (h *timers) up(a int) {
	for a > 0 && h.less(a, (a-1)/2) {
		h.swap(a, (a-1)/2)
		a = (a - 1) / 2
	}
}

func (h *timers) down(a int) {
	for {
		c := 2*a + 1
		if c >= len(h.heap) {
			return
		}
		if c+1 < len(h.heap) && h.less(c+1, c) {
			c++
		}
		if !h.less(c, a) {
			return
		}
		h.swap(a, c)
		a = c
	}
}

// due counts those that fire at now or before and for which is holds, up to most.
func (h *timers) due(now uint32, most int, is func(i int32) bool) int {
	n := 0
	var walk func(a int)
	walk = func(a int) {
		if a >= len(h.heap) || n >= most || h.t.at(h.heap[a]).due > now {
			return
		}
		if is(h.heap[a]) {
			n++
		}
		walk(2*a + 1)
		walk(2*a + 2)
	}
	walk(0)
	return n
}
