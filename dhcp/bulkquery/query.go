package bulkquery

import (
	"bytes"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
)

// Kind is what a request asks by (RFC 6926, 7.2).
type Kind uint8

// The kinds.
const (
	All        Kind = iota // every configured address
	ByHardware             // htype, hlen and chaddr
	ByClientID             // option 61
	ByRemoteID             // option 82, sub-option 2
	ByRelayID              // option 82, sub-option 12 (RFC 6925)
)

// String is the word of the log.
func (k Kind) String() string {
	if k <= ByRelayID {
		return [...]string{"all", "hardware address", "client identifier", "remote-id", "relay-id"}[k]
	}
	return "unknown"
}

// Query is one request. The zero value asks for everything.
type Query struct {
	XID   uint32
	Kind  Kind
	HType uint8  // of ByHardware
	Key   string // the octets asked by; "" of All
	// Start and End are the first and the last second of a change that is wanted, since 1970 (options 154 and 155); 0: no limit.
	Start, End int64

	asked  [32]uint8 // option 55, a bit a code
	chosen bool      // there is an option 55
}

// Status is option 151 (RFC 6926, 6.2.2).
type Status uint8

// The statuses.
const (
	Success    Status = iota
	UnspecFail        // the server cannot now
	Terminated        // it was ended before it was complete
	Malformed         // the request
	NotAllowed        // such a request
)

// String is the name of RFC 6926.
func (s Status) String() string {
	if s <= NotAllowed {
		return [...]string{"Success", "UnspecFail", "QueryTerminated", "MalformedQuery", "NotAllowed"}[s]
	}
	return "unknown"
}

// Error is why a request is not answered with leases.
type Error struct {
	Status Status
	Text   string
	// Answer says that XID was read: the answer is one message, LEASEQUERYDONE with Status and Text. Else there is none, and the
	// connection is of no use any more.
	Answer bool
	XID    uint32
}

func (e *Error) Error() string { return "bulk leasequery: " + e.Status.String() + ": " + e.Text }

const vpn option.Code = 221 // RFC 6607

// Parse reads a request, without the size before it. The error is an *[Error].
func Parse(b []byte) (Query, error) {
	p, err := packet.Parse(b)
	switch {
	case err != nil:
		return Query{}, &Error{Status: Malformed, Text: err.Error()}
	case p.Reply:
		return Query{}, &Error{Status: Malformed, Text: "a reply, not a request"}
	}
	q := Query{XID: p.XID}
	status, text := q.read(p)
	if status != Success {
		return Query{}, &Error{Status: status, Text: text, Answer: true, XID: p.XID}
	}
	return q, nil
}

// read takes what the message asks for.
func (q *Query) read(p *packet.Packet) (Status, string) {
	switch {
	case p.Type != packet.BulkLeaseQuery:
		return Malformed, "only DHCPBULKLEASEQUERY is taken over TCP"
	case p.CIAddr|p.YIAddr|p.SIAddr != 0:
		return Malformed, "ciaddr, yiaddr and siaddr must be zero"
	case p.Options.Has(vpn):
		return NotAllowed, "there are no VPNs here"
	}
	if list, ok := p.Options.Get(option.ParameterList); ok {
		q.chosen = true
		for _, c := range list {
			q.asked[c/8] |= 1 << (c % 8)
		}
	}
	if text := q.times(p.Options); text != "" {
		return Malformed, text
	}
	if text := q.primary(p); text != "" {
		return Malformed, text
	}
	return Success, ""
}

func (q *Query) times(l option.List) string {
	for _, x := range [...]struct {
		code option.Code
		to   *int64
	}{{option.QueryStartTime, &q.Start}, {option.QueryEndTime, &q.End}} {
		if !l.Has(x.code) {
			continue
		}
		v, ok := l.Uint32(x.code)
		if !ok {
			return "query-start-time and query-end-time have four octets"
		}
		*x.to = int64(v)
	}
	if q.End > 0 && q.Start > q.End {
		return "query-start-time is after query-end-time"
	}
	return ""
}

// primary finds what is asked by: "MUST have only one primary query" (RFC 6926, 7.2).
func (q *Query) primary(p *packet.Packet) string {
	n := 0
	by := func(k Kind, key []byte) {
		q.Kind, q.Key = k, string(key)
		n++
	}
	if len(bytes.Trim(p.CHAddr, "\x00")) > 0 { // a chaddr of zeros is none
		q.HType = p.HType
		by(ByHardware, p.CHAddr)
	}
	if id, ok := p.Options.Get(option.ClientIdentifier); ok {
		if len(id) < 2 {
			return "a client identifier has two octets at least" // RFC 2132, 9.14
		}
		by(ByClientID, id)
	}
	if v, ok := p.Options.Get(option.RelayInformation); ok {
		r := option.ParseRelay(v)
		if len(r.Remote) > 0 {
			by(ByRemoteID, r.Remote)
		}
		if len(r.RelayID) > 0 {
			by(ByRelayID, r.RelayID)
		}
		if len(r.Remote)+len(r.RelayID) == 0 {
			return "option 82 names neither a remote-id nor a relay-id"
		}
	}
	switch {
	case n > 1:
		return "more than one of hardware address, client identifier, remote-id and relay-id"
	case q.Kind == ByHardware && q.HType == 0:
		return "a hardware address without a type"
	}
	return ""
}

// asks says that the option is wanted; usual is what counts without option 55.
func (q *Query) asks(c option.Code, usual bool) bool {
	if !q.chosen {
		return usual
	}
	return q.asked[c/8]&(1<<(c%8)) != 0
}

// Wants says that the lease belongs to the answer.
func (q *Query) Wants(l *lease.Lease, now int64) bool {
	if q.Start > 0 || q.End > 0 {
		if at := changed(l, now); at < q.Start || q.End > 0 && at > q.End {
			return false
		}
	}
	switch q.Kind {
	case All:
		return true
	case ByHardware:
		return l.Client.HType == q.HType && l.Client.CHAddr == q.Key
	case ByClientID:
		return l.Client.ID == q.Key
	case ByRemoteID:
		return l.Relay != "" && string(option.ParseRelay([]byte(l.Relay)).Remote) == q.Key
	case ByRelayID:
		return l.Relay != "" && string(option.ParseRelay([]byte(l.Relay)).RelayID) == q.Key
	}
	return false
}

// changed is when the lease changed last: its state, the client's last word, or its end. Never for an address that nobody had.
func changed(l *lease.Lease, now int64) int64 {
	at := max(l.Start, l.CLTT)
	if l.State == lease.Active && l.Over(now) {
		at = max(at, l.Due())
	}
	return at
}
