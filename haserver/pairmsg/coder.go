package pairmsg

import (
	"encoding/binary"
	"net/netip"

	"loadshare/haserver/digest"
	"loadshare/haserver/zone"
)

// coder goes over a message field by field: it appends each to out, or, when reading, fills each from in. So there is one
// description of every message for both ways, in layout.go. What is written is only read: others may be reading it too. After the first thing that does not fit, bad is set and what
// follows reads as zero.
type coder struct {
	out     []byte
	in      []byte
	reading bool
	bad     bool
}

// cut takes n octets from what is read; nil when there are fewer.
func (c *coder) cut(n int) []byte {
	if c.bad || n > len(c.in) {
		c.bad = true
		return nil
	}
	b := c.in[:n:n]
	c.in = c.in[n:]
	return b
}

func (c *coder) u8(v *uint8) {
	if !c.reading {
		c.out = append(c.out, *v)
	} else if b := c.cut(1); b != nil {
		*v = b[0]
	}
}

func (c *coder) u16(v *uint16) {
	if !c.reading {
		c.out = binary.BigEndian.AppendUint16(c.out, *v)
	} else if b := c.cut(2); b != nil {
		*v = binary.BigEndian.Uint16(b)
	}
}

func (c *coder) u32(v *uint32) {
	if !c.reading {
		c.out = binary.BigEndian.AppendUint32(c.out, *v)
	} else if b := c.cut(4); b != nil {
		*v = binary.BigEndian.Uint32(b)
	}
}

func (c *coder) u64(v *uint64) {
	if !c.reading {
		c.out = binary.BigEndian.AppendUint64(c.out, *v)
	} else if b := c.cut(8); b != nil {
		*v = binary.BigEndian.Uint64(b)
	}
}

func (c *coder) i64(v *int64) {
	u := uint64(*v)
	if c.u64(&u); c.reading {
		*v = int64(u)
	}
}

// boolean is one octet, 0 or 1 and nothing else.
func (c *coder) boolean(v *bool) {
	var u uint8
	if *v {
		u = 1
	}
	if limited(c, &u, 1); c.reading {
		*v = u == 1
	}
}

// limited is one octet that is at most most.
func limited[T ~uint8](c *coder, v *T, most T) {
	u := uint8(*v)
	c.u8(&u)
	if T(u) > most {
		c.bad = true
		return
	}
	if c.reading {
		*v = T(u)
	}
}

// octets is a length of 4 octets and that many.
func (c *coder) octets(v *[]byte) {
	n := uint32(len(*v))
	c.u32(&n)
	if !c.reading {
		c.out = append(c.out, *v...)
	} else if b := c.cut(int(n)); len(b) > 0 {
		*v = append([]byte(nil), b...)
	}
}

// maxText is how many octets a text may have. A longer one is cut when it is sent.
const maxText = 64 << 10

func (c *coder) text(v *string) {
	n := uint32(min(len(*v), maxText))
	c.u32(&n)
	if !c.reading {
		c.out = append(c.out, (*v)[:n]...)
	} else if n > maxText {
		c.bad = true
	} else if b := c.cut(int(n)); len(b) > 0 {
		*v = string(b)
	}
}

// name is a length octet and the name in wire form; 0 is no name.
func (c *coder) name(v *zone.Name) {
	n := uint8(len(*v))
	c.u8(&n)
	if !c.reading {
		c.out = append(c.out, *v...)
	} else if b := c.cut(int(n)); len(b) > 0 {
		*v = zone.Name(b)
	}
	if *v != "" && !v.Valid() {
		c.bad = true
	}
}

// someName is a name that must be there.
func someName(c *coder, v *zone.Name) {
	if c.name(v); *v == "" {
		c.bad = true
	}
}

// addr is a length octet (0, 4 or 16) and the address; 0 is none. Zones of addresses mean nothing on another host.
func (c *coder) addr(v *netip.Addr) {
	b := v.AsSlice()
	n := uint8(len(b))
	c.u8(&n)
	if !c.reading {
		c.out = append(c.out, b...)
		return
	}
	if n == 0 {
		return
	}
	a, ok := netip.AddrFromSlice(c.cut(int(n)))
	if !ok {
		c.bad = true
	}
	*v = a
}

func (c *coder) digest(v *digest.Digest) {
	c.u64(&v[0])
	c.u64(&v[1])
}

// someAddr is an address that must be there.
func someAddr(c *coder, v *netip.Addr) {
	if c.addr(v); !v.IsValid() {
		c.bad = true
	}
}

// list is a count of 4 octets and the elements, each of at least least octets: what is allocated is bounded by what arrived.
func list[T any](c *coder, v *[]T, least int, each func(*coder, *T)) {
	n := uint32(len(*v))
	c.u32(&n)
	if c.reading {
		if c.bad || int(n) > len(c.in)/least {
			c.bad = true
			return
		}
		if n > 0 {
			*v = make([]T, n)
		}
	}
	for i := range *v {
		if each(c, &(*v)[i]); c.bad {
			return
		}
	}
}
