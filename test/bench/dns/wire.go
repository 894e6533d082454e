package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"strings"
	"time"
)

const zoneName = "bench.test"

// wireName is a name in wire form.
func wireName(name string) []byte {
	var b []byte
	for label := range strings.SplitSeq(name, ".") {
		b = append(append(b, byte(len(label))), label...)
	}
	return append(b, 0)
}

// query is a question of class IN with EDNS (payload 1232) and id 0.
func query(name string, qtype uint16) []byte {
	b := []byte{0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1}
	b = append(b, wireName(name)...)
	b = append(b, byte(qtype>>8), byte(qtype), 0, 1)
	return append(b, 0, 0, 41, 1232>>8, 1232&255, 0, 0, 0, 0, 0, 0)
}

// good says that b is an answer without an error.
func good(b []byte) bool { return len(b) >= 12 && b[2]&0x80 != 0 && b[3]&15 == 0 }

// goodData says that b is an answer without an error with a record in it.
func goodData(b []byte) bool { return good(b) && b[6]|b[7] != 0 }

// updater makes updates of one record each, signed by TSIG (RFC 8945): it adds one, deletes it, adds the next.
type updater struct {
	name string // the owners' first label begins with this
	n    int
	mac  hash.Hash
	buf  []byte
}

func newUpdater(name string, secret []byte) *updater {
	return &updater{name: name, mac: hmac.New(sha256.New, secret)}
}

var (
	updateZone = wireName(zoneName)
	keyWire    = wireName("ddns")
	algorithm  = wireName("hmac-sha256")
)

// next is the next update message, valid until the next call.
func (u *updater) next() []byte {
	id, add := uint16(u.n), u.n%2 == 0
	owner := u.name + itoa(u.n/2)
	u.n++
	b := append(u.buf[:0], byte(id>>8), byte(id), 5<<3, 0, 0, 1, 0, 0, 0, 1, 0, 0)
	b = append(append(b, updateZone...), 0, 6, 0, 1)
	b = append(append(b, byte(len(owner))), owner...)
	b = append(b, 0xC0, 12, 0, 1) // below the zone's name; type A
	if add {
		b = append(b, 0, 1, 0, 0, 0, 60)
	} else {
		b = append(b, 0, 254, 0, 0, 0, 0) // class NONE: delete this record (RFC 2136, 2.5.4)
	}
	b = append(b, 0, 4, 192, 0, 2, 1)

	now := uint64(time.Now().Unix())
	timers := []byte{byte(now >> 40), byte(now >> 32), byte(now >> 24), byte(now >> 16), byte(now >> 8), byte(now), 300 >> 8, 300 & 255}
	u.mac.Reset()
	u.mac.Write(b)
	u.mac.Write(keyWire)
	u.mac.Write([]byte{0, 255, 0, 0, 0, 0})
	u.mac.Write(algorithm)
	u.mac.Write(timers)
	u.mac.Write([]byte{0, 0, 0, 0})
	b = append(b, keyWire...)
	b = append(b, 0, 250, 0, 255, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(algorithm)+8+2+32+6))
	b = append(append(b, algorithm...), timers...)
	b = append(b, 0, 32)
	b = u.mac.Sum(b)
	b = append(b, byte(id>>8), byte(id), 0, 0, 0, 0)
	b[11] = 1
	u.buf = b
	return b
}

func itoa(n int) string {
	var buf [20]byte
	i := len(buf)
	for {
		i--
		buf[i] = '0' + byte(n%10)
		if n /= 10; n == 0 {
			return string(buf[i:])
		}
	}
}
