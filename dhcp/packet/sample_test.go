package packet

import (
	"encoding/binary"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
)

// head is a message without options: op, htype 1, hlen 6, and a cookie.
func head(op byte) []byte {
	b := make([]byte, atOptions)
	b[0], b[1], b[2] = op, 1, 6
	binary.BigEndian.PutUint32(b[4:], 0x11223344)
	copy(b[atCHAddr:], []byte{2, 0, 0, 0, 0, 0x50})
	binary.BigEndian.PutUint32(b[atCookie:], cookie)
	return b
}

func with(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// discover is what a Linux client sends: with a client identifier, a class, a name, its size and a list of what it wants.
func discover() []byte {
	b := with(head(1), []byte{
		53, 1, 1,
		61, 7, 1, 2, 0, 0, 0, 0, 0x50,
		57, 2, 5, 0xdc,
		60, 7, 'd', 'h', 'c', 'p', 'c', 'd', '9',
		12, 7, 'p', 'r', 'i', 'n', 't', 'e', 'r',
		55, 13, 1, 3, 6, 12, 15, 26, 28, 33, 42, 51, 54, 58, 59,
		255,
	})
	return append(b, make([]byte, max(0, 300-len(b)))...)
}

// relayed is discover with option 82.
func relayed() []byte {
	b := with(discover())
	end := atOptions
	for b[end] != 255 {
		end += 2 + int(b[end+1])
	}
	b = append(b[:end], 82, 14, 1, 4, 'e', 't', 'h', '1', 2, 6, 2, 0, 0, 0, 0, 1, 255)
	binary.BigEndian.PutUint32(b[24:], 0xc0a80001)
	return append(b, make([]byte, max(0, 300-len(b)))...)
}

func ack() *Packet {
	p := &Packet{
		Reply: true, Type: Ack, HType: 1, XID: 0x11223344, YIAddr: 0xc0a80064, GIAddr: 0xc0a80001, SIAddr: 0xc0a8000a,
		CHAddr: []byte{2, 0, 0, 0, 0, 0x50},
	}
	p.Options.Set(option.SubnetMask, []byte{255, 255, 255, 0})
	p.Options.Set(option.Routers, []byte{192, 168, 0, 1})
	p.Options.Set(option.DomainNameServers, []byte{192, 168, 0, 10, 192, 168, 0, 11})
	p.Options.Set(option.DomainName, []byte("mydomain.com"))
	p.Options.Set(option.BroadcastAddress, []byte{192, 168, 0, 255})
	p.Options.Set(option.LeaseTime, option.Uint32Of(uint32(259200)))
	p.Options.Set(option.ServerIdentifier, option.Uint32Of(lease.IP(0xc0a8000a)))
	p.Options.Set(option.RenewalTime, option.Uint32Of(uint32(129600)))
	p.Options.Set(option.RebindingTime, option.Uint32Of(uint32(226800)))
	p.Options.Set(option.ClientIdentifier, []byte{1, 2, 0, 0, 0, 0, 0x50})
	p.Options.Set(option.RelayInformation, []byte{1, 4, 'e', 't', 'h', '1', 2, 6, 2, 0, 0, 0, 0, 1})
	return p
}
