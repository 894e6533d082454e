package journal

import (
	"cmp"
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
	seq     uint64 // of the entry that led here
	serial  uint32
	records uint32 // of that entry
	digest  digest.Digest
}

func (s state) point() pairmsg.Point { return pairmsg.Point{Serial: s.serial, Digest: s.digest} }

// Sequences of entries: the content that a zone begins with, or is replaced by, takes one too. 0 is none.

// history is the states that the entries on disk lead through, oldest first; before the first of them there is no entry. Sequences have gaps
// where several entries became one. No serial is in it twice: going from one to the next always up, it never spans all serials.
type history struct {
	states []state
	span   uint64 // serials from the first state to the last
}

func (h *history) last() state { return h.states[len(h.states)-1] }

// seq is the entry that led to the last state.
func (h *history) seq() uint64 { return h.last().seq }

func (h *history) add(s state) {
	h.span += uint64(s.serial - h.last().serial)
	h.states = append(h.states, s)
	for h.span >= 1<<32 {
		h.keep([]int{1}, 1)
	}
}

// keep forgets the states before index end but for those listed.
func (h *history) keep(list []int, end int) {
	n := 0
	for _, i := range list {
		if i < end {
			h.states[n] = h.states[i]
			n++
		}
	}
	h.states = slices.Delete(h.states, n, end)
	h.span = 0
	for i := range len(h.states) - 1 {
		h.span += uint64(h.states[i+1].serial - h.states[i].serial)
	}
}

// index is where the state after entry seq is, or would be.
func (h *history) index(seq uint64) (int, bool) {
	return slices.BinarySearchFunc(h.states, seq, func(s state, seq uint64) int { return cmp.Compare(s.seq, seq) })
}

// at is the state after entry seq.
func (h *history) at(seq uint64) (state, bool) {
	i, ok := h.index(seq)
	if !ok {
		return state{}, false
	}
	return h.states[i], true
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

// History is the states from which the steps to Point are there, oldest first and without Point itself: the newest Depth, and those older
// ones that k wants.
func (l *Log) History(k Keep) []pairmsg.Point {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.history.states) - 1
	if n <= 0 {
		return nil
	}
	end := max(0, n-l.depth)
	list := make([]pairmsg.Point, 0, n-end)
	for _, i := range l.history.retained(k, end, 2*l.depth) {
		list = append(list, l.history.states[i].point())
	}
	for _, s := range l.history.states[end+1 : n] {
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
	if !ok1 || !ok2 || from > to {
		l.mu.Unlock()
		return false, nil
	}
	next, last := l.history.states[from].seq+1, l.history.states[to].seq
	l.mu.Unlock()
	serial := after
	var c chunk
	for next <= last {
		if err := c.read(l, next, last); err != nil {
			return false, err
		}
		if c.len() == 0 {
			return l.missing(serial, through, next)
		}
		for i := range c.len() {
			e, err := parseEntry(c.value(i))
			if err != nil {
				return false, &Damage{l.name, fmt.Sprintf("entry %d is not readable: %v", c.seqs[i], err)}
			}
			if e.Delta.From != serial {
				return l.missing(serial, through, c.seqs[i])
			}
			if !fn(e) {
				return true, nil
			}
			serial = e.Delta.To
			next = c.seqs[i] + 1
		}
	}
	return true, nil
}

// missing says why an entry between two serials was in the history and is not on disk.
func (l *Log) missing(after, through uint32, seq uint64) (ok bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok1 := l.history.find(after)
	_, ok2 := l.history.find(through)
	if !ok1 || !ok2 || l.gone {
		return false, nil // trimmed, or the zone replaced, meanwhile
	}
	return false, fmt.Errorf("entry %d of zone %s, the one after serial %d, is not committed yet, or missing", seq, l.name, after)
}

// chunk is some entries as they are on disk, copied so that no scan stays open.
type chunk struct {
	data []byte
	ends []int
	seqs []uint64
}

func (c *chunk) len() int { return len(c.ends) }

func (c *chunk) value(i int) []byte {
	if i == 0 {
		return c.data[:c.ends[0]]
	}
	return c.data[c.ends[i-1]:c.ends[i]]
}

// read copies entries from seq on, not after last, and not many more octets than chunkSize.
func (c *chunk) read(l *Log, seq, last uint64) error {
	c.data, c.ends, c.seqs = c.data[:0], c.ends[:0], c.seqs[:0]
	err := l.store.Scan(entryKey(l.number, seq), entryKey(l.number, last+1), func(k, v []byte) bool {
		c.data = append(c.data, v...)
		c.ends, c.seqs = append(c.ends, len(c.data)), append(c.seqs, entrySeq(k))
		return len(c.data) < chunkSize
	})
	if err != nil {
		return fmt.Errorf("read the journal of zone %s: %w", l.name, err)
	}
	return nil
}
