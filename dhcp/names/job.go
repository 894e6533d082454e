package names

import "loadshare/dhcp/lease"

// Kind is what a Job does.
type Kind uint8

// The kinds.
const (
	Add    Kind = iota + 1 // A and DHCID, then PTR
	Remove                 // PTR, then A and DHCID
)

// String is the word of logs.
func (k Kind) String() string {
	switch k {
	case Add:
		return "add"
	case Remove:
		return "remove"
	}
	return "unknown"
}

// Job is one change of DNS, forward and reverse. It is kept on disk until it is done or overtaken by a later one for the address.
type Job struct {
	ID    uint64 // a later job has a greater one
	Kind  Kind
	IP    lease.IP
	FQDN  string // lower case, without final dot
	DHCID []byte // RDATA
	TTL   uint32
	// Forward says that A and DHCID are ours to change: false when the client does it itself.
	Forward bool
	Again   bool // the name should be there already: try that first
}

// The bits of lease.Lease.DNS. Both servers of a pair know them, so that either can clean up.
const (
	Forward uint8 = 1 << iota // A and DHCID are in DNS, or on their way
	Reverse                   // so is PTR
	Failed                    // the last attempt was given up: another's name, or refused
)

// Name is what a client is called. The zero value is no name.
type Name struct {
	Hostname string // one label or more, as the reservation has it or as the client said it, made clean
	FQDN     string // name in DNS, lower case, without final dot; "" is none
	Forward  bool   // A and DHCID are ours to write
	// Option81 is what the reply says (RFC 4702, 4); nil: the client did not ask.
	Option81 []byte
}

// Put writes the name into a lease that is about to be active; then Change says what DNS must learn.
func (n Name) Put(l *lease.Lease) {
	l.Hostname, l.FQDN, l.DNS = n.Hostname, n.FQDN, 0
	if n.FQDN != "" {
		l.DNS = Reverse
		if n.Forward {
			l.DNS |= Forward
		}
	}
}
