package scavenge

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"loadshare/haserver/zone"
)

// Policy is when a zone's sets are stale. The zero Policy: never.
type Policy struct {
	After     time.Duration // since the last refresh
	NoRefresh time.Duration // how old a mark must be before a refresh moves it; less than After
}

// On says whether anything is scavenged at all.
func (p Policy) On() bool { return p.After > 0 }

// Refresh is the interval in which every living client refreshes at least once.
func (p Policy) Refresh() time.Duration { return p.After - p.NoRefresh }

// Set names a record set.
type Set struct {
	Name string // Key of the name
	Type zone.Type
}

// Touch is a set that an update added a record to.
type Touch struct {
	Set
	Made bool // none of its records was there before
}

// Touched are the sets that the update section of a message touched, which made after of before; that is the same zone when the
// message changed nothing. Additions that were ignored (RFC 2136, 3.4.2.2) touch nothing.
func Touched(before, after *zone.Zone, updates []zone.Record) (touches []Touch) {
	for _, r := range updates {
		if r.Class != zone.ClassIN || neverStale(after, r.Name, r.Type) {
			continue
		}
		s := Set{r.Name.Key(), r.Type}
		if slices.ContainsFunc(touches, func(t Touch) bool { return t.Set == s }) {
			continue
		}
		now, ok := after.Get(r.Name, r.Type)
		if !ok || !has(now, r.Data) {
			continue
		}
		old, had := before.Get(r.Name, r.Type)
		common := func(data string) bool { return has(old, data) }
		touches = append(touches, Touch{s, !had || !slices.ContainsFunc(now.Data, common)})
	}
	return touches
}

func has(s zone.RRset, data string) bool {
	canonical := zone.CanonicalRdata(s.Type, data)
	return slices.ContainsFunc(s.Data, func(d string) bool { return zone.CanonicalRdata(s.Type, d) == canonical })
}

// neverStale says whether a set is kept whatever its age.
func neverStale(z *zone.Zone, name zone.Name, t zone.Type) bool {
	return t == zone.TypeSOA || t == zone.TypeNS && name.Equal(z.Origin())
}

// Book is the marks of one zone: when each dynamic set was last refreshed, in seconds since 1970. The zero Book has none. Not for
// several goroutines. The mark of a zone's SOA, which is never stale, says when the zone was loaded from a file (Void).
type Book struct {
	marks map[Set]int64
	void  int64 // mark of the SOA: older ones mean nothing
}

// Touch takes note of a touch; written says that the mark is another now and has to be written down. A mark of the future, of a clock that
// was ahead, is moved too.
func (b *Book) Touch(t Touch, now int64, p Policy) (written bool) {
	at, marked := b.marks[t.Set]
	young := marked && at <= now && now-at < int64(p.NoRefresh/time.Second)
	if !t.Made && (!marked || young) {
		return false
	}
	b.Set(t.Set, now)
	return !marked || at != now
}

// Set sets a mark, as one that was read from the disk.
func (b *Book) Set(s Set, at int64) {
	if b.marks == nil {
		b.marks = make(map[Set]int64)
	}
	b.marks[s] = at
	if s.Type == zone.TypeSOA {
		b.void = max(b.void, at)
	}
}

// Void says that the zone of that origin was loaded from a file: no mark up to then means anything, wherever it is kept. It returns those
// forgotten.
func (b *Book) Void(origin zone.Name, at int64) (forgotten []Set) {
	for s, old := range b.marks {
		if old <= at && s.Type != zone.TypeSOA {
			delete(b.marks, s)
			forgotten = append(forgotten, s)
		}
	}
	b.Set(Set{origin.Key(), zone.TypeSOA}, at)
	return forgotten
}

// Voided is when Void was called last; 0: never.
func (b *Book) Voided() int64 { return b.void }

// Learn takes a mark of the partner, unless it is no newer than the own; written is as of Touch.
func (b *Book) Learn(s Set, at int64) (written bool) {
	if own, marked := b.marks[s]; marked && own >= at || at <= b.void {
		return false
	}
	b.Set(s, at)
	return true
}

// Forget removes a mark.
func (b *Book) Forget(s Set) { delete(b.marks, s) }

// At is a set's mark.
func (b *Book) At(s Set) (at int64, marked bool) {
	at, marked = b.marks[s]
	return at, marked
}

// Len is how many sets have a mark.
func (b *Book) Len() int { return len(b.marks) }

// All are the marks, in no order.
func (b *Book) All() iter.Seq2[Set, int64] { return maps.All(b.marks) }

// Stale are the sets of the zone whose mark is After old, the oldest first, at most so many; and gone those old marks of which there is no
// set any more.
func (b *Book) Stale(z *zone.Zone, now int64, p Policy, most int) (stale, gone []Set) {
	if !p.On() {
		return nil, nil
	}
	limit := now - int64(p.After/time.Second)
	for s, at := range b.marks {
		if at > limit || s.Type == zone.TypeSOA {
			continue
		}
		if _, ok := z.Get(zone.Name(s.Name), s.Type); !ok || neverStale(z, zone.Name(s.Name), s.Type) {
			gone = append(gone, s)
		} else {
			stale = append(stale, s)
		}
	}
	slices.SortFunc(stale, func(x, y Set) int {
		return cmp.Or(cmp.Compare(b.marks[x], b.marks[y]), strings.Compare(x.Name, y.Name), cmp.Compare(x.Type, y.Type))
	})
	return stale[:min(len(stale), most)], gone
}

// Removal is the update section (RFC 2136) that deletes sets.
func Removal(sets []Set) []zone.Record {
	out := make([]zone.Record, 0, len(sets))
	for _, s := range sets {
		out = append(out, zone.Record{Name: zone.Name(s.Name), Type: s.Type, Class: zone.ClassANY})
	}
	return out
}
