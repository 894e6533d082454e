package haserver

import (
	"crypto/subtle"
	"encoding/binary"
	"net/netip"

	"loadshare/haserver/message"
	"loadshare/haserver/siphash"
	"loadshare/haserver/zone"
)

// EDNS option codes.
const (
	optNSID   = 3  // RFC 5001
	optCookie = 10 // RFC 7873
	optPad    = 12 // RFC 7830
	optEDE    = 15 // RFC 8914
)

// Codes of RFC 8914.
const (
	edeOther            = 0
	edeNotReady         = 14
	edeProhibited       = 18
	edeNotAuthoritative = 20
)

// edeOf is the code that goes with an rcode when nothing says more.
func edeOf(rcode zone.Rcode) uint16 {
	switch rcode {
	case zone.Refused:
		return edeProhibited
	case zone.NotAuth:
		return edeNotAuthoritative
	case zone.ServFail:
		return edeNotReady
	}
	return edeOther
}

// cookieState is what the COOKIE option of a request says.
type cookieState struct {
	ok    bool // there was one of a good length
	valid bool // and the server's part of it was made here, not long ago, for this address
}

// options reads the EDNS options of a request and prepares those of the answer. Unknown ones are ignored.
func (w *worker) options() (rcode zone.Rcode, ok bool) {
	if _, asked := w.in.OPT.Option(optNSID); asked && len(w.view.nsid) > 0 {
		w.ext = message.AppendOption(w.ext, optNSID, w.view.nsid...)
	}
	if c, asked := w.in.OPT.Option(optCookie); asked {
		if len(c) != 8 && (len(c) < 16 || len(c) > 40) { // RFC 7873, 5.2.2
			return zone.FormErr, false
		}
		w.cookie.ok = true
		now := uint32(w.now().Unix())
		w.cookie.valid = w.s.cookies.valid(c, w.from, now)
		var fresh [24]byte
		copy(fresh[:8], c)
		w.s.cookies.make(&fresh, w.from, now)
		w.ext = message.AppendOption(w.ext, optCookie, fresh[:]...)
	}
	return zone.NoError, true
}

// explain adds an Extended DNS Error to the answer, if the client knows EDNS.
func (w *worker) explain(code uint16, text string) {
	if !w.in.HasOPT {
		return
	}
	if len(text) > 200 {
		text = text[:200]
	}
	w.ext = append(w.ext, 0, optEDE, byte((len(text)+2)>>8), byte(len(text)+2), byte(code>>8), byte(code))
	w.ext = append(w.ext, text...)
}

// cookieKey makes and checks server cookies of version 1 (RFC 9018, 4).
type cookieKey siphash.Key

// make writes the server cookie after the client's eight octets.
func (k cookieKey) make(c *[24]byte, from netip.Addr, now uint32) {
	c[8], c[9], c[10], c[11] = 1, 0, 0, 0
	binary.BigEndian.PutUint32(c[12:], now)
	binary.LittleEndian.PutUint64(c[16:], k.hash(c[:16], from))
}

// valid says whether the server part is ours, at most an hour old, and not from the future (RFC 9018, 4.3).
func (k cookieKey) valid(c []byte, from netip.Addr, now uint32) bool {
	if len(c) != 24 || c[8] != 1 {
		return false
	}
	if age := int32(now - binary.BigEndian.Uint32(c[12:])); age > 3600 || age < -300 {
		return false
	}
	var want [8]byte
	binary.LittleEndian.PutUint64(want[:], k.hash(c[:16], from))
	return subtle.ConstantTimeCompare(want[:], c[16:]) == 1
}

func (k cookieKey) hash(head []byte, from netip.Addr) uint64 {
	var buf [32]byte
	n := copy(buf[:], head)
	if from.Is4() {
		a := from.As4()
		n += copy(buf[n:], a[:])
	} else {
		a := from.As16()
		n += copy(buf[n:], a[:])
	}
	return siphash.Sum64(siphash.Key(k), buf[:n])
}
