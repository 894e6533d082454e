package names

import (
	"loadshare/dhcp/lease"
	"loadshare/dhcp/packet"
)

// Config is [ddns] of the DHCP server; the zero value sends nothing.
type Config struct {
	On           bool
	ForwardZone  string
	ReverseZones []string
	TTL          uint32 // 0: a third of the lease, at least 600 (RFC 4702, 5)
	// Override says that the server makes the A record though the client wants to.
	Override bool
}

// Kind is what a Job does.
type Kind uint8

// The kinds.
const (
	Add    Kind = iota + 1 // A and DHCID, then PTR
	Remove                 // PTR, then A and DHCID
)

// Job is one change of DNS, forward and reverse. It is kept on disk until it is done or overtaken by a later one for the address.
type Job struct {
	ID    uint64
	Kind  Kind
	IP    lease.IP
	FQDN  string
	DHCID []byte // RDATA
	TTL   uint32
	// Forward says that A and DHCID are ours to change: false when the client does it itself.
	Forward bool
}

// Asked is what the client says of its name: options 12 and 81, and what is configured.
type Asked struct {
	Packet   *packet.Packet
	Hostname string // configured; wins over the client's
	Domain   string
	On       bool
}

// Wish decides the name that a client gets with its lease, and what option 81 of the reply is (nil: none). FQDN "" is no name in DNS.
func (c Config) Wish(a Asked) (hostname, fqdn string, option81 []byte) { return "", "", nil }

// Change compares an address before and after and says what DNS must learn; after's DNS field is set to what is owed. Only the owner of
// the lease cleans up. IDs are the caller's to give.
func (c Config) Change(before, after *lease.Lease) []Job { return nil }
