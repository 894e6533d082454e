package journal

import (
	"encoding/binary"
	"fmt"
	"iter"

	"loadshare/haserver/zone"
)

// appendSet encodes a set of a snapshot.
func appendSet(b []byte, set *zone.RRset) []byte {
	b = binary.AppendUvarint(b, uint64(len(set.Name)))
	b = append(b, set.Name...)
	b = binary.BigEndian.AppendUint16(b, uint16(set.Type))
	b = binary.BigEndian.AppendUint32(b, set.TTL)
	b = binary.AppendUvarint(b, uint64(len(set.Data)))
	for _, d := range set.Data {
		b = binary.AppendUvarint(b, uint64(len(d)))
		b = append(b, d...)
	}
	return b
}

// sets reads what appendSet wrote. Names and data are pieces of body.
func sets(body string) iter.Seq2[zone.RRset, error] {
	errCut := fmt.Errorf("cut")
	return func(yield func(zone.RRset, error) bool) {
		r := reader{body}
		for r.rest != "" {
			var set zone.RRset
			name, ok := r.field()
			fixed, ok2 := r.take(6)
			count, ok3 := r.number()
			if !ok || !ok2 || !ok3 || count == 0 || count > uint64(len(r.rest))+1 || !zone.Name(name).Valid() {
				yield(set, errCut)
				return
			}
			set.Name = zone.Name(name)
			set.Type = zone.Type(uint16(fixed[0])<<8 | uint16(fixed[1]))
			set.TTL = uint32(fixed[2])<<24 | uint32(fixed[3])<<16 | uint32(fixed[4])<<8 | uint32(fixed[5])
			set.Data = make([]string, count)
			for i := range set.Data {
				if set.Data[i], ok = r.field(); !ok {
					yield(set, errCut)
					return
				}
			}
			if !yield(set, nil) {
				return
			}
		}
	}
}

type reader struct{ rest string }

func (r *reader) take(n int) (string, bool) {
	if n < 0 || n > len(r.rest) {
		return "", false
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s, true
}

func (r *reader) number() (uint64, bool) {
	var n uint64
	for i := 0; i < len(r.rest) && i < 5; i++ {
		c := r.rest[i]
		n |= uint64(c&0x7F) << (7 * i)
		if c < 0x80 {
			r.rest = r.rest[i+1:]
			return n, true
		}
	}
	return 0, false
}

func (r *reader) field() (string, bool) {
	n, ok := r.number()
	if !ok {
		return "", false
	}
	return r.take(int(n))
}
