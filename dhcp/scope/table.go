package scope

import (
	"net/netip"
	"slices"
	"sort"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
)

// Table is a Config ready for use. It does not change, and may be used by several at once.
type Table struct {
	sites     []site // a scope each, in the order of the configuration
	at        map[*Scope]*site
	names     map[string]*site
	subnets   []*site // by first address
	heard     map[string][]*Scope
	pools     []Pool
	dynamic   []Range // of all pools, ascending
	reserved  map[lease.IP]*Reservation
	owners    owners
	clients   map[string]*Client
	classes   []class
	classRef  []*Class // the same, as callers see them
	asked     bool     // a class or scope asks whether clients are known
	select118 bool     // option 118 counts
	server    Policy
}

// site is a scope with what is worked out of it beforehand.
type site struct {
	scope       *Scope
	span        Range
	link        []*Scope
	pool        Pool
	base        joined // server, shared network and scope
	mask        []byte
	allow, deny []*Class
}

// Pool is what of a scope's ranges is for dynamic addresses, exclusions and reservations taken out.
type Pool struct {
	Scope  *Scope
	Ranges []Range // ascending, disjoint
	Size   int
}

// Build checks the configuration and prepares it. With problems that are no warnings there is no table. The table keeps what c points to;
// the caller must not change it any more.
func Build(c Config) (*Table, []Problem) {
	c.Scopes, c.Classes, c.Clients = slices.Clone(c.Scopes), slices.Clone(c.Classes), slices.Clone(c.Clients)
	b := &builder{cfg: &c, noted: map[Problem]bool{}}
	set, err := option.NewSet(c.Custom)
	if err != nil {
		b.problem("option definitions", "%s", err)
	}
	b.options = set
	t := &Table{
		sites: make([]site, len(c.Scopes)), at: make(map[*Scope]*site, len(c.Scopes)), names: make(map[string]*site, len(c.Scopes)),
		heard: map[string][]*Scope{}, select118: !c.IgnoreSubnetSelection, server: c.Policy,
	}
	b.table = t
	b.classes()
	b.clients()
	b.policies()
	for i := range c.Scopes {
		b.scope(&c.Scopes[i], &t.sites[i])
	}
	b.subnets()
	b.links()
	b.reservations()
	b.pools()
	if slices.ContainsFunc(b.problems, func(p Problem) bool { return !p.Warning }) {
		return nil, b.problems
	}
	return t, b.problems
}

// site is what is known of a scope of this table, or of its namesake of an earlier one; nil when there is none.
func (t *Table) site(s *Scope) *site {
	if x := t.at[s]; x != nil || s == nil {
		return x
	}
	return t.names[s.Name]
}

// Scopes are all, in the order of the configuration.
func (t *Table) Scopes() []*Scope {
	out := make([]*Scope, len(t.sites))
	for i := range t.sites {
		out[i] = t.sites[i].scope
	}
	return out
}

// Scope is the scope of that name; nil when there is none.
func (t *Table) Scope(name string) *Scope {
	if x := t.names[name]; x != nil {
		return x.scope
	}
	return nil
}

// ScopeOf is the scope whose subnet contains the address; nil when there is none.
func (t *Table) ScopeOf(ip lease.IP) *Scope {
	if x := t.siteOf(ip); x != nil {
		return x.scope
	}
	return nil
}

func (t *Table) siteOf(ip lease.IP) *site {
	i := sort.Search(len(t.subnets), func(i int) bool { return t.subnets[i].span.Last >= ip })
	if i < len(t.subnets) && t.subnets[i].span.First <= ip {
		return t.subnets[i]
	}
	return nil
}

// Pools are the dynamic addresses, a pool a scope that has any, in the order of the configuration.
func (t *Table) Pools() []Pool { return t.pools }

// PoolOf is the pool of the scope; without addresses when it has none.
func (t *Table) PoolOf(s *Scope) Pool {
	if x := t.site(s); x != nil {
		return x.pool
	}
	return Pool{Scope: s}
}

// Dynamic says that the address is in a pool.
func (t *Table) Dynamic(ip lease.IP) bool { return within(t.dynamic, ip) }

// MayQuery says whether that address may ask for leases of the scope (nil: of any), by the scope's list if it has one, else the shared
// network's, else the server's; without a list nobody may (RFC 4388, 7).
func (t *Table) MayQuery(from netip.Addr, s *Scope) bool {
	list := t.server.LeaseQuery
	if x := t.site(s); x != nil {
		list = x.base.LeaseQuery
	}
	from = from.Unmap()
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(from) })
}

// BackupShare is the percentage of the scope's available addresses that the backup holds, when pair is the relationship's and nothing else
// decides it (failover.BackupPct): the scope's own wins (checklist D22), and for dynamic BOOTP its own (checklist D27).
func (s *Scope) BackupShare(pair int) int {
	if s.BackupPct != nil {
		pair = *s.BackupPct
	}
	if s.DynamicBOOTP && s.BootpPct != nil {
		pair = *s.BootpPct
	}
	return pair
}
