package zone

import (
	"fmt"
	"slices"
)

// Update is one update message (RFC 2136) without its header and zone section: the records of the
// prerequisite section and of the update section, in the order of the message.
type Update struct {
	Prereq  []Record
	Updates []Record

	// Serial is what a changed zone gets when the message itself sets no newer SOA. It must be newer than
	// the zone's (SerialNewer). 0 means NextSerial of the zone's.
	Serial uint32
}

// CheckPrereq tests the prerequisites (RFC 2136, 3.2). It returns NoError when all hold; otherwise why names
// the first record in the way, for the log.
func (z *Zone) CheckPrereq(u Update) (rcode Rcode, why string) {
	var exact []int // value-dependent prerequisites, compared at the end (3.2.3)
	for i, r := range u.Prereq {
		rcode, why := z.admissible(r)
		switch {
		case rcode != NoError:
		case r.TTL != 0:
			rcode, why = FormErr, "TTL is not 0"
		case r.Class == ClassIN:
			if rcode, why = validUpdate(r); rcode == NoError {
				exact = append(exact, i)
			}
		case r.Class != ClassANY && r.Class != ClassNONE:
			rcode, why = FormErr, "class is not IN, ANY or NONE"
		case r.Data != "":
			rcode, why = FormErr, "RDATA where none is allowed"
		default:
			rcode, why = z.presence(r)
		}
		if rcode != NoError {
			return rcode, fmt.Sprintf("prerequisite %d: %s: %s", i+1, why, r)
		}
	}
	return z.exact(u.Prereq, exact)
}

// admissible tests what holds for every record of both sections: the owner is in the zone.
func (z *Zone) admissible(r Record) (Rcode, string) {
	switch {
	case !r.Name.Valid():
		return FormErr, "owner is no name"
	case !r.Name.IsSubdomainOf(z.origin):
		return NotZone, "owner is not in the zone"
	}
	return NoError, ""
}

// validUpdate tests a record that bears data.
func validUpdate(r Record) (Rcode, string) {
	if r.Type.IsMeta() {
		return FormErr, "type is a query or meta type"
	}
	if err := validRdata(r.Type, r.Data); err != nil {
		return FormErr, err.Error()
	}
	return NoError, ""
}

// presence tests a prerequisite without data. Aliases, wildcards and cuts have no meaning; an empty
// non-terminal is no name in use (2.4.4).
func (z *Zone) presence(r Record) (Rcode, string) {
	sets := z.Node(r.Name)
	used := len(sets) > 0
	has := slices.ContainsFunc(sets, func(s RRset) bool { return s.Type == r.Type })
	switch {
	case r.Class == ClassANY && r.Type == TypeANY && !used:
		return NXDomain, "name is not in use"
	case r.Class == ClassANY && r.Type != TypeANY && !has:
		return NXRRSet, "set does not exist"
	case r.Class == ClassNONE && r.Type == TypeANY && used:
		return YXDomain, "name is in use"
	case r.Class == ClassNONE && r.Type != TypeANY && has:
		return YXRRSet, "set exists"
	}
	return NoError, ""
}

// exact compares, for every name and type among the records at the indices, the set in the zone with all those
// records of the message: equal sets, any order, the TTL not compared (3.2.3, 3.2.5).
func (z *Zone) exact(records []Record, indices []int) (Rcode, string) {
	type group struct {
		name string
		kind Type
	}
	want := make(map[group][]string)
	for _, i := range indices {
		r := records[i]
		g := group{r.Name.Key(), r.Type}
		if at, found := findRdata(r.Type, want[g], r.Data); !found {
			want[g] = slices.Insert(want[g], at, r.Data)
		}
	}
	for _, i := range indices {
		r := records[i]
		set, _ := z.Get(r.Name, r.Type)
		same := func(a, b string) bool { return sameRdata(r.Type, a, b) }
		if !slices.EqualFunc(set.Data, want[group{r.Name.Key(), r.Type}], same) {
			return NXRRSet, fmt.Sprintf("prerequisite %d: set is not exactly as in the message: %s", i+1, r)
		}
	}
	return NoError, ""
}
