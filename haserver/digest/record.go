package digest

import (
	"encoding/binary"

	"loadshare/haserver/zone"
)

// writer spells records out for the hash, in one buffer.
type writer struct {
	buf  []byte
	name zone.Name // of the last bucket
	last uint16
}

// set is the sum of the digests of a set's records.
func (w *writer) set(s zone.RRset) (d Digest) {
	w.head(s.Name, s.Type, s.TTL)
	head := len(w.buf)
	for _, data := range s.Data {
		w.buf = w.buf[:head]
		d = d.Add(w.data(s.Type, data))
	}
	return d
}

func (w *writer) record(r zone.Record) Digest {
	w.head(r.Name, r.Type, r.TTL)
	return w.data(r.Type, r.Data)
}

func (w *writer) head(n zone.Name, t zone.Type, ttl uint32) {
	w.owner(n)
	w.buf = binary.BigEndian.AppendUint16(w.buf, uint16(t))
	w.buf = binary.BigEndian.AppendUint32(w.buf, ttl)
}

// owner starts the buffer with the name in lower case. Length octets are at most 63 and no letters.
func (w *writer) owner(n zone.Name) {
	w.buf = append(w.buf[:0], n...)
	for i, c := range w.buf {
		if c >= 'A' && c <= 'Z' {
			w.buf[i] = c + 'a' - 'A'
		}
	}
}

// data ends the record that head began.
func (w *writer) data(t zone.Type, data string) Digest {
	switch t {
	case zone.TypeA, zone.TypeAAAA, zone.TypeTXT: // no names: the most frequent types shall be the fastest
	default:
		data = zone.CanonicalRdata(t, data)
	}
	w.buf = append(w.buf, data...)
	if t == zone.TypeSOA && len(data) >= soaNumbers {
		at := len(w.buf) - soaNumbers
		clear(w.buf[at : at+4])
	}
	return sipHash(w.buf)
}

// soaNumbers is the length of the five numbers at the end of a SOA; the serial is the first.
const soaNumbers = 20

// bucket is Bucket; the sets of one name follow each other.
func (w *writer) bucket(n zone.Name) uint16 {
	if n != w.name {
		w.owner(n)
		w.name, w.last = n, uint16(sipHash(w.buf)[0]%Buckets)
	}
	return w.last
}
