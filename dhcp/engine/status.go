package engine

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"loadshare/dhcp/failover"
	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
	"loadshare/dhcp/scope"
)

// PairView is a relationship as it stands.
type PairView struct {
	Config failover.Config // with the pools
	State  wire.EndpointState
	Saved  failover.Saved
	MCLT   int64 // in force
	// Unacked is how many changes the partner has not confirmed: sent, to be sent, and not yet on disk.
	Unacked   int
	Connected bool          // the partner's state was heard on the connection
	Serving   bool          // some client is answered in this state
	Heard     time.Duration // ago; below 0: not in this run
	SafeIn    time.Duration // until the safe period is over; 0: it does not run
	WaitEnd   int64         // of recover-wait; 0: none
	Over      int64         // of one that was taken away: when it is over; 0: not before somebody says that the partner is down
}

// Pairs are all relationships, in the order of the configuration.
func (m *Machine) Pairs() []PairView {
	var out []PairView
	for _, p := range m.pairs {
		serving, _ := p.m.Serve(failover.Query{Kind: failover.Extend})
		v := PairView{
			Config: p.cfg, State: p.m.State(), Saved: p.m.Saved(), MCLT: p.m.MCLT(), Unacked: p.m.Unacked() + len(p.owed),
			Connected: p.m.InContact(), Serving: serving,
			Heard: -1, WaitEnd: p.m.WaitEnd(), Over: m.shared[p.cfg.Name].Over,
		}
		if at := p.m.Heard(); at > 0 {
			v.Heard = m.now.Mono - at
		}
		if at := p.m.SafeEnd(); at > 0 {
			v.SafeIn = max(1, at-m.now.Mono)
		}
		out = append(out, v)
	}
	return out
}

// Lease is an address; false when it never was anybody's. Orphan: its scope is not configured any more.
func (m *Machine) Lease(ip lease.IP) (l lease.Lease, orphan, ok bool) {
	i := m.table.find(ip)
	if i < 0 {
		return lease.Lease{}, false, false
	}
	return m.table.at(i).lease(m.scopeNames), m.table.at(i).orphan, true
}

// Leases are up to most leases with a record, above from, by address.
func (m *Machine) Leases(from lease.IP, most int) []lease.Lease {
	var out []lease.Lease
	for i := m.table.after(from); i >= 0 && len(out) < most; i = m.table.after(m.table.at(i).ip) {
		out = append(out, m.table.at(i).lease(m.scopeNames))
	}
	return out
}

// Orphans are the leases of scopes that are not configured any more (decision D-h), as Leases.
func (m *Machine) Orphans(from lease.IP, most int) []lease.Lease {
	var out []lease.Lease
	for i := m.table.after(from); i >= 0 && len(out) < most; i = m.table.after(m.table.at(i).ip) {
		if r := m.table.at(i); r.orphan {
			out = append(out, r.lease(m.scopeNames))
		}
	}
	return out
}

// LeasesOf are the leases that the client has or had: by its identifier if it has one, and by its hardware address; of thousands, the
// newest.
func (m *Machine) LeasesOf(c lease.Client) []lease.Lease {
	var out []lease.Lease
	for _, w := range [...]int{byKey, byHW} {
		for i, n := m.table.first(w, &c), 0; i >= 0 && n < maxAsked; i, n = m.table.following(w, &c, i), n+1 {
			l := m.table.at(i).lease(m.scopeNames)
			if !slices.ContainsFunc(out, func(o lease.Lease) bool { return o.IP == l.IP }) {
				out = append(out, l)
			}
		}
	}
	slices.SortFunc(out, func(a, b lease.Lease) int { return cmp.Or(cmp.Compare(b.CLTT, a.CLTT), cmp.Compare(a.IP, b.IP)) })
	return out
}

// Count is how many addresses have a record, and how many of them are orphans, or are active.
func (m *Machine) Count() (records, orphans, active int) {
	return m.table.len(), m.orphans, m.active
}

// Relays are the relays that were heard, by address.
func (m *Machine) Relays() []RelayHeard {
	return slices.SortedFunc(maps.Values(m.relays), func(a, b RelayHeard) int { return cmp.Compare(a.Relay, b.Relay) })
}

// Way is what one pair has to do with a client.
type Way struct {
	Pair   string
	State  wire.EndpointState
	Bucket uint8 // RFC 3074
	Serves bool  // a DISCOVER of the client, its first
	Reason failover.Reason
}

// String is the way in words: hash 45, state normal, partner's client (checklist D41).
func (w Way) String() string {
	return fmt.Sprintf("hash %d, state %s, %s", w.Bucket, w.State, w.Reason)
}

// Asker is what this server knows of a client without any message of it at hand.
type Asker struct {
	Known  bool // a [[client]] of the configuration
	Denied bool // never served, whatever the pairs say
	Limit  bool // it has so many addresses, or has declined so many, that it gets no other
	Waits  bool // it asks, and is not served as far as this server knows: Since, Tries and Why are of that
	Unserved
}

// WhoAsks is the client that asks from a hardware address, with the identifier that it sends, as most do; c if none does.
func (m *Machine) WhoAsks(c lease.Client) lease.Client {
	if _, ok := m.waiters.by[c.Key()]; ok || c.ID != "" {
		return c
	}
	last := time.Duration(-1)
	found := c
	for _, w := range m.waiters.by {
		if w.client.HType == c.HType && w.client.CHAddr == c.CHAddr && w.last > last {
			found, last = w.client, w.last
		}
	}
	return found
}

// Asker looks a client up.
func (m *Machine) Asker(c lease.Client) (out Asker) {
	p := packet.Packet{Type: packet.Discover, HType: c.HType, CHAddr: []byte(c.CHAddr)}
	if c.ID != "" {
		p.Options = option.List{{Code: option.ClientIdentifier, Data: []byte(c.ID)}}
	}
	id := m.cfg.Scopes.Identify(scope.Query{Packet: &p})
	out.Known, out.Denied = id.Known != nil, id.Denied
	out.Limit = m.hasTooMany(&c)
	if w, ok := m.waiters.by[c.Key()]; ok {
		out.Waits, out.Unserved = true, m.unserved(&w)
	}
	return out
}

// WhyServe says for each pair why this server answers a client, or stays silent.
func (m *Machine) WhyServe(c lease.Client) []Way {
	var out []Way
	for _, p := range m.pairs {
		ok, why := p.m.Serve(failover.Query{Kind: failover.Discover, Client: c})
		out = append(out, Way{p.cfg.Name, p.m.State(), failover.Hash(c.Hash(), p.cfg.ISC), ok, why})
	}
	return out
}

// ClockDoubted says that nobody new is served because the clock jumped (decision D-g).
func (m *Machine) ClockDoubted() bool { return m.clock.doubted() }
