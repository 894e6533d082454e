package zone

import (
	"iter"
	"slices"
	"strings"
)

// Zone is one generation of an authoritative zone. It never changes: Apply, With and WithDelta return
// another generation, which shares with this one all that is equal. Any number of goroutines may use
// it at once.
type Zone struct {
	origin  Name
	root    *node // every name but with the apex's SOA left out; the apex is always there
	records int
	cuts    int // names with a DNAME, or with an NS set below the apex: when 0, no search looks for them

	soa      RRset // beside the tree, since every update changes it
	negative RRset // soa with the TTL of negative answers
}

func newZone(origin Name, root *node, soa RRset, records, cuts int) *Zone {
	z := &Zone{origin: origin, root: root, records: records, cuts: cuts}
	z.soa = RRset{Name: root.entry0().name, Type: TypeSOA, TTL: soa.TTL, Data: []string{strings.Clone(soa.Data[0])}}
	z.negative = z.soa
	z.negative.TTL = min(soa.TTL, soaNumber(soa.Data[0], 4)) // RFC 2308, 3
	return z
}

// Origin is the name of the apex.
func (z *Zone) Origin() Name { return z.origin }

// Serial is the serial of the SOA record.
func (z *Zone) Serial() uint32 { return soaSerial(z.soa.Data[0]) }

// SOA is the SOA set, of one record.
func (z *Zone) SOA() RRset { return z.soa }

// Len is the number of records, the SOA counted once.
func (z *Zone) Len() int { return z.records }

// key returns the key of name, using buf, and whether name is in the zone.
func (z *Zone) key(buf []byte, name Name) (key []byte, ok bool) {
	octets, ok := name.above(z.origin)
	if !ok {
		return nil, false
	}
	return appendKey(buf, name, octets), true
}

// Get returns a set as it is stored: aliases, wildcards and zone cuts have no meaning here.
func (z *Zone) Get(name Name, t Type) (RRset, bool) {
	var buf [maxKey]byte
	key, ok := z.key(buf[:0], name)
	if !ok {
		return RRset{}, false
	}
	if len(key) == 0 && t == TypeSOA {
		return z.soa, true
	}
	p := z.root.seek(key)
	if !p.found {
		return RRset{}, false
	}
	e := p.entry()
	s, ok := e.find(t)
	if !ok {
		return RRset{}, false
	}
	set, _ := s.unpack(e.name, nil)
	return set, true
}

// Node returns all sets of a name as they are stored, in the order of their types; none when the name owns no
// record (an empty non-terminal owns none).
func (z *Zone) Node(name Name) []RRset {
	var buf [maxKey]byte
	key, ok := z.key(buf[:0], name)
	if !ok {
		return nil
	}
	_, sets := z.node(key)
	return sets
}

// node returns the sets of a key and the name as it is stored.
func (z *Zone) node(key []byte) (Name, []RRset) {
	p := z.root.seek(key)
	if !p.found {
		return "", nil
	}
	name, sets := p.entry().unpack()
	if len(key) == 0 {
		i, _ := findSet(sets, TypeSOA)
		sets = slices.Insert(sets, i, z.soa)
	}
	return name, sets
}

// findSet looks for the set of a type; where it is, or would be.
func findSet(sets []RRset, t Type) (int, bool) {
	return slices.BinarySearchFunc(sets, t, func(s RRset, t Type) int { return int(s.Type) - int(t) })
}

// All yields every set once: the SOA, then the others in the canonical order of their names
// (RFC 4034, 6.1) and by type. The sets may be kept.
func (z *Zone) All() iter.Seq[RRset] {
	return func(yield func(RRset) bool) {
		if !yield(z.soa) {
			return
		}
		var data []string // a new one when full: what was yielded stays as it is
		z.root.leaves(func(leaf *node) bool {
			for i := range leaf.block.count() {
				e := leaf.entry(i)
				for s, ok := e.next(); ok; s, ok = e.next() {
					if cap(data)-len(data) < s.count {
						data = make([]string, 0, max(s.count, 256))
					}
					var set RRset
					if set, data = s.unpack(e.name, data); !yield(set) {
						return false
					}
				}
			}
			return true
		})
	}
}

// Text yields the zone as the lines of a master file, without line ends. Load reads them back to an
// equal zone.
func (z *Zone) Text() iter.Seq[string] {
	return func(yield func(string) bool) {
		for set := range z.All() {
			for _, data := range set.Data {
				if !yield(Record{set.Name, set.Type, ClassIN, set.TTL, data}.String()) {
					return
				}
			}
		}
	}
}

// With returns the zone with another serial; z itself when it is the same.
func (z *Zone) With(serial uint32) *Zone {
	if serial == z.Serial() {
		return z
	}
	e := z.edit()
	e.setSerial(serial)
	next, _ := e.finish()
	return next
}

// compareRdata is the canonical order of the records of a set (RFC 4034, 6.3).
func compareRdata(t Type, a, b string) int {
	if hasNames(t) {
		a, b = CanonicalRdata(t, a), CanonicalRdata(t, b)
	}
	return strings.Compare(a, b)
}

// findRdata looks for a record in the data of a set; where it is, or would be.
func findRdata(t Type, all []string, data string) (int, bool) {
	if hasNames(t) {
		data = CanonicalRdata(t, data)
	}
	return slices.BinarySearchFunc(all, data, func(have, want string) int {
		if hasNames(t) {
			have = CanonicalRdata(t, have)
		}
		return strings.Compare(have, want)
	})
}
