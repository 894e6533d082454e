package message

import "errors"

// What can be wrong with the form of a message. All of them are answered with FORMERR, except ErrShort.
var (
	ErrShort    = errors.New("shorter than a header of 12 octets")
	ErrCut      = errors.New("a record is cut off by the end of the message, or a count is larger than the content")
	ErrLabel    = errors.New("label type 01 or 10 (RFC 1035, 4.1.4)")
	ErrPointer  = errors.New("compression pointer does not point backwards, or too many of them")
	ErrName     = errors.New("name over 255 octets")
	ErrTrailing = errors.New("octets after the last record")
	ErrOPT      = errors.New("OPT record twice, outside the additional section, with an owner, or its options overrun it (RFC 6891, 6.1)")
	ErrTSIG     = errors.New("TSIG record not the last of the additional section, twice, of a wrong class, or cut (RFC 8945, 5.2)")
	ErrRdata    = errors.New("RDATA is malformed")
)

const (
	headerLen = 12
	maxName   = 255
	maxHops   = 127 // a name has no more labels
)

// readName reads the name at off, following pointers, and returns the offset after it. When keep is
// set its uncompressed wire form is appended to dst.
func readName(dst []byte, b []byte, off int, keep bool) (out []byte, next int, err error) {
	next = -1
	length, hops := 0, 0
	limit := off // a pointer goes to before the name, or part of a name, that it stands in
	for {
		if off >= len(b) {
			return dst, 0, ErrCut
		}
		c := int(b[off])
		switch c & 0xC0 {
		case 0:
			length += c + 1
			if length > maxName {
				return dst, 0, ErrName
			}
			if off+1+c > len(b) {
				return dst, 0, ErrCut
			}
			if keep {
				dst = append(dst, b[off:off+1+c]...)
			}
			off += c + 1
			if c == 0 {
				if next < 0 {
					next = off
				}
				return dst, next, nil
			}
		case 0xC0:
			if off+1 >= len(b) {
				return dst, 0, ErrCut
			}
			target := c&0x3F<<8 | int(b[off+1])
			if next < 0 {
				next = off + 2
			}
			hops++
			if target >= limit || target < headerLen || hops > maxHops {
				return dst, 0, ErrPointer
			}
			limit, off = target, target
		default:
			return dst, 0, ErrLabel
		}
	}
}

// lowerInPlace maps ASCII letters to lower case; length octets are below 'A' and stay.
func lowerInPlace(b []byte) {
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
}
