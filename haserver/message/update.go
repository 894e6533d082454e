package message

import (
	"encoding/binary"
	"fmt"

	"loadshare/haserver/zone"
)

// Update decodes the prerequisite and update sections of m, which must have been parsed without
// error (RFC 2136, 2.4 and 2.5). RDATA of class IN and NONE is checked as its type demands; names in it are
// uncompressed. The error says which record is malformed and wraps ErrRdata. The result does not
// point into m.
func (m *Message) Update() (zone.Update, error) {
	var u zone.Update
	off := m.sections[0]
	for s, list := range []*[]zone.Record{&u.Prereq, &u.Updates} {
		for i := range m.Counts[s+1] {
			r, next, err := m.decode(off)
			if err != nil {
				return zone.Update{}, fmt.Errorf("record %d of the %s section: %w", i+1, [...]string{"prerequisite", "update"}[s], err)
			}
			*list = append(*list, r)
			off = next
		}
	}
	return u, nil
}

func (m *Message) decode(off int) (r zone.Record, next int, err error) {
	b := m.wire
	var buf [maxName]byte
	name, at, err := readName(buf[:0], b, off, true)
	if err != nil {
		return r, 0, err
	}
	start := at + 10
	next = start + int(binary.BigEndian.Uint16(b[at+8:]))
	r = zone.Record{
		Name:  zone.Name(name),
		Type:  zone.Type(binary.BigEndian.Uint16(b[at:])),
		Class: zone.Class(binary.BigEndian.Uint16(b[at+2:])),
		TTL:   binary.BigEndian.Uint32(b[at+4:]),
	}
	// What class ANY carries must be empty, which the zone's own checks say; it has no form here.
	if r.Class != zone.ClassIN && r.Class != zone.ClassNONE || r.Type.IsMeta() || r.Class == zone.ClassNONE && start == next {
		r.Data = string(b[start:next])
		return r, next, nil
	}
	var room [512]byte
	data, err := expandRdata(room[:0], b, r.Type, start, next)
	if err == nil {
		r.Data = string(data)
		err = zone.ValidRdata(r.Type, r.Data)
	}
	if err != nil {
		return r, 0, fmt.Errorf("%w: %s %s: %w", ErrRdata, r.Name, r.Type, err)
	}
	return r, next, nil
}

// rdataForm says where names are in the RDATA of the types that may arrive compressed (RFC 3597, 4):
// a digit is that many octets, n a name, s a character-string; what is left over is copied.
var rdataForm = map[zone.Type]string{
	zone.TypeNS: "n", 3: "n", 4: "n", zone.TypeCNAME: "n", zone.TypeSOA: "nn", 7: "n", 8: "n", 9: "n",
	zone.TypePTR: "n", 14: "nn", zone.TypeMX: "2n", 17: "nn", 18: "2n", 21: "2n", 24: "99n", 26: "2nn",
	30: "n", zone.TypeSRV: "6n", 35: "4sssn", 36: "2n", zone.TypeDNAME: "n",
}

func expandRdata(dst, b []byte, t zone.Type, start, end int) ([]byte, error) {
	off := start
	for _, part := range rdataForm[t] {
		switch part {
		case 'n':
			out, next, err := readName(dst, b[:end], off, true)
			if err != nil {
				return nil, err
			}
			dst, off = out, next
		default:
			n := int(part - '0')
			if part == 's' {
				if off >= end {
					return nil, ErrCut
				}
				n = 1 + int(b[off])
			}
			if off+n > end {
				return nil, ErrCut
			}
			dst, off = append(dst, b[off:off+n]...), off+n
		}
	}
	return append(dst, b[off:end]...), nil
}
