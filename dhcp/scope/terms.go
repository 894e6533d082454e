package scope

import (
	"slices"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
)

// What holds where nobody says anything: seconds.
const (
	DefaultLease   = 86400
	DefaultMin     = 300 // or the lease time, when that is shorter
	DefaultAbandon = 86400
)

// Terms are what a client gets beside the address, all levels joined.
type Terms struct {
	Lease, Min, Max uint32 // seconds; Min <= Lease <= Max
	// T1 and T2 are what the configuration says; 0: by the usual fractions. They are for a lease of Lease: one that is not longer than T2
	// goes by the fractions.
	T1, T2      uint32
	Options     option.List
	NextServer  lease.IP
	ServerName  string
	BootFile    string
	RapidCommit bool
	PingCheck   bool
	AbandonTime uint32
	V6OnlyWait  *uint32 // nil: not configured, or the client did not ask (RFC 8925, 3.3)
	DDNS        bool
	Domain      string
	Hostname    string // the reservation's or the known client's; "": what the client says
}

// Desired is the lease time for a client that asks for that many seconds, or does not ask: the default; else what it asks for within Min
// and Max (RFC 2131, 4.3.1).
func (t Terms) Desired(asked uint32, has bool) uint32 {
	if !has {
		return t.Lease
	}
	return min(max(asked, t.Min), t.Max)
}

// joined is policies made one, with an index of the options.
type joined struct {
	Policy
	index [256]uint8 // of Options, from 1; 0: not there
}

func join(levels ...*Policy) joined {
	var j joined
	for _, p := range levels {
		j.override(p)
		for _, o := range p.Options {
			j.Options.Set(o.Code, o.Data)
		}
		for _, c := range p.Always {
			if !slices.Contains(j.Always, c) {
				j.Always = append(j.Always, c)
			}
		}
		if p.LeaseQuery != nil {
			j.LeaseQuery = p.LeaseQuery
		}
	}
	for i, o := range j.Options {
		j.index[o.Code] = uint8(i + 1)
	}
	return j
}

// override puts what the narrower level says over what the wider said; lists are dealt with by the caller.
func (p *Policy) override(n *Policy) {
	set(&p.LeaseTime, n.LeaseTime)
	set(&p.MinLease, n.MinLease)
	set(&p.MaxLease, n.MaxLease)
	set(&p.T1, n.T1)
	set(&p.T2, n.T2)
	set(&p.RapidCommit, n.RapidCommit)
	set(&p.PingCheck, n.PingCheck)
	set(&p.AbandonTime, n.AbandonTime)
	set(&p.V6OnlyWait, n.V6OnlyWait)
	set(&p.DDNS, n.DDNS)
	if n.NextServer != 0 {
		p.NextServer = n.NextServer
	}
	if n.ServerName != "" {
		p.ServerName = n.ServerName
	}
	if n.BootFile != "" {
		p.BootFile = n.BootFile
	}
	if n.Domain != "" {
		p.Domain = n.Domain
	}
}

func set[T any](to **T, from *T) {
	if from != nil {
		*to = from
	}
}

// or is what p points to, or what holds where nobody said it.
func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// Terms joins the levels for that client, scope and reservation (nil: none): server, shared network, scope, the classes with the first one
// last, client, reservation; for each field and option the last one that says it decides. Of a scope that is not in the table there are none.
//
// Options holds, in the order in which they are to be sent, what the client asked for (option 55, in its order; without option 55 all that is
// configured), what is always sent, the subnet mask, which is never after the routers (RFC 2132, 3.3), option 118 as it came when it counts (RFC
// 3011, 2), and 108 when it is configured and asked for (RFC 8925). Routers and static routes are left out for a client that asks for classless
// routes and gets them (RFC 3442). Of the lease and the exchange (51, 54, 58, 59, 61, 80, 81, 82) there is nothing.
func (t *Table) Terms(q Query, id Identity, s *Scope, r *Reservation) Terms {
	x := t.site(s)
	if x == nil {
		return Terms{}
	}
	var room [8]*Policy
	over := room[:0] // widest first
	for i := len(id.Classes) - 1; i >= 0; i-- {
		over = append(over, &id.Classes[i].Policy)
	}
	var out Terms
	if id.Known != nil {
		over = append(over, &id.Known.Policy)
		out.Hostname = id.Known.Hostname
	}
	if r != nil {
		over = append(over, &r.Policy)
		if r.Hostname != "" {
			out.Hostname = r.Hostname
		}
	}
	p := x.base.Policy
	for _, o := range over {
		p.override(o)
	}
	out.fill(&p)
	m := menu{table: t, site: x, over: over, hostname: out.Hostname, out: &out.Options}
	out.V6OnlyWait = m.serve(q.Packet, p.V6OnlyWait)
	out.RapidCommit = out.RapidCommit && out.V6OnlyWait == nil // RFC 8925, 3.3.1: two rounds
	return out
}

// fill takes over all but the options.
func (t *Terms) fill(p *Policy) {
	t.Lease = or(p.LeaseTime, max(DefaultLease, or(p.MinLease, 0)))
	t.Max = or(p.MaxLease, t.Lease)
	t.Lease = min(t.Lease, t.Max)
	t.Min = min(or(p.MinLease, DefaultMin), t.Lease)
	t.T1, t.T2 = or(p.T1, 0), or(p.T2, 0)
	t.NextServer, t.ServerName, t.BootFile = p.NextServer, p.ServerName, p.BootFile
	t.RapidCommit, t.PingCheck, t.DDNS = or(p.RapidCommit, false), or(p.PingCheck, true), or(p.DDNS, true)
	t.AbandonTime, t.Domain = or(p.AbandonTime, DefaultAbandon), p.Domain
}
