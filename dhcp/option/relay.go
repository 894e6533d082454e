package option

import "encoding/binary"

// The sub-options of option 82 that the server reads.
const (
	relayCircuit    = 1  // RFC 3046, 3.1
	relayRemote     = 2  // RFC 3046, 3.2
	relayLink       = 5  // RFC 3527
	relayServerID   = 11 // RFC 5107
	relayID         = 12 // RFC 6925
	relaySourcePort = 19 // RFC 8357
)

// Relay is what of option 82 the server reads; the option itself is kept and echoed as it came.
type Relay struct {
	Circuit, Remote, RelayID []byte // sub-options 1, 2, 12
	Link                     uint32 // 5, RFC 3527: an address of the wanted subnet; 0: none
	ServerID                 uint32 // 11, RFC 5107; 0: none
	SourcePort               bool   // 19, RFC 8357
}

// ParseRelay reads option 82; what does not parse is left out. Of a sub-option that is there twice the first counts. The octets of the
// result are data's. Sub-options are not options: 0 and 255 have no special meaning (RFC 3046, 2.0).
func ParseRelay(data []byte) Relay {
	var r Relay
	for len(data) >= 2 && len(data)-2 >= int(data[1]) {
		n := 2 + int(data[1])
		v := data[2:n:n]
		switch data[0] {
		case relayCircuit:
			first(&r.Circuit, v)
		case relayRemote:
			first(&r.Remote, v)
		case relayID:
			first(&r.RelayID, v)
		case relayLink:
			firstAddress(&r.Link, v)
		case relayServerID:
			firstAddress(&r.ServerID, v)
		case relaySourcePort: // its length is 0; a relay that puts something in wants the same
			r.SourcePort = true
		}
		data = data[n:]
	}
	return r
}

func first(field *[]byte, v []byte) {
	if *field == nil {
		*field = v
	}
}

func firstAddress(field *uint32, v []byte) {
	if *field == 0 && len(v) == 4 {
		*field = binary.BigEndian.Uint32(v)
	}
}

// Append adds the option's octets, as a relay makes them. Values of more than 255 octets are left out.
func (r Relay) Append(dst []byte) []byte {
	dst = appendSub(dst, relayCircuit, r.Circuit)
	dst = appendSub(dst, relayRemote, r.Remote)
	if r.Link != 0 {
		dst = binary.BigEndian.AppendUint32(append(dst, relayLink, 4), r.Link)
	}
	if r.ServerID != 0 {
		dst = binary.BigEndian.AppendUint32(append(dst, relayServerID, 4), r.ServerID)
	}
	dst = appendSub(dst, relayID, r.RelayID)
	if r.SourcePort {
		dst = append(dst, relaySourcePort, 0)
	}
	return dst
}

func appendSub(dst []byte, code byte, v []byte) []byte {
	if v == nil || len(v) > 255 {
		return dst
	}
	return append(append(dst, code, byte(len(v))), v...)
}
