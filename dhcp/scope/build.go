package scope

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/scope/expr"
)

// Problem is what is wrong in a Config; Where is the path of keys, for example scope "cluster": ranges.
type Problem struct {
	Where, What string
	Warning     bool
}

// String is the problem for people.
func (p Problem) String() string { return p.Where + ": " + p.What }

// maxDynamic is how many addresses the pools may have in all: the tables of leases and shares go through each.
const maxDynamic = 1 << 24

// builder fills a table and notes what is wrong on the way.
type builder struct {
	cfg      *Config
	table    *Table
	options  *option.Set
	problems []Problem
	noted    map[Problem]bool
}

func (b *builder) problem(where, format string, args ...any) {
	b.note(Problem{Where: where, What: fmt.Sprintf(format, args...)})
}

func (b *builder) warn(where, format string, args ...any) {
	b.note(Problem{Where: where, What: fmt.Sprintf(format, args...), Warning: true})
}

func (b *builder) note(p Problem) {
	if !b.noted[p] {
		b.noted[p] = true
		b.problems = append(b.problems, p)
	}
}

// classes compiles the tests; one may ask for the classes before it.
func (b *builder) classes() {
	t := b.table
	seen := map[string]bool{Known: true, Unknown: true}
	for i := range b.cfg.Classes {
		c := &b.cfg.Classes[i]
		where := fmt.Sprintf("class %q", c.Name)
		if c.Name == "" {
			where = fmt.Sprintf("class number %d", i+1)
			b.problem(where, "has no name")
		} else if seen[c.Name] {
			b.problem(where, "the name is taken: it is that of another class, or one of %s and %s", Known, Unknown)
		}
		k := class{Class: c}
		if c.Test != "" {
			k.test = b.test(where+": test", c.Test, seen)
		}
		if len(c.MACPrefix) > maxCHAddr {
			b.problem(where+": mac_prefix", "has %d octets; a hardware address has at most %d", len(c.MACPrefix), maxCHAddr)
		}
		if !c.OnlyKnown && c.VendorClass+c.UserClass+c.Circuit+c.Remote+c.Test == "" && len(c.MACPrefix) == 0 {
			b.warn(where, "has no condition, so every client is in it; for clients that are named only, set only_known")
		}
		seen[c.Name] = true
		t.classes, t.classRef = append(t.classes, k), append(t.classRef, c)
	}
}

func (b *builder) test(where, text string, before map[string]bool) *expr.Test {
	test, err := expr.Parse(text, func(name string) (option.Code, bool) {
		d, ok := b.options.ByName(name)
		return d.Code, ok
	})
	if e := (*expr.Error)(nil); errors.As(err, &e) {
		b.problem(where, "column %d of %q: %s", e.Column, text, e.What)
		return nil
	}
	for _, m := range test.Members() {
		if m.Class == Known || m.Class == Unknown {
			b.table.asked = true
		}
		if !before[m.Class] {
			b.problem(where, "column %d of %q: no class %q comes before this one", m.Column, text, m.Class)
		}
	}
	return test
}

// clients fills the table of known clients.
func (b *builder) clients() {
	b.table.clients = make(map[string]*Client, len(b.cfg.Clients))
	var buf [maxKey]byte
	for i := range b.cfg.Clients {
		c := &b.cfg.Clients[i]
		where := "client " + c.name()
		if !b.who(where, c.HType, c.CHAddr, c.ClientID, nil, nil) {
			continue
		}
		key := string(c.key(buf[:]))
		if b.table.clients[key] != nil {
			b.problem(where, "is there twice")
		}
		b.table.clients[key] = c
		for _, name := range c.Classes {
			if !b.isClass(name) {
				b.problem(where+": classes", "there is no class %q", name)
			}
		}
		b.hostname(where, c.Hostname)
	}
}

// who checks that exactly one way to know a client is given, and that a message can carry it.
func (b *builder) who(where string, htype uint8, chaddr, id, circuit, remote []byte) bool {
	before := len(b.problems)
	ways := 0
	for _, is := range []bool{len(chaddr) > 0, len(id) > 0, len(circuit)+len(remote) > 0} {
		if is {
			ways++
		}
	}
	switch {
	case ways == 0:
		b.problem(where, "nothing says which client is meant")
	case ways > 1:
		b.problem(where, "more than one thing says which client is meant; give the hardware address, the client identifier, or circuit_id and remote_id")
	case len(chaddr) > maxCHAddr:
		b.problem(where, "the hardware address has %d octets; there are at most %d", len(chaddr), maxCHAddr)
	case htype <= 1 && len(chaddr) > 0 && len(chaddr) != 6:
		b.problem(where, "the hardware address has %d octets; one of Ethernet has 6", len(chaddr))
	case len(id) == 1 || len(id) > maxID:
		b.problem(where, "the client identifier has %d octets; option 61 has %d to %d", len(id), minID, maxID)
	case len(circuit) > 255 || len(remote) > 255:
		b.problem(where, "circuit_id and remote_id have at most 255 octets")
	}
	return len(b.problems) == before
}

func (b *builder) isClass(name string) bool {
	return slices.ContainsFunc(b.cfg.Classes, func(c Class) bool { return c.Name == name })
}

// subnets puts the scopes in the order of their addresses.
func (b *builder) subnets() {
	t := b.table
	for i := range t.sites {
		if t.sites[i].scope.Subnet.IsValid() && t.sites[i].scope.Subnet.Addr().Is4() {
			t.subnets = append(t.subnets, &t.sites[i])
		}
	}
	slices.SortStableFunc(t.subnets, func(a, b *site) int { return cmp.Compare(a.span.First, b.span.First) })
	var widest *site
	for _, x := range t.subnets {
		if widest != nil && x.span.First <= widest.span.Last {
			b.problem(at(x.scope)+": subnet", "%s overlaps %s of %s", x.scope.Subnet, widest.scope.Subnet, at(widest.scope))
		}
		if widest == nil || x.span.Last > widest.span.Last {
			widest = x
		}
	}
}

// links joins the scopes of shared networks, and those that name an interface.
func (b *builder) links() {
	t := b.table
	networks := map[string][]*Scope{}
	for i := range t.sites {
		s := t.sites[i].scope
		if s.SharedNetwork != "" {
			networks[s.SharedNetwork] = append(networks[s.SharedNetwork], s)
		}
	}
	link := func(x *site) []*Scope {
		if n := x.scope.SharedNetwork; n != "" {
			return networks[n]
		}
		return []*Scope{x.scope}
	}
	checked := map[string]bool{}
	owner := map[string]*site{}
	for i := range t.sites {
		x := &t.sites[i]
		x.link = link(x)
		if n := x.scope.SharedNetwork; n != "" && !checked[n] {
			checked[n] = true
			b.sharedNetwork(n, x.link)
		}
		if name := x.scope.Interface; name != "" {
			if o := owner[name]; o != nil && o.link[0] != x.link[0] {
				b.problem(at(x.scope)+": interface", "%s is the interface of %s, which is not on the same shared network", name, at(o.scope))
			}
			owner[name], t.heard[name] = x, x.link
		}
	}
	for _, n := range b.cfg.Networks {
		if n.Name != "" && networks[n.Name] == nil {
			b.warn(fmt.Sprintf("shared network %q", n.Name), "no scope is on it")
		}
	}
}

// sharedNetwork checks that one pair, or none, serves a link: clients cannot tell its subnets apart.
func (b *builder) sharedNetwork(name string, scopes []*Scope) {
	first := scopes[0]
	for _, s := range scopes[1:] {
		if s.Failover == first.Failover {
			continue
		}
		where := fmt.Sprintf("shared network %q", name)
		if s.Failover != "" && first.Failover != "" {
			b.problem(where, "%s is served by the failover pair %q and %s by %q; one link has one pair", at(first), first.Failover, at(s), s.Failover)
		} else {
			b.warn(where, "a failover pair serves only one of %s and %s; the other is served by this server alone", at(first), at(s))
		}
		return
	}
}

// reservations fills the tables of who has which address.
func (b *builder) reservations() {
	t := b.table
	n := 0
	for i := range t.sites {
		n += len(t.sites[i].scope.Reservations)
	}
	t.reserved = make(map[lease.IP]*Reservation, n)
	t.owners = owners{first: make(map[string]int32, n), list: make([]owner, 0, n)}
	for i := range t.sites {
		x := &t.sites[i]
		for j := range x.scope.Reservations {
			b.reservation(x, &x.scope.Reservations[j])
		}
	}
}

func (b *builder) reservation(x *site, r *Reservation) {
	where := at(x.scope) + ": reservation " + r.Address.String()
	if x.scope.Subnet.IsValid() && !x.span.Contains(r.Address) {
		b.problem(where, "is not in the subnet %s", x.scope.Subnet)
	} else if b.reservedByNet(x, r.Address) {
		b.problem(where, "is the network or the broadcast address of the subnet %s", x.scope.Subnet)
	}
	if b.table.reserved[r.Address] != nil {
		b.problem(where, "the address is reserved twice")
	}
	b.table.reserved[r.Address] = r
	if b.who(where, r.HType, r.CHAddr, r.ClientID, r.Circuit, r.Remote) && !b.table.owners.add(x, r) {
		b.problem(where, "%s has another reservation in this scope", r.owner())
	}
	b.hostname(where, r.Hostname)
	b.policy(where, &r.Policy)
}

// owner is the reservation's client for people.
func (r *Reservation) owner() string {
	if len(r.Circuit)+len(r.Remote) > 0 {
		return fmt.Sprintf("circuit_id %q remote_id %q", r.Circuit, r.Remote)
	}
	return identity(r.HType, r.CHAddr, r.ClientID)
}

// reservedByNet says that the address is the first or the last of the subnet, and the subnet has such (RFC 3021: not one of 31 bits).
func (b *builder) reservedByNet(x *site, ip lease.IP) bool {
	return x.scope.Subnet.IsValid() && x.scope.Subnet.Bits() < 31 && (ip == x.span.First || ip == x.span.Last)
}

// pools takes exclusions and reservations out of the ranges.
func (b *builder) pools() {
	t := b.table
	total := 0
	for i := range t.sites {
		x := &t.sites[i]
		out := slices.Clone(x.scope.Exclude)
		for _, r := range x.scope.Reservations {
			out = append(out, Range{r.Address, r.Address})
		}
		left := without(ascending(x.scope.Ranges), ascending(out))
		x.pool = Pool{x.scope, left, size(left)}
		total += x.pool.Size
		b.onLink(x)
		switch {
		case x.pool.Size > 0:
			t.pools = append(t.pools, x.pool)
			t.dynamic = append(t.dynamic, left...)
		case len(x.scope.Ranges) > 0:
			b.problem(at(x.scope)+": ranges", "exclusions and reservations leave no address")
		case len(x.scope.Reservations) == 0:
			b.warn(at(x.scope), "has neither ranges nor reservations: clients there only get options, when they ask with DHCPINFORM")
		}
	}
	if total > maxDynamic {
		b.problem("ranges", "the scopes have %d addresses in all; at most %d can be served", total, maxDynamic)
	}
	t.dynamic = ascending(t.dynamic)
}

// at is the path of a scope.
func at(s *Scope) string { return fmt.Sprintf("scope %q", s.Name) }

// isV4 says that the prefix is of IPv4 and has no bits beyond its length.
func isV4(p netip.Prefix) bool { return p.IsValid() && p.Addr().Is4() && p == p.Masked() }
