package zone

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// collector takes the records of a zone in any order and makes a zone of them. Records stand one behind the
// other in a few large strings, so that a million of them are no million objects.
type collector struct {
	origin   Name
	problems Problems
	files    []string // file names, in the order of where.file

	chunks []strings.Builder
	refs   []ref
	sorted bool // the keys came in order so far
	last   []byte
	buf    []byte

	setBuf  []RRset // used again for every name
	dataBuf []string
}

// ref is a record in a chunk, with the start of its key so that sorting rarely has to look there.
type ref struct {
	high, low  uint64
	chunk, off uint32
}

// where is the place of a record in the text.
type where struct {
	file, line int
}

const chunkSize = 1 << 20

// add takes a record. Name and data are copied.
func (c *collector) add(name Name, t Type, ttl uint32, data []byte, at where) {
	octets, ok := name.above(c.origin)
	if !ok {
		c.fail(at, "%s is not in the zone %s", name, c.origin)
		return
	}
	var keyBuf [maxKey]byte
	key := appendKey(keyBuf[:0], name, octets)

	b := append(appendVarint(c.buf[:0], len(key)), key...)
	b = append(appendVarint(b, len(name)), name...)
	b = appendVarint(b, int(t))
	b = appendVarint(b, int(ttl))
	b = appendVarint(b, at.file)
	b = appendVarint(b, at.line)
	b = append(appendVarint(b, len(data)), data...)
	c.buf = b

	if n := len(c.chunks); n == 0 || c.chunks[n-1].Cap()-c.chunks[n-1].Len() < len(b) {
		c.chunks = append(c.chunks, strings.Builder{})
		c.chunks[n].Grow(max(chunkSize, len(b)))
	}
	chunk := len(c.chunks) - 1
	r := ref{chunk: uint32(chunk), off: uint32(c.chunks[chunk].Len())}
	c.chunks[chunk].Write(b)
	var start [16]byte
	copy(start[:], key)
	r.high, r.low = binary.BigEndian.Uint64(start[:]), binary.BigEndian.Uint64(start[8:])

	if len(c.refs) == 0 {
		c.sorted = true
	} else if c.sorted && string(key) < string(c.last) {
		c.sorted = false
	}
	c.last = append(c.last[:0], key...)
	c.refs = append(c.refs, r)
}

func (c *collector) fail(at where, format string, args ...any) {
	c.problem(at, false, format, args...)
}

func (c *collector) warn(at where, format string, args ...any) {
	c.problem(at, true, format, args...)
}

func (c *collector) problem(at where, warning bool, format string, args ...any) {
	p := Problem{Warning: warning, What: fmt.Sprintf(format, args...)}
	if at.line > 0 {
		p.File, p.Line = c.files[at.file], at.line
	}
	c.problems.add(p)
}

// text is the record and what follows it.
func (c *collector) text(r ref) string { return c.chunks[r.chunk].String()[r.off:] }

func (c *collector) key(r ref) string {
	s := c.text(r)
	n, at := varint(s, 0)
	return s[at : at+n]
}

// stored is a record read back.
type stored struct {
	key  string
	name Name
	kind Type
	ttl  uint32
	data string
	at   where
}

func (c *collector) read(r ref) (s stored) {
	text := c.text(r)
	take := func(at int) (string, int) {
		n, at := varint(text, at)
		return text[at : at+n], at + n
	}
	var at, v int
	s.key, at = take(0)
	var name string
	name, at = take(at)
	s.name = Name(name)
	v, at = varint(text, at)
	s.kind = Type(v)
	v, at = varint(text, at)
	s.ttl = uint32(v)
	s.at.file, at = varint(text, at)
	s.at.line, at = varint(text, at)
	s.data, _ = take(at)
	return s
}

// sort orders the records by key, those of one name as they came.
func (c *collector) sort() {
	if c.sorted {
		return
	}
	slices.SortFunc(c.refs, func(a, b ref) int {
		if a.high != b.high {
			return cmp.Compare(a.high, b.high)
		}
		if a.low != b.low {
			return cmp.Compare(a.low, b.low)
		}
		if order := strings.Compare(c.key(a), c.key(b)); order != 0 {
			return order
		}
		return cmp.Or(cmp.Compare(a.chunk, b.chunk), cmp.Compare(a.off, b.off))
	})
}

// zone makes the zone, nil when a problem is an error. target is told every set that points to other names.
func (c *collector) zone(target func(RRset, where)) *Zone {
	c.sort()
	var g grower
	var group []stored
	var soa RRset
	records, cutCount := 0, 0
	for i := 0; i < len(c.refs); {
		group = append(group[:0], c.read(c.refs[i]))
		for i++; i < len(c.refs) && c.key(c.refs[i]) == group[0].key; i++ {
			group = append(group, c.read(c.refs[i]))
		}
		sets := c.sets(group, target)
		records += count(sets)
		cutCount += cuts(group[0].key, sets)
		if at, found := findSet(sets, TypeSOA); found && group[0].key == "" {
			soa = sets[at]
			soa.Data = slices.Clone(soa.Data)
			sets = withoutSOA(sets)
		}
		g.add(group[0].key, group[0].name, sets)
	}
	if soa.Data == nil {
		c.fail(where{}, "zone %s has no SOA record at its apex; exactly one is needed", c.origin)
	}
	if c.problems.failed() {
		return nil
	}
	return newZone(Name(strings.Clone(string(c.origin))), g.tree(), soa, records, cutCount)
}

// sets makes the sets of one name from its records. They are good until the next call.
func (c *collector) sets(group []stored, target func(RRset, where)) []RRset {
	if len(group) > 1 {
		slices.SortStableFunc(group, func(a, b stored) int { return cmp.Compare(a.kind, b.kind) })
	}
	sets, data := c.setBuf[:0], c.dataBuf[:0]
	for len(group) > 0 {
		n := 1
		for n < len(group) && group[n].kind == group[0].kind {
			n++
		}
		first := len(data)
		data = c.oneSet(group[:n], data)
		set := RRset{Name: group[0].name, Type: group[0].kind, TTL: group[0].ttl, Data: data[first:len(data):len(data)]}
		if targetName(set.Type, set.Data[0]) != "" {
			kept := set
			kept.Data = slices.Clone(set.Data)
			target(kept, group[0].at)
		}
		sets = append(sets, set)
		c.checkSet(set, group[0])
		group = group[n:]
	}
	if len(sets) > 1 {
		c.checkAlias(sets)
	}
	c.setBuf, c.dataBuf = sets, data
	return sets
}

// oneSet appends the RDATA of the records of one set in canonical order, each once.
func (c *collector) oneSet(records []stored, data []string) []string {
	first := len(data)
	for _, r := range records {
		data = append(data, r.data)
		if r.ttl != records[0].ttl {
			c.warn(r.at, "%s %s has TTL %d, the record before it in the set has %d; a set has one TTL (RFC 2181, 5.2), the first is taken",
				r.name, r.kind, r.ttl, records[0].ttl)
		}
	}
	if len(records) == 1 {
		return data
	}
	t := records[0].kind
	set := data[first:]
	slices.SortStableFunc(set, func(a, b string) int { return compareRdata(t, a, b) })
	set = slices.CompactFunc(set, func(a, b string) bool { return sameRdata(t, a, b) })
	return data[:first+len(set)]
}

func (c *collector) checkSet(s RRset, first stored) {
	switch {
	case s.Type.IsMeta():
		c.fail(first.at, "%s is a query or meta type; no record of it can be in a zone", s.Type)
	case s.Type == TypeSOA && first.key != "":
		c.fail(first.at, "SOA at %s; it may stand only at the apex %s", s.Name, c.origin)
	case isSingleton(s.Type) && len(s.Data) > 1:
		c.fail(first.at, "%s has %d %s records; one is accepted", s.Name, len(s.Data), s.Type)
	case len(s.Data) > maxSet:
		c.warn(first.at, "%s has %d %s records; an update can add none to a set of %d and more", s.Name, len(s.Data), s.Type, maxSet)
	}
}

// checkAlias finds other data beside a CNAME (RFC 1034, 3.6.2).
func (c *collector) checkAlias(sets []RRset) {
	i := slices.IndexFunc(sets, func(s RRset) bool { return s.Type == TypeCNAME })
	if i < 0 {
		return
	}
	for _, s := range sets {
		if s.Type != TypeCNAME && !besideCNAME(s.Type) {
			c.fail(c.find(s), "%s has a CNAME and also %s; an alias can have no other data", s.Name, s.Type)
		}
	}
}

// find is where a set of the zone stands in the text. It is slow and for problems only.
func (c *collector) find(s RRset) where {
	for _, r := range c.refs {
		if found := c.read(r); found.kind == s.Type && found.name.Equal(s.Name) {
			return found.at
		}
	}
	return where{}
}

// isSingleton says that a set of the type has one record at most.
func isSingleton(t Type) bool { return t == TypeSOA || t == TypeCNAME || t == TypeDNAME }

// besideCNAME says that the type may stand beside a CNAME (RFC 2136 3.4.2.2, RFC 4034).
func besideCNAME(t Type) bool {
	switch t {
	case TypeSIG, TypeKEY, TypeNXT, TypeRRSIG, TypeNSEC:
		return true
	}
	return false
}

// Build makes a zone of sets in any order; it is fastest when they come in canonical order. Only what a
// zone cannot do without is an error (one SOA at the apex, owners in the zone, valid RDATA, nothing beside
// a CNAME); all are returned. A record that is there twice counts once, and records of one name and type
// may come in several sets.
func Build(origin Name, sets iter.Seq[RRset]) (*Zone, error) {
	if !origin.Valid() {
		return nil, fmt.Errorf("origin %s is no name", origin)
	}
	c := collector{origin: origin}
	for s := range sets {
		if !s.Name.Valid() {
			c.fail(where{}, "%s is no name", s.Name)
			continue
		}
		for _, data := range s.Data {
			if err := validRdata(s.Type, data); err != nil {
				c.fail(where{}, "%s: %v", s.Name, err)
				continue
			}
			c.add(s.Name, s.Type, s.TTL, []byte(data), where{})
		}
	}
	z := c.zone(func(RRset, where) {})
	if z == nil {
		return nil, c.problems.Err()
	}
	return z, nil
}
