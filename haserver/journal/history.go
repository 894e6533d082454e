package journal

import (
	"fmt"
	"slices"
	"sort"

	"loadshare/haserver/digest"
	"loadshare/haserver/pairmsg"
)

const (
	// Depth is how many entries behind a snapshot are kept, for IXFR and for a partner that was away.
	Depth = 10_000

	chunkSize = 256 << 10 // octets of entries read at a time, about
)

// state is the zone after an entry.
type state struct {
	serial  uint32
	records uint32 // of the entry that led here
	digest  digest.Digest
}

func (s state) point() pairmsg.Point { return pairmsg.Point{Serial: s.serial, Digest: s.digest} }

// Sequences of entries: the content that a zone begins with, or is replaced by, takes one too. 0 is none.

// history is the states that the entries on disk lead through: states[0] is before the oldest entry, and states[i] after
// entry first+i. No serial is in it twice: going from one to the next always up, it never spans all serials.
type history struct {
	first  uint64
	states []state
	span   uint64 // serials from the first state to the last
}

func (h *history) last() state { return h.states[len(h.states)-1] }

// seq is the entry that led to the last state.
func (h *history) seq() uint64 { return h.first + uint64(len(h.states)) - 1 }

func (h *history) add(s state) {
	h.span += uint64(s.serial - h.last().serial)
	h.states = append(h.states, s)
	for h.span >= 1<<32 {
		h.cut(h.first + 1)
	}
}

// cut forgets the states before that after entry seq.
func (h *history) cut(seq uint64) {
	if seq <= h.first {
		return
	}
	n := min(int(seq-h.first), len(h.states)-1)
	for i := range n {
		h.span -= uint64(h.states[i+1].serial - h.states[i].serial)
	}
	h.states = slices.Delete(h.states, 0, n)
	h.first += uint64(n)
}

// at is the state after entry seq.
func (h *history) at(seq uint64) (state, bool) {
	if seq < h.first || seq-h.first >= uint64(len(h.states)) {
		return state{}, false
	}
	return h.states[seq-h.first], true
}

// find is the index of the state with a serial. The way from a state to the last one gets shorter from state to state.
func (h *history) find(serial uint32) (int, bool) {
	if len(h.states) == 0 {
		return 0, false
	}
	last := h.last().serial
	i := sort.Search(len(h.states), func(i int) bool { return last-h.states[i].serial <= last-serial })
	return i, i < len(h.states) && h.states[i].serial == serial
}

// Point is the state of the zone after the last entry appended; the zero Point before the first Replace of a zone begun.
func (l *Log) Point() pairmsg.Point {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.history.states) == 0 {
		return pairmsg.Point{}
	}
	return l.history.last().point()
}

// History is the newest states, Depth at most, from which the steps to Point are there, oldest first and without Point itself.
func (l *Log) History() []pairmsg.Point {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.history.states) - 1
	if n <= 0 {
		return nil
	}
	list := make([]pairmsg.Point, 0, min(n, Depth))
	for _, s := range l.history.states[max(0, n-Depth):n] {
		list = append(list, s.point())
	}
	return list
}

// Distance is how many records the steps from serial after to serial through have in all; false when the journal does not
// have them.
func (l *Log) Distance(after, through uint32) (records int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	from, ok1 := l.history.find(after)
	to, ok2 := l.history.find(through)
	if !ok1 || !ok2 || from > to {
		return 0, false
	}
	for _, s := range l.history.states[from+1 : to+1] {
		records += int(s.records)
	}
	return records, true
}

// Entries calls fn with the steps from serial after to serial through, in their order, until it returns false. ok is false,
// and fn may have been called for some, when the journal does not reach back that far. Both serials must be of committed
// states. Nothing is held while fn runs, however long that takes. From any goroutine.
func (l *Log) Entries(after, through uint32, fn func(pairmsg.Entry) bool) (ok bool, err error) {
	l.mu.Lock()
	from, ok1 := l.history.find(after)
	to, ok2 := l.history.find(through)
	next, last := l.history.first+uint64(from)+1, l.history.first+uint64(to)
	l.mu.Unlock()
	if !ok1 || !ok2 || from > to {
		return false, nil
	}
	serial := after
	var c chunk
	for next <= last {
		if err := c.read(l, next, last); err != nil {
			return false, err
		}
		if c.len() == 0 {
			return l.missing(next)
		}
		for i := range c.len() {
			e, err := parseEntry(c.value(i))
			if err != nil {
				return false, &Damage{l.name, fmt.Sprintf("entry %d is not readable: %v", next, err)}
			}
			if e.Delta.From != serial {
				return false, &Damage{l.name, fmt.Sprintf("entry %d is from serial %d, and the one before it to %d", next, e.Delta.From, serial)}
			}
			if !fn(e) {
				return true, nil
			}
			serial = e.Delta.To
			next++
		}
	}
	return true, nil
}

// missing says why an entry that was in the history is not on disk.
func (l *Log) missing(seq uint64) (ok bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if seq <= l.history.first || seq > l.history.seq() || l.gone {
		return false, nil // trimmed, or the zone replaced, meanwhile
	}
	return false, fmt.Errorf("entry %d of zone %s is not committed yet, or missing", seq, l.name)
}

// chunk is some entries as they are on disk, copied so that no scan stays open.
type chunk struct {
	data []byte
	ends []int
}

func (c *chunk) len() int { return len(c.ends) }

func (c *chunk) value(i int) []byte {
	if i == 0 {
		return c.data[:c.ends[0]]
	}
	return c.data[c.ends[i-1]:c.ends[i]]
}

// read copies entries from seq on, without gaps, not after last, and not many more octets than chunkSize.
func (c *chunk) read(l *Log, seq, last uint64) error {
	c.data, c.ends = c.data[:0], c.ends[:0]
	err := l.store.Scan(entryKey(l.number, seq), entryKey(l.number, last+1), func(k, v []byte) bool {
		if string(k) != string(entryKey(l.number, seq)) {
			return false
		}
		c.data = append(c.data, v...)
		c.ends = append(c.ends, len(c.data))
		seq++
		return len(c.data) < chunkSize
	})
	if err != nil {
		return fmt.Errorf("read the journal of zone %s: %w", l.name, err)
	}
	return nil
}
