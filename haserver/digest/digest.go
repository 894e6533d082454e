// Package digest says in 16 octets what a zone holds, in a way that a change costs only what it changes.
//
// The digest of a zone is the sum of the digests of its records, so the order does not matter and a Delta is enough to get
// from one generation's to the next one's. The serial does not enter: a zone that differs in nothing else has the same digest.
// It finds drift and damage; it is no defence against somebody who makes records up to fit.
//
// # What a record's digest is
//
// Digests are on disk and on the wire, so they never change: SipHash-2-4 with 128 bits of output, under the key 00 01 … 0f, of
//
//	owner name (wire form, lower case), type (2 octets), TTL (4 octets), RDATA
//
// numbers in network order, names in the RDATA in lower case where comparisons say so (RFC 4034 6.2, RFC 6840 5.1), and the serial
// of a SOA zero. The two halves of the output are added up separately, modulo 2^64.
//
// # Buckets
//
// Two servers whose digests differ find out where with Parts: all records of one name are in one bucket (Bucket), and only the
// buckets that differ need to be sent.
package digest

import (
	"encoding/binary"
	"encoding/hex"

	"loadshare/haserver/zone"
)

// Digest is a content. The zero Digest is of no records at all.
type Digest [2]uint64

// Buckets is how many parts Parts cuts a zone into.
const Buckets = 1024

// Size is how many octets Append writes.
const Size = 16

// Of is the digest of all records of a zone.
func Of(z *zone.Zone) (d Digest) {
	var w writer
	for set := range z.All() {
		d = d.Add(w.set(set))
	}
	return d
}

// Step is the digest after a change of the content that d is the digest of.
func (d Digest) Step(change zone.Delta) Digest {
	for i := range change.Deleted {
		d = d.subtract(ofRecord(&change.Deleted[i]))
	}
	for i := range change.Added {
		d = d.Add(ofRecord(&change.Added[i]))
	}
	return d
}

// Bucket is the part of a zone that a name belongs to, whatever the case of its letters; below Buckets.
func Bucket(n zone.Name) uint16 {
	var w writer
	return w.bucket(n)
}

// Parts are the digests of a zone's buckets; their sum is Of.
func Parts(z *zone.Zone) []Digest {
	parts := make([]Digest, Buckets)
	var w writer
	for set := range z.All() {
		b := w.bucket(set.Name)
		parts[b] = parts[b].Add(w.set(set))
	}
	return parts
}

// Add is the digest of both contents together.
func (d Digest) Add(o Digest) Digest { return Digest{d[0] + o[0], d[1] + o[1]} }

func (d Digest) subtract(o Digest) Digest { return Digest{d[0] - o[0], d[1] - o[1]} }

// String is 32 hexadecimal digits.
func (d Digest) String() string {
	var b [Size]byte
	return hex.EncodeToString(d.Append(b[:0]))
}

// Append appends the Size octets of d.
func (d Digest) Append(b []byte) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, d[0]), d[1])
}

// Read takes what Append wrote from the start of b; ok is false when b is too short.
func Read(b []byte) (d Digest, rest []byte, ok bool) {
	if len(b) < Size {
		return Digest{}, b, false
	}
	return Digest{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}, b[Size:], true
}
