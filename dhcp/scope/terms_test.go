package scope

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
)

// codes are the options that an answer to a client that asks for these has.
func codes(l option.List) []option.Code {
	out := make([]option.Code, len(l))
	for i := range l {
		out[i] = l[i].Code
	}
	return out
}

func asks(codes ...byte) option.Option { return opt(option.ParameterList, string(codes)) }

// The most specific level wins, for each field and each option by itself.
func TestTheMostSpecificWins(t *testing.T) {
	level := func(n string) Policy {
		return Policy{Options: option.List{opt(option.DomainName, n)}, BootFile: n, LeaseTime: new(uint32(1000 + len(n)))}
	}
	network, class, second := level("network"), level("class 1"), level("class 2")
	class.BootFile = ""
	second.Options = append(second.Options, opt(option.InterfaceMTU, "\x05\xdc"))
	s := net24("a", "10.0.1")
	s.SharedNetwork = "floor"
	s.Policy = Policy{BootFile: "scope", Domain: "scope.example"}
	s.Reservations = []Reservation{{Address: ip("10.0.1.10"), CHAddr: mac(1), Hostname: "reserved", Policy: level("reservation")}}
	c := Config{
		Policy:   Policy{BootFile: "server", NextServer: ip("10.0.0.9"), ServerName: "boot", DDNS: new(false), AbandonTime: new(uint32(60))},
		Networks: []Network{{"floor", network}},
		Scopes:   []Scope{s, net24("b", "10.0.2")},
		Classes: []Class{
			{Name: "one", VendorClass: "one", Policy: class},
			{Name: "two", UserClass: "two", Policy: second},
		},
		Clients: []Client{{CHAddr: mac(2), Hostname: "known", Policy: Policy{BootFile: "client"}}, {CHAddr: mac(1), Hostname: "hidden"}},
	}
	table := build(t, c)
	one, two := opt(option.VendorClass, "one"), opt(option.UserClass, "two")
	for _, x := range []struct {
		rule         string
		query        Query
		scope        string
		boot, domain string
		hostname     string
		mtu          bool
	}{
		{"server, where nobody else says it", from(9), "b", "server", "", "", false},
		{"shared network before server, scope before both", from(9), "a", "scope", "network", "", false},
		{"class before scope", from(9, two), "a", "class 2", "class 2", "", true},
		{"the first class that says it", from(9, one, two), "a", "class 2", "class 1", "", true},
		{"client before class", from(2, one), "a", "client", "class 1", "known", false},
		{"reservation before all", from(1, one, two), "a", "reservation", "reservation", "reserved", true},
	} {
		x.query.Packet.Options.Set(option.ParameterList, []byte{byte(option.DomainName), byte(option.InterfaceMTU)})
		scope := table.Scope(x.scope)
		got := table.Terms(x.query, table.Identify(x.query), scope, table.ReservationFor(x.query, scope))
		domain, _ := got.Options.Get(option.DomainName)
		if got.BootFile != x.boot || string(domain) != x.domain || got.Hostname != x.hostname || got.Options.Has(option.InterfaceMTU) != x.mtu {
			t.Errorf("%s: boot %q domain %q host %q options %v", x.rule, got.BootFile, domain, got.Hostname, codes(got.Options))
		}
		if got.NextServer != ip("10.0.0.9") || got.ServerName != "boot" || got.DDNS || got.AbandonTime != 60 || x.scope == "a" && got.Domain != "scope.example" {
			t.Errorf("%s: %+v", x.rule, got)
		}
	}
}

func TestDefaults(t *testing.T) {
	table := build(t, Config{Scopes: []Scope{net24("a", "10.0.1")}})
	got := table.Terms(from(1, asks()), Identity{}, table.Scope("a"), nil)
	want := Terms{
		Lease: 86400, Min: 300, Max: 86400, PingCheck: true, AbandonTime: 86400, DDNS: true,
		Options: option.List{{Code: option.SubnetMask, Data: addrs("255.255.255.0")}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestOrderOfOptions(t *testing.T) {
	s := net24("a", "10.0.1")
	s.Policy.V6OnlyWait = new(uint32(1800))
	s.Policy.RapidCommit = new(true)
	s.Policy.Always = []option.Code{option.DomainName, option.Routers}
	s.Policy.Options = option.List{
		opt(option.DomainName, "example"), routers("10.0.1.1"), {Code: option.DomainNameServers, Data: addrs("10.0.1.2")},
		opt(option.ClasslessRoutes, "\x00\x0a\x00\x01\x01"), opt(option.StaticRoutes, string(addrs("10.9.0.0", "10.0.1.3"))), opt(option.InterfaceMTU, "\x05\xdc"),
	}
	table := build(t, Config{Scopes: []Scope{s}})
	choice := opt(option.SubnetSelection, string(addrs("10.0.1.0")))
	for _, c := range []struct {
		rule    string
		options []option.Option
		want    []option.Code
		rapid   bool
	}{
		{"RFC 2132, 9.8: the order of option 55; then what is always sent", []option.Option{asks(6, 26, 1)}, []option.Code{6, 26, 1, 15, 3}, true},
		{"RFC 2132, 3.3: the mask before the routers", []option.Option{asks(6, 3, 1, 15)}, []option.Code{6, 1, 3, 15}, true},
		{"the mask though it is not asked for", []option.Option{asks(15, 3)}, []option.Code{1, 15, 3}, true},
		{"RFC 3442: classless routes in place of 3 and 33", []option.Option{asks(1, 3, 33, 121, 15)}, []option.Code{1, 121, 15}, true},
		{"routes of both kinds for who does not ask for 121", []option.Option{asks(1, 3, 33)}, []option.Code{1, 3, 33, 15}, true},
		{"RFC 8925, 3.3: 108 where it is asked for, and no rapid commit", []option.Option{asks(1, 108, 6)}, []option.Code{1, 108, 6, 15, 3}, false},
		{"twice asked, once sent; what is not configured or not an operator's is not", []option.Option{asks(6, 6, 51, 54, 82, 0, 255, 42)}, []option.Code{1, 6, 15, 3}, true},
		{"RFC 3011, 2: the selection is echoed, not asked for", []option.Option{asks(1), choice}, []option.Code{1, 15, 3, 118}, true},
		{"RFC 3011, 2: and once", []option.Option{asks(118, 1), choice}, []option.Code{1, 15, 3, 118}, true},
		{"without option 55 all that is configured, 108 excepted", nil, []option.Code{1, 15, 3, 6, 121, 33, 26}, true},
	} {
		got := table.Terms(from(1, c.options...), Identity{}, table.Scope("a"), nil)
		if d := cmp.Diff(c.want, codes(got.Options)); d != "" {
			t.Errorf("%s: %s", c.rule, d)
		}
		if got.RapidCommit != c.rapid || (got.V6OnlyWait == nil) != c.rapid {
			t.Errorf("%s: rapid commit %v, wait %v", c.rule, got.RapidCommit, got.V6OnlyWait)
		}
	}
	got := table.Terms(from(1, asks(108, 12)), Identity{}, table.Scope("a"), &Reservation{Hostname: "printer"})
	if b, _ := got.Options.Get(option.IPv6OnlyPreferred); string(b) != "\x00\x00\x07\x08" {
		t.Errorf("option 108 is %x", b)
	}
	if b, _ := got.Options.Get(option.HostName); string(b) != "printer" {
		t.Errorf("option 12 is %q", b)
	}
}

// RFC 2131, 4.3.1: the default, or what the client asks for within what policy allows.
func TestDesired(t *testing.T) {
	const infinite = 0xffffffff
	for _, c := range []struct {
		p     Policy
		asked uint32
		has   bool
		want  uint32
	}{
		{Policy{}, 0, false, 86400},
		{Policy{}, 3600, true, 3600},
		{Policy{}, 0, true, 300},
		{Policy{}, infinite, true, 86400},
		{Policy{LeaseTime: new(uint32(120))}, 10, true, 120},
		{Policy{LeaseTime: new(uint32(120)), MaxLease: new(uint32(600))}, 500, true, 500},
		{Policy{LeaseTime: new(uint32(120)), MaxLease: new(uint32(600))}, 700, true, 600},
		{Policy{LeaseTime: new(uint32(120)), MinLease: new(uint32(60))}, 1, true, 60},
		{Policy{LeaseTime: new(uint32(infinite))}, infinite, true, infinite},
		{Policy{LeaseTime: new(uint32(infinite))}, 0, false, infinite},
		{Policy{MaxLease: new(uint32(3600))}, 0, false, 3600},
		{Policy{MinLease: new(uint32(200000))}, 0, false, 200000},
		{Policy{MaxLease: new(uint32(100))}, 1, true, 100},
	} {
		table := build(t, Config{Policy: c.p, Scopes: []Scope{net24("a", "10.0.1")}})
		terms := table.Terms(from(1), Identity{}, table.Scope("a"), nil)
		if got := terms.Desired(c.asked, c.has); got != c.want || terms.Min > terms.Lease || terms.Lease > terms.Max {
			t.Errorf("%+v, asked %d %v: %d, want %d", terms, c.asked, c.has, got, c.want)
		}
	}
}

// A class may set a lease time beyond the server's longest: the longest stands.
func TestLeaseTimeOfAClassIsBounded(t *testing.T) {
	table := build(t, Config{
		Policy: Policy{MaxLease: new(uint32(7200)), MinLease: new(uint32(600))}, Scopes: []Scope{net24("a", "10.0.1")},
		Classes: []Class{
			{Name: "long", VendorClass: "long", Policy: Policy{LeaseTime: new(uint32(9000))}},
			{Name: "short", VendorClass: "short", Policy: Policy{LeaseTime: new(uint32(60)), T1: new(uint32(20)), T2: new(uint32(40))}},
		},
	})
	for class, want := range map[string]Terms{"long": {Lease: 7200, Min: 600, Max: 7200}, "short": {Lease: 60, Min: 60, Max: 7200, T1: 20, T2: 40}} {
		q := from(1, opt(option.VendorClass, class))
		got := table.Terms(q, table.Identify(q), table.Scope("a"), nil)
		if got.Lease != want.Lease || got.Min != want.Min || got.Max != want.Max || got.T1 != want.T1 || got.T2 != want.T2 {
			t.Errorf("%s: %+v", class, got)
		}
	}
}

// Whatever is configured and asked for: no option twice, none that is the server's to make, the mask there and before the routers, and each
// with the value of the narrowest level that has it.
func TestOptionsOfAnyPolicies(t *testing.T) {
	some := rapid.SliceOfDistinct(rapid.SampledFrom([]option.Code{1, 3, 6, 12, 15, 26, 33, 42, 43, 60, 66, 119, 121, 200}), rapid.ID)
	rapid.Check(t, func(rt *rapid.T) {
		level := func(name string) Policy {
			var p Policy
			for _, c := range some.Draw(rt, name) {
				p.Options = append(p.Options, opt(c, name+"...")) // a multiple of four octets
			}
			p.Always = some.Draw(rt, "always of "+name)
			return p
		}
		levels := []Policy{level("0"), level("1"), level("2"), level("3")}
		s := net24("a", "10.0.1")
		s.Policy = levels[1]
		c := Config{Policy: levels[0], Scopes: []Scope{s}, Classes: []Class{{Name: "c", VendorClass: "x", Policy: levels[2]}}}
		table, problems := Build(c)
		if table == nil {
			rt.Fatal(problems)
		}
		asked := rapid.SliceOf(rapid.Byte()).Draw(rt, "asked")
		q := from(1, opt(option.VendorClass, "x"))
		if rapid.Bool().Draw(rt, "asks") {
			q.Packet.Options.Set(option.ParameterList, asked)
		}
		got := table.Terms(q, table.Identify(q), table.Scope("a"), &Reservation{Policy: levels[3]}).Options
		for i, o := range got {
			if got[:i].Has(o.Code) || option.Managed(o.Code) {
				rt.Fatalf("%d is there twice, or not ours: %v", o.Code, codes(got))
			}
			for _, p := range slices.Backward(levels) {
				if b, ok := p.Options.Get(o.Code); ok {
					if string(b) != string(o.Data) {
						rt.Fatalf("%d is %q, want %q", o.Code, o.Data, b)
					}
					break
				}
			}
		}
		mask, router := slices.Index(codes(got), option.SubnetMask), slices.Index(codes(got), option.Routers)
		if mask < 0 || router >= 0 && router < mask {
			rt.Fatalf("mask and routers: %v", codes(got))
		}
		for _, p := range levels {
			for _, a := range p.Always {
				replaced := (a == option.Routers || a == option.StaticRoutes) && got.Has(option.ClasslessRoutes)
				for _, l := range levels {
					if l.Options.Has(a) && !got.Has(a) && !replaced {
						rt.Fatalf("%d is always sent, and is not there: %v", a, codes(got))
					}
				}
			}
		}
	})
}

// A BOOTP client sends no option 55.
func TestBOOTPGetsWhatIsConfigured(t *testing.T) {
	s := net24("a", "10.0.1")
	s.BOOTP = true
	s.Policy = Policy{Options: option.List{routers("10.0.1.1")}, BootFile: "kernel"}
	table := build(t, Config{Scopes: []Scope{s}})
	q := Query{Packet: &packet.Packet{HType: 1, CHAddr: mac(1)}}
	got := table.Terms(q, Identity{}, table.Scope("a"), nil)
	if d := cmp.Diff([]option.Code{1, 3}, codes(got.Options)); d != "" || got.BootFile != "kernel" {
		t.Errorf("%s %q", d, got.BootFile)
	}
}
