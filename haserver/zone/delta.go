package zone

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Delta is the difference between two generations of a zone: one step of IXFR (RFC 1995, 4).
//
// The zero value is no difference. Otherwise Deleted begins with the old SOA record and Added with the new
// one, and the rest of both is in canonical order of names, then by type and RDATA. A change of TTL is the
// whole set deleted with the old TTL and added with the new one. Only what had an effect is in it.
type Delta struct {
	From, To uint32 // serials of the old and of the new SOA
	Deleted  []Record
	Added    []Record
}

// IsZero says that there is no difference.
func (d Delta) IsZero() bool { return len(d.Deleted) == 0 && len(d.Added) == 0 }

// compare appends the difference between two states of one name. The strings are copies: a difference is kept
// longer than the blocks that its records came from.
func (d *Delta) compare(name Name, old, new []RRset) {
	for len(old) > 0 || len(new) > 0 {
		switch {
		case len(new) == 0 || len(old) > 0 && old[0].Type < new[0].Type:
			d.Deleted = appendSet(d.Deleted, name, old[0])
			old = old[1:]
		case len(old) == 0 || new[0].Type < old[0].Type:
			d.Added = appendSet(d.Added, name, new[0])
			new = new[1:]
		default:
			d.compareSet(name, old[0], new[0])
			old, new = old[1:], new[1:]
		}
	}
}

func (d *Delta) compareSet(name Name, old, new RRset) {
	if old.TTL != new.TTL {
		d.Deleted = appendSet(d.Deleted, name, old)
		d.Added = appendSet(d.Added, name, new)
		return
	}
	a, b := old.Data, new.Data
	for len(a) > 0 || len(b) > 0 {
		order := 0
		switch {
		case len(a) == 0:
			order = 1
		case len(b) == 0:
			order = -1
		case a[0] != b[0]:
			order = compareRdata(old.Type, a[0], b[0])
		}
		if order < 0 {
			d.Deleted = appendRecord(d.Deleted, name, old, a[0])
		}
		if order > 0 {
			d.Added = appendRecord(d.Added, name, new, b[0])
		}
		if order <= 0 {
			a = a[1:]
		}
		if order >= 0 {
			b = b[1:]
		}
	}
}

func appendSet(to []Record, name Name, s RRset) []Record {
	for _, data := range s.Data {
		to = appendRecord(to, name, s, data)
	}
	return to
}

func appendRecord(to []Record, name Name, s RRset, data string) []Record {
	return append(to, Record{Name(strings.Clone(string(name))), s.Type, ClassIN, s.TTL, strings.Clone(data)})
}

// complete puts the SOA records first and sets the serials; when there is no other difference and the SOA
// records are equal it leaves d zero.
func (d *Delta) complete(from, to *Zone) {
	if d.IsZero() && sameSet(from.soa, to.soa) {
		return
	}
	d.From, d.To = from.Serial(), to.Serial()
	d.Deleted = append(appendSet(make([]Record, 0, 1+len(d.Deleted)), from.soa.Name, from.soa), d.Deleted...)
	d.Added = append(appendSet(make([]Record, 0, 1+len(d.Added)), to.soa.Name, to.soa), d.Added...)
}

// WithDelta applies d strictly, as replaying a journal must: d.From is the serial of z, every deleted
// record is there with that TTL, no added one is, and afterwards there is one SOA, with serial d.To.
// A zero d gives z.
func (z *Zone) WithDelta(d Delta) (*Zone, error) {
	if d.IsZero() {
		return z, nil
	}
	if d.From != z.Serial() {
		return nil, fmt.Errorf("difference from serial %d does not fit zone %s at serial %d", d.From, z.origin, z.Serial())
	}
	e := z.edit()
	deleted, added := d.Deleted, d.Added
	if d.movesSerialOnly(z) {
		if err := z.admit(added[0]); err != nil {
			return nil, err
		}
		e.soa = RRset{Name: z.soa.Name, Type: TypeSOA, TTL: added[0].TTL, Data: []string{added[0].Data}}
		deleted, added = deleted[1:], added[1:]
	}
	for _, r := range deleted {
		if err := z.admit(r); err != nil {
			return nil, err
		}
		draft := e.at(r.Name)
		if draft.set(r.Type).TTL != r.TTL || !draft.remove(r.Type, r.Data) {
			return nil, fmt.Errorf("deleted record is not in zone %s: %s", z.origin, r)
		}
	}
	for _, r := range added {
		if err := z.admit(r); err != nil {
			return nil, err
		}
		draft := e.at(r.Name)
		if s := draft.set(r.Type); len(s.Data) > 0 && s.TTL != r.TTL {
			return nil, fmt.Errorf("added record has another TTL than its set in zone %s: %s", z.origin, r)
		}
		if !draft.add(r.Type, r.TTL, r.Data) {
			return nil, fmt.Errorf("added record is in zone %s already: %s", z.origin, r)
		}
	}
	soa := e.soa
	if len(soa.Data) == 0 {
		soa = e.at(z.origin).set(TypeSOA)
	}
	if len(soa.Data) != 1 || soaSerial(soa.Data[0]) != d.To {
		return nil, fmt.Errorf("difference does not leave zone %s one SOA of serial %d", z.origin, d.To)
	}
	next, _ := e.finish()
	return next, nil
}

// movesSerialOnly says whether all that d does to the apex of z is to put another SOA in the place of the one that is there.
func (d Delta) movesSerialOnly(z *Zone) bool {
	if len(d.Deleted) == 0 || len(d.Added) == 0 {
		return false
	}
	out, in := d.Deleted[0], d.Added[0]
	if out.Type != TypeSOA || in.Type != TypeSOA || out.Class != ClassIN || out.TTL != z.soa.TTL || out.Data != z.soa.Data[0] || !out.Name.Equal(z.origin) {
		return false
	}
	for _, list := range [][]Record{d.Deleted[1:], d.Added[1:]} {
		for i := range list {
			if len(list[i].Name) == len(z.origin) {
				return false
			}
		}
	}
	return true
}

// admit refuses records that can be in no zone of this origin.
func (z *Zone) admit(r Record) error {
	switch {
	case !r.Name.Valid():
		return errors.New("record of an invalid name")
	case !r.Name.IsSubdomainOf(z.origin):
		return fmt.Errorf("record is not in zone %s: %s", z.origin, r)
	case r.Class != ClassIN || r.Type.IsMeta() || r.Type == TypeSOA && !r.Name.Equal(z.origin):
		return fmt.Errorf("record cannot be in zone %s: %s", z.origin, r)
	}
	return validRdata(r.Type, r.Data)
}

// deltaVersion begins every encoded Delta.
const deltaVersion = 1

var errDelta = errors.New("encoded difference is damaged or of another version")

// MarshalBinary encodes d for a journal. The encoding is stable and has no checksum of its own.
//
//	version (1 octet), From, To (4 octets each), deleted and added records, each list with its count before it
//	record: name in wire form, type (2 octets), TTL (4 octets), length of the RDATA (2 octets), RDATA
//	count:  4 octets
func (d Delta) MarshalBinary() ([]byte, error) { return d.AppendBinary(nil) }

// AppendBinary appends what MarshalBinary makes to b.
func (d Delta) AppendBinary(b []byte) ([]byte, error) {
	size := 17
	for _, list := range [][]Record{d.Deleted, d.Added} {
		for _, r := range list {
			size += len(r.Name) + 8 + len(r.Data)
			if !r.Name.Valid() || len(r.Data) > 65535 || r.Class != ClassIN {
				return nil, fmt.Errorf("record cannot be encoded: %s", r)
			}
		}
	}
	b = append(slices.Grow(b, size), deltaVersion)
	b = binary.BigEndian.AppendUint32(b, d.From)
	b = binary.BigEndian.AppendUint32(b, d.To)
	for _, list := range [][]Record{d.Deleted, d.Added} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(list)))
		for _, r := range list {
			b = append(b, r.Name...)
			b = binary.BigEndian.AppendUint16(b, uint16(r.Type))
			b = binary.BigEndian.AppendUint32(b, r.TTL)
			b = binary.BigEndian.AppendUint16(b, uint16(len(r.Data)))
			b = append(b, r.Data...)
		}
	}
	return b, nil
}

// ParseDelta decodes what MarshalBinary wrote; anything else is an error. The Delta does not keep data.
func ParseDelta(data []byte) (Delta, error) {
	if len(data) < 17 || data[0] != deltaVersion {
		return Delta{}, errDelta
	}
	d := Delta{From: binary.BigEndian.Uint32(data[1:]), To: binary.BigEndian.Uint32(data[5:])}
	rest := string(data[9:])
	var err error
	if d.Deleted, rest, err = parseRecords(rest); err != nil {
		return Delta{}, err
	}
	if d.Added, rest, err = parseRecords(rest); err != nil {
		return Delta{}, err
	}
	if rest != "" {
		return Delta{}, errDelta
	}
	return d, nil
}

func parseRecords(s string) (list []Record, rest string, err error) {
	const least = 1 + 8 // octets of a record
	if len(s) < 4 {
		return nil, "", errDelta
	}
	count := int(binary.BigEndian.Uint32([]byte(s[:4])))
	if s = s[4:]; count > len(s)/least {
		return nil, "", errDelta
	}
	if count > 0 {
		list = make([]Record, 0, count)
	}
	for range count {
		name, after, err := WireName(s)
		if err != nil || len(after) < 8 {
			return nil, "", errDelta
		}
		head, after := []byte(after[:8]), after[8:]
		size := int(binary.BigEndian.Uint16(head[6:]))
		if len(after) < size {
			return nil, "", errDelta
		}
		r := Record{name, Type(binary.BigEndian.Uint16(head)), ClassIN, binary.BigEndian.Uint32(head[2:]), after[:size]}
		if err := validRdata(r.Type, r.Data); err != nil {
			return nil, "", fmt.Errorf("%w: %w", errDelta, err)
		}
		list, s = append(list, r), after[size:]
	}
	return list, s, nil
}
