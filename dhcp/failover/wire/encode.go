package wire

import (
	"encoding/binary"

	"loadshare/dhcp/lease"
)

// Append adds the octets of m to b. Options are in the order of ISC dhcpd. An error is an *Error, and b is returned as it was: what
// is too long (split the batch), or has a value without octets.
func Append(b []byte, m Message) ([]byte, error) {
	e := encoder{b: b, start: len(b), t: m.Body.Type()}
	e.b = append(e.b, 0, 0, byte(e.t), MinLen)
	e.b = binary.BigEndian.AppendUint32(e.b, m.Time)
	e.b = binary.BigEndian.AppendUint32(e.b, m.XID)
	e.body(m.Body)
	if m.Seq != 0 {
		e.head(optSequence, 8)
		e.b = binary.BigEndian.AppendUint64(e.b, m.Seq)
	}
	n := len(e.b) - e.start
	if e.fault == 0 && n > MaxLen {
		e.fault = TooLong
	}
	if e.fault != 0 {
		return b, &Error{Fault: e.fault, Type: e.t, Option: e.blame}
	}
	binary.BigEndian.PutUint16(e.b[e.start:], uint16(n))
	return e.b, nil
}

// Size is the number of octets that the binding takes in a BNDUPD; a message has MinLen more, and 12 more with a sequence.
func (b *Binding) Size() int {
	var room [512]byte
	e := encoder{b: room[:0], t: TypeBndUpd}
	e.binding(b)
	return len(e.b)
}

type encoder struct {
	b     []byte
	start int
	t     Type
	fault Fault
	blame Option
}

func (e *encoder) fail(f Fault, o Option) {
	if e.fault == 0 {
		e.fault, e.blame = f, o
	}
}

func (e *encoder) head(o Option, n int) {
	e.b = binary.BigEndian.AppendUint16(e.b, uint16(o))
	e.b = binary.BigEndian.AppendUint16(e.b, uint16(n))
}

func (e *encoder) u8(o Option, v uint8) {
	e.head(o, 1)
	e.b = append(e.b, v)
}

func (e *encoder) u32(o Option, v uint32) {
	e.head(o, 4)
	e.b = binary.BigEndian.AppendUint32(e.b, v)
}

func (e *encoder) str(o Option, v string) {
	l := lengths[o]
	if len(v) < l.least || len(v) > l.most {
		e.fail(Unencodable, o)
		return
	}
	e.head(o, len(v))
	e.b = append(e.b, v...)
}

func (e *encoder) text(o Option, v string) {
	for i := range len(v) {
		if v[i] == 0 {
			e.fail(Unencodable, o)
			return
		}
	}
	e.str(o, v)
}

func (e *encoder) body(body Body) {
	switch v := body.(type) {
	case PoolResp:
		e.u32(OptTransferred, v.Transferred)
	case BndUpd:
		for i := range v.Bindings {
			e.binding(&v.Bindings[i])
		}
		if len(v.Bindings) == 0 {
			e.fail(Missing, OptAddress)
		}
	case BndAck:
		for _, a := range v.Answers {
			e.u32(OptAddress, uint32(a.IP))
			if a.Reject != 0 {
				e.u8(OptReject, uint8(a.Reject))
			}
			if a.Text != "" {
				e.text(OptMessage, a.Text)
			}
		}
		if len(v.Answers) == 0 {
			e.fail(Missing, OptAddress)
		}
	case Connect:
		e.connect(&v)
	case ConnectAck:
		e.connectAck(&v)
	case State:
		e.u8(OptServerState, uint8(v.State))
		flags := uint8(0)
		if v.Startup {
			flags = 1
		}
		e.u8(OptServerFlags, flags)
		e.u32(OptStart, v.Since)
	case Disconnect:
		e.u8(OptReject, uint8(v.Reject))
		if v.Text != "" {
			e.text(OptMessage, v.Text)
		}
	}
}

func (e *encoder) binding(b *Binding) {
	e.u32(OptAddress, uint32(b.IP))
	if b.Has.Has(OptStatus) {
		if b.Status < lease.Free || b.Status > lease.Backup {
			e.fail(Unencodable, OptStatus) // it would end ISC dhcpd
		}
		e.u8(OptStatus, uint8(b.Status))
	}
	if b.Has.Has(OptClientID) {
		e.str(OptClientID, b.Client.ID)
	}
	if b.Has.Has(OptHardware) {
		if b.Client.HType == 0 {
			e.fail(Unencodable, OptHardware)
		}
		e.str(OptHardware, string([]byte{b.Client.HType})+b.Client.CHAddr)
	}
	if b.Has.Has(OptEnd) {
		e.u32(OptEnd, b.End)
	}
	if b.Has.Has(OptPotential) {
		e.u32(OptPotential, b.Potential)
	}
	if b.Has.Has(OptStart) {
		e.u32(OptStart, b.Start)
	}
	if b.Has.Has(OptCLTT) {
		e.u32(OptCLTT, b.CLTT)
	}
	if b.Has.Has(OptFlags) {
		e.head(OptFlags, 2)
		e.b = append(e.b, 0, byte(b.Flags))
	}
	if b.Has.Has(OptReply) {
		e.str(OptReply, dhcpMagic+b.Reply)
	}
	if b.Has.Has(OptRequest) {
		e.request(b)
	}
	if b.Has.Has(OptDDNS) {
		e.ddns(b)
	}
	if b.Hold != 0 {
		e.u32(optHold, b.Hold)
	}
}

func (e *encoder) connect(c *Connect) {
	if c.Has.Has(OptName) {
		e.text(OptName, c.Name)
	}
	if c.Has.Has(OptMaxUnacked) {
		e.u32(OptMaxUnacked, c.MaxUnacked)
	}
	if c.Has.Has(OptReceiveTimer) {
		e.u32(OptReceiveTimer, c.ReceiveTimer)
	}
	if c.Has.Has(OptVendor) {
		e.text(OptVendor, c.Vendor)
	}
	if c.Has.Has(OptVersion) {
		e.u8(OptVersion, c.Version)
	}
	if c.Has.Has(OptTLSRequest) {
		e.u8(OptTLSRequest, c.TLS)
	}
	if c.Has.Has(OptMCLT) {
		e.u32(OptMCLT, c.MCLT)
	}
	if c.Has.Has(OptBuckets) {
		e.head(OptBuckets, len(c.Buckets))
		e.b = append(e.b, c.Buckets[:]...)
	}
	if c.Has.Has(OptDelay) {
		if c.Delay == 0 {
			e.fail(Unencodable, OptDelay)
		}
		e.u8(OptDelay, c.Delay)
	}
	if c.Has.Has(OptVendorData) {
		e.ours(&c.Ours)
	}
}

func (e *encoder) connectAck(c *ConnectAck) {
	if c.Has.Has(OptName) {
		e.text(OptName, c.Name)
	}
	if c.Has.Has(OptMaxUnacked) {
		e.u32(OptMaxUnacked, c.MaxUnacked)
	}
	if c.Has.Has(OptReceiveTimer) {
		e.u32(OptReceiveTimer, c.ReceiveTimer)
	}
	if c.Has.Has(OptVendor) {
		e.text(OptVendor, c.Vendor)
	}
	if c.Has.Has(OptVersion) {
		e.u8(OptVersion, c.Version)
	}
	if c.Has.Has(OptTLSReply) {
		e.u8(OptTLSReply, c.TLS)
	}
	if c.Reject != 0 {
		e.u8(OptReject, uint8(c.Reject))
	}
	if c.Has.Has(OptMessage) {
		e.text(OptMessage, c.Text)
	}
	if c.Has.Has(OptVendorData) {
		e.ours(&c.Ours)
	}
}
