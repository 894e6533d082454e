package wire

import (
	"encoding/binary"
	"strings"
)

// DHCP options that option 8 carries (RFC 2132; RFC 3046).
const (
	dhcpHostname = 12
	dhcpVendor   = 60
	dhcpRelay    = 82
)

// takeRequest reads option 8: the magic, then DHCP options. Those that we have no field for are dropped; a repeated one is joined
// (RFC 3396).
func (b *Binding) takeRequest(data []byte) bool {
	rest, ok := strings.CutPrefix(string(data), dhcpMagic)
	if !ok {
		return false
	}
	for len(rest) > 0 {
		switch code := rest[0]; code {
		case 0: // pad
			rest = rest[1:]
			continue
		case 255: // end
			return true
		default:
			if len(rest) < 2 || int(rest[1]) > len(rest)-2 {
				return false
			}
			v := rest[2 : 2+int(rest[1])]
			rest = rest[2+len(v):]
			switch code {
			case dhcpHostname:
				b.Hostname += v
			case dhcpVendor:
				b.Vendor += v
			case dhcpRelay:
				b.Relay += v
			}
		}
	}
	return true
}

func (e *encoder) request(b *Binding) {
	at := len(e.b)
	e.head(OptRequest, 0)
	e.b = append(e.b, dhcpMagic...)
	e.dhcp(dhcpHostname, b.Hostname)
	e.dhcp(dhcpVendor, b.Vendor)
	e.dhcp(dhcpRelay, b.Relay)
	n := len(e.b) - at - 4
	if n > MaxLen {
		e.fail(TooLong, OptRequest)
		return
	}
	binary.BigEndian.PutUint16(e.b[at+2:], uint16(n))
}

// dhcp adds a DHCP option, in parts when it is long (RFC 3396).
func (e *encoder) dhcp(code byte, v string) {
	for len(v) > 0 {
		n := min(len(v), 255)
		e.b = append(append(e.b, code, byte(n)), v[:n]...)
		v = v[n:]
	}
}

// Codes within the vendor-specific options; each 2 octets of code, 2 of length, then a number.
const (
	oursStore = iota + 1
	oursBoot
	oursPeerStore
	oursPeerSeq
	oursFast
)

// take reads option 29. It is another vendor's, and skipped, unless it has the form of ours: the vendor class is not looked at, for
// between two of ours the link has proved who it is.
func (o *Ours) take(data []byte) bool {
	for len(data) > 0 {
		if len(data) < 4 || int(binary.BigEndian.Uint16(data[2:])) > len(data)-4 {
			return false
		}
		code, n := binary.BigEndian.Uint16(data), int(binary.BigEndian.Uint16(data[2:]))
		v := data[4 : 4+n]
		data = data[4+n:]
		if n != 8 {
			continue
		}
		x := binary.BigEndian.Uint64(v)
		switch code {
		case oursStore:
			o.Store = x
		case oursBoot:
			o.Boot = x
		case oursPeerStore:
			o.PeerStore = x
		case oursPeerSeq:
			o.PeerSeq = x
		case oursFast:
			o.Fast = uint32(min(x, 1<<31))
		}
	}
	return true
}

func (e *encoder) ours(o *Ours) {
	e.head(OptVendorData, 5*12)
	for i, x := range [...]uint64{o.Store, o.Boot, o.PeerStore, o.PeerSeq, uint64(o.Fast)} {
		e.b = binary.BigEndian.AppendUint16(e.b, uint16(i+1))
		e.b = binary.BigEndian.AppendUint16(e.b, 8)
		e.b = binary.BigEndian.AppendUint64(e.b, x)
	}
}

// nameText is the text form of a name in DNS wire form, complete and without compression; no octets are no name. Dots and
// backslashes within labels, and what is not printable, are escaped (RFC 4343, 2.1).
func nameText(b []byte) (string, bool) {
	if len(b) == 0 {
		return "", true
	}
	var s strings.Builder
	for {
		if len(b) == 0 || int(b[0]) > 63 || int(b[0]) >= len(b) && b[0] != 0 {
			return "", false
		}
		n := int(b[0])
		if n == 0 {
			return s.String(), len(b) == 1
		}
		if s.Len() > 0 {
			s.WriteByte('.')
		}
		for _, c := range b[1 : 1+n] {
			switch {
			case c == '.' || c == '\\':
				s.WriteByte('\\')
				s.WriteByte(c)
			case c <= ' ' || c > '~':
				s.Write([]byte{'\\', '0' + c/100, '0' + c/10%10, '0' + c%10})
			default:
				s.WriteByte(c)
			}
		}
		b = b[1+n:]
	}
}

// ddns adds option 9: flags, then the name in DNS wire form.
func (e *encoder) ddns(b *Binding) {
	name, ok := nameWire(b.FQDN)
	if !ok {
		e.fail(Unencodable, OptDDNS)
		return
	}
	e.head(OptDDNS, 2+len(name))
	e.b = binary.BigEndian.AppendUint16(e.b, b.DNS)
	e.b = append(e.b, name...)
}

// NameOK says that a name can be sent in option 9.
func NameOK(s string) bool {
	_, ok := nameWire(s)
	return ok
}

// nameWire is the other way of nameText.
func nameWire(s string) ([]byte, bool) {
	if s == "" {
		return nil, true
	}
	out := []byte{0}
	label := 0 // where the length of the current label is
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '.':
			if len(out)-label == 1 {
				return nil, false
			}
			out[label] = byte(len(out) - label - 1)
			label = len(out)
			out = append(out, 0)
			continue
		case c == '\\' && i+3 < len(s) && isDigit(s[i+1]) && isDigit(s[i+2]) && isDigit(s[i+3]):
			v := int(s[i+1]-'0')*100 + int(s[i+2]-'0')*10 + int(s[i+3]-'0')
			if v > 255 {
				return nil, false
			}
			c = byte(v)
			i += 3
		case c == '\\':
			if i+1 == len(s) {
				return nil, false
			}
			i++
			c = s[i]
		}
		out = append(out, c)
		if len(out)-label-1 > 63 {
			return nil, false
		}
	}
	if len(out)-label == 1 {
		return nil, false
	}
	out[label] = byte(len(out) - label - 1)
	out = append(out, 0)
	return out, len(out) <= dnsMax
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
