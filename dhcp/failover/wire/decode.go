package wire

import (
	"encoding/binary"
	"strings"

	"loadshare/dhcp/lease"
)

// Decode reads one message: the octets that its length says, no more and no less. Nothing in the result refers to b. An error is an *Error.
func Decode(b []byte) (Message, error) {
	if len(b) < MinLen || len(b) > MaxLen || int(binary.BigEndian.Uint16(b)) != len(b) {
		return Message{}, &Error{Fault: BadLength}
	}
	t, offset := Type(b[2]), int(b[3])
	if offset == 8 { // what the draft says, and it means 12
		offset = MinLen
	}
	if offset < MinLen || offset > len(b) {
		return Message{}, &Error{Fault: BadOffset, Type: t}
	}
	m := Message{Time: binary.BigEndian.Uint32(b[4:]), XID: binary.BigEndian.Uint32(b[8:])}
	if t > TypeDisconnect && t >= 128 {
		m.Body = Other{t}
		return m, nil
	}
	if t < TypePoolReq || t > TypeDisconnect {
		return Message{}, &Error{Fault: UnknownType, Type: t}
	}
	d := decoder{t: t, rest: b[offset:], m: &m}
	var err error
	m.Body, err = d.body()
	if err != nil {
		return Message{}, err
	}
	return m, nil
}

type decoder struct {
	t    Type
	rest []byte
	m    *Message
	seen Set // in this message, or since the last address of a batch
	seq  bool
}

func (d *decoder) fault(f Fault, o Option) *Error { return &Error{Fault: f, Type: d.t, Option: o} }

// next is the next option that means something here; 0 at the end.
func (d *decoder) next() (Option, []byte, error) {
	for len(d.rest) > 0 {
		if len(d.rest) < 4 {
			return 0, nil, d.fault(Truncated, 0)
		}
		o, n := Option(binary.BigEndian.Uint16(d.rest)), int(binary.BigEndian.Uint16(d.rest[2:]))
		if n > len(d.rest)-4 {
			return 0, nil, d.fault(Truncated, o)
		}
		data := d.rest[4 : 4+n]
		d.rest = d.rest[4+n:]
		if o == optSequence {
			if n != 8 || d.seq {
				return 0, nil, d.fault(BadOption, o)
			}
			d.seq, d.m.Seq = true, binary.BigEndian.Uint64(data)
			continue
		}
		if o == optHold && d.t == TypeBndUpd {
			if n != 4 {
				return 0, nil, d.fault(BadOption, o)
			}
			return o, data, nil
		}
		if o == 0 || o > OptVendorData {
			continue
		}
		if l := lengths[o]; n < l.least || n > l.most {
			return 0, nil, d.fault(BadOption, o)
		}
		if o == OptAddress && (d.t == TypeBndUpd || d.t == TypeBndAck) {
			d.seen = 0 // the delimiter of a batch
		}
		if d.seen.Has(o) {
			return 0, nil, d.fault(Duplicate, o)
		}
		d.seen |= SetOf(o)
		if allowed[d.t].Has(o) {
			return o, data, nil
		}
	}
	return 0, nil, nil
}

// each hands every option to take, and returns those that were there.
func (d *decoder) each(take func(o Option, data []byte) bool) (Set, error) {
	var has Set
	for {
		o, data, err := d.next()
		if err != nil || o == 0 {
			return has, err
		}
		has |= SetOf(o)
		if !take(o, data) {
			return has, d.fault(BadOption, o)
		}
	}
}

func (d *decoder) body() (Body, error) {
	switch d.t {
	case TypePoolReq:
		return d.none(PoolReq{})
	case TypeUpdReqAll:
		return d.none(UpdReqAll{})
	case TypeUpdReq:
		return d.none(UpdReq{})
	case TypeUpdDone:
		return d.none(UpdDone{})
	case TypeContact:
		return d.none(Contact{})
	case TypePoolResp:
		var p PoolResp
		_, err := d.each(func(_ Option, data []byte) bool { p.Transferred = u32(data); return true })
		return p, err
	case TypeBndUpd:
		return d.bndUpd()
	case TypeBndAck:
		return d.bndAck()
	case TypeConnect:
		return d.connect()
	case TypeConnectAck:
		return d.connectAck()
	case TypeState:
		return d.state()
	default:
		return d.disconnect()
	}
}

func (d *decoder) none(b Body) (Body, error) {
	_, err := d.each(func(Option, []byte) bool { return true })
	return b, err
}

func (d *decoder) bndUpd() (Body, error) {
	var u BndUpd
	_, err := d.each(func(o Option, data []byte) bool {
		if o == OptAddress {
			u.Bindings = append(u.Bindings, Binding{IP: lease.IP(u32(data))})
			return true
		}
		return len(u.Bindings) > 0 && u.Bindings[len(u.Bindings)-1].take(o, data)
	})
	if err == nil && len(u.Bindings) == 0 {
		err = d.fault(Missing, OptAddress)
	}
	return u, err
}

// take puts one option into the binding; false when its data cannot be.
func (b *Binding) take(o Option, data []byte) bool {
	b.Has |= SetOf(o)
	switch o {
	case OptStatus:
		b.Status = lease.State(data[0])
		return b.Status >= lease.Free && b.Status <= lease.Backup
	case OptClientID:
		b.Client.ID = string(data)
	case OptHardware:
		b.Client.HType, b.Client.CHAddr = data[0], string(data[1:])
		return data[0] != 0
	case OptCLTT:
		b.CLTT = u32(data)
	case OptEnd:
		b.End = u32(data)
	case OptPotential:
		b.Potential = u32(data)
	case OptStart:
		b.Start = u32(data)
	case OptFlags:
		b.Flags = lease.Flags(binary.BigEndian.Uint16(data)) & (lease.Reserved | lease.BOOTP)
	case OptReply:
		reply, ok := strings.CutPrefix(string(data), dhcpMagic)
		b.Reply = reply
		return ok
	case OptRequest:
		return b.takeRequest(data)
	case OptDDNS:
		name, ok := nameText(data[2:])
		b.DNS, b.FQDN = binary.BigEndian.Uint16(data), name
		return ok
	case optHold:
		twice := b.Hold != 0
		b.Hold = u32(data)
		return b.Hold != 0 && !twice
	}
	return true
}

func (d *decoder) bndAck() (Body, error) {
	var a BndAck
	_, err := d.each(func(o Option, data []byte) bool {
		if o == OptAddress {
			a.Answers = append(a.Answers, Answer{IP: lease.IP(u32(data))})
			return true
		}
		if len(a.Answers) == 0 {
			return false
		}
		last := &a.Answers[len(a.Answers)-1]
		if o == OptReject {
			last.Reject = Reject(data[0])
			return data[0] != 0
		}
		return text(&last.Text, data)
	})
	if err == nil && len(a.Answers) == 0 {
		err = d.fault(Missing, OptAddress)
	}
	return a, err
}

func (d *decoder) connect() (Body, error) {
	var c Connect
	has, err := d.each(func(o Option, data []byte) bool {
		switch o {
		case OptName:
			return text(&c.Name, data)
		case OptMaxUnacked:
			c.MaxUnacked = u32(data)
		case OptReceiveTimer:
			c.ReceiveTimer = u32(data)
		case OptVendor:
			return text(&c.Vendor, data)
		case OptVersion:
			c.Version = data[0]
		case OptTLSRequest:
			c.TLS = data[0]
		case OptMCLT:
			c.MCLT = u32(data)
		case OptBuckets:
			c.Buckets = [32]byte(data)
		case OptDelay:
			c.Delay = data[0]
			return data[0] != 0
		case OptVendorData:
			return c.Ours.take(data)
		}
		return true
	})
	c.Has = has
	return c, err
}

func (d *decoder) connectAck() (Body, error) {
	var c ConnectAck
	has, err := d.each(func(o Option, data []byte) bool {
		switch o {
		case OptName:
			return text(&c.Name, data)
		case OptMaxUnacked:
			c.MaxUnacked = u32(data)
		case OptReceiveTimer:
			c.ReceiveTimer = u32(data)
		case OptVendor:
			return text(&c.Vendor, data)
		case OptVersion:
			c.Version = data[0]
		case OptTLSReply:
			c.TLS = data[0]
		case OptReject:
			c.Reject = Reject(data[0])
			return data[0] != 0
		case OptMessage:
			return text(&c.Text, data)
		case OptVendorData:
			return c.Ours.take(data)
		}
		return true
	})
	c.Has = has
	return c, err
}

func (d *decoder) state() (Body, error) {
	var s State
	has, err := d.each(func(o Option, data []byte) bool {
		switch o {
		case OptServerState:
			s.State = EndpointState(data[0])
		case OptServerFlags:
			s.Startup = data[0]&1 != 0
		case OptStart:
			s.Since = u32(data)
		}
		return true
	})
	if err == nil && !has.Has(OptServerState) {
		err = d.fault(Missing, OptServerState)
	}
	return s, err
}

func (d *decoder) disconnect() (Body, error) {
	var c Disconnect
	_, err := d.each(func(o Option, data []byte) bool {
		if o == OptReject {
			c.Reject = Reject(data[0])
			return true
		}
		return text(&c.Text, data)
	})
	return c, err
}

func u32(b []byte) uint32 { return binary.BigEndian.Uint32(b) }

// text takes printable text; the draft forbids NUL.
func text(to *string, data []byte) bool {
	*to = string(data)
	return !strings.Contains(*to, "\x00")
}
