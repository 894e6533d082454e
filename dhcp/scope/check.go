package scope

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
)

// scope checks one scope and works out its site.
func (b *builder) scope(s *Scope, x *site) {
	t := b.table
	x.scope = s
	t.at[s] = x
	where := at(s)
	if s.Name == "" {
		where = fmt.Sprintf("scope %s", s.Subnet)
		b.problem(where, "has no name")
	} else if t.names[s.Name] != nil {
		b.problem(where, "there are two of that name")
	}
	t.names[s.Name] = x
	if b.subnet(where, s, x) {
		b.ranges(where, s, x)
		b.boundary(where, s)
	}
	b.shares(where, s)
	b.bootp(where, s)
	x.allow, x.deny = b.named(where+": allow", s.Allow), b.named(where+": deny", s.Deny)
	for _, name := range s.Allow {
		if slices.Contains(s.Deny, name) {
			b.warn(where+": deny", "class %q is allowed and denied; it is denied", name)
		}
	}
	levels := b.levels(s)
	x.base = join(levels...)
	b.policy(where, &s.Policy)
	if slices.ContainsFunc(levels[1:], (*Policy).timed) {
		b.times(where, &x.base.Policy)
	}
}

// levels are the policies that every client of the scope has, widest first.
func (b *builder) levels(s *Scope) []*Policy {
	levels := []*Policy{&b.cfg.Policy}
	for i := range b.cfg.Networks {
		if n := &b.cfg.Networks[i]; n.Name != "" && n.Name == s.SharedNetwork {
			levels = append(levels, &n.Policy)
		}
	}
	return append(levels, &s.Policy)
}

func (b *builder) subnet(where string, s *Scope, x *site) bool {
	switch p := s.Subnet; {
	case !p.IsValid():
		b.problem(where+": subnet", "is missing")
		return false
	case !p.Addr().Is4():
		b.problem(where+": subnet", "%s is not IPv4", p)
		return false
	case p != p.Masked():
		b.problem(where+": subnet", "%s has bits beyond its length; %s is meant", p, p.Masked())
	case p.Bits() == 0 || p.Addr().IsMulticast() || p.Addr().As4()[0] == 0:
		b.problem(where+": subnet", "no host has an address in %s", p)
	}
	x.span = span(s.Subnet)
	m := ^(x.span.First ^ x.span.Last)
	x.mask = m.Addr().AsSlice()
	return true
}

func (b *builder) ranges(where string, s *Scope, x *site) {
	where += ": ranges"
	sorted := ascending(s.Ranges)
	var widest Range
	for i, r := range sorted {
		switch {
		case r.First > r.Last:
			b.problem(where, "%s ends before it begins", r)
			continue
		case !x.span.Contains(r.First) || !x.span.Contains(r.Last):
			b.problem(where, "%s is not in the subnet %s", r, s.Subnet)
		case b.reservedByNet(x, r.First):
			b.problem(where, "%s begins with the network address of %s", r, s.Subnet)
		case b.reservedByNet(x, r.Last):
			b.problem(where, "%s ends with the broadcast address of %s", r, s.Subnet)
		}
		if i > 0 && r.First <= widest.Last {
			b.problem(where, "%s overlaps %s", r, widest)
		}
		if i == 0 || r.Last > widest.Last {
			widest = r
		}
	}
	for _, e := range s.Exclude {
		if e.First > e.Last {
			b.problem(at(s)+": exclude", "%s ends before it begins", e)
		} else if !slices.ContainsFunc(s.Ranges, func(r Range) bool { return e.First <= r.Last && r.First <= e.Last }) {
			b.warn(at(s)+": exclude", "%s is in no range, so it excludes nothing", e)
		}
	}
}

// boundary checks the line between the partners' ends of the ranges (checklist D29).
func (b *builder) boundary(where string, s *Scope) {
	where += ": backup_allocation_boundary"
	switch {
	case s.Boundary == 0:
	case !s.AllocateFirst:
		b.problem(where, "counts only with allocate_first_available")
	case !slices.ContainsFunc(s.Ranges, func(r Range) bool { return r.Contains(s.Boundary) }):
		b.problem(where, "%s is in none of the ranges", s.Boundary)
	case s.Failover == "":
		b.warn(where, "counts only with failover")
	}
}

// shares checks the backup's percentages (checklist D22, D27).
func (b *builder) shares(where string, s *Scope) {
	pct := func(key string, v *int) bool {
		if v != nil && (*v < 0 || *v > 100) {
			b.problem(where+": "+key, "%d is not from 0 to 100", *v)
			return false
		}
		if v != nil && s.Failover == "" {
			b.warn(where+": "+key, "counts only with failover")
		}
		return v != nil
	}
	whole := pct("backup_pct", s.BackupPct)
	bootp := pct("dynamic_bootp_backup_pct", s.BootpPct)
	switch {
	case bootp && !s.DynamicBOOTP:
		b.problem(where+": dynamic_bootp_backup_pct", "counts only with dynamic_bootp")
	case bootp && whole && (*s.BootpPct < *s.BackupPct || *s.BootpPct > *s.BackupPct+50):
		b.problem(where+": dynamic_bootp_backup_pct", "%d is not from backup_pct (%d) to 50 more", *s.BootpPct, *s.BackupPct)
	}
}

// bootp checks that who is served fits together (checklist D28).
func (b *builder) bootp(where string, s *Scope) {
	switch {
	case s.DynamicBOOTP && !s.BOOTP:
		b.problem(where+": dynamic_bootp", "needs bootp")
	case s.NoDHCP && !s.BOOTP:
		b.problem(where+": dhcp", "is off, and so is bootp: nobody would be served; to serve nobody, set deactivated")
	case s.DynamicBOOTP && !s.NoDHCP && s.Failover != "":
		b.problem(where+": dynamic_bootp", "in a failover pair needs a scope of its own, with DHCP off: such leases have no end")
	}
}

// named are the classes of those names.
func (b *builder) named(where string, names []string) []*Class {
	var out []*Class
	for _, name := range names {
		switch i := slices.IndexFunc(b.cfg.Classes, func(c Class) bool { return c.Name == name }); {
		case name == Known:
			out, b.table.asked = append(out, known), true
		case name == Unknown:
			out, b.table.asked = append(out, unknown), true
		case i < 0:
			b.problem(where, "there is no class %q", name)
		default:
			out = append(out, &b.cfg.Classes[i])
		}
	}
	return out
}

// policies checks the levels that are no scope's.
func (b *builder) policies() {
	b.policy("server", &b.cfg.Policy)
	for i, n := range b.cfg.Networks {
		where := fmt.Sprintf("shared network %q", n.Name)
		if n.Name == "" {
			b.problem(fmt.Sprintf("shared network number %d", i+1), "has no name")
		} else if slices.ContainsFunc(b.cfg.Networks[:i], func(o Network) bool { return o.Name == n.Name }) {
			b.problem(where, "there are two of that name")
		}
		b.policy(where, &b.cfg.Networks[i].Policy)
	}
	for i := range b.cfg.Classes {
		b.policy(fmt.Sprintf("class %q", b.cfg.Classes[i].Name), &b.cfg.Classes[i].Policy)
	}
	for i := range b.cfg.Clients {
		b.policy("client "+b.cfg.Clients[i].name(), &b.cfg.Clients[i].Policy)
	}
}

// policy checks one level by itself.
func (b *builder) policy(where string, p *Policy) {
	for i, o := range p.Options {
		name := b.options.ByCode(o.Code).Name
		switch {
		case o.Code == option.IPv6OnlyPreferred:
			b.problem(where+": options", "%s is set as v6_only_wait", name)
		case option.Managed(o.Code):
			b.problem(where+": options", "%s (%d) is made by the server and cannot be set", name, o.Code)
		case p.Options[:i].Has(o.Code):
			b.problem(where+": options", "%s (%d) is set twice", name, o.Code)
		}
	}
	for _, c := range p.Always {
		if option.Managed(c) || c == option.IPv6OnlyPreferred {
			b.problem(where+": always", "option %d is sent when the protocol wants it, and never else", c)
		}
	}
	if n := len(p.ServerName); n > 63 {
		b.problem(where+": server_name", "has %d octets; the field sname has room for 63", n)
	}
	if n := len(p.BootFile); n > 127 {
		b.problem(where+": boot_file", "has %d octets; the field file has room for 127", n)
	}
	if p.Domain != "" && !isName(p.Domain) {
		b.problem(where+": domain", "%q is not a domain name", p.Domain)
	}
	for _, q := range p.LeaseQuery {
		if !q.IsValid() {
			b.problem(where+": leasequery", "there is an address that is none")
		}
	}
	if p.LeaseTime != nil && *p.LeaseTime == 0 {
		b.problem(where+": lease_time", "is 0 s")
	}
	b.times(where, p)
}

// times checks that what is said of times, at one level or at several that always come together, is possible.
func (b *builder) times(where string, p *Policy) {
	order := func(key string, v *uint32, verb, other string, than *uint32, bad bool) {
		if bad {
			b.problem(where+": "+key, "%s is %s %s, %s", seconds(*v), verb, other, seconds(*than))
		}
	}
	both := func(v, w *uint32) bool { return v != nil && w != nil }
	order("max_lease", p.MaxLease, "less than", "lease_time", p.LeaseTime, both(p.MaxLease, p.LeaseTime) && *p.MaxLease < *p.LeaseTime)
	order("min_lease", p.MinLease, "more than", "lease_time", p.LeaseTime, both(p.MinLease, p.LeaseTime) && *p.MinLease > *p.LeaseTime)
	order("min_lease", p.MinLease, "more than", "max_lease", p.MaxLease, both(p.MinLease, p.MaxLease) && *p.MinLease > *p.MaxLease)
	order("t1", p.T1, "after", "t2", p.T2, both(p.T1, p.T2) && *p.T1 > *p.T2)
	order("t1", p.T1, "not before the end of", "lease_time", p.LeaseTime, both(p.T1, p.LeaseTime) && *p.T1 >= *p.LeaseTime)
	order("t2", p.T2, "not before the end of", "lease_time", p.LeaseTime, both(p.T2, p.LeaseTime) && *p.T2 >= *p.LeaseTime)
}

// timed says that the policy says anything of times.
func (p *Policy) timed() bool {
	return p.LeaseTime != nil || p.MinLease != nil || p.MaxLease != nil || p.T1 != nil || p.T2 != nil
}

func seconds(v uint32) string {
	if v == math.MaxUint32 {
		return "infinite"
	}
	return fmt.Sprintf("%d s", v)
}

// onLink warns of what clients of the subnet cannot use.
func (b *builder) onLink(x *site) {
	s := x.scope
	where := at(s) + ": options"
	if !isV4(s.Subnet) {
		return
	}
	if m, ok := x.base.Options.Get(option.SubnetMask); ok && string(m) != string(x.mask) {
		b.warn(where, "subnet-mask is not that of %s", s.Subnet)
	}
	routers, _ := x.base.Options.Get(option.Routers)
	for ; len(routers) >= 4; routers = routers[4:] {
		switch ip := lease.IPOf(netip.AddrFrom4([4]byte(routers))); {
		case within(x.pool.Ranges, ip):
			b.warn(where, "the router %s is in a range and not excluded: a client could get its address", ip)
		case !x.span.Contains(ip) && s.Subnet.Bits() < 31:
			b.warn(where, "the router %s is not in the subnet %s", ip, s.Subnet)
		}
	}
}

func (b *builder) hostname(where, name string) {
	if name != "" && !isName(name) {
		b.problem(where+": hostname", "%q is not a host name: labels of 1 to 63 letters, digits and hyphens", name)
	}
}

// isName says that it is letters, digits, hyphens and underscores in labels of at most 63, 253 in all.
func isName(name string) bool {
	name = strings.TrimSuffix(name, ".")
	if len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		bad := func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
		}
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' || strings.ContainsFunc(label, bad) {
			return false
		}
	}
	return true
}
