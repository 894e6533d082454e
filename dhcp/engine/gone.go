package engine

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"

	"loadshare/dhcp/failover"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/scope"
)

// A pair that is not in the configuration any more, or a network that is not in its pair any more, is not this server's alone by that: the
// partner may still serve it. So it is on disk which networks were whose, and an endpoint without a partner (failover.Config.Gone) goes on
// deciding about them until somebody says that the partner serves nobody, and what it may have promised is over.

// Shared is which networks a pair has, for when the configuration does not say so any more.
type Shared struct {
	Name    string
	Of      string // the pair that they were part of, which is still there; "": Name itself
	Role    failover.Role
	ISC     bool
	MCLT    int64          // as configured
	Subnets []netip.Prefix // none: it is over, and to be forgotten
	Over    int64          // of one that was taken away, and whose partner is down: when nothing of it is left; 0: not known yet
}

func (s Shared) equal(o Shared) bool {
	return s.Of == o.Of && s.Role == o.Role && s.ISC == o.ISC && s.MCLT == o.MCLT && s.Over == o.Over && slices.Equal(s.Subnets, o.Subnets)
}

// endpoint is the configuration of the endpoint of one that was taken away.
func (s Shared) endpoint() failover.Config {
	return failover.Config{Name: s.Name, Role: s.Role, ISC: s.ISC, MCLT: s.MCLT, Gone: true}
}

func overlaps(list []netip.Prefix, p netip.Prefix) bool { return slices.ContainsFunc(list, p.Overlaps) }

// without are those of the list that share no address with the other list.
func without(list, other []netip.Prefix) []netip.Prefix {
	return slices.DeleteFunc(slices.Clone(list), func(p netip.Prefix) bool { return overlaps(other, p) })
}

// part finds out, before configure, which relationships the configuration has no longer, wholly or in part, and which are back. saved is
// the state of each as it is now; the state of one that is parted from, or has another name now, is added.
func (m *Machine) part(saved map[string]failover.Saved) {
	networks := map[string][]netip.Prefix{} // of the pairs, by the configuration
	var all []netip.Prefix
	for _, s := range m.cfg.Scopes.Scopes() {
		networks[s.Failover] = append(networks[s.Failover], s.Subnet)
		all = append(all, s.Subnet)
	}
	for _, c := range m.cfg.Pairs {
		left := m.shared[c.Name]
		if left.Subnets = without(left.Subnets, networks[c.Name]); len(left.Subnets) > 0 && saved[c.Name].HasMet() {
			left.Name, left.Of = m.leftName(c.Name), c.Name
			saved[left.Name] = saved[c.Name]
			m.saved(PairSaved{left.Name, saved[c.Name]})
			m.share(left)
		}
	}
	m.gone, m.dormant = nil, map[string]failover.Saved{}
	for _, name := range slices.Sorted(maps.Keys(m.shared)) {
		k := m.shared[name]
		if m.configured(name) {
			continue
		}
		for _, c := range m.cfg.Pairs {
			_, old := m.shared[c.Name]
			if !old && saved[c.Name] == (failover.Saved{}) && c.Role == k.Role && len(without(k.Subnets, networks[c.Name])) < len(k.Subnets) {
				saved[c.Name] = saved[name] // the same pair, by another name
			} else if c.Name != k.Of {
				continue
			}
			k.Subnets = without(k.Subnets, networks[c.Name])
		}
		switch {
		case len(k.Subnets) == 0 || !saved[name].HasMet(): // it is back, or this server was alone all the time
			m.unshare(name)
			continue
		case slices.ContainsFunc(all, func(p netip.Prefix) bool { return overlaps(k.Subnets, p) }):
			m.gone = append(m.gone, k)
		default:
			m.dormant[name] = saved[name]
		}
		m.share(k)
	}
	for _, c := range m.cfg.Pairs {
		subnets := networks[c.Name]
		for _, k := range m.gone {
			subnets = without(subnets, k.Subnets)
		}
		m.share(Shared{Name: c.Name, Role: c.Role, ISC: c.ISC, MCLT: c.MCLT, Subnets: subnets})
	}
}

// leftName is a name for what a pair has no longer.
func (m *Machine) leftName(pair string) string {
	for n := 1; ; n++ {
		name := pair + "/left"
		if n > 1 {
			name += strconv.Itoa(n)
		}
		if _, taken := m.shared[name]; !taken && !m.configured(name) {
			return name
		}
	}
}

func (m *Machine) configured(name string) bool {
	return slices.ContainsFunc(m.cfg.Pairs, func(c failover.Config) bool { return c.Name == name })
}

// share keeps on disk which networks a pair has.
func (m *Machine) share(s Shared) {
	if old, ok := m.shared[s.Name]; !ok && len(s.Subnets) == 0 || ok && old.equal(s) {
		return
	}
	m.shared[s.Name] = s
	m.out.Write.Shared = append(m.out.Write.Shared, s)
}

// unshare forgets a relationship.
func (m *Machine) unshare(name string) {
	delete(m.shared, name)
	m.out.Write.Shared = append(m.out.Write.Shared, Shared{Name: name})
	m.saved(PairSaved{name, failover.Saved{}}) // if it comes again, this server has served alone (decision D-l)
}

// endpoints are the configurations of all endpoints: those that are configured, then those that were taken away.
func (m *Machine) endpoints() []failover.Config {
	out := slices.Clone(m.cfg.Pairs)
	for _, k := range m.gone {
		out = append(out, k.endpoint())
	}
	return out
}

// pairFor is the relationship that decides about a scope: one that was taken away until it is over, else that of the configuration.
func (m *Machine) pairFor(s *scope.Scope) int32 {
	for _, k := range m.gone {
		if overlaps(k.Subnets, s.Subnet) {
			return m.pairNamed(k.Name)
		}
	}
	return m.pairNamed(s.Failover)
}

// endGone ends relationships that were taken away and of which nothing is left.
func (m *Machine) endGone() {
	if m.unwell != "" || m.clock.doubted() {
		return
	}
	ended := false
	for n, k := range m.gone {
		p := m.pairs[m.pairBy[k.Name]]
		switch over := k.Over; {
		case p.m.State() != partnerDown:
		case over == 0:
			k.Over = m.lastPromise(p)
			m.gone[n] = k
			m.share(k)
		case m.now.Wall > over+probedFor:
			m.unshare(k.Name)
			m.note(Note{Reason: PairOver, Text: k.Name})
			ended = true
		}
	}
	if !ended {
		return
	}
	m.gone = slices.DeleteFunc(m.gone, func(k Shared) bool { _, ok := m.shared[k.Name]; return !ok })
	m.offers.forgetAll(m)
	m.configure()
	for _, c := range m.cfg.Pairs {
		p := m.pairs[m.pairBy[c.Name]]
		p.cfg = m.withPools(p.cfg, p.index)
		m.stepPair(p, failover.Reconfigure{Config: p.cfg})
		p.sweeping, p.at = true, 0
	}
	m.settle()
}

// probedFor is how much longer, in seconds, addresses that were the partner's are probed before they are given (decision D-a): it may not
// be down after all.
const probedFor = 7 * 24 * 3600

// lastPromise is when the last that a partner, which is down, may have promised is over, as in partner-down (failover.ReuseAt). A BOOTP
// client's address is for ever, and the partner may have given some of its share and told nobody.
func (m *Machine) lastPromise(p *pair) int64 {
	for _, x := range m.pools {
		if x.pair == p.index && x.scope.DynamicBOOTP {
			return lease.Forever
		}
	}
	s := p.m.Saved()
	last := s.Down
	for i := m.table.after(0); i >= 0; i = m.table.after(m.table.at(i).ip) {
		r := m.table.at(i)
		if r.pair != p.index {
			continue
		}
		for _, t := range [...]uint32{r.end, r.told, r.hold, r.sent, r.acked, r.received} {
			if at := int64(t); at < lease.Forever {
				last = max(last, at)
			}
		}
	}
	return min(lease.Forever, last+p.m.LongestMCLT()+s.Skew+1)
}
