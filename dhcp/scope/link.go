package scope

import (
	"encoding/binary"
	"slices"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
)

// Query is a message and where it came in.
type Query struct {
	Packet    *packet.Packet
	Interface string   // where a broadcast was heard; "" of a unicast one
	Local     lease.IP // this server's address there
}

// Link is a network that clients share: the scopes of it in the order of preference. The zero value is none of ours.
type Link struct{ scopes []*Scope }

// Scopes are the subnets of the link. The caller must not change it.
func (l Link) Scopes() []*Scope { return l.scopes }

// IsZero says that it is no network of ours.
func (l Link) IsZero() bool { return len(l.scopes) == 0 }

// ScopeOf is the link's scope whose subnet contains the address; nil when none does: a client that asks for it is on the wrong network.
func (l Link) ScopeOf(ip lease.IP) *Scope {
	for _, s := range l.scopes {
		if span(s.Subnet).Contains(ip) {
			return s
		}
	}
	return nil
}

// Link is where the message's client is. The first that is there decides, and what it names is nobody's when it is in no subnet of ours:
//
//  1. sub-option 5 of option 82, an address of the wanted subnet (RFC 3527, 3);
//  2. option 118, the same from the client (RFC 3011, 2), unless the configuration ignores it;
//  3. giaddr (RFC 2131, 4.3.1);
//  4. ciaddr of a unicast message: of a renewing client, or one that informs itself (RFC 2131, 4.3.2, 4.3.5). A client that rebinds
//     is heard as a broadcast, and its ciaddr must fit the link that it was heard on;
//  5. the scopes that name the interface where it was heard, else the subnet of this server's address there.
//
// The scopes come in the order of the configuration; where 1 or 2 names one of a shared network, it comes first.
func (t *Table) Link(q Query) Link {
	p := q.Packet
	if ip := t.selected(p); ip != 0 {
		return t.linkFrom(ip)
	}
	switch {
	case p.GIAddr != 0:
		return t.linkOf(p.GIAddr)
	case p.CIAddr != 0 && q.Interface == "":
		return t.linkOf(p.CIAddr)
	}
	if l := t.heard[q.Interface]; l != nil && q.Interface != "" {
		return Link{l}
	}
	return t.linkOf(q.Local)
}

// selected is the address of the subnet that the relay or the client asks for; 0: neither does.
func (t *Table) selected(p *packet.Packet) lease.IP {
	for i := range p.Options {
		if p.Options[i].Code == option.RelayInformation {
			if ip := option.ParseRelay(p.Options[i].Data).Link; ip != 0 {
				return lease.IP(ip)
			}
		}
	}
	ip, _ := t.selection(p)
	return ip
}

// selection is option 118 as it must be echoed; 0 when there is none, or it does not count.
func (t *Table) selection(p *packet.Packet) (lease.IP, []byte) {
	if t.select118 {
		if b, ok := p.Options.Get(option.SubnetSelection); ok && len(b) == 4 {
			return lease.IP(binary.BigEndian.Uint32(b)), b
		}
	}
	return 0, nil
}

func (t *Table) linkOf(ip lease.IP) Link {
	if x := t.siteOf(ip); x != nil {
		return Link{x.link}
	}
	return Link{}
}

// linkFrom is the link with the named subnet before the others (RFC 3011, 2).
func (t *Table) linkFrom(ip lease.IP) Link {
	x := t.siteOf(ip)
	if x == nil {
		return Link{}
	}
	if x.link[0] == x.scope {
		return Link{x.link}
	}
	scopes := make([]*Scope, 0, len(x.link))
	scopes = append(scopes, x.scope)
	for _, s := range x.link {
		if s != x.scope {
			scopes = append(scopes, s)
		}
	}
	return Link{slices.Clip(scopes)}
}

// InformScope is where a client that has its address by other means belongs (RFC 2131, 4.3.5): the scope of ciaddr; else the first of its
// link; nil when neither is ours.
func (t *Table) InformScope(q Query) *Scope {
	if q.Packet.CIAddr != 0 {
		if s := t.ScopeOf(q.Packet.CIAddr); s != nil {
			return s
		}
	}
	if l := t.Link(q); !l.IsZero() {
		return l.scopes[0]
	}
	return nil
}
