package beside

import (
	"encoding/binary"
	"errors"

	"loadshare/dhcp/lease"
)

const version = 1

// Is says that the octets are a frame of this package, and not a failover message or anything else.
func Is(frame []byte) bool {
	return len(frame) >= 4 && frame[0] == 0xff && frame[1] == 0xff && frame[2] > 0 && frame[2] < 0x20
}

// Fault is why a frame is passed over.
var (
	errVersion = errors.New("a frame of another version")
	errType    = errors.New("a frame of an unknown type")
	errFrame   = errors.New("a frame that is cut short, or longer than it says")
)

// decode reads one frame: a *Frame type of message.go. Nothing of the result points into b.
func decode(b []byte) (any, error) {
	switch {
	case !Is(b) || len(b) > MaxFrame:
		return nil, errFrame
	case b[2] != version:
		return nil, errVersion
	}
	d := decoder{rest: b[4:]}
	var m any
	switch kind(b[3]) {
	case kindTold:
		m = d.told()
	case kindRelays:
		f := relayFrame{first: d.u8() == 1, listening: d.u32()}
		for n := d.u16(); n > 0 && !d.bad; n-- {
			f.list = append(f.list, relayAgo{lease.IP(d.u32()), d.u32()})
		}
		m = f
	case kindWaiting:
		f := waitingFrame{first: d.u8() == 1}
		for n := d.u16(); n > 0 && !d.bad; n-- {
			f.list = append(f.list, Waiter{
				Client: d.client(), Relay: lease.IP(d.u32()), Waited: d.u32(), Quiet: d.u32(), Tries: d.u32(), Why: d.text(),
			})
		}
		m = f
	case kindServed:
		var f servedFrame
		for n := d.u16(); n > 0 && !d.bad; n-- {
			f.list = append(f.list, servedOne{d.u64(), d.u32()})
		}
		m = f
	case kindOutage:
		f := outageFrame{first: d.u8() == 1, lasted: d.u32()}
		for n := d.u16(); n > 0 && !d.bad; n-- {
			a := Affected{Client: d.client(), Relay: lease.IP(d.u32()), How: Harm(d.u8()), Waited: d.u32(), Seconds: d.u32()}
			d.bad = d.bad || a.How < NeverServed || a.How > ShortLease
			f.list = append(f.list, a)
		}
		m = f
	case kindDigest:
		m = digestFrame{d.digest()}
	case kindWant:
		m = wantFrame{d.digest()}
	case kindSummary:
		m = summaryFrame{digest: d.digest(), at: d.u32(), whole: d.u32(), piece: d.bytes(int(d.u16()))}
	default:
		return nil, errType
	}
	if d.bad || len(d.rest) > 0 {
		return nil, errFrame
	}
	return m, nil
}

// decoder takes octets from the front; past the end everything is zero, and bad is set.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) bytes(n int) []byte {
	if n > len(d.rest) {
		d.bad, d.rest = true, nil
		return nil
	}
	b := append([]byte(nil), d.rest[:n]...)
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) number(n int) (v uint64) {
	if n > len(d.rest) {
		d.bad, d.rest = true, nil
		return 0
	}
	for _, o := range d.rest[:n] {
		v = v<<8 | uint64(o)
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) u8() uint8        { return uint8(d.number(1)) }
func (d *decoder) u16() uint16      { return uint16(d.number(2)) }
func (d *decoder) u32() uint32      { return uint32(d.number(4)) }
func (d *decoder) u64() uint64      { return d.number(8) }
func (d *decoder) text() string     { return string(d.bytes(int(d.u8()))) }
func (d *decoder) digest() [32]byte { var v [32]byte; copy(v[:], d.bytes(32)); return v }
func (d *decoder) client() lease.Client {
	return lease.Client{ID: d.text(), HType: d.u8(), CHAddr: d.text()}
}

func (d *decoder) told() toldFrame {
	var f toldFrame
	for n := d.u16(); n > 0 && !d.bad; n-- {
		t := told{key: d.u64(), served: d.u8() == 1, scope: d.text(), classes: d.u32(), seconds: d.u32()}
		last := -1
		for k := d.u8(); k > 0 && !d.bad; k-- {
			o := optionDigest{d.u8(), d.u32()}
			d.bad = d.bad || int(o.code) <= last // what is not in order cannot be compared
			last = int(o.code)
			t.options = append(t.options, o)
		}
		f.list = append(f.list, t)
	}
	return f
}

// encoder builds one frame.
type encoder struct{ b []byte }

func begin(k kind) *encoder { return &encoder{b: []byte{0xff, 0xff, version, byte(k)}} }

func (e *encoder) u8(v uint8)   { e.b = append(e.b, v) }
func (e *encoder) u16(v uint16) { e.b = binary.BigEndian.AppendUint16(e.b, v) }
func (e *encoder) u32(v uint32) { e.b = binary.BigEndian.AppendUint32(e.b, v) }
func (e *encoder) u64(v uint64) { e.b = binary.BigEndian.AppendUint64(e.b, v) }

func (e *encoder) flag(v bool) {
	if v {
		e.u8(1)
	} else {
		e.u8(0)
	}
}

func (e *encoder) text(s string) {
	s = s[:min(len(s), maxText)]
	e.u8(uint8(len(s)))
	e.b = append(e.b, s...)
}

func (e *encoder) client(c lease.Client) {
	e.text(c.ID)
	e.u8(c.HType)
	e.text(c.CHAddr)
}

// frames makes a list into frames: head writes what each begins with, one a member of the list.
func frames[T any](k kind, list []T, head func(e *encoder, first bool), one func(e *encoder, v *T)) [][]byte {
	var out [][]byte
	for first := true; first || len(list) > 0; first = false {
		e := begin(k)
		if head != nil {
			head(e, first)
		}
		at := len(e.b)
		e.u16(0)
		n := 0
		for n < len(list) && len(e.b) < MaxFrame-2048 { // no member is longer
			one(e, &list[n])
			n++
		}
		binary.BigEndian.PutUint16(e.b[at:], uint16(n))
		list = list[n:]
		out = append(out, e.b)
	}
	return out
}

func encodeTold(list []told) [][]byte {
	return frames(kindTold, list, nil, func(e *encoder, t *told) {
		e.u64(t.key)
		e.flag(t.served)
		e.text(t.scope)
		e.u32(t.classes)
		e.u32(t.seconds)
		options := t.options[:min(len(t.options), maxOptions)]
		e.u8(uint8(len(options)))
		for _, o := range options {
			e.u8(o.code)
			e.u32(o.digest)
		}
	})
}

func encodeRelays(listening uint32, list []relayAgo) [][]byte {
	return frames(kindRelays, list, func(e *encoder, first bool) { e.flag(first); e.u32(listening) }, func(e *encoder, r *relayAgo) {
		e.u32(uint32(r.ip))
		e.u32(r.ago)
	})
}

func encodeWaiting(list []Waiter) [][]byte {
	return frames(kindWaiting, list, func(e *encoder, first bool) { e.flag(first) }, func(e *encoder, w *Waiter) {
		e.client(w.Client)
		e.u32(uint32(w.Relay))
		e.u32(w.Waited)
		e.u32(w.Quiet)
		e.u32(w.Tries)
		e.text(w.Why)
	})
}

func encodeServed(list []servedOne) [][]byte {
	return frames(kindServed, list, nil, func(e *encoder, s *servedOne) {
		e.u64(s.client)
		e.u32(s.ago)
	})
}

func encodeOutage(lasted uint32, list []Affected) [][]byte {
	return frames(kindOutage, list, func(e *encoder, first bool) { e.flag(first); e.u32(lasted) }, func(e *encoder, a *Affected) {
		e.client(a.Client)
		e.u32(uint32(a.Relay))
		e.u8(uint8(a.How))
		e.u32(a.Waited)
		e.u32(a.Seconds)
	})
}

func encodeDigest(k kind, d [32]byte) []byte {
	e := begin(k)
	e.b = append(e.b, d[:]...)
	return e.b
}

// encodeSummary makes the words of a configuration into pieces.
func encodeSummary(digest [32]byte, whole []byte) [][]byte {
	var out [][]byte
	for at := 0; at < len(whole); {
		n := min(len(whole)-at, MaxFrame-64)
		e := begin(kindSummary)
		e.b = append(e.b, digest[:]...)
		e.u32(uint32(at))
		e.u32(uint32(len(whole)))
		e.u16(uint16(n))
		e.b = append(e.b, whole[at:at+n]...)
		out = append(out, e.b)
		at += n
	}
	return out
}
