package zone

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Name is an absolute domain name in uncompressed wire form, the case as it was given: a length
// octet and that many octets for every label, then a zero octet (RFC 1035, 3.1). The root is
// "\x00". The zero value "" is no name.
//
// Names compare without regard to the case of ASCII letters (RFC 4343): use Equal or Key, not ==.
type Name string

// Root is the name of no labels.
const Root Name = "\x00"

const (
	maxName  = 255 // octets in wire form, RFC 1035 2.3.4
	maxLabel = 63
)

var (
	errEmptyName  = errors.New("empty name")
	errEmptyLabel = errors.New("empty label (two dots in a row, or a dot at the start)")
	errLongLabel  = errors.New("label over 63 octets")
	errLongName   = errors.New("name over 255 octets")
	errBadEscape  = errors.New(`bad escape (\X or \DDD with DDD up to 255 is accepted)`)
	errCutName    = errors.New("name does not end inside the data")
	errLabelType  = errors.New("label type is not supported (compression pointer or reserved)")
)

// ParseName reads a name in master-file text. It is taken as absolute whether or not it ends in a
// dot; "." is the root. \DDD and \X escapes are as in RFC 1035, 5.1.
func ParseName(text string) (Name, error) {
	return parseName(text, Root)
}

// parseName is ParseName for a name that is relative to origin unless it ends in a dot; "@" is not
// treated specially here.
func parseName(text string, origin Name) (Name, error) {
	if text == "" {
		return "", errEmptyName
	}
	var buf [maxName + 1]byte
	out, err := appendName(buf[:0], text, origin)
	return Name(out), err
}

// appendName appends the wire form of text to out.
func appendName(out []byte, text string, origin Name) ([]byte, error) {
	start := len(out)
	if text == "." {
		return append(out, 0), nil
	}
	length := len(out) // where the length octet of the current label is
	out = append(out, 0)
	absolute := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '.' {
			n := len(out) - length - 1
			if n == 0 {
				return nil, errEmptyLabel
			}
			out[length] = byte(n)
			length = len(out)
			out = append(out, 0)
			absolute = i == len(text)-1
			continue
		}
		if c == '\\' {
			var width int
			c, width = unescape(text[i:])
			if width == 0 {
				return nil, errBadEscape
			}
			i += width - 1
		}
		out = append(out, c)
		if len(out)-length-1 > maxLabel {
			return nil, errLongLabel
		}
		if len(out)-start > maxName {
			return nil, errLongName
		}
	}
	if !absolute {
		out[length] = byte(len(out) - length - 1)
		out = append(out, origin...)
	}
	if len(out)-start > maxName {
		return nil, errLongName
	}
	return out, nil
}

// unescape reads the escape at the start of text, which begins with a backslash. It returns the
// octet and how many characters the escape took, 0 when it is bad.
func unescape(text string) (c byte, width int) {
	if len(text) < 2 {
		return 0, 0
	}
	if !isDigit(text[1]) {
		return text[1], 2
	}
	if len(text) < 4 || !isDigit(text[2]) || !isDigit(text[3]) {
		return 0, 0
	}
	v := int(text[1]-'0')*100 + int(text[2]-'0')*10 + int(text[3]-'0')
	if v > 255 {
		return 0, 0
	}
	return byte(v), 4
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// WireName takes the name at the start of data, which must be uncompressed, and returns it and the
// octets after it.
func WireName(data string) (name Name, rest string, err error) {
	for i := 0; i < len(data); {
		n := int(data[i])
		switch {
		case n == 0:
			if i+1 > maxName {
				return "", "", errLongName
			}
			return Name(data[:i+1]), data[i+1:], nil
		case n > maxLabel:
			return "", "", errLabelType
		}
		i += n + 1
	}
	return "", "", errCutName
}

// Valid says whether n is one whole name.
func (n Name) Valid() bool {
	_, rest, err := WireName(string(n))
	return err == nil && rest == ""
}

// String is the master-file text with a dot at the end; what is not printable, or has a meaning
// there, is escaped. It reads back equal with ParseName. The text of an invalid name says so.
func (n Name) String() string {
	if n == Root {
		return "."
	}
	if !n.Valid() {
		return fmt.Sprintf("invalid-name(%x)", string(n))
	}
	b := make([]byte, 0, len(n)+8)
	for i := 0; n[i] != 0; i += int(n[i]) + 1 {
		for _, c := range []byte(n[i+1 : i+1+int(n[i])]) {
			b = appendNameOctet(b, c)
		}
		b = append(b, '.')
	}
	return string(b)
}

func appendNameOctet(b []byte, c byte) []byte {
	switch {
	case c <= ' ' || c >= 0x7f:
		return append(b, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
	case strings.IndexByte(`.\"();@$`, c) >= 0:
		return append(b, '\\', c)
	}
	return append(b, c)
}

// Key is the name with its ASCII letters in lower case: equal for names that are the same name.
func (n Name) Key() string {
	for i := range len(n) {
		if c := n[i]; c >= 'A' && c <= 'Z' {
			return lowerName(n)
		}
	}
	return string(n)
}

// lowerName maps length octets too, which is harmless: they are at most 63 and 'A' is 65.
func lowerName(n Name) string {
	b := []byte(n)
	for i, c := range b {
		b[i] = lower(c)
	}
	return string(b)
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// Equal says whether n and o are the same name (RFC 4343).
func (n Name) Equal(o Name) bool {
	if len(n) != len(o) {
		return false
	}
	for i := range len(n) {
		if n[i] != o[i] && lower(n[i]) != lower(o[i]) {
			return false
		}
	}
	return true
}

// Labels is the number of labels, the root's empty one not counted.
func (n Name) Labels() int {
	count := 0
	for i := 0; i < len(n) && n[i] != 0; i += int(n[i]) + 1 {
		count++
	}
	return count
}

// Parent is the name without its first label. The parent of the root is the root.
func (n Name) Parent() Name {
	if len(n) == 0 || n[0] == 0 || int(n[0])+1 >= len(n) {
		return Root
	}
	return n[int(n[0])+1:]
}

// IsSubdomainOf says whether n is o or below it, by labels and not by text: xexample.test is not
// below example.test.
func (n Name) IsSubdomainOf(o Name) bool {
	_, ok := n.above(o)
	return ok
}

// above returns how many octets of n stand before the labels of o; ok is false when n is not at or
// below o.
func (n Name) above(o Name) (octets int, ok bool) {
	for i := 0; i < len(n) && len(n)-i >= len(o); i += int(n[i]) + 1 {
		if len(n)-i == len(o) {
			return i, n[i:].Equal(o)
		}
		if n[i] == 0 {
			break
		}
	}
	return 0, false
}

// IsWildcard says whether the first label is a single asterisk (RFC 4592, 2.1.1).
func (n Name) IsWildcard() bool { return len(n) > 2 && n[0] == 1 && n[1] == '*' }

// Compare orders names as RFC 4034 6.1: -1, 0 or 1.
func (n Name) Compare(o Name) int {
	var a, b [maxKey]byte
	return strings.Compare(string(appendKey(a[:0], n, len(n)-1)), string(appendKey(b[:0], o, len(o)-1)))
}

func nameProblem(text string, err error) error {
	return fmt.Errorf("name %s: %w", strconv.Quote(text), err)
}
