package merge

import (
	"slices"

	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// Overruled is what is lost of one side's changes when its content gives way to the other's whole: own is what it had, base what it had
// before the changes in question, adopted what it has from now on. What adopted has anyway is no loss. The winner is whose content it is.
func Overruled(base, own, adopted *zone.Zone, winner pairmsg.Role, now int64) []Conflict {
	m := merger{in: Input{Now: now}}
	net := Between(base, own, 0)
	if len(net.SOA) > 0 && !same(net.SOA[0], soaRecord(own)) && !same(soaRecord(own), soaRecord(adopted)) {
		m.conflict(Conflict{Name: own.Origin(), Type: zone.TypeSOA, Winner: winner, Reason: ReasonOverruled,
			Kept: []zone.Record{soaRecord(adopted)}, Lost: []zone.Record{soaRecord(own)}})
	}
	lists := walk{net.Added, net.Deleted}
	for {
		name, parts, ok := lists.next()
		if !ok {
			return m.conflicts
		}
		for _, t := range typesOf(parts) {
			c := Conflict{Name: name, Type: t, Winner: winner, Reason: ReasonOverruled}
			has := setOf(adopted, name, t)
			for _, r := range ofType(parts[0], t) {
				if !slices.ContainsFunc(has, func(h zone.Record) bool { return keyOf(h) == keyOf(r) && h.TTL == r.TTL }) {
					c.Lost = append(c.Lost, r)
				}
			}
			had := setOf(own, name, t)
			for _, r := range ofType(parts[1], t) {
				again := func(h zone.Record) bool { return keyOf(h) == keyOf(r) }
				if i := slices.IndexFunc(has, again); i >= 0 && !slices.ContainsFunc(had, again) {
					c.Removed = append(c.Removed, has[i])
				}
			}
			if len(c.Lost)+len(c.Removed) > 0 {
				c.Kept = has
				m.conflict(c)
			}
		}
	}
}

// typesOf are the types in the lists of a name, each once, sorted.
func typesOf(parts [][]Change) (types []zone.Type) {
	for _, list := range parts {
		for _, c := range list {
			types = append(types, c.Record.Type)
		}
	}
	slices.Sort(types)
	return slices.Compact(types)
}

func ofType(list []Change, t zone.Type) (out []zone.Record) {
	for _, c := range list {
		if c.Record.Type == t {
			out = append(out, c.Record)
		}
	}
	return out
}

// setOf are the records of one type that a zone has at a name.
func setOf(z *zone.Zone, name zone.Name, t zone.Type) (out []zone.Record) {
	set, _ := z.Get(name, t)
	for _, data := range set.Data {
		out = append(out, zone.Record{Name: name, Type: t, Class: zone.ClassIN, TTL: set.TTL, Data: data})
	}
	return out
}
