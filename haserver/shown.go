package haserver

import (
	"sync/atomic"

	"loadshare/haserver/zone"
)

// shown is what queries and transfers see of a zone, and marks by which an answer that was kept knows that it still holds. The
// zero value shows nothing. Any number of goroutines may read; one at a time stores.
type shown struct {
	zone  atomic.Pointer[zone.Zone]
	marks atomic.Pointer[markTable]
}

// markTable has a mark for every name (several share one), which changes after the name did, and an epoch, which changes
// when names are touched that nobody lists.
type markTable struct {
	epoch atomic.Uint32
	marks []atomic.Uint32 // a power of two
}

// mark is the state of the marks of one name. The zero value is that of no name.
type mark struct {
	slot, mark, epoch uint32
}

const (
	minMarks   = 64
	maxMarks   = 1 << 16
	maxTouched = 4096 // names marked one by one; more end the epoch
)

// Load returns what is shown, nil when nothing is.
func (s *shown) Load() *zone.Zone { return s.zone.Load() }

// Store shows another generation. When it returns, no answer that was kept from an earlier one is given any more where the
// two differ.
func (s *shown) Store(next *zone.Zone) {
	before := s.zone.Swap(next)
	t := s.marks.Load()
	switch {
	case next == nil && t != nil:
		t.epoch.Add(1)
	case next == nil:
	case t == nil || next.Len() > 16*len(t.marks) && len(t.marks) < maxMarks:
		s.grow(t, next.Len())
	case before == nil || !s.touch(t, before, next):
		t.epoch.Add(1)
	}
}

// touch changes the marks of the names that differ; false when that does not tell all.
func (s *shown) touch(t *markTable, before, next *zone.Zone) bool {
	n := 0
	return zone.Touched(before, next, func(name zone.Name) bool {
		n++
		t.marks[t.slot(name)].Add(1)
		return n <= maxTouched
	})
}

// grow makes a table for so many records, in an epoch of its own.
func (s *shown) grow(old *markTable, records int) {
	size := minMarks
	for size < maxMarks && size*8 < records {
		size *= 2
	}
	t := &markTable{marks: make([]atomic.Uint32, size)}
	if old != nil {
		t.epoch.Store(old.epoch.Load() + 1)
	}
	s.marks.Store(t)
}

// slot is the mark of a name, whatever its case: FNV-1a, as nobody gains by names that meet.
func (t *markTable) slot(name zone.Name) uint32 {
	h := uint32(2166136261)
	for i := range len(name) {
		c := name[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		h = (h ^ uint32(c)) * 16777619
	}
	return h & uint32(len(t.marks)-1)
}

// mark is to be taken before the look at the zone that an answer is kept from.
func (s *shown) mark(name zone.Name) (m mark, ok bool) {
	t := s.marks.Load()
	if t == nil {
		return m, false
	}
	m.epoch = t.epoch.Load()
	m.slot = t.slot(name)
	m.mark = t.marks[m.slot].Load()
	return m, true
}

// holds says that nothing that the answer kept with m was made from has changed.
func (s *shown) holds(m mark) bool {
	t := s.marks.Load()
	return t != nil && t.epoch.Load() == m.epoch && t.marks[m.slot&uint32(len(t.marks)-1)].Load() == m.mark
}
