package packet

import (
	"errors"
	"net/netip"

	"loadshare/dhcp/lease"
)

// Parse reads a message. What it refuses cannot be answered.
func Parse(b []byte) (*Packet, error) { return nil, errors.New("not here") }

// Append adds the octets of the message to dst, at most room of them (0: 576, or 300 and more of BOOTP). Option 82 comes last; options
// that do not fit go to file and sname (RFC 3396), then are left out, the last ones first, and counted.
func (p *Packet) Append(dst []byte, room int) (b []byte, left int) { return dst, 0 }

// Arrival is where a message came in.
type Arrival struct {
	Interface string         // where it was heard as a broadcast; "" when it came to a unicast address
	Local     lease.IP       // this server's address there: its server identifier
	Source    netip.AddrPort // of the sender; a relay's for relayed ones
	// RelayPort is where a relay wants the reply that is not told otherwise by option 82, sub-option 19: 67, or with
	// relay_reply_port = "source" the port that it sent from.
	RelayPort uint16
}

// Destination is where a reply goes (RFC 2131, 4.1).
type Destination struct {
	Interface string   // out of this one; "": as the host routes
	Local     lease.IP // source address
	IP        lease.IP
	Port      uint16
	// CHAddr is the hardware address to write into the frame, for a client that has no address yet; empty: the host resolves.
	HType  uint8
	CHAddr []byte
}
