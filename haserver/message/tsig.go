package message

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"hash"
	"strings"
	"sync"
	"time"

	"loadshare/haserver/zone"
)

// TSIG is the signature record of a message (RFC 8945, 4.2). Names are in wire form, lower case.
type TSIG struct {
	Name, Algorithm string
	Time            uint64 // seconds since 1970, 48 bits
	Fudge           uint16 // seconds
	MAC             []byte
	OriginalID      uint16
	Error           uint16
	Other           []byte

	at int // where the record begins
}

// Fudge is how far apart the clocks of client and server may be.
const Fudge = 300

// keyNames are the names of a signature: one client's next one has the same, and needs no others.
type keyNames struct{ key, algorithm string }

func same(last *string, name []byte) string {
	if *last != string(name) {
		*last = string(name)
	}
	return *last
}

func (t *TSIG) parse(b []byte, off, at, end int, last *keyNames) error {
	if zone.Class(binary.BigEndian.Uint16(b[at+2:])) != zone.ClassANY || binary.BigEndian.Uint32(b[at+4:]) != 0 {
		return ErrTSIG
	}
	var buf [maxName]byte
	name, _, err := readName(buf[:0], b, off, true)
	if err != nil {
		return err
	}
	lowerInPlace(name)
	t.Name, t.at = same(&last.key, name), off
	rest := at + 10
	alg, rest, err := readName(buf[:0], b[:end], rest, true)
	if err != nil {
		return ErrTSIG
	}
	lowerInPlace(alg)
	t.Algorithm = same(&last.algorithm, alg)
	if rest+10 > end {
		return ErrTSIG
	}
	t.Time = uint64(binary.BigEndian.Uint16(b[rest:]))<<32 | uint64(binary.BigEndian.Uint32(b[rest+2:]))
	t.Fudge = binary.BigEndian.Uint16(b[rest+6:])
	size := int(binary.BigEndian.Uint16(b[rest+8:]))
	rest += 10
	if rest+size+6 > end {
		return ErrTSIG
	}
	t.MAC = b[rest : rest+size]
	rest += size
	t.OriginalID = binary.BigEndian.Uint16(b[rest:])
	t.Error = binary.BigEndian.Uint16(b[rest+2:])
	if rest+6+int(binary.BigEndian.Uint16(b[rest+4:])) != end {
		return ErrTSIG
	}
	t.Other = b[rest+6 : end]
	return nil
}

// Key is a shared secret with the one algorithm it may be used with. Any number of goroutines may use it.
type Key struct {
	Name      zone.Name // lower case
	algorithm string    // wire form
	size      int       // octets of a whole MAC
	states    sync.Pool // of *keyed
}

// keyed is an HMAC under a key, with room for what goes into it.
type keyed struct {
	hash.Hash
	buf [2*maxName + 64]byte
}

var algorithms = map[string]func() hash.Hash{
	"hmac-md5": md5.New, "hmac-md5.sig-alg.reg.int": md5.New, "hmac-sha1": sha1.New, "hmac-sha224": sha256.New224, "hmac-sha256": sha256.New,
	"hmac-sha384": sha512.New384, "hmac-sha512": sha512.New,
}

// NewKey makes a key. The algorithm is one of hmac-md5, hmac-sha1, hmac-sha224, hmac-sha256, hmac-sha384, hmac-sha512.
func NewKey(name, algorithm string, secret []byte) (*Key, error) {
	n, err := zone.ParseName(name)
	if err != nil {
		return nil, err
	}
	algorithm = strings.TrimSuffix(strings.ToLower(algorithm), ".")
	newHash, ok := algorithms[algorithm]
	if !ok {
		return nil, fmt.Errorf("key %s: algorithm %q is not known", name, algorithm)
	}
	if algorithm == "hmac-md5" {
		algorithm = "hmac-md5.sig-alg.reg.int"
	}
	wire, err := zone.ParseName(algorithm)
	if err != nil {
		return nil, err
	}
	k := &Key{Name: zone.Name(n.Key()), algorithm: string(wire), size: newHash().Size()}
	k.states.New = func() any { return &keyed{Hash: hmac.New(newHash, secret)} }
	return k, nil
}

// Keys are found by their names in wire form, lower case.
type Keys map[string]*Key

// TSIGError is the error field of a TSIG record (RFC 8945, 3).
type TSIGError uint16

// The errors that are answered with the RCODE NOTAUTH.
const (
	BadSig   TSIGError = 16
	BadKey   TSIGError = 17
	BadTime  TSIGError = 18
	BadTrunc TSIGError = 22
)

// String is the mnemonic.
func (e TSIGError) String() string {
	switch e {
	case 0:
		return "NOERROR"
	case BadSig:
		return "BADSIG"
	case BadKey:
		return "BADKEY"
	case BadTime:
		return "BADTIME"
	case BadTrunc:
		return "BADTRUNC"
	}
	return fmt.Sprintf("TSIGERROR%d", uint16(e))
}

// Verify judges the signature of m in the order of RFC 8945 5.2: key, MAC, time, truncation. m must have
// one and be parsed without error.
//
// rcode is NoError when it is good, FormErr when the MAC has an impossible length (answer unsigned: the Signer is nil),
// else NotAuth. The Signer signs the answer to m; for errors it makes what section 5.3.2 asks for.
func (keys Keys) Verify(m *Message, now time.Time) (s *Signer, rcode zone.Rcode, e TSIGError) {
	t := &m.TSIG
	s = &Signer{name: t.Name, algorithm: t.Algorithm, time: t.Time, fudge: t.Fudge}
	key := keys[t.Name]
	if key == nil || key.algorithm != t.Algorithm {
		s.err = BadKey
		return s, zone.NotAuth, BadKey
	}
	if len(t.MAC) > key.size || len(t.MAC) < max(10, key.size/2) {
		return nil, zone.FormErr, 0
	}
	h := key.states.Get().(*keyed)
	defer key.states.Put(h)
	h.Reset()
	head := h.buf[:headerLen]
	copy(head, m.wire)
	binary.BigEndian.PutUint16(head, t.OriginalID)
	binary.BigEndian.PutUint16(head[10:], m.Counts[3]-1)
	h.Write(head)
	h.Write(m.wire[headerLen:t.at])
	h.variables(t.Name, t.Algorithm, t.Time, t.Fudge, TSIGError(t.Error), t.Other)
	if !hmac.Equal(h.Sum(h.buf[:0])[:len(t.MAC)], t.MAC) {
		s.err = BadSig
		return s, zone.NotAuth, BadSig
	}
	s.key = key
	s.mac = append(s.mac, t.MAC...)
	our := uint64(now.Unix())
	if diff := max(our, t.Time) - min(our, t.Time); diff > uint64(t.Fudge) {
		s.err = BadTime
		s.other = []byte{byte(our >> 40), byte(our >> 32), byte(our >> 24), byte(our >> 16), byte(our >> 8), byte(our)}
		return s, zone.NotAuth, BadTime
	}
	s.time, s.fudge = our, Fudge
	if len(t.MAC) < key.size {
		s.err = BadTrunc
		return s, zone.NotAuth, BadTrunc
	}
	return s, zone.NoError, 0
}

// variables hashes what RFC 8945 4.3.3 calls the TSIG variables.
func (h *keyed) variables(name, algorithm string, at uint64, fudge uint16, e TSIGError, other []byte) {
	buf := append(h.buf[:0], name...)
	buf = append(buf, 0, byte(zone.ClassANY), 0, 0, 0, 0)
	buf = append(buf, algorithm...)
	buf = appendTimers(buf, at, fudge)
	h.Write(append(buf, byte(e>>8), byte(e), byte(len(other)>>8), byte(len(other))))
	h.Write(other)
}

func appendTimers(buf []byte, at uint64, fudge uint16) []byte {
	return append(buf, byte(at>>40), byte(at>>32), byte(at>>24), byte(at>>16), byte(at>>8), byte(at), byte(fudge>>8), byte(fudge))
}

// Signer signs the answers to one request, each message with the MAC of the one before (RFC 8945, 5.3).
type Signer struct {
	key             *Key // nil: the TSIG record goes without a MAC
	name, algorithm string
	time            uint64
	fudge           uint16
	err             TSIGError
	other           []byte
	mac             []byte // of the request, then of the last answer
	later           bool   // the first answer is out
	request         bool   // what is signed is no answer
}

// Request makes the Signer of a request of our own: its first message is signed without the MAC of another (RFC 8945, 5.1).
func (k *Key) Request() *Signer {
	return &Signer{key: k, name: string(k.Name), algorithm: k.algorithm, fudge: Fudge, request: true}
}

// KeyName is the key that the request was proved with, in lower case; empty when it was not.
func (s *Signer) KeyName() zone.Name {
	if s == nil || s.key == nil {
		return ""
	}
	return s.key.Name
}

// Len is how many octets Sign adds. A nil Signer adds none.
func (s *Signer) Len() int {
	if s == nil {
		return 0
	}
	n := len(s.name) + 10 + len(s.algorithm) + 16 + len(s.other)
	if s.key != nil {
		n += s.key.size
	}
	return n
}

// Sign appends the TSIG record to a finished message; now is the time signed unless the error asks for
// the request's. A nil Signer leaves the message as it is.
func (s *Signer) Sign(msg []byte, now time.Time) []byte {
	if s == nil {
		return msg
	}
	if s.key != nil && s.err != BadTime {
		s.time = uint64(now.Unix())
	}
	var mac []byte
	if s.key != nil {
		s.mac = s.digest(s.mac, msg)
		mac = s.mac
	}
	id := binary.BigEndian.Uint16(msg)
	msg = append(msg, s.name...)
	size := len(s.algorithm) + 16 + len(mac) + len(s.other)
	msg = append(msg, 0, byte(zone.TypeTSIG), 0, byte(zone.ClassANY), 0, 0, 0, 0, byte(size>>8), byte(size))
	msg = append(msg, s.algorithm...)
	msg = appendTimers(msg, s.time, s.fudge)
	msg = append(msg, byte(len(mac)>>8), byte(len(mac)))
	msg = append(msg, mac...)
	msg = append(msg, byte(id>>8), byte(id), byte(s.err>>8), byte(s.err), byte(len(s.other)>>8), byte(len(s.other)))
	msg = append(msg, s.other...)
	binary.BigEndian.PutUint16(msg[10:], binary.BigEndian.Uint16(msg[10:])+1)
	s.mac, s.later = mac, true
	return msg
}

// digest is the MAC of a message, behind the one before, in whose place it may be put.
func (s *Signer) digest(before, msg []byte) []byte {
	h := s.key.states.Get().(*keyed)
	defer s.key.states.Put(h)
	h.Reset()
	if !s.request || s.later {
		h.Write(append(h.buf[:0], byte(len(before)>>8), byte(len(before))))
		h.Write(before)
	}
	h.Write(msg)
	if s.later { // 5.3.1: only the timers
		h.Write(appendTimers(h.buf[:0], s.time, s.fudge))
	} else {
		h.variables(s.name, s.algorithm, s.time, s.fudge, s.err, s.other)
	}
	return h.Sum(before[:0])
}

// KeyText is the name of the key, for logs.
func (t *TSIG) KeyText() string { return strings.TrimSuffix(zone.Name(t.Name).String(), ".") }
