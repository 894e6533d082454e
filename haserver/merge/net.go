package merge

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// Change is the effect of one side on one record since the common base.
type Change struct {
	Record zone.Record
	Time   int64 // hybrid clock of the last entry that touched it
}

// Net is everything that one side changed since the common base, in effect: what was added and deleted again is not in it. The
// SOA is not in its lists. Every list is in the canonical order of names, then by type and RDATA. A record whose TTL changed is in
// Deleted with the old one and in Added with the new one.
type Net struct {
	Deleted  []Change      // records of the base that are gone
	Added    []Change      // records that the base did not have
	Restored []Change      // records of the base that were deleted and added again: as they were, but later than a deletion before that
	SOA      []zone.Record // the base's SOA, for Undo; empty: as it is now
}

// recordKey is what makes two records the same one.
type recordKey struct {
	name string
	kind zone.Type
	data string
}

func keyOf(r zone.Record) recordKey {
	return recordKey{r.Name.Key(), r.Type, zone.CanonicalRdata(r.Type, r.Data)}
}

// traced is one record through the entries.
type traced struct {
	base, now       zone.Record
	inBase, present bool
	time            int64
}

// Trace follows each record through entries. The zero value has followed none.
type Trace struct {
	order     []*traced // as they were first touched
	all       map[recordKey]*traced
	old, now  []zone.Record // the SOA before the first entry, and after the last
	last      pairmsg.Entry // without its records
	from      uint32
	following bool
}

// Add takes the next entry.
func (t *Trace) Add(e pairmsg.Entry) {
	if !t.following {
		t.all, t.from, t.following = make(map[recordKey]*traced), e.Delta.From, true
	}
	for _, r := range e.Delta.Deleted {
		if r.Type == zone.TypeSOA {
			if t.old == nil {
				t.old = []zone.Record{r}
			}
			continue
		}
		x := t.touch(r, e.Time)
		if !x.present {
			x.base, x.inBase = r, true // not touched before, or it would be present
		}
		x.present = false
	}
	for _, r := range e.Delta.Added {
		if r.Type == zone.TypeSOA {
			t.now = []zone.Record{r}
			continue
		}
		x := t.touch(r, e.Time)
		x.now, x.present = r, true
	}
	t.last = pairmsg.Entry{Time: e.Time, Digest: e.Digest, Delta: zone.Delta{To: e.Delta.To}}
}

func (t *Trace) touch(r zone.Record, time int64) *traced {
	key := keyOf(r)
	x := t.all[key]
	if x == nil {
		x = new(traced)
		t.all[key], t.order = x, append(t.order, x)
	}
	x.time = time
	return x
}

// Len is how many records were touched.
func (t *Trace) Len() int { return len(t.order) }

// Entry is one entry in place of all that were added, at least one: it leads from where the first began to where the last ended, at the
// time of the last. What was added and deleted again is not in it; a record that was deleted and added again is in both lists.
func (t *Trace) Entry() pairmsg.Entry {
	e := t.last
	e.Delta.From, e.Delta.Deleted, e.Delta.Added = t.from, slices.Clone(t.old), slices.Clone(t.now)
	for _, x := range t.order {
		if x.inBase {
			e.Delta.Deleted = append(e.Delta.Deleted, x.base)
		}
		if x.present {
			e.Delta.Added = append(e.Delta.Added, x.now)
		}
	}
	for _, list := range [][]zone.Record{e.Delta.Deleted, e.Delta.Added} {
		slices.SortFunc(list[min(1, len(list)):], compareRecords)
	}
	return e
}

// Compose is the net effect of entries, in order.
func Compose(entries []pairmsg.Entry) Net {
	var trace Trace
	for _, e := range entries {
		trace.Add(e)
	}
	net := Net{SOA: trace.old}
	for _, t := range trace.order {
		switch {
		case t.inBase && t.present && t.base.TTL == t.now.TTL:
			net.Restored = append(net.Restored, Change{t.now, t.time})
			continue
		case t.inBase:
			net.Deleted = append(net.Deleted, Change{t.base, t.time})
		}
		if t.present {
			net.Added = append(net.Added, Change{t.now, t.time})
		}
	}
	sortChanges(net.Deleted)
	sortChanges(net.Added)
	sortChanges(net.Restored)
	return net
}

func sortChanges(list []Change) {
	slices.SortFunc(list, func(a, b Change) int { return compareRecords(a.Record, b.Record) })
}

func compareRecords(a, b zone.Record) int {
	return cmp.Or(a.Name.Compare(b.Name), cmp.Compare(a.Type, b.Type),
		strings.Compare(zone.CanonicalRdata(a.Type, a.Data), zone.CanonicalRdata(b.Type, b.Data)))
}

// Between is the net effect that leads from one content to another; everything in it has the one time.
func Between(from, to *zone.Zone, time int64) Net {
	d := zone.Diff(from, to)
	net := Net{Deleted: changes(d.Deleted, time), Added: changes(d.Added, time)}
	if !d.IsZero() {
		net.SOA = d.Deleted[:1:1]
	}
	return net
}

// changes are records of a Delta without its SOA.
func changes(records []zone.Record, time int64) []Change {
	if len(records) < 2 {
		return nil
	}
	list := make([]Change, len(records)-1)
	for i, r := range records[1:] {
		list[i] = Change{r, time}
	}
	return list
}

// Undo is the content before net: the base, with its SOA. Net must fit.
func Undo(z *zone.Zone, net Net) (*zone.Zone, error) {
	p := patch{zone: z}
	lists := walk{net.Added, net.Deleted}
	for {
		_, parts, ok := lists.next()
		if !ok {
			break
		}
		p.add(records(parts[0]), records(parts[1]))
	}
	base, err := p.finish(net.SOA)
	if err != nil {
		return nil, fmt.Errorf("undo changes of zone %s: %w", z.Origin(), err)
	}
	return base, nil
}

func records(list []Change) []zone.Record {
	out := make([]zone.Record, len(list))
	for i, c := range list {
		out[i] = c.Record
	}
	return out
}

// walk goes through lists in canonical order of names together, name by name.
type walk [][]Change

// next cuts what concerns the first name off all lists.
func (w walk) next() (first zone.Name, parts [][]Change, ok bool) {
	for _, list := range w {
		if len(list) > 0 && (!ok || !list[0].Record.Name.Equal(first) && list[0].Record.Name.Compare(first) < 0) {
			first, ok = list[0].Record.Name, true
		}
	}
	if !ok {
		return "", nil, false
	}
	parts = make([][]Change, len(w))
	for i, list := range w {
		n := 0
		for n < len(list) && list[n].Record.Name.Equal(first) {
			n++
		}
		parts[i], w[i] = list[:n], list[n:]
	}
	return first, parts, true
}
