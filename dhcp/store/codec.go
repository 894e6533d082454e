package store

import (
	"encoding/binary"
	"hash/crc32"

	"loadshare/dhcp/lease"
)

// version of the values; a newer one is refused.
const version = 1

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal adds the checksum to the octets of b from start.
func seal(b []byte, start int) []byte {
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

// unseal checks and removes it, and the version before the rest.
func unseal(b []byte) ([]byte, error) {
	if len(b) < 5 {
		return nil, errShort
	}
	body, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	switch {
	case crc32.Checksum(body, castagnoli) != sum:
		return nil, errChecksum
	case body[0] > version:
		return nil, errNewer
	case body[0] != version:
		return nil, errForm
	}
	return body[1:], nil
}

// appendLease adds the fields of a lease but its address, which is in the key.
func appendLease(b []byte, l *lease.Lease) []byte {
	owed := byte(0)
	if l.Owed {
		owed = 1
	}
	b = append(b, byte(l.State), byte(l.Flags), owed, l.DNS, l.Client.HType)
	for _, t := range [...]int64{l.Start, l.Began, l.End, l.CLTT, l.ToldEnd, l.Hold, l.Sent, l.Acked, l.Received} {
		b = binary.AppendVarint(b, t)
	}
	for _, s := range [...]string{l.Client.ID, l.Client.CHAddr, l.Hostname, l.FQDN, l.Relay, l.Vendor, l.Scope} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return b
}

// reader reads what appendLease made. After a fault it gives zeros.
type reader struct {
	rest   string
	intern map[string]string // strings that many leases share; nil: none
	bad    bool
}

// lease reads a lease. Its strings share the memory of what is read.
func (r *reader) lease(ip lease.IP) lease.Lease {
	l := lease.Lease{IP: ip}
	l.State, l.Flags = lease.State(r.octet()), lease.Flags(r.octet())
	owed := r.octet()
	l.Owed, r.bad = owed == 1, r.bad || owed > 1
	l.DNS, l.Client.HType = r.octet(), r.octet()
	for _, t := range [...]*int64{&l.Start, &l.Began, &l.End, &l.CLTT, &l.ToldEnd, &l.Hold, &l.Sent, &l.Acked, &l.Received} {
		*t = r.varint()
	}
	for _, s := range [...]*string{&l.Client.ID, &l.Client.CHAddr, &l.Hostname, &l.FQDN} {
		*s = r.string()
	}
	for _, s := range [...]*string{&l.Relay, &l.Vendor, &l.Scope} {
		*s = r.shared(r.string())
	}
	if l.State < lease.Free || l.State > lease.Backup {
		r.bad = true
	}
	return l
}

func (r *reader) octet() byte {
	if r.bad || len(r.rest) == 0 {
		r.bad = true
		return 0
	}
	v := r.rest[0]
	r.rest = r.rest[1:]
	return v
}

func (r *reader) uvarint() uint64 {
	v := uint64(0)
	for shift := uint(0); shift < 64; shift += 7 {
		c := r.octet()
		if shift == 63 && c > 1 {
			break
		}
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			r.bad = r.bad || c == 0 && shift > 0 // there is a shorter form
			return v
		}
	}
	r.bad = true
	return 0
}

func (r *reader) varint() int64 {
	u := r.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (r *reader) string() string {
	n := r.uvarint()
	if r.bad || n > uint64(len(r.rest)) {
		r.bad = true
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

// shared is one string for all that are equal.
func (r *reader) shared(s string) string {
	if r.intern == nil || s == "" {
		return s
	}
	if known, ok := r.intern[s]; ok {
		return known
	}
	if len(r.intern) < maxIntern {
		own := string(append([]byte(nil), s...)) // not the memory of a whole lease
		r.intern[own] = own
		return own
	}
	return s
}

const maxIntern = 1 << 16

// decodeLease reads the value of a lease.
func decodeLease(ip lease.IP, value []byte, intern map[string]string) (lease.Lease, error) {
	body, err := unseal(value)
	if err != nil {
		return lease.Lease{}, err
	}
	r := reader{rest: string(body), intern: intern}
	l := r.lease(ip)
	if r.bad || r.rest != "" {
		return lease.Lease{}, errForm
	}
	return l, nil
}

// encodeLease is the value of a lease.
func encodeLease(b []byte, l *lease.Lease) []byte {
	start := len(b)
	b = append(b, version)
	return seal(appendLease(b, l), start)
}
