package option

import (
	"errors"
	"strings"
)

const (
	maxName  = 255 // octets of a name in wire form (RFC 1035, 2.3.4)
	maxLabel = 63
)

var (
	errNameLabel = errors.New("a label of a name has 1 to 63 octets")
	errNameLong  = errors.New("a name has at most 253 characters")
	errNameText  = errors.New("a name is written in ASCII (other scripts as xn--…), special octets as \\DDD")
	errNameWire  = errors.New("not a domain name in wire form")
)

// AppendName adds a domain name in wire form, without compression. "" and "." are the root. A dot at the end says nothing more.
func AppendName(dst []byte, name string) ([]byte, error) {
	start := len(dst)
	dst, err := appendLabels(dst, name)
	if err != nil {
		return dst[:start], err
	}
	dst = append(dst, 0)
	if len(dst)-start > maxName {
		return dst[:start], errNameLong
	}
	return dst, nil
}

// appendLabels adds the labels only.
func appendLabels(dst []byte, name string) ([]byte, error) {
	if name == "" || name == "." {
		return dst, nil
	}
	at := len(dst) // of the label's length
	dst = append(dst, 0)
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c == '.':
			if len(dst)-at-1 == 0 {
				return dst, errNameLabel
			}
			if i == len(name)-1 {
				return dst, nil
			}
			at = len(dst)
			dst = append(dst, 0)
			continue
		case c == '\\':
			var n int
			if c, n = unescape(name[i+1:]); n == 0 {
				return dst, errNameText
			}
			i += n
		case c <= ' ' || c >= 0x7f:
			return dst, errNameText
		}
		dst = append(dst, c)
		if dst[at]++; dst[at] > maxLabel {
			return dst, errNameLabel
		}
	}
	if dst[at] == 0 {
		return dst, errNameLabel
	}
	return dst, nil
}

// unescape is the octet that follows a backslash, and how many characters say it; 0: none.
func unescape(s string) (byte, int) {
	switch {
	case s == "":
		return 0, 0
	case !digit(s[0]):
		return s[0], 1
	case len(s) < 3 || !digit(s[1]) || !digit(s[2]):
		return 0, 0
	}
	v := int(s[0]-'0')*100 + int(s[1]-'0')*10 + int(s[2]-'0')
	if v > 255 {
		return 0, 0
	}
	return byte(v), 3
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// TakeName reads a name in wire form without compression; the root is ".". Other names have no dot at the end.
func TakeName(data []byte) (name string, rest []byte, err error) {
	name, n, err := nameAt(data, 0, false)
	if err != nil {
		return "", nil, err
	}
	return name, data[n:], nil
}

// nameAt reads the name at that place of data, and where what follows it begins. With pointers, each must point further back than all
// before, so that it ends (RFC 1035, 4.1.4).
func nameAt(data []byte, at int, pointers bool) (name string, next int, err error) {
	var b strings.Builder
	size, limit := 1, at
	for {
		if at >= len(data) {
			return "", 0, errNameWire
		}
		n := int(data[at])
		switch {
		case n == 0:
			if next == 0 {
				next = at + 1
			}
			if b.Len() == 0 {
				return ".", next, nil
			}
			return b.String(), next, nil
		case n <= maxLabel:
			if size += n + 1; size > maxName || at+1+n > len(data) {
				return "", 0, errNameWire
			}
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			writeLabel(&b, data[at+1:at+1+n])
			at += 1 + n
		case n >= 0xc0 && pointers:
			if at+2 > len(data) {
				return "", 0, errNameWire
			}
			if next == 0 {
				next = at + 2
			}
			to := (n&0x3f)<<8 | int(data[at+1])
			if to >= limit {
				return "", 0, errNameWire
			}
			at, limit = to, to
		default:
			return "", 0, errNameWire
		}
	}
}

// writeLabel writes a label so that appendLabels reads it back.
func writeLabel(b *strings.Builder, label []byte) {
	for _, c := range label {
		switch {
		case c == '.' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c > ' ' && c < 0x7f:
			b.WriteByte(c)
		default:
			b.Write([]byte{'\\', '0' + c/100, '0' + c/10%10, '0' + c%10})
		}
	}
}

// AppendSearch adds the names of option 119: a name's end that stood before in the option is a pointer to it (RFC 3397, 2).
func AppendSearch(dst []byte, names []string) ([]byte, error) {
	start := len(dst)
	seen := map[string]int{}
	for _, name := range names {
		wire, err := AppendName(nil, name)
		if err != nil {
			return dst[:start], err
		}
		for {
			if wire[0] == 0 {
				dst = append(dst, 0)
				break
			}
			if at, ok := seen[string(wire)]; ok {
				dst = append(dst, 0xc0|byte(at>>8), byte(at))
				break
			}
			if at := len(dst) - start; at < 1<<14 {
				seen[string(wire)] = at
			}
			n := 1 + int(wire[0])
			dst = append(dst, wire[:n]...)
			wire = wire[n:]
		}
	}
	return dst, nil
}

// SearchNames are the names of option 119, which may point into one another; at most 256.
func SearchNames(data []byte) ([]string, error) {
	var names []string
	for at := 0; at < len(data); {
		name, next, err := nameAt(data, at, true)
		if err != nil {
			return nil, err
		}
		if len(names) == 256 {
			return nil, errNameWire
		}
		names, at = append(names, name), next
	}
	return names, nil
}
