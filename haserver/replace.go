package haserver

import (
	"slices"

	"loadshare/haserver/zone"
)

// replacement is the outcome of replaceBy on what the zone was a moment ago. It is found out before the zone is held up for it, since
// that takes long for a large zone.
type replacement struct {
	base, other, next *zone.Zone
	serial            uint32
	d                 zone.Delta
	note              string
}

// replaceAhead replaces now, which may be nil: nothing is visible.
func replaceAhead(now, other *zone.Zone) *replacement {
	r := &replacement{base: now, other: other}
	if now != nil {
		r.serial = zone.NextSerial(now.Serial())
		r.next, r.d, r.note = replaceBy(now, other, r.serial)
	}
	return r
}

// maxMoved is how many records may have changed meanwhile for the outcome to be put right rather than found out anew.
const maxMoved = 10_000

// on is replaceBy on the zone as it is when its turn comes: nearly always the same, or a few updates further.
func (r *replacement) on(tip *zone.Zone, serial uint32) (next *zone.Zone, d zone.Delta, note string) {
	if tip == r.base && serial == r.serial {
		return r.next, r.d, r.note
	}
	if r.next != nil && !r.d.IsZero() {
		if back := zone.Diff(tip, r.base); len(back.Deleted)+len(back.Added) <= maxMoved {
			if next, d, note = r.moved(tip, back, serial); next != nil {
				return next, d, note
			}
		}
	}
	return replaceBy(tip, r.other, serial)
}

// moved is on for a tip that back leads from to the base; nil: nothing differs.
func (r *replacement) moved(tip *zone.Zone, back zone.Delta, serial uint32) (next *zone.Zone, d zone.Delta, note string) {
	to, note := serialAfter(tip, r.other, serial)
	next = r.next.With(to)
	d = zone.Delta{
		From: tip.Serial(), To: to,
		Deleted: chained(r.d.Deleted, back.Added, back.Deleted, r.d.Added),
		Added:   chained(r.d.Added, back.Deleted, back.Added, r.d.Deleted),
	}
	if d.IsZero() {
		return nil, d, ""
	}
	d.Deleted = slices.Insert(d.Deleted, 0, soaRecord(tip))
	d.Added = slices.Insert(d.Added, 0, soaRecord(next))
	return next, d, note
}

// chained is list less what is in less, and what is in more and not in unless. less and more are short. SOAs are left out.
func chained(list, less, more, unless []zone.Record) []zone.Record {
	gone, come := map[zone.Record]bool{}, map[zone.Record]bool{}
	for _, r := range less {
		gone[r] = true
	}
	for _, r := range more {
		come[r] = r.Type != zone.TypeSOA
	}
	out := make([]zone.Record, 0, 1+len(list)+len(more))
	for _, r := range list {
		if r.Type != zone.TypeSOA && !gone[r] {
			out = append(out, r)
		}
	}
	for _, r := range unless {
		if come[r] {
			come[r] = false
		}
	}
	for _, r := range more {
		if come[r] {
			out = append(out, r)
		}
	}
	return out
}

func soaRecord(z *zone.Zone) zone.Record {
	soa := z.SOA()
	return zone.Record{Name: soa.Name, Type: soa.Type, Class: zone.ClassIN, TTL: soa.TTL, Data: soa.Data[0]}
}
