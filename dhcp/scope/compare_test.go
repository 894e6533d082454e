package scope

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"loadshare/dhcp/option"
)

// full is a configuration with something of everything.
func full() Config {
	voice := net24("voice", "10.0.1")
	voice.Failover, voice.SharedNetwork, voice.Interface = "pair1", "floor", "eth1"
	voice.Exclude = []Range{rng("10.0.1.110")}
	voice.Policy = Policy{
		LeaseTime: new(uint32(3600)), Options: option.List{routers("10.0.1.1"), opt(200, "\x80\xff"), opt(210, "acme")},
		Always: []option.Code{3, 6}, LeaseQuery: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, DDNS: new(true), NextServer: ip("10.0.0.7"),
	}
	voice.Reservations = []Reservation{
		{Address: ip("10.0.1.5"), CHAddr: mac(5), Hostname: "printer"},
		{Address: ip("10.0.1.6"), Circuit: []byte{0xff}, Policy: Policy{BootFile: "x"}},
	}
	voice.BackupPct, voice.AllocateFirst, voice.Boundary = new(20), true, ip("10.0.1.150")
	bootp := net24("bootp", "10.0.2")
	bootp.BOOTP, bootp.DynamicBOOTP, bootp.NoDHCP, bootp.Failover, bootp.BootpPct = true, true, true, "pair1", new(10)
	alone := net24("alone", "10.0.3")
	alone.Deactivated, alone.Allow, alone.Deny = true, []string{"c", Known}, []string{"d"}
	return Config{
		Policy:   Policy{RapidCommit: new(true)},
		Networks: []Network{{"floor", Policy{Domain: "example"}}},
		Scopes:   []Scope{voice, bootp, alone},
		Classes:  []Class{{Name: "c", VendorClass: "x", MACPrefix: []byte{1, 2}}, {Name: "d", Test: "option[60].exists"}},
		Clients:  []Client{{CHAddr: mac(1), Hostname: "h", Classes: []string{"c"}}},
		Custom:   []option.Definition{{Code: 225, Name: "acme-servers", Type: option.Address, List: true}},
	}
}

// checklist D04, W08: what must match on both, by name and key; and that which is each server's own may differ.
func TestCompare(t *testing.T) {
	for what, c := range map[string]struct {
		change func(*Config)
		want   []string
	}{
		"nothing":             {func(*Config) {}, nil},
		"a router":            {func(c *Config) { c.Scopes[0].Policy.Options.Set(3, addrs("10.0.1.2")) }, []string{`scope "voice": routers 10.0.1.1 here, 10.0.1.2 there`}},
		"a value not there":   {func(c *Config) { c.Scopes[0].BackupPct = nil }, []string{`scope "voice": backup_pct 20 here, not set there`}},
		"a lease time":        {func(c *Config) { c.Scopes[1].Policy.LeaseTime = new(uint32(0xffffffff)) }, []string{`scope "bootp": lease_time not set here, infinite there`}},
		"a scope not there":   {func(c *Config) { c.Scopes = c.Scopes[:2] }, []string{`scope "alone": present here, absent there`}},
		"another scope there": {func(c *Config) { c.Scopes = append(c.Scopes, net24("new", "10.0.9")) }, []string{`scope "new": absent here, present there`}},
		"a host's name": {func(c *Config) { c.Scopes[0].Reservations[0].Hostname = "plotter" },
			[]string{`scope "voice": reservation 10.0.1.5 hw 1/02:00:00:00:00:05, hostname printer here, hw 1/02:00:00:00:00:05, hostname plotter there`}},
		"a reservation": {func(c *Config) { c.Scopes[0].Reservations = c.Scopes[0].Reservations[:1] },
			[]string{`scope "voice": reservation 10.0.1.6 circuit_id "\xff" remote_id "", boot_file x here, not set there`}},
		"the order of classes": {func(c *Config) { slices.Reverse(c.Classes) }, []string{`server: order of classes c, d here, d, c there`}},
		"a test":               {func(c *Config) { c.Classes[1].Test = "option[61].exists" }, []string{`class "d": test option[60].exists here, option[61].exists there`}},
		"a client":             {func(c *Config) { c.Clients[0].Deny = true }, []string{`client "hw 1/02:00:00:00:00:01": deny not set here, true there`}},
		"a definition":         {func(c *Config) { c.Custom[0].Type = option.Uint32 }, []string{`option "acme-servers": type ipv4-address here, uint32 there`}},
		"a shared network":     {func(c *Config) { c.Networks[0].Policy.Domain = "example.org" }, []string{`shared network "floor": domain example here, example.org there`}},
		"the server":           {func(c *Config) { c.Policy.RapidCommit = nil }, []string{`server: rapid_commit true here, not set there`}},

		"V06: the interface is each server's own":   {func(c *Config) { c.Scopes[0].Interface = "br0" }, nil},
		"D27: the backup does not read this":        {func(c *Config) { c.Scopes[1].BootpPct = nil }, nil},
		"the order of scopes on links of their own": {func(c *Config) { slices.Reverse(c.Scopes) }, nil},
		"the order of what has none": {func(c *Config) {
			slices.Reverse(c.Scopes[0].Reservations)
			slices.Reverse(c.Scopes[0].Policy.Always)
			slices.Reverse(c.Scopes[0].Policy.Options)
			slices.Reverse(c.Scopes[2].Allow)
		}, nil},
	} {
		other := full()
		c.change(&other)
		a, b := Summarize(full(), ""), Summarize(other, "")
		octets, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		var heard Summary
		if err := json.Unmarshal(octets, &heard); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(b, heard); d != "" {
			t.Errorf("%s: JSON loses %s", what, d)
		}
		var got []string
		for _, d := range Compare(a, heard) {
			got = append(got, d.String())
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", what, d)
		}
		if (a.Digest() == heard.Digest()) != (len(c.want) == 0) {
			t.Errorf("%s: the digests do not say the same as Compare", what)
		}
	}
}

// Of a back office (checklist D02) only what belongs to the pair counts.
func TestSummaryOfOnePair(t *testing.T) {
	other := full()
	other.Scopes[2].Policy.LeaseTime = new(uint32(1))
	if d := Compare(Summarize(full(), "pair1"), Summarize(other, "pair1")); len(d) > 0 {
		t.Errorf("%v", d)
	}
	if d := Compare(Summarize(full(), ""), Summarize(other, "")); len(d) != 1 {
		t.Errorf("%v", d)
	}
	if d := Compare(Summarize(full(), "pair1"), Summarize(full(), "pair2")); len(d) != 3 { // two scopes and the network
		t.Errorf("%v", d)
	}
}

// The digest of a part does not depend on where one text ends and the next begins.
func TestDigestKeepsTextsApart(t *testing.T) {
	a := Part{Kind: "scope", Name: "x", Values: []Value{{"ab", "c"}}}
	b := Part{Kind: "scope", Name: "x", Values: []Value{{"a", "bc"}}}
	if a.Digest() == b.Digest() {
		t.Error("equal digests of different parts")
	}
}

// Whatever of a configuration is set changes the summary: a field that is added and has no words yet is found here.
func TestSummaryHasEveryField(t *testing.T) {
	own := []string{"Scope.Interface", "Scope.BootpPct"}
	for _, c := range []struct {
		of  any
		put func(*Config, any)
	}{
		{Policy{}, func(c *Config, v any) { c.Policy = v.(Policy) }},
		{Policy{}, func(c *Config, v any) { c.Scopes[0].Policy = v.(Policy) }},
		{Policy{}, func(c *Config, v any) { c.Networks[0].Policy = v.(Policy) }},
		{Policy{}, func(c *Config, v any) { c.Classes[0].Policy = v.(Policy) }},
		{Policy{}, func(c *Config, v any) { c.Clients[0].Policy = v.(Policy) }},
		{Policy{}, func(c *Config, v any) { c.Scopes[0].Reservations[0].Policy = v.(Policy) }},
		{Scope{}, func(c *Config, v any) { c.Scopes = append(c.Scopes, v.(Scope)) }},
		{Reservation{}, func(c *Config, v any) { c.Scopes[0].Reservations[0] = v.(Reservation) }},
		{Class{}, func(c *Config, v any) { c.Classes[0] = v.(Class) }},
		{Client{}, func(c *Config, v any) { c.Clients[0] = v.(Client) }},
		{option.Definition{}, func(c *Config, v any) { c.Custom[0] = v.(option.Definition) }},
		{Config{}, func(c *Config, v any) { *c = v.(Config) }},
	} {
		summary := func(v any) [32]byte {
			cfg := Config{
				Networks: make([]Network, 1), Classes: make([]Class, 1), Clients: make([]Client, 1), Custom: make([]option.Definition, 1),
				Scopes: []Scope{{Name: "a", SharedNetwork: "n", Reservations: make([]Reservation, 1)}},
			}
			cfg.Networks[0].Name = "n"
			c.put(&cfg, v)
			return Summarize(cfg, "").Digest()
		}
		kind := reflect.TypeOf(c.of)
		for i := range kind.NumField() {
			name := kind.Name() + "." + kind.Field(i).Name
			v := reflect.New(kind).Elem()
			something(t, v.Field(i))
			if name == "Config.Networks" {
				continue // counts for those that a scope is on
			}
			if changed := summary(v.Interface()) != summary(c.of); changed == slices.Contains(own, name) {
				t.Errorf("%s: the summary changes: %v", name, changed)
			}
		}
	}
}

// something makes v differ from its zero value.
func something(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int:
		v.SetInt(7)
	case reflect.Uint8, reflect.Uint32:
		v.SetUint(7)
	case reflect.String:
		v.SetString("x")
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		something(t, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		something(t, v.Index(0))
	case reflect.Struct:
		if p, ok := v.Addr().Interface().(*netip.Prefix); ok {
			*p = netip.MustParsePrefix("10.0.9.0/24")
			return
		}
		for i := range v.NumField() {
			something(t, v.Field(i))
		}
	default:
		t.Fatalf("no value of kind %s", v.Kind())
	}
}
