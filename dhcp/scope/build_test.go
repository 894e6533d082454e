package scope

import (
	"net/netip"
	"strings"
	"testing"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
)

// Each rule of Build, by a configuration that breaks it: where it says the mistake is, and what it says.
func TestProblems(t *testing.T) {
	a := func(change func(*Scope)) Config {
		s := net24("a", "10.0.1")
		change(&s)
		return Config{Scopes: []Scope{s, net24("b", "10.0.2")}}
	}
	two := func(change func(x, y *Scope)) Config {
		c := Config{Scopes: []Scope{net24("a", "10.0.1"), net24("b", "10.0.2")}}
		change(&c.Scopes[0], &c.Scopes[1])
		return c
	}
	policy := func(p Policy) Config { return a(func(s *Scope) { s.Policy = p }) }
	reserve := func(all ...Reservation) Config { return a(func(s *Scope) { s.Reservations = all }) }
	class := func(all ...Class) Config { c := a(func(*Scope) {}); c.Classes = all; return c }
	const warning = "warning "
	for rule, c := range map[string]struct {
		cfg  Config
		want string // where: part of what
	}{
		"no name":                  {a(func(s *Scope) { s.Name = "" }), `scope 10.0.1.0/24: has no name`},
		"two of a name":            {two(func(_, y *Scope) { y.Name = "a" }), `scope "a": two of that name`},
		"no subnet":                {a(func(s *Scope) { s.Subnet = netip.Prefix{} }), `scope "a": subnet: missing`},
		"IPv6":                     {a(func(s *Scope) { s.Subnet = netip.MustParsePrefix("2001:db8::/64") }), `scope "a": subnet: not IPv4`},
		"bits beyond the length":   {a(func(s *Scope) { s.Subnet = netip.MustParsePrefix("10.0.1.1/24") }), `scope "a": subnet: 10.0.1.0/24 is meant`},
		"multicast":                {a(func(s *Scope) { *s = net24("a", "224.0.1") }), `scope "a": subnet: no host`},
		"overlapping subnets":      {two(func(_, y *Scope) { y.Subnet = netip.MustParsePrefix("10.0.0.0/16") }), `scope "a": subnet: 10.0.1.0/24 overlaps 10.0.0.0/16 of scope "b"`},
		"range the wrong way":      {a(func(s *Scope) { s.Ranges = append(s.Ranges, rng("10.0.1.9-10.0.1.8")) }), `scope "a": ranges: ends before`},
		"range beyond the subnet":  {a(func(s *Scope) { s.Ranges[0].Last = ip("10.0.2.9") }), `scope "a": ranges: 10.0.1.100-10.0.2.9 is not in the subnet 10.0.1.0/24`},
		"overlapping ranges":       {a(func(s *Scope) { s.Ranges = append(s.Ranges, rng("10.0.1.200-10.0.1.210")) }), `scope "a": ranges: 10.0.1.200-10.0.1.210 overlaps 10.0.1.100-10.0.1.200`},
		"the network's address":    {a(func(s *Scope) { s.Ranges[0].First = ip("10.0.1.0") }), `scope "a": ranges: network address`},
		"the broadcast address":    {a(func(s *Scope) { s.Ranges[0].Last = ip("10.0.1.255") }), `scope "a": ranges: broadcast address`},
		"nothing left":             {a(func(s *Scope) { s.Exclude = []Range{rng("10.0.1.1-10.0.1.254")} }), `scope "a": ranges: leave no address`},
		"exclusion the wrong way":  {a(func(s *Scope) { s.Exclude = []Range{rng("10.0.1.120-10.0.1.110")} }), `scope "a": exclude: ends before`},
		"exclusion outside":        {a(func(s *Scope) { s.Exclude = []Range{rng("10.0.1.1-10.0.1.9")} }), warning + `scope "a": exclude: excludes nothing`},
		"no addresses at all":      {a(func(s *Scope) { s.Ranges = nil }), warning + `scope "a": neither ranges nor reservations`},
		"too many addresses":       {Config{Scopes: []Scope{{Name: "a", Subnet: netip.MustParsePrefix("64.0.0.0/4"), Ranges: []Range{rng("64.0.0.1-66.0.0.0")}}}}, `ranges: 33554432 addresses`},
		"reservation outside":      {reserve(Reservation{Address: ip("10.0.2.5"), CHAddr: mac(1)}), `scope "a": reservation 10.0.2.5: not in the subnet`},
		"reserved broadcast":       {reserve(Reservation{Address: ip("10.0.1.255"), CHAddr: mac(1)}), `scope "a": reservation 10.0.1.255: broadcast`},
		"address twice":            {reserve(Reservation{Address: ip("10.0.1.5"), CHAddr: mac(1)}, Reservation{Address: ip("10.0.1.5"), CHAddr: mac(2)}), `scope "a": reservation 10.0.1.5: reserved twice`},
		"client twice":             {reserve(Reservation{Address: ip("10.0.1.5"), CHAddr: mac(1)}, Reservation{Address: ip("10.0.1.6"), HType: 1, CHAddr: mac(1)}), `scope "a": reservation 10.0.1.6: hw 1/02:00:00:00:00:01 has another`},
		"port twice":               {reserve(Reservation{Address: ip("10.0.1.5"), Circuit: []byte("p")}, Reservation{Address: ip("10.0.1.6"), Circuit: []byte("p")}), `scope "a": reservation 10.0.1.6: circuit_id "p"`},
		"nobody's reservation":     {reserve(Reservation{Address: ip("10.0.1.5")}), `scope "a": reservation 10.0.1.5: nothing says`},
		"two ways to know":         {reserve(Reservation{Address: ip("10.0.1.5"), CHAddr: mac(1), ClientID: []byte("ab")}), `scope "a": reservation 10.0.1.5: more than one`},
		"short hardware address":   {reserve(Reservation{Address: ip("10.0.1.5"), CHAddr: mac(1)[:5]}), `scope "a": reservation 10.0.1.5: has 5 octets`},
		"RFC 2132, 9.14":           {reserve(Reservation{Address: ip("10.0.1.5"), ClientID: []byte("a")}), `scope "a": reservation 10.0.1.5: 2 to 255`},
		"host name":                {reserve(Reservation{Address: ip("10.0.1.5"), CHAddr: mac(1), Hostname: "a b"}), `scope "a": reservation 10.0.1.5: hostname: "a b"`},
		"unknown class allowed":    {a(func(s *Scope) { s.Allow = []string{"x"} }), `scope "a": allow: no class "x"`},
		"unknown class denied":     {a(func(s *Scope) { s.Deny = []string{"x"} }), `scope "a": deny: no class "x"`},
		"allowed and denied":       {a(func(s *Scope) { s.Allow, s.Deny = []string{Known}, []string{Known} }), warning + `scope "a": deny: allowed and denied`},
		"bad test":                 {class(Class{Name: "c", Test: "option[60].exists and pkt4.x == 1"}), `class "c": test: column 28 of`},
		"member of no class":       {class(Class{Name: "c", Test: "member('d')"}, Class{Name: "d", VendorClass: "x"}), `class "c": test: column 8 of "member('d')": no class "d" comes before`},
		"class without a name":     {class(Class{VendorClass: "x"}), `class number 1: no name`},
		"class twice":              {class(Class{Name: "c", VendorClass: "x"}, Class{Name: "c", VendorClass: "y"}), `class "c": taken`},
		"class KNOWN":              {class(Class{Name: Known, VendorClass: "x"}), `class "KNOWN": taken`},
		"class of everybody":       {class(Class{Name: "c"}), warning + `class "c": every client`},
		"long MAC prefix":          {class(Class{Name: "c", MACPrefix: make([]byte, 17)}), `class "c": mac_prefix: 17 octets`},
		"client of no class":       {Config{Clients: []Client{{CHAddr: mac(1), Classes: []string{"x"}}}}, `client hw 1/02:00:00:00:00:01: classes: no class "x"`},
		"client there twice":       {Config{Clients: []Client{{CHAddr: mac(1)}, {CHAddr: mac(1), HType: 1}}}, `client hw 1/02:00:00:00:00:01: twice`},
		"client that is nobody":    {Config{Clients: []Client{{Hostname: "x"}}}, `client nobody: nothing says`},
		"two pairs on one link":    {two(func(x, y *Scope) { x.SharedNetwork, y.SharedNetwork, x.Failover, y.Failover = "n", "n", "p", "q" }), `shared network "n": one link has one pair`},
		"half a link with a pair":  {two(func(x, y *Scope) { x.SharedNetwork, y.SharedNetwork, x.Failover = "n", "n", "p" }), warning + `shared network "n": only one of`},
		"shared network of nobody": {Config{Networks: []Network{{Name: "n"}}}, warning + `shared network "n": no scope`},
		"shared network twice":     {Config{Networks: []Network{{Name: "n"}, {Name: "n"}}}, `shared network "n": two of that name`},
		"one interface, two links": {two(func(x, y *Scope) { x.Interface, y.Interface = "eth1", "eth1" }), `scope "b": interface: eth1 is the interface of scope "a"`},
		"boundary outside":         {a(func(s *Scope) { s.Boundary, s.AllocateFirst, s.Failover = ip("10.0.1.99"), true, "p" }), `scope "a": backup_allocation_boundary: none of the ranges`},
		"boundary alone (D29)":     {a(func(s *Scope) { s.Boundary, s.Failover = ip("10.0.1.150"), "p" }), `scope "a": backup_allocation_boundary: only with allocate_first_available`},
		"backup_pct":               {a(func(s *Scope) { s.BackupPct, s.Failover = new(101), "p" }), `scope "a": backup_pct: 101`},
		"backup_pct below 0":       {a(func(s *Scope) { s.BackupPct, s.Failover = new(-1), "p" }), `scope "a": backup_pct: -1`},
		"backup_pct of nobody":     {a(func(s *Scope) { s.BackupPct = new(10) }), warning + `scope "a": backup_pct: only with failover`},
		"BOOTP share alone (D27)":  {a(func(s *Scope) { s.BootpPct, s.Failover = new(10), "p" }), `scope "a": dynamic_bootp_backup_pct: only with dynamic_bootp`},
		"BOOTP share too big (D27)": {a(func(s *Scope) {
			s.BackupPct, s.BootpPct, s.Failover, s.BOOTP, s.DynamicBOOTP, s.NoDHCP = new(10), new(61), "p", true, true, true
		}), `scope "a": dynamic_bootp_backup_pct: 50 more`},
		"dynamic BOOTP (D28)":         {a(func(s *Scope) { s.DynamicBOOTP = true }), `scope "a": dynamic_bootp: needs bootp`},
		"dynamic BOOTP beside (D28)":  {a(func(s *Scope) { s.BOOTP, s.DynamicBOOTP, s.Failover = true, true, "p" }), `scope "a": dynamic_bootp: scope of its own`},
		"nobody served":               {a(func(s *Scope) { s.NoDHCP = true }), `scope "a": dhcp: nobody`},
		"max below the lease time":    {policy(Policy{LeaseTime: new(uint32(100)), MaxLease: new(uint32(50))}), `scope "a": max_lease: 50 s is less than lease_time, 100 s`},
		"min above the lease time":    {policy(Policy{LeaseTime: new(uint32(100)), MinLease: new(uint32(150))}), `scope "a": min_lease: more than lease_time`},
		"t2 beyond the lease":         {policy(Policy{LeaseTime: new(uint32(100)), T2: new(uint32(100))}), `scope "a": t2: not before the end`},
		"t1 after t2":                 {policy(Policy{T1: new(uint32(50)), T2: new(uint32(40))}), `scope "a": t1: after t2`},
		"no lease time":               {policy(Policy{LeaseTime: new(uint32(0))}), `scope "a": lease_time: 0 s`},
		"option that is the server's": {policy(Policy{Options: option.List{opt(option.LeaseTime, "abcd")}}), `scope "a": options: dhcp-lease-time (51)`},
		"option 108":                  {policy(Policy{Options: option.List{opt(option.IPv6OnlyPreferred, "abcd")}}), `scope "a": options: v6_only_wait`},
		"option twice":                {policy(Policy{Options: option.List{opt(200, "a"), opt(200, "b")}}), `scope "a": options: set twice`},
		"always what cannot be":       {policy(Policy{Always: []option.Code{option.LeaseTime}}), `scope "a": always: option 51`},
		"long sname":                  {policy(Policy{ServerName: strings.Repeat("x", 64)}), `scope "a": server_name: 64 octets`},
		"long file":                   {policy(Policy{BootFile: strings.Repeat("x", 128)}), `scope "a": boot_file: 128 octets`},
		"domain":                      {policy(Policy{Domain: "a..b"}), `scope "a": domain: "a..b"`},
		"wrong mask":                  {policy(Policy{Options: option.List{opt(option.SubnetMask, "\xff\xff\x00\x00")}}), warning + `scope "a": options: subnet-mask`},
		"router elsewhere":            {policy(Policy{Options: option.List{routers("10.0.3.1")}}), warning + `scope "a": options: 10.0.3.1 is not in the subnet`},
		"router that is given away":   {policy(Policy{Options: option.List{routers("10.0.1.100")}}), warning + `scope "a": options: in a range`},
		"option definitions":          {Config{Custom: []option.Definition{{Code: 255, Name: "x"}}}, `option definitions: 255`},
	} {
		table, problems := Build(c.cfg)
		want, isWarning := strings.CutPrefix(c.want, warning)
		i := strings.LastIndex(want, ": ")
		if strings.HasPrefix(want, `class "c": test: column`) {
			i = strings.Index(want, ": column")
		}
		where, what := want[:i], want[i+2:]
		found := false
		for _, p := range problems {
			found = found || p.Where == where && strings.Contains(p.What, what) && p.Warning == isWarning
		}
		if !found || (table != nil) != isWarning {
			t.Errorf("%s: %v, want %s (table: %v)", rule, problems, c.want, table != nil)
		}
	}
}

// Everything that is wrong is told at once, and once.
func TestAllProblemsAtOnce(t *testing.T) {
	a := net24("a", "10.0.1")
	a.Ranges[0].Last = ip("10.0.9.9")
	a.Policy.LeaseTime, a.Policy.MaxLease = new(uint32(100)), new(uint32(50))
	a.Allow, a.Deny = []string{"x"}, []string{"y"}
	_, problems := Build(Config{Scopes: []Scope{a}, Classes: []Class{{Name: "c", Test: "'"}}})
	if len(problems) != 5 {
		t.Errorf("%d problems: %v", len(problems), problems)
	}
}

// RFC 3021: the addresses of a subnet of 31 bits are hosts'; one of 32 is a host.
func TestSubnetsWithoutNetworkAddress(t *testing.T) {
	table := build(t, Config{Scopes: []Scope{
		{Name: "31", Subnet: netip.MustParsePrefix("10.0.1.2/31"), Ranges: []Range{rng("10.0.1.2-10.0.1.3")}},
		{Name: "32", Subnet: netip.MustParsePrefix("10.0.1.4/32"), Ranges: []Range{rng("10.0.1.4")}},
		{Name: "top", Subnet: netip.MustParsePrefix("198.51.100.0/24"), Reservations: []Reservation{{Address: ip("198.51.100.254"), CHAddr: mac(1)}}},
	}})
	if n := len(table.Pools()); n != 2 || table.Pools()[0].Size != 2 || table.Pools()[1].Size != 1 {
		t.Errorf("%+v", table.Pools())
	}
	if b, _ := table.Terms(from(1), Identity{}, table.Scope("31"), nil).Options.Get(option.SubnetMask); string(b) != "\xff\xff\xff\xfe" {
		t.Errorf("%x", b)
	}
}

// checklist D22, D27: the scope's share wins over the pair's, and for dynamic BOOTP its own over both.
func TestBackupShare(t *testing.T) {
	for _, c := range []struct {
		s    Scope
		want int
	}{
		{Scope{}, 10},
		{Scope{BackupPct: new(0)}, 0},
		{Scope{BackupPct: new(20), BootpPct: new(60)}, 20},
		{Scope{BackupPct: new(20), BootpPct: new(60), DynamicBOOTP: true}, 60},
		{Scope{DynamicBOOTP: true}, 10},
	} {
		if got := c.s.BackupShare(10); got != c.want {
			t.Errorf("%+v: %d, want %d", c.s, got, c.want)
		}
	}
}

// RFC 4388, 7: only who is allowed may ask for leases.
func TestMayQuery(t *testing.T) {
	s := net24("a", "10.0.1")
	s.Policy.LeaseQuery = []netip.Prefix{netip.MustParsePrefix("10.0.1.1/32")}
	table := build(t, Config{Scopes: []Scope{s, net24("b", "10.0.2")}, Policy: Policy{LeaseQuery: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}})
	for _, c := range []struct {
		from, scope string
		want        bool
	}{
		{"192.0.2.7", "", true},
		{"10.0.1.1", "", false},
		{"192.0.2.7", "b", true},
		{"192.0.2.7", "a", false},
		{"10.0.1.1", "a", true},
		{"::ffff:10.0.1.1", "a", true},
	} {
		if got := table.MayQuery(netip.MustParseAddr(c.from), table.Scope(c.scope)); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	if build(t, Config{}).MayQuery(netip.MustParseAddr("127.0.0.1"), nil) {
		t.Error("without a list nobody may")
	}
}

// The last address of all can be the end of ranges and spans.
func TestTopOfTheAddresses(t *testing.T) {
	top := lease.IP(0xffffffff)
	if got := without([]Range{{0, top}}, []Range{{5, 5}, {top, top}}); len(got) != 2 || got[1] != (Range{6, top - 1}) {
		t.Errorf("%v", got)
	}
	if got := without([]Range{{top - 1, top}}, nil); len(got) != 1 || size(got) != 2 || !within(got, top) {
		t.Errorf("%v", got)
	}
	if got := span(netip.MustParsePrefix("0.0.0.0/0")); got != (Range{0, top}) {
		t.Errorf("%v", got)
	}
}
