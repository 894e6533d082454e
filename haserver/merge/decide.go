package merge

import (
	"maps"
	"slices"

	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// side is what one server did to one name since the base.
type side struct {
	role      pairmsg.Role
	now, base content
	touched   map[zone.Type]map[string]int64 // when a record (by canonical RDATA) was last deleted, added, or given another TTL
}

// newSide takes the lists of a Net: deleted, added, restored.
func newSide(role pairmsg.Role, sets []zone.RRset, lists [][]Change) *side {
	s := &side{role: role, now: contentOf(sets), touched: make(map[zone.Type]map[string]int64)}
	s.base = s.now.clone()
	for _, c := range lists[1] {
		s.base.remove(c.Record.Type, c.Record.Data)
	}
	for _, c := range lists[0] {
		s.base.put(c.Record.Type, c.Record.TTL, c.Record.Data)
	}
	for _, list := range lists {
		for _, c := range list {
			t := c.Record.Type
			if s.touched[t] == nil {
				s.touched[t] = make(map[string]int64)
			}
			s.touched[t][zone.CanonicalRdata(t, c.Record.Data)] = c.Time
		}
	}
	return s
}

// newest is the last time that a type of those wanted was touched.
func (s *side) newest(wanted func(zone.Type) bool) (time int64) {
	for t, records := range s.touched {
		if wanted(t) {
			for _, at := range records {
				time = max(time, at)
			}
		}
	}
	return time
}

// fresh are the records of the types wanted that the side added or changed, and when the last of them was.
func (s *side) fresh(wanted func(zone.Type) bool) (c content, time int64) {
	c = make(content)
	for t, records := range s.touched {
		for canonical, at := range records {
			if wanted(t) && s.now[t].has(canonical) {
				c.put(t, s.now[t].ttl, s.now[t].data[canonical])
				time = max(time, at)
			}
		}
	}
	return c, time
}

// decision is the merge of one name that both sides touched.
type decision struct {
	*merger
	name         zone.Name
	main, backup *side
	result       content
}

func (d *decision) side(r pairmsg.Role) *side {
	if r == pairmsg.Main {
		return d.main
	}
	return d.backup
}

// types are those that either side has, and had.
func (d *decision) types() []zone.Type {
	all := make(map[zone.Type]bool)
	for _, c := range []content{d.main.now, d.backup.now, d.main.base} {
		for t := range c {
			all[t] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func (d *decision) decide() content {
	d.result = make(content)
	types := d.types()
	if slices.Contains(types, zone.TypeDHCID) {
		d.group(anyType, 0, ReasonDHCID)
		return d.result
	}
	noted := len(d.conflicts)
	alias := d.alias()
	for _, t := range types {
		switch {
		case alias != nil && alias.drops(t):
		case t.IsSingle():
			d.single(t)
		default:
			d.many(t)
		}
	}
	if n := len(d.result); n > zone.MaxTypes && n > len(d.main.now) && n > len(d.backup.now) {
		d.result, d.conflicts = make(content), d.conflicts[:noted]
		d.group(anyType, 0, ReasonLimit)
		return d.result
	}
	if alias != nil {
		alias.note(d)
	}
	return d.result
}

// group gives all types wanted to the side that touched one of them later.
func (d *decision) group(wanted func(zone.Type) bool, t zone.Type, reason string) {
	winner := d.later(d.main.newest(wanted), d.backup.newest(wanted))
	kept, lost := d.side(winner), d.side(winner.Other())
	for t, s := range kept.now {
		if wanted(t) {
			d.result[t] = s
		}
	}
	if !lost.contradicted(kept.now, wanted) {
		return
	}
	d.conflict(Conflict{Name: d.name, Type: t, Winner: winner, Reason: reason, Kept: kept.now.minus(nil, d.name, wanted),
		Lost: lost.now.minus(kept.now, d.name, wanted), Removed: kept.now.minus(lost.now, d.name, wanted)})
}

// contradicted says whether something that the side did is not so in c: a record, a TTL, or that there is no such set.
func (s *side) contradicted(c content, wanted func(zone.Type) bool) bool {
	for t, records := range s.touched {
		if !wanted(t) {
			continue
		}
		if s.base[t].len() > 0 && s.now[t].len() == 0 && c[t].len() > 0 {
			return true
		}
		for canonical := range records {
			here, there := s.now[t].has(canonical), c[t].has(canonical)
			if here != there || here && s.now[t].ttl != c[t].ttl {
				return true
			}
		}
	}
	return false
}

// alias is a CNAME that one side made while the other made what cannot stand with it.
type alias struct {
	winner pairmsg.Role
	stays  bool      // the CNAME
	others content   // what the other side made
	record *set      // the CNAME
	from   zone.Name // owner
}

// alias finds that conflict; nil when there is none. Where one side's CNAME, or the other's data, are those of the base, the other's
// change took them away, and there is none.
func (d *decision) alias() *alias {
	for _, s := range []*side{d.main, d.backup} {
		cname, at := s.fresh(func(t zone.Type) bool { return t == zone.TypeCNAME })
		others, othersAt := d.side(s.role.Other()).fresh(asideCNAME)
		if len(cname) == 0 || len(others) == 0 {
			continue
		}
		if s.role == pairmsg.Backup {
			at, othersAt = othersAt, at
		}
		winner := d.later(at, othersAt)
		return &alias{winner: winner, stays: winner == s.role, others: others, record: s.now[zone.TypeCNAME], from: d.name}
	}
	return nil
}

// drops says whether sets of a type go; the CNAME comes back with note.
func (a *alias) drops(t zone.Type) bool {
	return t == zone.TypeCNAME || a.stays && asideCNAME(t)
}

// note notes the conflict, when all else about the name is decided.
func (a *alias) note(d *decision) {
	cname := a.record.records(a.from, zone.TypeCNAME, nil)
	c := Conflict{Name: a.from, Winner: a.winner, Reason: ReasonAlias}
	if a.stays {
		d.result[zone.TypeCNAME] = a.record
		c.Kept, c.Removed, c.Lost = cname, cname, a.others.minus(nil, a.from, anyType)
	} else {
		others := d.result.minus(nil, a.from, asideCNAME)
		c.Kept, c.Removed, c.Lost = others, others, cname
	}
	d.conflict(c)
}
