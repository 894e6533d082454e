package option

import "encoding/binary"

// Uint32Of is the octets of a number, as a time in seconds or an address.
func Uint32Of[T ~uint32](v T) []byte { return binary.BigEndian.AppendUint32(nil, uint32(v)) }

// AddressesOf is the octets of addresses, one after the other.
func AddressesOf[T ~uint32](ips ...T) []byte {
	b := make([]byte, 0, 4*len(ips))
	for _, ip := range ips {
		b = binary.BigEndian.AppendUint32(b, uint32(ip))
	}
	return b
}

// Uint8 is the value of an option of exactly one octet.
func (l List) Uint8(c Code) (uint8, bool) {
	if v, ok := l.Get(c); ok && len(v) == 1 {
		return v[0], true
	}
	return 0, false
}

// Uint16 is the value of an option of exactly two octets.
func (l List) Uint16(c Code) (uint16, bool) {
	if v, ok := l.Get(c); ok && len(v) == 2 {
		return binary.BigEndian.Uint16(v), true
	}
	return 0, false
}

// Uint32 is the value of an option of exactly four octets: a number or an address.
func (l List) Uint32(c Code) (uint32, bool) {
	if v, ok := l.Get(c); ok && len(v) == 4 {
		return binary.BigEndian.Uint32(v), true
	}
	return 0, false
}

// Text is the value of an option of text, without the NULs that some clients put at its end (RFC 2132, 2); "" when there is none.
func (l List) Text(c Code) string {
	v, _ := l.Get(c)
	for len(v) > 0 && v[len(v)-1] == 0 {
		v = v[:len(v)-1]
	}
	return string(v)
}

// Asks says that option 55 lists the code.
func (l List) Asks(c Code) bool {
	v, _ := l.Get(ParameterList)
	for _, asked := range v {
		if Code(asked) == c {
			return true
		}
	}
	return false
}

// Addresses are the addresses of an option that holds nothing else; nil when its length is no multiple of four.
func (l List) Addresses(c Code) []uint32 {
	v, _ := l.Get(c)
	if len(v)%4 != 0 || len(v) == 0 {
		return nil
	}
	ips := make([]uint32, 0, len(v)/4)
	for ; len(v) > 0; v = v[4:] {
		ips = append(ips, binary.BigEndian.Uint32(v))
	}
	return ips
}
