package merge

import (
	"errors"
	"fmt"
	"slices"

	"loadshare/haserver/digest"
	"loadshare/haserver/zone"
)

// Assemble is the partner's content: own, with everything in the buckets of differ replaced by sets, and the partner's SOA, which is
// always in sets. The result shares with own what is equal. Sets that belong to no such bucket, or cannot be in one zone, are an error.
func Assemble(own *zone.Zone, differ []uint16, sets []zone.RRset) (*zone.Zone, error) {
	z, err := assemble(own, differ, sets)
	if err != nil {
		return nil, fmt.Errorf("assemble the partner's zone %s: %w", own.Origin(), err)
	}
	return z, nil
}

func assemble(own *zone.Zone, differ []uint16, sets []zone.RRset) (*zone.Zone, error) {
	var wanted [digest.Buckets]bool
	for _, b := range differ {
		if int(b) >= len(wanted) {
			return nil, fmt.Errorf("there is no bucket %d", b)
		}
		wanted[b] = true
	}
	theirs, soa, err := sorted(own, sets)
	if err != nil {
		return nil, err
	}
	p := patch{zone: own}
	take := func() (group []zone.RRset, err error) { // all of the partner's next name
		name, n := theirs[0].Name, 1
		for n < len(theirs) && theirs[n].Name.Equal(name) {
			n++
		}
		group, theirs = theirs[:n], theirs[n:]
		if !wanted[digest.Bucket(name)] {
			return nil, fmt.Errorf("%s is in no bucket that was asked for", name)
		}
		return group, nil
	}
	fresh := func(before func(zone.Name) bool) error { // names that only the partner has
		for len(theirs) > 0 && before(theirs[0].Name) {
			group, err := take()
			if err == nil {
				err = p.replace(group[0].Name, nil, group)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	for name, now := range owners(own, &wanted) {
		if err := fresh(func(n zone.Name) bool { return !n.Equal(name) && n.Compare(name) < 0 }); err != nil {
			return nil, err
		}
		var group []zone.RRset
		if len(theirs) > 0 && theirs[0].Name.Equal(name) {
			if group, err = take(); err != nil {
				return nil, err
			}
		}
		if err := p.replace(name, now, group); err != nil {
			return nil, err
		}
	}
	if err := fresh(func(zone.Name) bool { return true }); err != nil {
		return nil, err
	}
	return p.finish([]zone.Record{soa})
}

// replace makes what a name holds of what it held.
func (p *patch) replace(name zone.Name, old, sets []zone.RRset) error {
	same := func(a, b zone.RRset) bool { return a.Type == b.Type && a.TTL == b.TTL && slices.Equal(a.Data, b.Data) }
	if slices.EqualFunc(old, sets, same) {
		return nil
	}
	now := make(content)
	for _, s := range sets {
		if now[s.Type].len() > 0 {
			return fmt.Errorf("%s %s comes twice", name, s.Type)
		}
		for _, data := range s.Data {
			now.put(s.Type, s.TTL, data)
		}
	}
	if why := now.fault(); why != "" {
		return fmt.Errorf("%s has %s", name, why)
	}
	p.add(now.differenceFrom(contentOf(old), name))
	return nil
}

// sorted takes the SOA out of sets and puts the rest in the canonical order of names.
func sorted(own *zone.Zone, sets []zone.RRset) (rest []zone.RRset, soa zone.Record, err error) {
	rest = make([]zone.RRset, 0, len(sets))
	for _, s := range sets {
		if s.Type != zone.TypeSOA {
			rest = append(rest, s)
			continue
		}
		if !s.Name.Equal(own.Origin()) || len(s.Data) != 1 || soa.Data != "" {
			return nil, soa, errors.New("more SOA records than one at the apex")
		}
		soa = zone.Record{Name: s.Name, Type: s.Type, Class: zone.ClassIN, TTL: s.TTL, Data: s.Data[0]}
	}
	if soa.Data == "" {
		return nil, soa, errors.New("the SOA is missing")
	}
	inOrder := func(a, b zone.RRset) int {
		if a.Name.Equal(b.Name) {
			return int(a.Type) - int(b.Type)
		}
		return a.Name.Compare(b.Name)
	}
	if !slices.IsSortedFunc(rest, inOrder) {
		slices.SortStableFunc(rest, inOrder)
	}
	return rest, soa, nil
}

// owners are the names of the buckets wanted, in order, with what they hold beside the SOA. The sets are good until the next.
func owners(z *zone.Zone, wanted *[digest.Buckets]bool) func(func(zone.Name, []zone.RRset) bool) {
	return func(yield func(zone.Name, []zone.RRset) bool) {
		var name zone.Name // whose sets are in group
		var group []zone.RRset
		inside := false
		for s := range z.All() {
			if s.Name != name {
				if len(group) > 0 && !yield(name, group) {
					return
				}
				name, group, inside = s.Name, group[:0], wanted[digest.Bucket(s.Name)]
			}
			if inside && s.Type != zone.TypeSOA {
				group = append(group, s)
			}
		}
		if len(group) > 0 {
			yield(name, group)
		}
	}
}
