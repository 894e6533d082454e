package option

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// Format is the way back, for people; octets that do not fit the form come as "hex:01:02".
func (d Definition) Format(data []byte) []string {
	if d.Type == Search {
		if names, err := SearchNames(data); err == nil && len(names) > 0 {
			return names
		}
	} else if values, ok := d.format(data); ok {
		if back, err := d.Parse(values); err == nil && bytes.Equal(back, data) {
			return values
		}
	}
	return []string{rawPrefix + FormatHex(data)}
}

func (d Definition) format(data []byte) (values []string, ok bool) {
	switch d.Type {
	case Flag:
		return []string{"true"}, len(data) == 0
	case Encapsulation:
		return formatEncapsulation(data)
	case Record:
		return d.formatRecord(data)
	}
	for {
		var v string
		if v, data, ok = d.Type.take(data); !ok {
			return nil, false
		}
		if values = append(values, v); len(data) == 0 {
			return values, true
		}
		if !d.List {
			return nil, false
		}
	}
}

func (d Definition) formatRecord(data []byte) (values []string, ok bool) {
	for i := 0; i < len(d.Fields) || len(data) > 0; i++ {
		if i >= len(d.Fields) && !d.List {
			return nil, false
		}
		var v string
		if v, data, ok = d.Fields[min(i, len(d.Fields)-1)].take(data); !ok {
			return nil, false
		}
		values = append(values, v)
	}
	return values, true
}

// take is the first value's text, and the octets after it.
func (t Type) take(data []byte) (v string, rest []byte, ok bool) {
	switch t {
	case Binary:
		return FormatHex(data), nil, true
	case String:
		return string(data), nil, printable(data)
	case Name:
		v, rest, err := TakeName(data)
		return v, rest, err == nil
	case Route:
		return takeRoute(data)
	case Tuple:
		if len(data) < 2 {
			return "", nil, false
		}
		n := int(binary.BigEndian.Uint16(data))
		if data = data[2:]; n > len(data) || !printable(data[:n]) {
			return "", nil, false
		}
		return string(data[:n]), data[n:], true
	}
	n := t.size()
	if n == 0 || len(data) < n {
		return "", nil, false
	}
	return t.fixed(data[:n]), data[n:], true
}

// fixed is the text of a value whose size its type tells.
func (t Type) fixed(data []byte) string {
	switch t {
	case Boolean:
		return strconv.FormatBool(data[0] != 0) // other than 0 and 1 does not parse back, and comes as hex
	case Uint8:
		return strconv.Itoa(int(data[0]))
	case Int8:
		return strconv.Itoa(int(int8(data[0])))
	case Uint16:
		return strconv.Itoa(int(binary.BigEndian.Uint16(data)))
	case Int16:
		return strconv.Itoa(int(int16(binary.BigEndian.Uint16(data))))
	case Uint32:
		return strconv.FormatUint(uint64(binary.BigEndian.Uint32(data)), 10)
	case Int32:
		return strconv.Itoa(int(int32(binary.BigEndian.Uint32(data))))
	case Addresses:
		return Address.fixed(data[:4]) + " " + Address.fixed(data[4:])
	}
	a, _ := netip.AddrFromSlice(data)
	return a.String()
}

func takeRoute(data []byte) (v string, rest []byte, ok bool) {
	if len(data) == 0 || data[0] > 32 {
		return "", nil, false
	}
	width := int(data[0])
	n := (width + 7) / 8
	if len(data) < 1+n+4 {
		return "", nil, false
	}
	var dest [4]byte
	copy(dest[:], data[1:1+n])
	p := netip.PrefixFrom(netip.AddrFrom4(dest), width)
	return p.String() + " " + Address.fixed(data[1+n:1+n+4]), data[1+n+4:], true
}

func printable(data []byte) bool {
	if !utf8.Valid(data) {
		return false
	}
	for _, r := range string(data) {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}
