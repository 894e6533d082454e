package zone

import "iter"

// Zone is one generation of an authoritative zone. It never changes: Apply, With and WithDelta return
// another generation, which shares with this one all that is equal. Any number of goroutines may use
// it at once.
type Zone struct {
	origin Name
}

// Source hands in the text of a master file. The name is as given to Load, or for $INCLUDE as
// written in the file, taken relative to the folder of the including file unless it begins with a slash.
// The octets must not change while Load runs.
type Source func(file string) ([]byte, error)

// Load reads a zone of class IN from a master file (RFC 1035, 5) and checks it. It returns nil and what
// is wrong when there is an error, else the zone and the warnings.
func Load(src Source, origin Name, file string) (*Zone, Problems) { return nil, nil }

// Build makes a zone of records in any order; it is fastest when they come as All yields them.
// Only what a zone cannot do without is an error (one SOA at the apex, owners in the zone, valid RDATA,
// nothing beside a CNAME); the first is returned. A record that is there twice counts once.
func Build(origin Name, sets iter.Seq[RRset]) (*Zone, error) { return nil, nil }

// Origin is the name of the apex.
func (z *Zone) Origin() Name { return z.origin }

// Serial is the serial of the SOA record.
func (z *Zone) Serial() uint32 { return 0 }

// SOA is the SOA set, of one record.
func (z *Zone) SOA() RRset { return RRset{} }

// Len is the number of records, the SOA counted once.
func (z *Zone) Len() int { return 0 }

// Get returns a set as it is stored: aliases, wildcards and zone cuts have no meaning here.
func (z *Zone) Get(name Name, t Type) (RRset, bool) { return RRset{}, false }

// Node returns all sets of a name as they are stored, in the order of their types; none when the name owns no
// record (an empty non-terminal owns none).
func (z *Zone) Node(name Name) []RRset { return nil }

// All yields every set once: the SOA, then the others in the canonical order of their names
// (RFC 4034, 6.1) and by type. The sets may be kept.
func (z *Zone) All() iter.Seq[RRset] { return nil }

// Text yields the zone as the lines of a master file, without line ends. Load reads them back to an
// equal zone.
func (z *Zone) Text() iter.Seq[string] { return nil }

// With returns the zone with another serial; z itself when it is the same.
func (z *Zone) With(serial uint32) *Zone { return z }

// Lookup answers a question from this zone alone, as RFC 1034 4.3.2 says.
func (z *Zone) Lookup(q Question) Answer {
	var a Answer
	z.LookupInto(q, &a)
	return a
}

// LookupInto is Lookup that writes over a and uses its memory again.
func (z *Zone) LookupInto(q Question, a *Answer) { a.reset() }
