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
	theirs, soa, err := byName(own, &wanted, sets)
	if err != nil {
		return nil, err
	}
	p := patch{zone: own}
	for name, now := range owners(own, &wanted) {
		key := name.Key()
		p.add(theirs[key].content.differenceFrom(now, name))
		delete(theirs, key)
	}
	for _, o := range slices.SortedFunc(values(theirs), func(a, b owner) int { return a.name.Compare(b.name) }) {
		p.add(nil, o.content.minus(nil, o.name, anyType))
	}
	return p.finish([]zone.Record{soa})
}

// owner is a name and what it holds.
type owner struct {
	name    zone.Name
	content content
}

func values(m map[string]owner) func(func(owner) bool) {
	return func(yield func(owner) bool) {
		for _, o := range m {
			if !yield(o) {
				return
			}
		}
	}
}

// byName gathers sets by the Keys of their names.
func byName(own *zone.Zone, wanted *[digest.Buckets]bool, sets []zone.RRset) (all map[string]owner, soa zone.Record, err error) {
	all = make(map[string]owner)
	for _, s := range sets {
		if s.Type == zone.TypeSOA {
			if !s.Name.Equal(own.Origin()) || len(s.Data) != 1 || soa.Data != "" {
				return nil, soa, errors.New("more SOA records than one at the apex")
			}
			soa = zone.Record{Name: s.Name, Type: s.Type, Class: zone.ClassIN, TTL: s.TTL, Data: s.Data[0]}
			continue
		}
		if !wanted[digest.Bucket(s.Name)] {
			return nil, soa, fmt.Errorf("%s %s is in no bucket that was asked for", s.Name, s.Type)
		}
		key := s.Name.Key()
		o, found := all[key]
		if !found {
			o = owner{s.Name, make(content)}
			all[key] = o
		}
		if o.content[s.Type].len() > 0 {
			return nil, soa, fmt.Errorf("%s %s comes twice", s.Name, s.Type)
		}
		for _, data := range s.Data {
			o.content.put(s.Type, s.TTL, data)
		}
		if why := o.content.fault(); why != "" {
			return nil, soa, fmt.Errorf("%s has %s", s.Name, why)
		}
	}
	if soa.Data == "" {
		return nil, soa, errors.New("the SOA is missing")
	}
	return all, soa, nil
}

// owners are the names of the buckets wanted, in order, with what they hold.
func owners(z *zone.Zone, wanted *[digest.Buckets]bool) func(func(zone.Name, content) bool) {
	return func(yield func(zone.Name, content) bool) {
		var name zone.Name // whose sets are in group
		var group []zone.RRset
		inside := false
		flush := func() bool {
			if len(group) == 0 {
				return true
			}
			c := contentOf(group)
			group = group[:0]
			return len(c) == 0 || yield(name, c)
		}
		for s := range z.All() {
			if s.Name != name {
				if !flush() {
					return
				}
				name, inside = s.Name, wanted[digest.Bucket(s.Name)]
			}
			if inside {
				group = append(group, s)
			}
		}
		flush()
	}
}
