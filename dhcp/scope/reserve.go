package scope

import (
	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
)

// Ways to know a client; the first octet of a key.
const (
	byID      = 'i' // option 61
	byHW      = 'h' // hardware type and chaddr
	byPort    = 'p' // option 82: circuit and remote
	byCircuit = 'c'
	byRemote  = 'r'
)

// maxKey is room for the longest key: two sub-options of 255 octets and what tells them apart.
const maxKey = 2 + 2*255

// keys are the octets that a client is found by, in a buffer of the caller's.
func hwKey(buf []byte, htype uint8, chaddr []byte) []byte {
	if htype == 0 {
		htype = 1
	}
	return append(append(buf[:0], byHW, htype), chaddr...)
}

func textKey(buf []byte, kind byte, b []byte) []byte { return append(append(buf[:0], kind), b...) }

func portKey(buf []byte, circuit, remote []byte) []byte {
	return append(append(append(buf[:0], byPort, byte(len(circuit))), circuit...), remote...)
}

// key is what the reservation is found by.
func (r *Reservation) key(buf []byte) []byte {
	switch {
	case len(r.ClientID) > 0:
		return textKey(buf, byID, r.ClientID)
	case len(r.CHAddr) > 0:
		return hwKey(buf, r.HType, r.CHAddr)
	case len(r.Circuit) > 0 && len(r.Remote) > 0:
		return portKey(buf, r.Circuit, r.Remote)
	case len(r.Circuit) > 0:
		return textKey(buf, byCircuit, r.Circuit)
	}
	return textKey(buf, byRemote, r.Remote)
}

// owners finds reservations by who they are for. Those of one client in several scopes are a chain.
type owners struct {
	first map[string]int32 // in list
	list  []owner
}

type owner struct {
	site        *site
	reservation *Reservation
	next        int32 // in list; -1: no more
}

// add says whether the client had none in that scope yet; if it had, it keeps it.
func (o *owners) add(x *site, r *Reservation) bool {
	var buf [maxKey]byte
	key := r.key(buf[:])
	if o.find(key, x) != nil {
		return false
	}
	next, ok := o.first[string(key)]
	if !ok {
		next = -1
	}
	o.first[string(key)] = int32(len(o.list))
	o.list = append(o.list, owner{x, r, next})
	return true
}

// find is the reservation by that key in the scope, or in any when x is nil.
func (o *owners) find(key []byte, x *site) *Reservation {
	i, ok := o.first[string(key)]
	for ; ok && i >= 0; i = o.list[i].next {
		if x == nil || o.list[i].site == x {
			return o.list[i].reservation
		}
	}
	return nil
}

// Reserved is whose the address is by reservation; nil when nobody's.
func (t *Table) Reserved(ip lease.IP) *Reservation { return t.reserved[ip] }

// ReservationFor is the reservation that the asking client has in that scope; nil when none. What says most of the client itself decides:
// option 61, then hardware type and address, also of a client that sends option 61 (RFC 2131, 4.2 makes 61 the identity of the lease; an
// operator who reserved by the address on the label still means this client), then circuit and remote, circuit, remote.
func (t *Table) ReservationFor(q Query, s *Scope) *Reservation {
	if len(t.owners.list) == 0 {
		return nil
	}
	x := t.site(s)
	if x == nil {
		return nil
	}
	return t.owners.search(q.Packet, x)
}

// search is the reservation of the message's client in that scope, or in any when x is nil.
func (o *owners) search(p *packet.Packet, x *site) *Reservation {
	var buf [maxKey]byte
	if id, ok := p.Options.Get(option.ClientIdentifier); ok && len(id) >= minID && len(id) <= maxID {
		if r := o.find(textKey(buf[:], byID, id), x); r != nil {
			return r
		}
	}
	if len(p.CHAddr) > 0 && len(p.CHAddr) <= maxCHAddr {
		if r := o.find(hwKey(buf[:], p.HType, p.CHAddr), x); r != nil {
			return r
		}
	}
	data, ok := p.Options.Get(option.RelayInformation)
	if !ok {
		return nil
	}
	relay := option.ParseRelay(data)
	if len(relay.Circuit) > 255 || len(relay.Remote) > 255 {
		return nil
	}
	if len(relay.Circuit) > 0 && len(relay.Remote) > 0 {
		if r := o.find(portKey(buf[:], relay.Circuit, relay.Remote), x); r != nil {
			return r
		}
	}
	if len(relay.Circuit) > 0 {
		if r := o.find(textKey(buf[:], byCircuit, relay.Circuit), x); r != nil {
			return r
		}
	}
	if len(relay.Remote) > 0 {
		return o.find(textKey(buf[:], byRemote, relay.Remote), x)
	}
	return nil
}

// Octets that an identity has (RFC 2132, 9.14; RFC 2131, 2).
const (
	minID, maxID = 2, 255
	maxCHAddr    = 16
)
