package expr

import (
	"encoding/binary"
	"math"
	"strconv"

	"loadshare/dhcp/option"
)

// primary is what has no operator around it.
func (p *parser) primary() term {
	p.enter()
	defer func() { p.depth-- }()
	t := p.take()
	switch t.kind {
	case octets:
		return term{at: t.at, value: constant(t.octets)}
	case number:
		return term{at: t.at, value: constant(binary.BigEndian.AppendUint32(nil, uint32(t.number)))}
	case mark:
		if t.text == "(" {
			in := p.either()
			p.want(")")
			in.at = t.at
			return in
		}
	case word:
		return p.named(t)
	case end:
		p.fail(t.at, "the text ends where a condition or a value is expected")
		return term{at: t.at}
	}
	p.fail(t.at, "a condition or a value is expected, not "+t.text)
	return term{at: t.at}
}

// named is what begins with a word.
func (p *parser) named(t token) term {
	switch t.text {
	case "option":
		return p.access(t.at, find(p.code()))
	case "relay4":
		return p.access(t.at, within(find(option.RelayInformation), p.subCode()))
	case "pkt4", "pkt":
		p.want(".")
		name := p.take()
		if v := fields[t.text+"."+name.text]; v != nil {
			return term{at: t.at, value: v}
		}
		p.fail(name.at, t.text+" has no "+name.text+" here; there are pkt.iface and pkt4.mac, hlen, htype, ciaddr, giaddr, yiaddr, siaddr, msgtype, transid")
		return term{at: t.at}
	case "member":
		return p.member(t.at)
	}
	return p.call(t)
}

func (p *parser) member(at int) term {
	p.want("(")
	name := p.take()
	if name.kind != octets || name.text[0] != '\'' {
		p.fail(name.at, "the name of a class between ' and ' is expected")
		return term{at: at}
	}
	p.want(")")
	class := string(name.octets)
	p.members = append(p.members, Member{Class: class, Column: errorAt(p.text, name.at, "").Column})
	return term{at: at, cond: func(e *Env) bool { return e.Member != nil && e.Member(class) }}
}

// code is [60] or [vendor-class-identifier].
func (p *parser) code() option.Code {
	p.want("[")
	t := p.take()
	var c option.Code
	switch t.kind {
	case number:
		c = p.octet(t, 1, 254)
	case word:
		known := false
		if p.names != nil {
			c, known = p.names(t.text)
		}
		if !known {
			p.fail(t.at, "no option is called "+t.text)
		}
	case end, octets, mark:
		p.fail(t.at, "the number or the name of an option is expected")
	}
	p.want("]")
	return c
}

// subCode is [1], of an option within an option.
func (p *parser) subCode() option.Code {
	p.want("[")
	t := p.take()
	if t.kind != number {
		p.fail(t.at, "the number of a sub-option is expected")
		return 0
	}
	c := p.octet(t, 0, 255)
	p.want("]")
	return c
}

func (p *parser) octet(t token, low, high int) option.Code {
	if t.number < low || t.number > high {
		p.fail(t.at, strconv.Itoa(t.number)+" is not from "+strconv.Itoa(low)+" to "+strconv.Itoa(high))
		return 0
	}
	return option.Code(t.number)
}

// access is what follows an option: .option[1], .text, .hex or .exists.
func (p *parser) access(at int, o lookup) term {
	p.want(".")
	t := p.take()
	if t.text == "option" {
		o = within(o, p.subCode())
		p.want(".")
		t = p.take()
	}
	switch t.text {
	case "exists":
		return term{at: at, cond: func(e *Env) bool { _, ok := o(e); return ok }}
	case "text", "hex":
		return term{at: at, value: func(e *Env) []byte { b, _ := o(e); return b }}
	}
	p.fail(t.at, "text, hex or exists is expected")
	return term{at: at}
}

// integer is an argument that may be negative, of a size that a value can have.
func (p *parser) integer() int {
	sign := 1
	if p.accept("-") {
		sign = -1
	}
	t := p.take()
	if t.kind != number || t.number > math.MaxUint16 {
		p.fail(t.at, "a number up to 65535 is expected")
		return 0
	}
	return sign * t.number
}
