package importer

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// rangeOf adds "range [dynamic-bootp] FIRST [LAST]" to the scope of its addresses.
func (s *dhcpdSource) rangeOf(st *dhcpdStatement) *dhcpScope {
	words := st.tokens[1:]
	bootp := len(words) > 0 && words[0].is("dynamic-bootp")
	if bootp {
		words = words[1:]
	}
	if len(words) == 0 {
		s.at(st, "%s: no address", st.text())
		return nil
	}
	first, err := netip.ParseAddr(words[0].text)
	last, err2 := netip.ParseAddr(words[len(words)-1].text)
	if err != nil || err2 != nil || !first.Is4() || !last.Is4() {
		s.at(st, "%s: not IPv4 addresses: left out", st.text())
		return nil
	}
	if last.Less(first) {
		first, last = last, first
	}
	for _, sc := range s.scopes {
		if sc.subnet.Contains(first) && sc.subnet.Contains(last) {
			sc.ranges = append(sc.ranges, joined(first, last))
			if bootp {
				set(&sc.keys, "dynamic_bootp", "true")
			}
			return sc
		}
	}
	s.at(st, "%s: in no subnet: left out", st.text())
	return nil
}

// pool is ranges, who may use them, and the pair. Ours says that of a whole scope.
func (s *dhcpdSource) pool(st *dhcpdStatement, f *dhcpdFrame) {
	var own dhcpPolicy
	var allow, deny []string
	peer, unmapped := "", false
	inner := *f
	inner.policy = &own
	var scopes []*dhcpScope
	for i := range st.block {
		in := &st.block[i]
		switch {
		case in.is("range"):
			if sc := s.rangeOf(in); sc != nil && !slices.Contains(scopes, sc) {
				scopes = append(scopes, sc)
			}
		case in.is("failover", "peer"):
			peer = in.word(2)
		case in.is("allow"), in.is("permit"):
			unmapped = s.permit(in, &allow) || unmapped
		case in.is("deny"):
			unmapped = s.permit(in, &deny) || unmapped
		case in.has:
			s.declaration(in, &inner)
		default:
			s.statement(in, &inner)
		}
	}
	for _, sc := range scopes {
		s.poolScope(st, sc, peer, own, allow, deny, unmapped)
	}
}

func (s *dhcpdSource) poolScope(st *dhcpdStatement, sc *dhcpScope, peer string, own dhcpPolicy, allow, deny []string, unmapped bool) {
	if peer != "" {
		if sc.failover != "" && sc.failover != peer {
			s.at(st, "pool: its failover peer %q is not that of other pools of %s: %q is taken", peer, sc.subnet, sc.failover)
		} else {
			sc.failover = peer
		}
	}
	switch {
	case !sc.seen:
		sc.allow, sc.deny = allow, deny
		sc.policy = sc.policy.over(own)
	case !slices.Equal(sc.allow, allow) || !slices.Equal(sc.deny, deny):
		for _, c := range allow {
			sc.allow = appendNew(sc.allow, c)
		}
		if len(allow) == 0 {
			sc.allow = nil
		}
		sc.deny = slices.DeleteFunc(sc.deny, func(c string) bool { return !slices.Contains(deny, c) })
		s.at(st, "pool: several pools of %s are for different clients; ours says that of the whole scope, which is now for all who may use one of them", sc.subnet)
	case !own.empty():
		s.at(st, "pool: its settings are not taken over: ours are those of the whole scope %s", sc.subnet)
	}
	sc.seen = true
	if unmapped {
		s.at(st, "pool: some of its permissions have no counterpart; allow and deny of scope %s say the rest", sc.subnet)
	}
}

// permit adds a class of allow or deny; true: this one has no counterpart.
func (s *dhcpdSource) permit(in *dhcpdStatement, list *[]string) bool {
	switch {
	case in.is(in.word(0), "members", "of"):
		*list = appendNew(*list, in.tokens[len(in.tokens)-1].text)
	case in.word(1) == "known-clients", in.is(in.word(0), "known", "clients"):
		*list = appendNew(*list, "KNOWN")
	case in.word(1) == "unknown-clients", in.is(in.word(0), "unknown", "clients"):
		*list = appendNew(*list, "UNKNOWN")
	case in.is("deny", "dynamic"), in.is("allow", "all"), in.is("deny", "authenticated"), in.is("allow", "unauthenticated"):
		return false
	default:
		s.at(in, "%s: not taken over", in.text())
		return true
	}
	return false
}

// failover is the pair of two dhcpds. The partner stays one until it is told otherwise, so the plain protocol is written.
func (s *dhcpdSource) failover(st *dhcpdStatement) {
	if st.tokens[len(st.tokens)-1].is("state") {
		return // of dhcpd.leases: where the pair was
	}
	p := dhcpPair{name: st.word(2), role: "main", draft: true}
	port, peerPort := uint16(647), uint16(647)
	var own, peer netip.Addr
	balanced := false
	for i := range st.block {
		in := &st.block[i]
		last := in.word(len(in.tokens) - 1)
		n, bad := strconv.ParseInt(last, 10, 32)
		switch {
		case in.is("primary"):
		case in.is("secondary"):
			p.role = "backup"
		case in.is("address"):
			own, _ = netip.ParseAddr(last)
		case in.is("peer", "address"):
			peer, _ = netip.ParseAddr(last)
		case in.is("port") && bad == nil && n > 0 && n < 65536:
			port = uint16(n)
		case in.is("peer", "port") && bad == nil && n > 0 && n < 65536:
			peerPort = uint16(n)
		case in.is("mclt") && bad == nil && n > 0:
			set(&p.keys, "mclt", duration(n))
		case in.is("max-response-delay") && bad == nil && n > 0:
			set(&p.keys, "poll_timeout", duration(n))
			if n <= 10 {
				set(&p.keys, "poll_interval", `"`+strconv.FormatFloat(max(float64(n)/6, 0.1), 'f', 1, 64)+`s"`)
			}
		case in.is("max-unacked-updates") && bad == nil && n > 0:
			set(&p.keys, "max_unacked", strconv.FormatInt(min(n, 10000), 10))
		case in.is("split") && bad == nil:
			if balanced = n < 255; n != 128 && n < 255 {
				s.at(in, "split %d: ours is half and half, or all to the main", n)
			}
		case in.is("hba"):
			balanced = true
			s.at(in, "hba: ours is half and half")
		case in.is("auto-partner-down") && bad == nil && n > 0:
			set(&p.keys, "use_safe_period", "true")
			set(&p.keys, "safe_period", duration(n))
		case in.is("load", "balance", "max"):
			s.at(in, "load balance max seconds: ours serves a client of the partner from its 4th second, or second try, on (decision D-f)")
		case in.is("max-lease-misbalance"), in.is("max-lease-ownership"), in.is("min-balance"), in.is("max-balance"):
			s.at(in, "%s: with dhcpd the pool is shared half and half", in.text())
		default:
			s.at(in, "%s: not taken over", in.text())
		}
	}
	if !own.IsValid() || !peer.IsValid() {
		s.at(st, "failover peer %q: address and peer address must be addresses here, not names: left out", p.name)
		s.lost = append(s.lost, p.name)
		return
	}
	set(&p.keys, "load_balancing", strconv.FormatBool(balanced))
	p.address, p.partner = netip.AddrPortFrom(own, port), netip.AddrPortFrom(peer, peerPort)
	s.pairs = append(s.pairs, p)
	s.at(st, "failover peer %q: written for a partner that is an ISC dhcpd still (link = \"draft\"); when both are ours take that out and give both the same key = \"FILE\" (loadshare key NAME)", p.name)
}

func (s *dhcpdSource) keyOf(st *dhcpdStatement) {
	k := bindKey{name: strings.ToLower(strings.TrimSuffix(st.word(1), ".")), algorithm: "hmac-sha256"}
	for i := range st.block {
		switch in := &st.block[i]; {
		case in.is("algorithm"):
			k.algorithm = strings.ToLower(strings.TrimSuffix(in.word(1), "."))
		case in.is("secret"):
			for _, t := range in.tokens[1:] { // an equals sign at its end is a sign of its own
				k.secret += t.text
			}
		}
	}
	if strings.HasPrefix(k.algorithm, "hmac-md5") {
		s.at(st, "key %q is of hmac-md5, which is not accepted here: make another one with `loadshare key %s` and give it to the DNS server", k.name, k.name)
		return
	}
	s.keys = append(s.keys, k)
}

// finishZones makes [ddns] of the zone statements.
func (s *dhcpdSource) finishZones() {
	if s.style == "" || s.style == "none" {
		if len(s.zones) > 0 {
			s.note("ddns-update-style is none or not set: no [ddns] is written, though there are zones")
		}
		return
	}
	d := &s.ddns
	for i := range s.zones {
		st := &s.zones[i]
		zone := strings.ToLower(strings.TrimSuffix(st.word(1), "."))
		if strings.HasSuffix(zone, ".ip6.arpa") {
			continue
		}
		if strings.HasSuffix(zone, ".in-addr.arpa") {
			d.reverse = appendNew(d.reverse, zone)
		} else {
			d.forward = appendNew(d.forward, zone)
		}
		for j := range st.block {
			in := &st.block[j]
			switch {
			case in.is("primary"), in.is("secondary"):
				if a, err := netip.ParseAddr(in.word(1)); err == nil {
					d.servers = appendNew(d.servers, netip.AddrPortFrom(a, 53).String())
				} else {
					s.at(in, "%s: give the address into [ddns] servers", in.text())
				}
			case in.is("key"):
				name := strings.ToLower(strings.TrimSuffix(in.word(1), "."))
				if d.key != "" && d.key != name {
					s.at(in, "key %q: ours has one key for all zones: %q is taken", name, d.key)
				} else {
					d.key = name
				}
			default:
				s.at(in, "%s: not taken over", in.text())
			}
		}
	}
	if d.on = len(d.servers) > 0 && len(d.forward)+len(d.reverse) > 0; !d.on {
		s.note("names in DNS: dhcpd finds servers and zones by itself; ours is told: write [ddns] with servers and forward_zone")
	}
}
