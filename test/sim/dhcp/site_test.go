package dhcpsim

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/failover"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/names"
	"loadshare/dhcp/scope"
	"loadshare/internal/sim"
)

const mclt = 60 // seconds

// layout is who is whose partner.
type layout uint8

const (
	onePair    layout = iota
	alone             // one host, no partner
	symmetric         // two hosts, each main of one pair and backup of the other
	backOffice        // two mains, one backup
)

// options is what a world is like.
type options struct {
	layout    layout
	relays    bool // beside the local network: one behind a relay that knows both, one behind a relay that knows one server
	draft     bool // as with an ISC dhcpd
	balancing bool
	fast      time.Duration
	first     bool // allocate-first-available
	ping      bool
	small     bool // hardly enough addresses: they go from hand to hand
	clients   int
	guests    int           // more clients, that come when a claim is false
	skew      time.Duration // of each host's clock, at most, either way
	drift     float64       // likewise
	loss      float64       // of clients' messages
	late      float64
	twice     float64
	safe      time.Duration // safe period
	names     bool          // leases have names in DNS
	quiet     bool          // it leaves no trace
	verbose   bool
	broken    broken
}

// site is the world.
type site struct {
	w         *sim.World
	o         options
	hosts     []*host
	relations []*relation
	segments  []*segment
	clients   []*client
	conns     []*conn
	session   uint64
	cut       map[[2]*host]bool
	slow      bool // the way between the servers has long delays
	trouble   error
	past      []line
	stats     stats
	doubles   []*double
	split     [2]*host // the clients' network is in two: of two sides each reaches one of these
	splitAt   time.Time
	changed   bool      // a client has an address
	mute      *relation // whose clients get no replies
	calm      bool      // clients only renew
	rest      bool      // clients come seldom
}

// stats is how much has happened.
type stats struct {
	steps, acked, refused, doubled, conflicts, claims, lies, crashes, cuts, disks, jumps int
}

// relation is a failover relationship.
type relation struct {
	name   string
	ends   [2]*host // main, backup
	lie    bool     // a claim of partner-down was false, and they have not been in normal since
	since  time.Time
	liar   *host
	healed time.Time                // when they were in normal again after it
	before map[lease.IP]lease.Lease // what the liar knew then
}

// segment is a link of clients.
type segment struct {
	name     string
	relation *relation
	relay    lease.IP // 0: local to both
	base     lease.IP
	size     lease.IP
	heard    []*host // who hears its broadcasts
}

const poolAt = 100 // of each subnet

func (g *segment) first() lease.IP { return g.base + poolAt }
func (g *segment) fixed() lease.IP { return g.base + 50 }

func newSite(seed uint64, o options) *site {
	s := &site{w: sim.New(seed, time.Unix(1_800_000_000, 0)), o: o, cut: map[[2]*host]bool{}}
	hosts := []string{"main", "backup"}
	if o.layout == alone {
		hosts = hosts[:1]
	}
	if o.layout == backOffice {
		hosts = []string{"main1", "main2", "backup"}
	}
	for i, n := range hosts {
		h := &host{s: s, i: i, name: n, disk: newDisk(uint64(i + 1)), said: map[engine.Reason]int{}, less: map[*segment]lease.IP{}, local: 0x0a00000a + lease.IP(i)}
		h.drift = (2*s.w.Rand().Float64() - 1) * o.drift
		h.clock = s.w.Clock(s.w.Between(0, o.skew)-o.skew/2, h.drift)
		s.hosts = append(s.hosts, h)
	}
	h := s.hosts
	switch o.layout {
	case onePair:
		s.relations = []*relation{{name: "one", ends: [2]*host{h[0], h[1]}}}
	case symmetric:
		s.relations = []*relation{{name: "one", ends: [2]*host{h[0], h[1]}}, {name: "two", ends: [2]*host{h[1], h[0]}}}
	case backOffice:
		s.relations = []*relation{{name: "one", ends: [2]*host{h[0], h[2]}}, {name: "two", ends: [2]*host{h[1], h[2]}}}
	}
	size := lease.IP(40)
	if o.small {
		size = 20
	}
	if o.layout == alone {
		s.segments = []*segment{{name: "lan", base: 0x0a000000, size: size, heard: h}, {name: "floor", relay: 0x0a010001, base: 0x0a010000, size: size, heard: h}}
	} else {
		s.connect(size)
	}
	for _, h := range s.hosts {
		h.configure()
	}
	s.people()
	return s
}

// connect makes the networks of pairs.
func (s *site) connect(size lease.IP) {
	o := s.o
	one, last := s.relations[0], s.relations[len(s.relations)-1]
	s.segments = []*segment{{name: "lan", relation: one, base: 0x0a000000, size: size, heard: one.ends[:]}}
	if o.relays || o.layout != onePair {
		s.segments = append(s.segments, &segment{name: "floor", relation: last, relay: 0x0a010001, base: 0x0a010000, size: size, heard: last.ends[:]})
	}
	if o.relays {
		i := s.w.Rand().IntN(2)
		s.segments = append(s.segments, &segment{name: "yard", relation: one, relay: 0x0a020001, base: 0x0a020000, size: 30, heard: one.ends[i : i+1]})
	}
}

func (s *site) people() {
	for n := range s.o.clients + s.o.guests {
		g := s.segments[n%len(s.segments)]
		c := &client{s: s, n: n, seg: g, mac: []byte{2, 0, 0, 0, byte(n % len(s.segments)), byte(n / len(s.segments))}, side: n / len(s.segments) % 2}
		if n >= s.o.clients {
			c.guest, c.off = true, true
		}
		if n%3 != 0 {
			c.id = append([]byte{1}, c.mac...)
		}
		s.clients = append(s.clients, c)
	}
}

func ptr[T any](v T) *T { return &v }

// configure makes a host's configuration: the scopes of its relations.
func (h *host) configure() {
	o := h.s.o
	c := scope.Config{Policy: scope.Policy{LeaseTime: ptr(uint32(600)), PingCheck: ptr(o.ping), AbandonTime: ptr(uint32(600))}}
	if o.small {
		c.Policy.LeaseTime, c.Policy.MinLease = ptr(uint32(120)), ptr(uint32(60))
	}
	if h.given != 0 {
		c.Policy.LeaseTime, c.Policy.MinLease = ptr(h.given), ptr(uint32(60))
	}
	for i, g := range h.s.segments {
		if g.relation != nil && g.relation.role(h) == 0 {
			continue
		}
		pair := ""
		if g.relation != nil {
			pair = g.relation.name
		}
		c.Scopes = append(c.Scopes, scope.Scope{
			Name: g.name, Subnet: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(g.base >> 16), 0, 0}), 24), Failover: pair,
			Ranges: []scope.Range{{First: g.first(), Last: g.first() + g.size - h.less[g] - 1}}, BackupPct: ptr(25), AllocateFirst: o.first,
			Reservations: []scope.Reservation{{Address: g.fixed(), CHAddr: []byte{2, 0, 0, 0, byte(i), 0}}},
		})
	}
	h.cfg = engine.Config{}
	for _, r := range h.s.relations {
		if role := r.role(h); role != 0 {
			h.cfg.Pairs = append(h.cfg.Pairs, failover.Config{
				Name: r.name, Role: role, ISC: o.draft, MCLT: mclt, PollInterval: 3 * time.Second, PollTimeout: 10 * time.Second,
				Fast: o.fast, MaxUnacked: 10, Balancing: o.balancing, SafePeriod: o.safe, SecondTry: o.relays,
			})
		}
	}
	if o.names {
		c.Policy.Domain = "example.org"
		h.cfg.Names = names.Config{On: true, ForwardZones: []string{"example.org"}, ReverseZones: []string{"10.in-addr.arpa"}}
	}
	table, problems := scope.Build(c)
	if table == nil {
		h.s.fail("scopes: %v", problems)
	}
	h.cfg.Scopes = table
}

// role is what a host is in a relation; 0: nothing.
func (r *relation) role(h *host) failover.Role {
	switch h {
	case r.ends[0]:
		return failover.Main
	case r.ends[1]:
		return failover.Backup
	}
	return 0
}

func (r *relation) other(h *host) *host {
	if r.ends[0] == h {
		return r.ends[1]
	}
	return r.ends[0]
}

func (s *site) relation(name string) *relation {
	for _, r := range s.relations {
		if r.name == name {
			return r
		}
	}
	return nil
}

// of are the relations of a host.
func (s *site) of(h *host) (all []*relation) {
	for _, r := range s.relations {
		if r.role(h) != 0 {
			all = append(all, r)
		}
	}
	return all
}

func (s *site) segment(ip lease.IP) *segment {
	for _, g := range s.segments {
		if g.base == ip&^0xff {
			return g
		}
	}
	return nil
}

// tell notes what happens; it becomes text only when somebody reads it.
func (s *site) tell(format string, a ...any) {
	if s.o.quiet {
		return
	}
	l := line{s.w.Now().Unix(), format, a}
	s.past = append(s.past, l)
	if s.o.verbose {
		fmt.Println(l)
	}
}

type line struct {
	at     int64
	format string
	a      []any
}

func (l line) String() string { return fmt.Sprintf("%d "+l.format, append([]any{l.at}, l.a...)...) }

// known is what was told of one address, and all changes of state.
func (s *site) known(ip lease.IP) string {
	var of []string
	for _, l := range s.past {
		if h := l.String(); strings.Contains(h, " "+ip.String()+" ") || strings.Contains(h, "->") || strings.Contains(h, "***") {
			of = append(of, h)
		}
	}
	return "\n" + strings.Join(of[max(0, len(of)-60):], "\n")
}

func (s *site) fail(format string, a ...any) {
	if s.trouble == nil {
		s.trouble = fmt.Errorf(format, a...)
	}
}

// setting is what a seed's world is like.
func setting(seed uint64) options {
	r := rand.New(rand.NewPCG(seed, 29))
	o := options{clients: 14, fast: 3 * time.Second, loss: 0.05, late: 0.03, twice: 0.03, drift: 1e-4}
	switch r.IntN(4) {
	case 0:
		o.layout = symmetric
	case 1:
		o.layout = backOffice
	}
	o.relays = r.IntN(3) == 0
	if o.relays || o.layout != onePair {
		o.clients = 20
	}
	o.guests = o.clients
	o.draft = r.IntN(6) == 0
	o.balancing = r.IntN(3) == 0
	switch r.IntN(4) {
	case 0:
		o.fast = 0
	case 1:
		o.fast = time.Second // the default; its heartbeats are most of what happens
	}
	o.first = r.IntN(5) == 0
	o.ping = r.IntN(4) == 0
	o.small = r.IntN(2) == 0
	switch r.IntN(3) {
	case 0:
		o.skew = 4 * time.Second
	case 1:
		o.skew = 55 * time.Second
	}
	return o
}
