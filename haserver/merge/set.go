package merge

import (
	"slices"

	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// single decides a type of one value.
func (d *decision) single(t zone.Type) {
	main, backup := d.main.now[t], d.backup.now[t]
	switch {
	case main.equal(backup) || d.backup.touched[t] == nil:
		d.keep(t, main)
	case d.main.touched[t] == nil:
		d.keep(t, backup)
	default:
		d.group(only(t), t, ReasonSingle)
	}
}

func only(t zone.Type) func(zone.Type) bool { return func(o zone.Type) bool { return o == t } }

func (d *decision) keep(t zone.Type, s *set) {
	if s.len() > 0 {
		d.result[t] = s
	}
}

// contested are the records of a set that one side changed and the other deleted, by canonical RDATA.
type contested struct {
	kept    []string // the change won
	dropped []string // the deletion won
}

// many decides a type of any number of records, record by record.
func (d *decision) many(t zone.Type) {
	main, backup := d.main.now[t], d.backup.now[t]
	if main.equal(backup) {
		d.keep(t, main)
		return
	}
	s := newSet(0)
	won := make(map[pairmsg.Role]*contested)
	for _, own := range []*side{d.backup, d.main} { // where both write a name in other case, the main's stays
		for canonical, data := range own.now[t].all() {
			if d.stays(t, own, canonical, won) {
				s.data[canonical] = data
			}
		}
	}
	s.ttl = d.ttl(t, s)
	switch {
	case s.len() == 0 && main.len() > 0 && backup.len() > 0:
		d.group(only(t), t, ReasonEmpty)
	case s.len() > zone.MaxSet && s.len() > main.len() && s.len() > backup.len():
		d.group(only(t), t, ReasonLimit)
	default:
		d.keep(t, s)
		d.noteTTL(t, s)
		d.noteContested(t, s, pairmsg.Main, won[pairmsg.Main])
		d.noteContested(t, s, pairmsg.Backup, won[pairmsg.Backup])
	}
}

// stays says whether a record that own has is in the result, and notes in won who won it when the other deleted what own changed.
func (d *decision) stays(t zone.Type, own *side, canonical string, won map[pairmsg.Role]*contested) bool {
	other := d.side(own.role.Other())
	if other.now[t].has(canonical) {
		return true
	}
	deleted, gone := other.touched[t][canonical]
	if !gone {
		return true // it is none of the base: own added it
	}
	changed, both := own.touched[t][canonical]
	if !both {
		return false
	}
	winner := d.laterOf(own.role, changed, deleted)
	if won[winner] == nil {
		won[winner] = new(contested)
	}
	if winner == own.role {
		won[winner].kept = append(won[winner].kept, canonical)
		return true
	}
	won[winner].dropped = append(won[winner].dropped, canonical)
	return false
}

// laterOf is later for the times of a role and of the other one.
func (d *decision) laterOf(role pairmsg.Role, at, otherAt int64) pairmsg.Role {
	if role == pairmsg.Main {
		return d.later(at, otherAt)
	}
	return d.later(otherAt, at)
}

// ttl is that of the merged set.
func (d *decision) ttl(t zone.Type, s *set) uint32 {
	main, backup := d.main.now[t], d.backup.now[t]
	switch {
	case !main.meets(s):
		return backup.ttlOf()
	case !backup.meets(s) || main.ttl == backup.ttl || !d.backup.changedTTL(t):
		return main.ttl
	case !d.main.changedTTL(t):
		return backup.ttl
	}
	return d.side(d.laterTTL(t, s)).now[t].ttl
}

// changedTTL says whether the TTL of a set that the side has is not the base's.
func (s *side) changedTTL(t zone.Type) bool {
	return s.base[t].len() == 0 || s.base[t].ttl != s.now[t].ttl
}

// laterTTL is the side that later changed a record of those that are left.
func (d *decision) laterTTL(t zone.Type, left *set) pairmsg.Role {
	return d.later(d.main.newestOf(t, left), d.backup.newestOf(t, left))
}

func (s *side) newestOf(t zone.Type, left *set) (time int64) {
	for canonical, at := range s.touched[t] {
		if left.has(canonical) && s.now[t].has(canonical) {
			time = max(time, at)
		}
	}
	return time
}

// noteTTL notes the conflict when both sides gave the set another TTL.
func (d *decision) noteTTL(t zone.Type, s *set) {
	main, backup := d.main.now[t], d.backup.now[t]
	if !main.meets(s) || !backup.meets(s) || main.ttl == backup.ttl || !d.main.changedTTL(t) || !d.backup.changedTTL(t) {
		return
	}
	winner := d.laterTTL(t, s)
	loser := d.side(winner.Other()).now[t]
	kept, lost := newSet(s.ttl), newSet(loser.ttl)
	for canonical, data := range s.data {
		if loser.has(canonical) {
			kept.data[canonical], lost.data[canonical] = data, data
		}
	}
	d.conflict(Conflict{Name: d.name, Type: t, Winner: winner, Reason: ReasonTTL,
		Kept: kept.records(d.name, t, nil), Lost: lost.records(d.name, t, nil)})
}

// noteContested notes what winner won.
func (d *decision) noteContested(t zone.Type, s *set, winner pairmsg.Role, c *contested) {
	if c == nil {
		return
	}
	kept := s.some(c.kept).records(d.name, t, nil)
	lost := d.side(winner.Other()).now[t].some(c.dropped).records(d.name, t, nil)
	d.conflict(Conflict{Name: d.name, Type: t, Winner: winner, Reason: ReasonDeleted, Kept: kept, Lost: lost, Removed: slices.Clone(kept)})
}
