package config

import (
	"net/netip"

	"loadshare/dhcp/scope"
	"loadshare/internal/config"
)

// scope reads [[scope]].
func (r *reader) scope() {
	tables := r.root.Tables("scope")
	if len(tables) == 0 && !r.root.Has("scope") {
		r.root.Warn("scope", "there is no [[scope]]: nobody gets an address")
	}
	for _, s := range tables {
		sc, ok := r.readScope(s)
		if !ok {
			continue
		}
		if r.at[scopeAt(sc.Name)] != nil {
			s.Fail("name", "every scope once")
			continue
		}
		r.at[scopeAt(sc.Name)] = s
		r.c.Scopes.Scopes = append(r.c.Scopes.Scopes, sc)
	}
}

func (r *reader) readScope(s *config.Section) (scope.Scope, bool) {
	sc := scope.Scope{
		Name: s.Required("name"), Subnet: subnet(s), Ranges: ranges(s, "ranges"), Exclude: ranges(s, "exclude"), Failover: s.String("failover", ""),
		SharedNetwork: s.String("shared_network", ""), Interface: s.String("interface", ""), Policy: r.policy(s, ofScope),
		AllocateFirst: s.Bool("allocate_first_available", false), Boundary: address(s, "backup_allocation_boundary"), BackupPct: percent(s, "backup_pct"), BootpPct: percent(s, "dynamic_bootp_backup_pct"),
		BOOTP: s.Bool("bootp", false), DynamicBOOTP: s.Bool("dynamic_bootp", false), NoDHCP: !s.Bool("dhcp", true), Deactivated: s.Bool("deactivated", false),
		Allow: r.classNames(s, "allow"), Deny: r.classNames(s, "deny"),
	}
	for _, t := range s.Tables("reservation") {
		if one, ok := r.reservation(t); ok {
			sc.Reservations = append(sc.Reservations, one)
			r.at[scopeAt(sc.Name)+": reservation "+one.Address.String()] = t
		}
	}
	if sc.Name == "" || !sc.Subnet.IsValid() {
		return sc, false
	}
	r.choosePair(s, &sc)
	if sc.Boundary != 0 && !sc.AllocateFirst {
		s.Fail("backup_allocation_boundary", "with allocate_first_available = true beside it: it has no meaning otherwise")
	}
	return sc, true
}

// subnet reads the scope's network.
func subnet(s *config.Section) netip.Prefix {
	text := s.Required("subnet")
	if text == "" {
		return netip.Prefix{}
	}
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil || !p.Addr().Is4() || p.Bits() < 8 || p.Bits() > 31:
		s.Fail("subnet", "an IPv4 network from /8 to /31, such as \"192.168.0.0/24\"")
	case p != p.Masked():
		s.Fail("subnet", "a network without bits after the prefix: "+p.Masked().String())
	default:
		return p
	}
	return netip.Prefix{}
}

// choosePair puts the scope into the pair that it names, or whose network match list has its subnet (checklist D02).
func (r *reader) choosePair(s *config.Section, sc *scope.Scope) {
	named := s.Has("failover")
	if named && sc.Failover != "" && r.pairs[sc.Failover] == nil {
		s.Fail("failover", "the name of a [[failover]], or \"\" for a scope that this server has alone")
	}
	for i := range r.c.Pairs {
		p := &r.c.Pairs[i]
		if !named && sc.Failover == "" && p.matches(sc.Subnet) {
			sc.Failover = p.Name
		}
		if p.Name == sc.Failover {
			p.fill(sc)
		}
	}
}

// reservation reads one [[scope.reservation]].
func (r *reader) reservation(s *config.Section) (scope.Reservation, bool) {
	one := scope.Reservation{
		Address: address(s, "address"), HType: hardwareType(s), CHAddr: hardware(s, "mac"), ClientID: identifier(s, "client_id"),
		Circuit: identifier(s, "circuit_id"), Remote: identifier(s, "remote_id"), Hostname: s.String("hostname", ""), Policy: r.policy(s, ofOthers),
	}
	who := 0
	for _, has := range []bool{s.Has("mac"), s.Has("client_id"), s.Has("circuit_id") || s.Has("remote_id")} {
		if has {
			who++
		}
	}
	if who != 1 {
		s.Fail("mac", "exactly one of mac, client_id, and circuit_id with or without remote_id: whose the address is")
	}
	if !s.Has("address") {
		s.Fail("address", "an IPv4 address of the scope's subnet")
	}
	return one, who == 1 && one.Address != 0
}
