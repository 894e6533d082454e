package dhcpclient

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// The places in a message that the generator patches (RFC 2131, 2).
const (
	atXID    = 4
	atSecs   = 8
	atCIAddr = 12
	atYIAddr = 16
	atGIAddr = 24
	atCHAddr = 28
	atCookie = 236
	atFirst  = 240 // option
	size     = 512 // room for a message of the generator
)

const cookie = 0x63825363

// template is a message made once; ip and server are where the values of options 50 and 54 are, 0 where there is none.
type template struct {
	octets     []byte
	ip, server int
}

// newTemplate makes a client's message of one type.
func newTemplate(c *Config, typ dhcpv4.MessageType, more ...dhcpv4.Modifier) (template, error) {
	r := Relay{Config: *c}
	p, err := r.message(Client{MAC: make(net.HardwareAddr, 6)}, typ, more...)
	if err != nil {
		return template{}, err
	}
	t := template{octets: p.ToBytes()}
	if len(t.octets) > size {
		return template{}, fmt.Errorf("a message of %d octets", len(t.octets))
	}
	t.ip, t.server = find(t.octets, 50), find(t.octets, 54)
	return t, nil
}

// find is where the value of an option begins; 0: it is not there, or not as it should be.
func find(b []byte, code byte) int {
	for i := atFirst; i+1 < len(b); {
		switch b[i] {
		case 0:
			i++
		case 255:
			return 0
		case code:
			if i+2+int(b[i+1]) > len(b) {
				return 0
			}
			return i + 2
		default:
			i += 2 + int(b[i+1])
		}
	}
	return 0
}

// answer is what the generator reads of a server's message.
type answer struct {
	xid    uint32
	typ    byte
	ip     uint32
	server [4]byte
}

var errNoAnswer = errors.New("no answer of a DHCP server")

func parseAnswer(b []byte) (a answer, err error) {
	be := binary.BigEndian
	if len(b) < atFirst || b[0] != 2 || be.Uint32(b[atCookie:]) != cookie {
		return a, errNoAnswer
	}
	typ := find(b, 53)
	if typ == 0 || b[typ-1] != 1 {
		return a, errNoAnswer
	}
	a = answer{xid: be.Uint32(b[atXID:]), typ: b[typ], ip: be.Uint32(b[atYIAddr:])}
	if at := find(b, 54); at != 0 && b[at-1] == 4 {
		copy(a.server[:], b[at:])
	}
	return a, nil
}

// patch writes a client's message into out.
func (t *template) patch(out []byte, xid uint32, mac [6]byte, secs uint16) []byte {
	out = out[:copy(out[:size], t.octets)]
	binary.BigEndian.PutUint32(out[atXID:], xid)
	binary.BigEndian.PutUint16(out[atSecs:], secs)
	copy(out[atCHAddr:], mac[:])
	return out
}
