package config

import (
	"net/netip"
	"slices"
)

// LeaseQuery is [leasequery]: bulk leasequery over TCP (RFC 6926). The zero value is none.
type LeaseQuery struct {
	Bulk []netip.AddrPort // TCP addresses
	From []netip.Prefix   // who may ask
}

// leaseQuery reads [leasequery]. Who may ask over UDP is said by `leasequery` of [policy] and of scopes.
func (r *reader) leaseQuery() {
	s := r.root.Table("leasequery")
	if !s.Present() {
		return
	}
	q := &r.c.LeaseQuery
	q.Bulk = s.AddrPorts("bulk", 67)
	for i, a := range q.Bulk {
		if !a.Addr().Is4() {
			s.FailItem("bulk", i, "an IPv4 address: this is a DHCPv4 server")
		} else if slices.Contains(q.Bulk[:i], a) {
			s.FailItem("bulk", i, "every address once")
		}
	}
	if !s.Has("bulk") {
		for _, a := range r.c.Listen {
			q.Bulk = append(q.Bulk, netip.AddrPortFrom(a.Addr(), 67))
		}
	}
	if len(q.Bulk) == 0 {
		s.Fail("bulk", "at least one address, such as [\"192.168.0.10:67\"]: there is none in `listen` either")
	}
	if q.From = s.Prefixes("from"); len(q.From) == 0 {
		s.Fail("from", "at least one address or network, such as [\"192.168.0.1\"]: what clients have is not for everybody")
	}
}
