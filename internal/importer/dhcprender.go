package importer

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"loadshare/internal/config"
)

// result writes the site as our files.
func (s *dhcpSite) result() Result {
	r := Result{Files: []Output{{"dhcp.toml", s.toml()}}}
	for _, k := range s.keys {
		if k.name == s.ddns.key {
			r.Files = append(r.Files, Output{"ddns.key", fmt.Sprintf("key %q {\n\talgorithm %s;\n\tsecret %q;\n};\n", k.name, k.algorithm, k.secret)})
		}
	}
	for _, p := range s.pairs {
		if !p.draft {
			r.Files = append(r.Files, Output{p.keyFile(), config.NewKey("dhcp-pair").Text()})
		}
	}
	if len(s.leases) > 0 {
		r.Files = append(r.Files, Output{"leases.jsonl", leaseLines(s.leases)})
	}
	r.Notes = s.notes
	return r
}

func (p dhcpPair) keyFile() string { return "pair-" + fileName(p.name) + ".key" }

// fileName makes letters, digits and hyphens of a name.
func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, name)
}

func (s *dhcpSite) toml() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# loadshare dhcp, imported from %s\n", s.from)
	if len(s.interfaces) > 0 {
		fmt.Fprintf(&b, "interfaces = %s\n", quoteAll(s.interfaces, same))
	}
	fmt.Fprintf(&b, "listen = %s                # for relays and renewing clients: better one address for each interface\n", quoteAll(s.listen, same))
	if len(s.leases) > 0 && len(s.pairs) == 0 {
		b.WriteString("first_leases = \"leases.jsonl\"       # taken at the first start; take it out afterwards\n")
	}
	fmt.Fprintf(&b, "state_dir = \"/var/lib/loadshare/dhcp\"\nauthoritative = %v\n\n[control]\nlisten = \"unix:/run/loadshare/dhcp.sock\"\n", s.authoritative)
	for _, p := range s.pairs {
		fmt.Fprintf(&b, "\n[[failover]]\nname = %s\nrole = %s\naddress = %s\npartner = %s\n", quote(p.name), quote(p.role), quote(p.address.String()), quote(p.partner.String()))
		writeKeys(&b, p.keys)
		if p.draft {
			b.WriteString("link = \"draft\"                      # the partner is an ISC dhcpd; when it is ours too: key = \"FILE\" instead\n")
		} else {
			fmt.Fprintf(&b, "key = %s              # the same file on both servers\n", quote(p.keyFile()))
		}
	}
	for _, d := range s.definitions {
		fmt.Fprintf(&b, "\n[[option_definition]]\nname = %s\ncode = %d\ntype = %s\n", quote(d.name), d.code, quote(d.typ.Type.String()))
		if d.typ.List {
			b.WriteString("list = true\n")
		}
		if len(d.typ.Fields) > 0 {
			var f []string
			for _, t := range d.typ.Fields {
				f = append(f, t.String())
			}
			fmt.Fprintf(&b, "fields = %s\n", quoteAll(f, same))
		}
	}
	if !s.policy.empty() {
		b.WriteString("\n[policy]\n")
		writePolicy(&b, "policy.options", s.policy)
	}
	for _, n := range s.networks {
		if !n.policy.empty() {
			fmt.Fprintf(&b, "\n[[shared_network]]\nname = %s\n", quote(n.name))
			writePolicy(&b, "shared_network.options", n.policy)
		}
	}
	for _, c := range s.classes {
		fmt.Fprintf(&b, "\n[[class]]\nname = %s\n", quote(c.name))
		if c.onlyKnown {
			b.WriteString("only_known = true\n")
		}
		if c.test != "" {
			fmt.Fprintf(&b, "test = %s\n", quote(c.test))
		}
		writePolicy(&b, "class.options", c.policy)
	}
	for _, c := range s.clients {
		b.WriteString("\n[[client]]\n")
		writeClient(&b, "client.options", c)
	}
	slices.SortStableFunc(s.scopes, func(a, b *dhcpScope) int { return a.subnet.Addr().Compare(b.subnet.Addr()) })
	for _, sc := range s.scopes {
		s.writeScope(&b, sc)
	}
	s.writeDNS(&b)
	return b.String()
}

func (s *dhcpSite) writeScope(b *strings.Builder, sc *dhcpScope) {
	fmt.Fprintf(b, "\n[[scope]]\nname = %s\nsubnet = %s\nranges = %s\n", quote(sc.name), quote(sc.subnet.String()), quoteAll(sc.ranges, same))
	for _, kv := range []setting{{"failover", sc.failover}, {"shared_network", sc.network}, {"interface", sc.iface}} {
		if kv.value != "" {
			fmt.Fprintf(b, "%s = %s\n", kv.key, quote(kv.value))
		}
	}
	if sc.alone {
		b.WriteString("failover = \"\"\n")
	}
	if len(sc.allow) > 0 {
		fmt.Fprintf(b, "allow = %s\n", quoteAll(sc.allow, same))
	}
	if len(sc.deny) > 0 {
		fmt.Fprintf(b, "deny = %s\n", quoteAll(sc.deny, same))
	}
	writeKeys(b, sc.keys)
	writePolicy(b, "scope.options", sc.policy)
	slices.SortStableFunc(sc.reservations, func(a, b dhcpClient) int { return a.address.Compare(b.address) })
	for _, r := range sc.reservations {
		fmt.Fprintf(b, "[[scope.reservation]]\naddress = %s\n", quote(r.address.String()))
		writeClient(b, "scope.reservation.options", r)
	}
}

func writeClient(b *strings.Builder, table string, c dhcpClient) {
	writeKeys(b, c.who)
	if c.hostname != "" {
		fmt.Fprintf(b, "hostname = %s\n", quote(c.hostname))
	}
	if len(c.classes) > 0 {
		fmt.Fprintf(b, "classes = %s\n", quoteAll(c.classes, same))
	}
	if c.deny {
		b.WriteString("deny = true\n")
	}
	writePolicy(b, table, c.policy)
}

func (p dhcpPolicy) empty() bool { return len(p.keys) == 0 && len(p.options) == 0 }

func writePolicy(b *strings.Builder, table string, p dhcpPolicy) {
	writeKeys(b, p.keys)
	if len(p.options) > 0 {
		fmt.Fprintf(b, "[%s]\n", table)
		writeKeys(b, p.options)
	}
}

func writeKeys(b *strings.Builder, list []setting) {
	for _, kv := range list {
		fmt.Fprintf(b, "%s = %s\n", tomlKey(kv.key), kv.value)
	}
}

func (s *dhcpSite) writeDNS(b *strings.Builder) {
	d := s.ddns
	if !d.on {
		return
	}
	fmt.Fprintf(b, "\n[ddns]\nservers = %s\npolicy = \"pair\"\n", quoteAll(d.servers, same))
	if d.key != "" {
		b.WriteString("key = \"ddns.key\"\n")
	}
	if len(d.forward) > 0 {
		fmt.Fprintf(b, "forward_zone = %s\n", quoteAll(d.forward, same))
	}
	if len(d.reverse) > 0 {
		fmt.Fprintf(b, "reverse_zone = %s\n", quoteAll(d.reverse, same))
	}
	writeKeys(b, d.keys)
}

// finish says what is missing and makes what our configuration wants.
func (s *dhcpSite) finish() {
	if len(s.listen) == 0 {
		s.listen = []string{"0.0.0.0:67"}
	}
	if len(s.ddns.servers) > 2 {
		s.note("[ddns]: there are %d DNS servers; ours takes one, or main and backup of a pair: the first is taken", len(s.ddns.servers))
		s.ddns.servers = s.ddns.servers[:1]
	}
	used := map[string]bool{}
	for _, sc := range s.scopes {
		if used[sc.name] {
			sc.name = sc.subnet.String()
		}
		used[sc.name] = true
		s.fit(sc)
		if len(s.pairs) > 0 && sc.failover == "" {
			sc.alone = true
		}
	}
	s.times()
	if s.ddns.key != "" && !slices.ContainsFunc(s.keys, func(k bindKey) bool { return k.name == s.ddns.key }) {
		s.note("[ddns]: the key %q is not in these files: put it into ddns.key beside the configuration and add key = \"ddns.key\"", s.ddns.key)
		s.ddns.key = ""
	}
	switch {
	case len(s.leases) == 0:
	case len(s.pairs) == 0:
		s.note("leases.jsonl: make it anew, from the old server's file as it is after that was stopped, just before ours starts: an address that was given in between could be given twice")
	case s.pairs[0].draft:
		s.note("leases.jsonl is not needed while the partner is a dhcpd: it sends all leases by itself")
	default:
		s.note("leases.jsonl: start the main once without [[failover]] and with first_leases = \"leases.jsonl\", then the other way round; the backup gets the leases from it. Make the file anew, after the old servers were stopped")
	}
	s.note("then: loadshare check dhcp.toml; stop the old server before ours starts")
}

// joined is FIRST-LAST.
func joined(first, last netip.Addr) string {
	if first == last {
		return first.String()
	}
	return first.String() + "-" + last.String()
}

// times makes T1 and T2 of levels whose lease is over before those of a wider level: the old servers left them out then.
func (s *dhcpSite) times() {
	fit := func(where string, wide dhcpPolicy, p *dhcpPolicy) {
		all := wide.over(*p)
		lease, ok := all.number("lease_time")
		t1, has1 := all.number("t1")
		t2, has2 := all.number("t2")
		if !ok || !(has1 && t1 >= lease || has2 && t2 >= lease || has1 && has2 && t1 >= t2) {
			return
		}
		p.seconds("t1", max(lease/2, 1))
		p.seconds("t2", max(lease*7/8, lease/2+1))
		s.note("%s: t1 and t2 do not come before the end of the lease: half of it and seven eighths are written", where)
	}
	fit("server", dhcpPolicy{}, &s.policy)
	for i := range s.networks {
		fit("shared network "+s.networks[i].name, s.policy, &s.networks[i].policy)
	}
	for i := range s.classes {
		fit("class "+s.classes[i].name, s.policy, &s.classes[i].policy)
	}
	for i := range s.clients {
		fit("client "+s.clients[i].who[0].value, s.policy, &s.clients[i].policy)
	}
	for _, sc := range s.scopes {
		wide := s.policy
		for _, n := range s.networks {
			if n.name == sc.network {
				wide = wide.over(n.policy)
			}
		}
		fit("scope "+sc.name, wide, &sc.policy)
		for i := range sc.reservations {
			fit("reservation "+sc.reservations[i].address.String(), wide.over(sc.policy), &sc.reservations[i].policy)
		}
	}
}

// number is a time of the policy in seconds; false: it is not set, or infinite.
func (p dhcpPolicy) number(key string) (int64, bool) {
	for _, k := range p.keys {
		if k.key == key {
			d, err := config.ParseDuration(strings.Trim(k.value, `"`))
			return int64(d / time.Second), err == nil
		}
	}
	return 0, false
}
