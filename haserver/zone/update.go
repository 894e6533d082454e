package zone

import (
	"cmp"
	"fmt"
)

const (
	maxSet   = 1000 // records of a set that an update may make
	maxTypes = 256  // sets of a name that an update may make
)

// Prescan tests the form of the update section (RFC 2136, 3.4.1), all of it, without regard to what
// the zone holds.
func (z *Zone) Prescan(u Update) (rcode Rcode, why string) {
	for i, r := range u.Updates {
		rcode, why := z.admissible(r)
		if rcode == NoError {
			rcode, why = prescan(r)
		}
		if rcode != NoError {
			return rcode, fmt.Sprintf("update record %d: %s: %s", i+1, why, r)
		}
	}
	return NoError, ""
}

func prescan(r Record) (Rcode, string) {
	if r.Class == ClassIN {
		return validUpdate(r)
	}
	if r.Class != ClassANY && r.Class != ClassNONE {
		return FormErr, "class is not IN, ANY or NONE"
	}
	if r.TTL != 0 {
		return FormErr, "TTL is not 0"
	}
	if r.Class == ClassNONE {
		return validUpdate(r)
	}
	switch {
	case r.Data != "":
		return FormErr, "RDATA where none is allowed"
	case r.Type.IsMeta() && r.Type != TypeANY:
		return FormErr, "type is a query or meta type"
	}
	return NoError, ""
}

// CheckUpdate is CheckPrereq, then Prescan.
func (z *Zone) CheckUpdate(u Update) (rcode Rcode, why string) {
	if rcode, why = z.CheckPrereq(u); rcode != NoError {
		return rcode, why
	}
	return z.Prescan(u)
}

// Apply carries out an update message whole or not at all (RFC 2136, 3.2 to 3.6): prerequisites,
// prescan, the records in their order, and the serial, which moves by one when the zone changed and the
// message did not set a newer SOA itself.
//
// When rcode is not NoError, next is z, d is zero and why names the offending record. When nothing changed
// next is z and d is zero. The cost does not depend on the size of the zone.
func (z *Zone) Apply(u Update) (next *Zone, d Delta, rcode Rcode, why string) {
	if rcode, why = z.CheckUpdate(u); rcode != NoError {
		return z, Delta{}, rcode, why
	}
	e := z.edit()
	for i, r := range u.Updates {
		if over := e.apply(r); over != "" {
			return z, Delta{}, Refused, fmt.Sprintf("update record %d: %s: %s", i+1, over, r)
		}
	}
	if e.changed() && e.serial() == z.Serial() {
		e.setSerial(cmp.Or(u.Serial, NextSerial(z.Serial())))
	}
	next, d = e.finish()
	return next, d, NoError, ""
}

// apply carries out one record that passed the prescan, on the state the earlier ones left (3.4.2). over is
// not empty when a limit is passed.
func (e *edit) apply(r Record) (over string) {
	d := e.at(r.Name)
	switch r.Class {
	case ClassIN:
		return d.insert(r)
	case ClassANY:
		d.clear(r.Type)
	case ClassNONE:
		d.withdraw(r)
	}
	return ""
}

func (d *draft) isApex() bool { return d.key == "" }

// insert adds a record (3.4.2.2). What must not stand beside what is there is silently ignored.
func (d *draft) insert(r Record) (over string) {
	set := d.set(r.Type)
	ttl := r.TTL
	if ttl > maxTTL {
		ttl = 0 // RFC 2181, 8
	}
	switch {
	case r.Type == TypeSOA:
		if d.isApex() && SerialNewer(soaSerial(r.Data), soaSerial(set.Data[0])) {
			d.put(RRset{Name: d.name, Type: TypeSOA, TTL: ttl, Data: []string{r.Data}})
		}
		return ""
	case r.Type == TypeCNAME:
		for _, s := range d.sets {
			if s.Type != TypeCNAME && !besideCNAME(s.Type) {
				return ""
			}
		}
	case !besideCNAME(r.Type) && len(d.set(TypeCNAME).Data) > 0:
		return ""
	}
	if isSingleton(r.Type) {
		if len(set.Data) == 1 && sameRdata(r.Type, set.Data[0], r.Data) {
			r.Data = set.Data[0] // a change of case alone is none
		}
		d.put(RRset{Name: d.name, Type: r.Type, TTL: ttl, Data: []string{r.Data}})
		return ""
	}
	d.add(r.Type, ttl, r.Data)
	if len(d.sets) > maxTypes {
		return fmt.Sprintf("the name would have over %d types", maxTypes)
	}
	if n := len(d.set(r.Type).Data); n > maxSet && n > len(set.Data) {
		return fmt.Sprintf("the set would have over %d records", maxSet)
	}
	return ""
}

// clear deletes a set, or all sets of the name (3.4.2.3). SOA and NS of the apex stay.
func (d *draft) clear(t Type) {
	if t != TypeANY {
		if !d.isApex() || t != TypeSOA && t != TypeNS {
			d.drop(t)
		}
		return
	}
	kept := d.sets[:0:0]
	for _, s := range d.sets {
		if d.isApex() && (s.Type == TypeSOA || s.Type == TypeNS) {
			kept = append(kept, s)
		}
	}
	d.sets = kept
}

// withdraw deletes one record (3.4.2.4). The SOA stays, and the last NS of the apex; that of a delegation
// may go, which the pseudo-code of the RFC forgets.
func (d *draft) withdraw(r Record) {
	if r.Type == TypeSOA || r.Type == TypeNS && d.isApex() && len(d.set(TypeNS).Data) == 1 {
		return
	}
	d.remove(r.Type, r.Data)
}
