package scope

import (
	"slices"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
	"loadshare/dhcp/scope/expr"
)

// Known and Unknown are the classes that are there without configuration: clients that are configured, by a Client or by any Reservation,
// and all others. Allow, Deny and member() may name them.
const (
	Known   = "KNOWN"
	Unknown = "UNKNOWN"
)

// known and unknown stand for them among classes.
var known, unknown = &Class{Name: Known}, &Class{Name: Unknown}

// class is a Class with its test.
type class struct {
	*Class
	test *expr.Test // nil: none
}

// Identity is who asks, worked out once a message.
type Identity struct {
	Classes []*Class // that match, in the order of the configuration
	Known   *Client  // nil: not configured as a Client
	Denied  bool     // is never served

	known bool // as the class KNOWN says; only worked out where somebody asks
}

// Identify works it out.
func (t *Table) Identify(q Query) Identity {
	var id Identity
	if len(t.clients) > 0 {
		id.Known = t.client(q.Packet)
		id.Denied = id.Known != nil && id.Known.Deny
	}
	if t.asked {
		id.known = id.Known != nil || t.owners.search(q.Packet, nil) != nil
	}
	if len(t.classes) > 0 {
		id.Classes = t.classify(q, id.Known, id.known)
	}
	return id
}

// client is the known client of the message: by option 61, else by hardware type and address.
func (t *Table) client(p *packet.Packet) *Client {
	var buf [maxKey]byte
	if id, ok := p.Options.Get(option.ClientIdentifier); ok && len(id) <= maxID {
		if c := t.clients[string(textKey(buf[:], byID, id))]; c != nil {
			return c
		}
	}
	if len(p.CHAddr) > maxCHAddr {
		return nil
	}
	return t.clients[string(hwKey(buf[:], p.HType, p.CHAddr))]
}

// classify is the classes that match. A test may ask for those before its own.
func (t *Table) classify(q Query, c *Client, isKnown bool) []*Class {
	var in []*Class
	var relay option.Relay
	if b, ok := q.Packet.Options.Get(option.RelayInformation); ok {
		relay = option.ParseRelay(b)
	}
	env := expr.Env{Packet: q.Packet, Interface: q.Interface, Member: func(name string) bool {
		switch name {
		case Known:
			return isKnown
		case Unknown:
			return !isKnown
		}
		return slices.ContainsFunc(in, func(c *Class) bool { return c.Name == name })
	}}
	for i := range t.classes {
		k := &t.classes[i]
		named := c != nil && slices.Contains(c.Classes, k.Name)
		if k.OnlyKnown && !named || (k.OnlyKnown || !named) && !k.holds(&env, &relay) {
			continue
		}
		if in == nil {
			in = t.classRef[i : i+1 : i+1]
		} else {
			in = append(in, k.Class)
		}
	}
	return in
}

// holds says that all the conditions that are set hold.
func (k *class) holds(e *expr.Env, r *option.Relay) bool {
	p := e.Packet
	if k.VendorClass != "" {
		b, _ := p.Options.Get(option.VendorClass)
		if len(b) < len(k.VendorClass) || string(b[:len(k.VendorClass)]) != k.VendorClass {
			return false
		}
	}
	if k.UserClass != "" {
		b, _ := p.Options.Get(option.UserClass)
		if !hasUserClass(b, k.UserClass) {
			return false
		}
	}
	if n := len(k.MACPrefix); n > 0 && (len(p.CHAddr) < n || string(p.CHAddr[:n]) != string(k.MACPrefix)) {
		return false
	}
	return (k.Circuit == "" || k.Circuit == string(r.Circuit)) && (k.Remote == "" || k.Remote == string(r.Remote)) &&
		(k.test == nil || k.test.Eval(e))
}

// hasUserClass says that the option names that class: it holds classes with their lengths before them (RFC 3004, 4), or, of the many clients
// that do not keep to that, one class and nothing else.
func hasUserClass(b []byte, name string) bool {
	if string(b) == name {
		return true
	}
	for len(b) > 0 && len(b) > int(b[0]) {
		n := 1 + int(b[0])
		if string(b[1:n]) == name {
			return true
		}
		b = b[n:]
	}
	return false
}

// Admits says whether the client may have a dynamic address of that scope. A reservation needs no admission, but for Identity.Denied and
// Scope.Deactivated.
func (t *Table) Admits(id Identity, s *Scope, bootp bool) bool {
	x := t.site(s)
	switch {
	case x == nil, id.Denied, x.scope.Deactivated, x.pool.Size == 0:
		return false
	case bootp && !x.scope.DynamicBOOTP, !bootp && x.scope.NoDHCP:
		return false
	}
	return !id.any(x.deny) && (len(x.allow) == 0 || id.any(x.allow))
}

// any says that the client is in one of the classes.
func (id *Identity) any(classes []*Class) bool {
	for _, c := range classes {
		if c == known && id.known || c == unknown && !id.known || slices.Contains(id.Classes, c) {
			return true
		}
	}
	return false
}

// key is what the client is found by.
func (c *Client) key(buf []byte) []byte {
	if len(c.ClientID) > 0 {
		return textKey(buf, byID, c.ClientID)
	}
	return hwKey(buf, c.HType, c.CHAddr)
}

// name is the client for people.
func (c *Client) name() string { return identity(c.HType, c.CHAddr, c.ClientID) }

func identity(htype uint8, chaddr, id []byte) string {
	if len(chaddr) > 0 {
		htype = max(htype, 1)
	}
	return lease.Client{ID: string(id), HType: htype, CHAddr: string(chaddr)}.String()
}
