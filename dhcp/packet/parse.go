package packet

import (
	"encoding/binary"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
)

// Places in a message (RFC 2131, 2).
const (
	atCHAddr  = 28
	atSName   = 44
	atFile    = 108
	atCookie  = 236
	atOptions = 240

	maxCHAddr = 16
	cookie    = 0x63825363
)

// Fault is why octets are no message that can be answered.
type Fault uint8

// The faults.
const (
	Short        Fault = iota + 1 // less than the 236 octets before the options
	BadOp                         // neither a request nor a reply
	BadHLen                       // a hardware address longer than its field
	CutOption                     // an option runs over the end of its field
	BadType                       // option 53 is there and not one octet, or 0
	BadOverload                   // option 52 is there and not one octet from 1 to 3
	BadRequested                  // option 50 is there and not four octets
	BadServerID                   // option 54 is there and not four octets
)

var faults = [...]string{
	Short:        "a message has at least 236 octets; this one was cut off, or is none of DHCP",
	BadOp:        "op is neither 1 (request) nor 2 (reply)",
	BadHLen:      "hlen is more than 16, the size of chaddr",
	CutOption:    "an option runs over the end of its field",
	BadType:      "option 53 (message type) is not one octet from 1 to 255",
	BadOverload:  "option 52 (overload) is not one octet from 1 to 3",
	BadRequested: "option 50 (requested address) is not four octets",
	BadServerID:  "option 54 (server identifier) is not four octets",
}

// String says it for people.
func (f Fault) String() string {
	if int(f) < len(faults) && faults[f] != "" {
		return faults[f]
	}
	return "unknown fault"
}

// Error is what Parse gives: the octets are no message, and why.
type Error struct{ Fault Fault }

func (e *Error) Error() string { return "dhcp message: " + e.Fault.String() }

// Buffer is the memory of one message. It must not be copied while its message is in use.
type Buffer struct {
	packet  Packet
	options [16]option.Option
	octets  [384]byte
}

// Parse reads a message. What it refuses cannot be answered; the error is an *[Error]. Nothing of the result points into b.
func Parse(b []byte) (*Packet, error) { return new(Buffer).Parse(b) }

// Parse is as the function Parse, in the buffer's memory: the message is valid until the next Parse of the buffer.
func (m *Buffer) Parse(b []byte) (*Packet, error) {
	switch {
	case len(b) < atCookie:
		return nil, &Error{Short}
	case b[0] != 1 && b[0] != 2:
		return nil, &Error{BadOp}
	case b[2] > maxCHAddr:
		return nil, &Error{BadHLen}
	}
	p := &m.packet
	*p = Packet{
		Reply: b[0] == 2, HType: b[1], Hops: b[3], XID: binary.BigEndian.Uint32(b[4:]),
		Secs: binary.BigEndian.Uint16(b[8:]), Flags: binary.BigEndian.Uint16(b[10:]),
		CIAddr: lease.IP(binary.BigEndian.Uint32(b[12:])), YIAddr: lease.IP(binary.BigEndian.Uint32(b[16:])),
		SIAddr: lease.IP(binary.BigEndian.Uint32(b[20:])), GIAddr: lease.IP(binary.BigEndian.Uint32(b[24:])),
	}
	kept := append(m.octets[:0], b[atCHAddr:atCHAddr+maxCHAddr]...)
	hlen := int(b[2])
	if len(b) < atOptions || binary.BigEndian.Uint32(b[atCookie:]) != cookie {
		p.CHAddr = kept[:hlen:hlen]
		p.SName, p.File = text(b[atSName:atFile]), text(b[atFile:atCookie])
		return p, nil
	}
	kept = append(kept, b[atOptions:]...)
	p.CHAddr = kept[:hlen:hlen]
	r := reader{list: m.options[:0]}
	if f := r.read(kept[maxCHAddr:]); f != 0 {
		return nil, &Error{f}
	}
	if f := r.fields(p, b); f != 0 {
		return nil, &Error{f}
	}
	p.Options = r.list
	if f := r.meaning(p); f != 0 {
		return nil, &Error{f}
	}
	return p, nil
}

// reader collects options of the three fields that can hold them.
type reader struct {
	list option.List
	at   [256]uint8 // place of a code in list, plus one; 0: not there. A list has 254 codes at most.
}

// read takes the options of a field up to its end, pieces of one option joined in order (RFC 3396, 7). It keeps parts of b.
func (r *reader) read(b []byte) Fault {
	for i := 0; i < len(b); {
		code := option.Code(b[i])
		if code == option.Pad {
			i++
			continue
		}
		if code == option.End {
			return 0
		}
		if i+2 > len(b) {
			return CutOption
		}
		end := i + 2 + int(b[i+1])
		if end > len(b) {
			return CutOption
		}
		value := b[i+2 : end : end]
		if at := r.at[code]; at == 0 {
			r.list = append(r.list, option.Option{Code: code, Data: value})
			r.at[code] = uint8(len(r.list))
		} else {
			have := &r.list[at-1]
			have.Data = append(have.Data, value...)
		}
		i = end
	}
	return 0
}

// fields takes option 52 out of the list and reads file and sname as it says, in that order (RFC 3396, 5).
func (r *reader) fields(p *Packet, b []byte) Fault {
	over := uint8(0)
	if at := r.at[option.Overload]; at != 0 {
		v := r.list[at-1].Data
		if len(v) != 1 || v[0] < 1 || v[0] > 3 {
			return BadOverload
		}
		over = v[0]
	}
	if over == 0 {
		p.SName, p.File = text(b[atSName:atFile]), text(b[atFile:atCookie])
		return 0
	}
	held := append(make([]byte, 0, atCookie-atSName), b[atSName:atCookie]...)
	if over&1 != 0 {
		if f := r.read(held[atFile-atSName:]); f != 0 {
			return f
		}
	} else {
		p.File = text(b[atFile:atCookie])
	}
	if over&2 != 0 {
		return r.read(held[:atFile-atSName])
	}
	p.SName = text(b[atSName:atFile])
	return 0
}

// meaning takes 52 and 53 out of the list and looks at those that decide what the message is.
func (r *reader) meaning(p *Packet) Fault {
	if at := r.at[option.RequestedAddress]; at != 0 && len(r.list[at-1].Data) != 4 {
		return BadRequested
	}
	if at := r.at[option.ServerIdentifier]; at != 0 && len(r.list[at-1].Data) != 4 {
		return BadServerID
	}
	if at := r.at[option.MessageType]; at != 0 {
		v := r.list[at-1].Data
		if len(v) != 1 || v[0] == 0 {
			return BadType
		}
		p.Type = Type(v[0])
	}
	keep := r.list[:0]
	for _, o := range r.list {
		if o.Code != option.MessageType && o.Code != option.Overload {
			keep = append(keep, o)
		}
	}
	p.Options = keep
	return 0
}

// text is what a field says up to its first NUL.
func text(field []byte) string {
	for i, c := range field {
		if c == 0 {
			return string(field[:i])
		}
	}
	return string(field)
}
