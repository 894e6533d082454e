package expr

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// call is a function with its arguments.
func (p *parser) call(t token) term {
	if !strings.Contains(functions, " "+t.text+" ") {
		p.fail(t.at, t.text+" is not known; there are option, relay4, pkt4, pkt, member and"+strings.TrimRight(functions, " "))
		return term{at: t.at}
	}
	p.want("(")
	v := p.function(t.text)
	p.want(")")
	return term{at: t.at, value: v}
}

const functions = " substring split concat ifelse lcase ucase hexstring addrtotext uint8totext uint16totext uint32totext int8totext int16totext int32totext "

func (p *parser) function(name string) value {
	switch name {
	case "substring":
		return p.substring()
	case "split":
		v, delimiters := p.value(), p.further()
		p.want(",")
		n := p.integer()
		return func(e *Env) []byte { return field(v(e), delimiters(e), n) }
	case "concat":
		all := []value{p.value(), p.further()}
		for p.accept(",") {
			all = append(all, p.value())
		}
		return concat(all)
	case "ifelse":
		c := p.condition(p.either())
		a, b := p.further(), p.further()
		return func(e *Env) []byte {
			if c(e) {
				return a(e)
			}
			return b(e)
		}
	case "hexstring":
		v, separator := p.value(), p.further()
		return func(e *Env) []byte { return hexstring(v(e), separator(e)) }
	}
	v, f := p.value(), plain[name]
	return func(e *Env) []byte { return f(v(e)) }
}

func (p *parser) value() value { return p.wantValue(p.sum()) }

func (p *parser) further() value {
	p.want(",")
	return p.value()
}

func (p *parser) substring() value {
	v := p.value()
	p.want(",")
	start := p.integer()
	p.want(",")
	if p.accept("all") {
		return func(e *Env) []byte { return part(v(e), start, MaxSize*MaxSize) }
	}
	n := p.integer()
	return func(e *Env) []byte { return part(v(e), start, n) }
}

// plain are the functions of one value.
var plain = map[string]func([]byte) []byte{
	"lcase":        func(b []byte) []byte { return letters(b, 'A', 'Z') },
	"ucase":        func(b []byte) []byte { return letters(b, 'a', 'z') },
	"addrtotext":   addressText,
	"uint8totext":  func(b []byte) []byte { return decimal(b, 1, false) },
	"uint16totext": func(b []byte) []byte { return decimal(b, 2, false) },
	"uint32totext": func(b []byte) []byte { return decimal(b, 4, false) },
	"int8totext":   func(b []byte) []byte { return decimal(b, 1, true) },
	"int16totext":  func(b []byte) []byte { return decimal(b, 2, true) },
	"int32totext":  func(b []byte) []byte { return decimal(b, 4, true) },
}

// concat puts values one after the other.
func concat(all []value) value {
	return func(e *Env) []byte {
		var out []byte
		for _, v := range all {
			out = append(out, cut(v(e))...)
			if len(out) > MaxMade {
				break
			}
		}
		return cut(out)
	}
}

// cut is at most as much as an expression may make.
func cut(b []byte) []byte { return b[:min(len(b), MaxMade)] }

// part is n octets from start, or the -n octets before it; a start below 0 counts from the end.
func part(b []byte, start, n int) []byte {
	if start < 0 {
		start += len(b)
	}
	if start < 0 || start >= len(b) {
		return nil
	}
	if n < 0 {
		return b[max(0, start+n):start]
	}
	return b[start:min(len(b), start+n)]
}

// field is the n-th of the pieces between the delimiters.
func field(b, delimiters []byte, n int) []byte {
	for ; n >= 1; n-- {
		i := slices.IndexFunc(b, func(c byte) bool { return slices.Contains(delimiters, c) })
		switch {
		case n == 1 && i < 0:
			return b
		case n == 1:
			return b[:i]
		case i < 0:
			return nil
		}
		b = b[i+1:]
	}
	return nil
}

// letters turns the letters from first to last into the other case.
func letters(b []byte, first, last byte) []byte {
	out := append([]byte(nil), cut(b)...)
	for i, c := range out {
		if c >= first && c <= last {
			out[i] = c ^ 0x20
		}
	}
	return out
}

func hexstring(b, separator []byte) []byte {
	var out []byte
	for i := range b {
		if i > 0 {
			out = append(out, cut(separator)...)
		}
		out = hex.AppendEncode(out, b[i:i+1])
		if len(out) > MaxMade {
			break
		}
	}
	return cut(out)
}

func addressText(b []byte) []byte {
	if len(b) != 4 {
		return nil
	}
	return netip.AddrFrom4([4]byte(b)).AppendTo(nil)
}

// decimal is the number of an integer of that many octets.
func decimal(b []byte, width int, signed bool) []byte {
	if len(b) != width {
		return nil
	}
	var wide [8]byte
	if signed && b[0]&0x80 != 0 {
		wide = [8]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	}
	copy(wide[8-width:], b)
	return strconv.AppendInt(nil, int64(binary.BigEndian.Uint64(wide[:])), 10)
}
