package merge

import (
	"maps"
	"slices"

	"loadshare/haserver/zone"
)

// content is what one name holds, its SOA left out. No set in it is empty.
type content map[zone.Type]*set

// set is the records of one type. Records are equal when their canonical RDATA is.
type set struct {
	ttl  uint32
	data map[string]string // canonical RDATA to RDATA as it is
}

func newSet(ttl uint32) *set { return &set{ttl: ttl, data: make(map[string]string)} }

func contentOf(sets []zone.RRset) content {
	c := make(content)
	for _, s := range sets {
		if s.Type == zone.TypeSOA {
			continue
		}
		for _, data := range s.Data {
			c.put(s.Type, s.TTL, data)
		}
	}
	return c
}

func (c content) put(t zone.Type, ttl uint32, data string) {
	if c[t] == nil {
		c[t] = newSet(ttl)
	}
	c[t].ttl = ttl
	c[t].data[zone.CanonicalRdata(t, data)] = data
}

func (c content) remove(t zone.Type, data string) {
	if s := c[t]; s != nil {
		if delete(s.data, zone.CanonicalRdata(t, data)); len(s.data) == 0 {
			delete(c, t)
		}
	}
}

func (c content) clone() content {
	out := make(content, len(c))
	for t, s := range c {
		out[t] = &set{s.ttl, maps.Clone(s.data)}
	}
	return out
}

// len is the number of records; a missing set has none.
func (s *set) len() int {
	if s == nil {
		return 0
	}
	return len(s.data)
}

// all are the records, none of a missing set.
func (s *set) all() map[string]string {
	if s == nil {
		return nil
	}
	return s.data
}

// ttlOf is the TTL, 0 of a missing set.
func (s *set) ttlOf() uint32 {
	if s == nil {
		return 0
	}
	return s.ttl
}

// some is the part of s with the canonical RDATA given.
func (s *set) some(canonical []string) *set {
	part := newSet(s.ttlOf())
	for _, c := range canonical {
		part.data[c] = s.data[c]
	}
	return part
}

func (s *set) has(canonical string) bool {
	if s == nil {
		return false
	}
	_, ok := s.data[canonical]
	return ok
}

// meets says whether the two have a record in common.
func (s *set) meets(o *set) bool {
	for canonical := range s.all() {
		if o.has(canonical) {
			return true
		}
	}
	return false
}

// equal compares TTL and records.
func (s *set) equal(o *set) bool {
	if s.len() == 0 || o.len() == 0 {
		return s.len() == o.len()
	}
	return s.ttl == o.ttl && maps.EqualFunc(s.data, o.data, func(string, string) bool { return true })
}

func (c content) equal(o content) bool { return maps.EqualFunc(c, o, (*set).equal) }

// records are those of a type that are not in o with the same TTL; with a nil o all. In canonical order.
func (s *set) records(name zone.Name, t zone.Type, o *set) (out []zone.Record) {
	if s == nil {
		return nil
	}
	for _, canonical := range slices.Sorted(maps.Keys(s.data)) {
		if !o.has(canonical) || o.ttl != s.ttl {
			out = append(out, zone.Record{Name: name, Type: t, Class: zone.ClassIN, TTL: s.ttl, Data: s.data[canonical]})
		}
	}
	return out
}

// minus are the records of c, of the types wanted, that are not in o with the same TTL.
func (c content) minus(o content, name zone.Name, wanted func(zone.Type) bool) (out []zone.Record) {
	for _, t := range slices.Sorted(maps.Keys(c)) {
		if wanted(t) {
			out = append(out, c[t].records(name, t, o[t])...)
		}
	}
	return out
}

func anyType(zone.Type) bool { return true }

// asideCNAME are the types that cannot stand with a CNAME, the CNAME itself left out.
func asideCNAME(t zone.Type) bool { return t != zone.TypeCNAME && !t.IsBesideCNAME() }

// differenceFrom is what makes c of old.
func (c content) differenceFrom(old content, name zone.Name) (deleted, added []zone.Record) {
	return old.minus(c, name, anyType), c.minus(old, name, anyType)
}

// fault says why a name cannot be so; "" when it can.
func (c content) fault() string {
	for t, s := range c {
		if t.IsSingle() && s.len() > 1 {
			return "more than one " + t.String() + " record"
		}
		if c[zone.TypeCNAME] != nil && asideCNAME(t) {
			return "a CNAME and also " + t.String()
		}
	}
	return ""
}
