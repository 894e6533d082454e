package packet

import (
	"encoding/binary"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
)

// Head is what Peek reads of a message: enough to say how much its client would miss the answer. Its slices are parts of the octets.
type Head struct {
	Type      Type
	HType     uint8
	CIAddr    lease.IP
	GIAddr    lease.IP
	Requested lease.IP // option 50; 0: none
	Named     bool     // option 54 is there
	CHAddr    []byte
	ID        []byte // option 61; nil: none
}

// Peek reads the head of a request without allocating anything, for those who must throw most of a flood away. False: it is none that
// [Parse] takes, as far as is seen; what it accepts Parse may still refuse. Options in sname and file are not looked at.
func Peek(b []byte) (h Head, ok bool) {
	if len(b) < atCookie || b[0] != 1 || b[2] > maxCHAddr {
		return h, false
	}
	h.HType, h.CHAddr = b[1], b[atCHAddr:atCHAddr+int(b[2])]
	h.CIAddr, h.GIAddr = lease.IP(binary.BigEndian.Uint32(b[12:])), lease.IP(binary.BigEndian.Uint32(b[24:]))
	if len(b) < atOptions || binary.BigEndian.Uint32(b[atCookie:]) != cookie {
		return h, true
	}
	for i := atOptions; i < len(b); {
		code := option.Code(b[i])
		if code == option.Pad {
			i++
			continue
		}
		if code == option.End {
			break
		}
		if i+2 > len(b) || i+2+int(b[i+1]) > len(b) {
			return h, false
		}
		value := b[i+2 : i+2+int(b[i+1])]
		switch {
		case code == option.MessageType && len(value) == 1:
			h.Type = Type(value[0])
		case code == option.RequestedAddress && len(value) == 4:
			h.Requested = lease.IP(binary.BigEndian.Uint32(value))
		case code == option.ServerIdentifier:
			h.Named = true
		case code == option.ClientIdentifier:
			h.ID = value
		}
		i += 2 + len(value)
	}
	return h, true
}

// Head is what Peek says of the message.
func (p *Packet) Head() Head {
	h := Head{Type: p.Type, HType: p.HType, CIAddr: p.CIAddr, GIAddr: p.GIAddr, CHAddr: p.CHAddr}
	if ip, ok := p.Options.Uint32(option.RequestedAddress); ok {
		h.Requested = lease.IP(ip)
	}
	h.ID, _ = p.Options.Get(option.ClientIdentifier)
	h.Named = p.Options.Has(option.ServerIdentifier)
	return h
}
