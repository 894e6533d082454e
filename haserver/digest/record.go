package digest

import (
	"encoding/binary"

	"loadshare/haserver/siphash"
	"loadshare/haserver/zone"
)

// key is 00 01 … 0f. It is public: see the package's text.
var key = siphash.Key{0x0706050403020100, 0x0f0e0d0c0b0a0908}

func hashed(b []byte) Digest { return siphash.Sum128(key, b) }

// writer spells records out for the hash, in one buffer.
type writer struct {
	buf  []byte
	name zone.Name // of the last bucket
	last uint16
}

// set is the sum of the digests of a set's records.
func (w *writer) set(s zone.RRset) (d Digest) {
	w.buf = ofHead(w.buf[:0], s.Name, s.Type, s.TTL)
	start := len(w.buf)
	for _, data := range s.Data {
		w.buf = whole(w.buf[:start], s.Type, data)
		d = d.Add(hashed(w.buf))
	}
	return d
}

func ofRecord(r *zone.Record) Digest {
	var buf [512]byte
	return hashed(whole(ofHead(buf[:0], r.Name, r.Type, r.TTL), r.Type, r.Data))
}

func ofHead(b []byte, n zone.Name, t zone.Type, ttl uint32) []byte {
	b = binary.BigEndian.AppendUint16(owner(b, n), uint16(t))
	return binary.BigEndian.AppendUint32(b, ttl)
}

// owner appends the name in lower case. Length octets are at most 63 and no letters.
func owner(b []byte, n zone.Name) []byte {
	at := len(b)
	b = append(b, n...)
	for i, c := range b[at:] {
		if c >= 'A' && c <= 'Z' {
			b[at+i] = c + 'a' - 'A'
		}
	}
	return b
}

// whole ends the record that ofHead began.
func whole(b []byte, t zone.Type, data string) []byte {
	switch t {
	case zone.TypeA, zone.TypeAAAA, zone.TypeTXT: // no names: the most frequent types shall be the fastest
	default:
		data = zone.CanonicalRdata(t, data)
	}
	b = append(b, data...)
	if t == zone.TypeSOA && len(data) >= soaNumbers {
		at := len(b) - soaNumbers
		clear(b[at : at+4])
	}
	return b
}

// soaNumbers is the length of the five numbers at the end of a SOA; the serial is the first.
const soaNumbers = 20

// bucket is Bucket; the sets of one name follow each other.
func (w *writer) bucket(n zone.Name) uint16 {
	if n != w.name {
		w.buf = owner(w.buf[:0], n)
		w.name, w.last = n, uint16(hashed(w.buf)[0]%Buckets)
	}
	return w.last
}
