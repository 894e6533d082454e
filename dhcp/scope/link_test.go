package scope

import (
	"testing"

	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
)

func linkConfig() Config {
	second := net24("second", "10.0.3")
	first := net24("first", "10.0.2")
	first.SharedNetwork, second.SharedNetwork = "floor", "floor"
	far := net24("far", "10.0.9")
	far.Interface = "eth9"
	return Config{Scopes: []Scope{net24("local", "10.0.1"), first, second, net24("relayed", "10.0.4"), far}}
}

// dhcp-standards 2.7: "Order of the link decision: sub-option 5, then 118, then giaddr, then (renewing) ciaddr, then the receiving interface."
func TestLinkOrder(t *testing.T) {
	link := func(a string) option.Option {
		return opt(option.RelayInformation, "\x01\x01p\x05\x04"+string(addrs(a)))
	}
	choose := func(a string) option.Option { return opt(option.SubnetSelection, string(addrs(a))) }
	for _, c := range []struct {
		rule            string
		options         []option.Option
		giaddr, ciaddr  string
		unicast, ignore bool
		iface           string
		want            string
	}{
		{rule: "RFC 3527, 3: sub-option 5 before all", options: []option.Option{link("10.0.4.7"), choose("10.0.1.0")}, giaddr: "10.0.2.1", ciaddr: "10.0.1.5", want: "relayed"},
		{rule: "RFC 3527, 3: none of ours is none, not another", options: []option.Option{link("10.9.9.9")}, giaddr: "10.0.2.1"},
		{rule: "RFC 3011, 2: the client's choice before giaddr", options: []option.Option{choose("10.0.4.0")}, giaddr: "10.0.2.1", want: "relayed"},
		{rule: "RFC 3011, 2: another subnet of the link comes after it", options: []option.Option{choose("10.0.3.0")}, giaddr: "10.0.2.1", want: "second first"},
		{rule: "RFC 3011, 2: ignored when support is off", options: []option.Option{choose("10.0.4.0")}, giaddr: "10.0.2.1", ignore: true, want: "first second"},
		{rule: "RFC 3011, 1: four octets or nothing", options: []option.Option{opt(option.SubnetSelection, "abc")}, giaddr: "10.0.4.1", want: "relayed"},
		{rule: "RFC 2131, 4.3.1: giaddr before ciaddr", giaddr: "10.0.4.1", ciaddr: "10.0.1.5", unicast: true, want: "relayed"},
		{rule: "shared network: in the order of the configuration", giaddr: "10.0.3.1", want: "first second"},
		{rule: "RFC 2131, 4.3.1: giaddr none of ours", giaddr: "10.9.9.9"},
		{rule: "RFC 2131, 4.3.2: ciaddr of a renewing client, unicast", ciaddr: "10.0.4.5", unicast: true, want: "relayed"},
		{rule: "RFC 2131, 4.3.2: a rebinding client is where it is heard", ciaddr: "10.0.4.5", want: "local"},
		{rule: "RFC 2131, 4.3.1: the subnet of the receiving interface", want: "local"},
		{rule: "the interface that a scope names before its subnet", iface: "eth9", want: "far"},
		{rule: "an option 82 without a choice decides nothing", options: []option.Option{opt(option.RelayInformation, "\x01\x01p")}, want: "local"},
	} {
		cfg := linkConfig()
		cfg.IgnoreSubnetSelection = c.ignore
		q := from(1, c.options...)
		if c.giaddr != "" {
			q.Packet.GIAddr = ip(c.giaddr)
		}
		if c.ciaddr != "" {
			q.Packet.CIAddr, q.Packet.Type = ip(c.ciaddr), packet.Request
		}
		if c.unicast {
			q.Interface = ""
		}
		if c.iface != "" {
			q.Interface = c.iface
		}
		l := build(t, cfg).Link(q)
		if names(l) != c.want || l.IsZero() != (c.want == "") {
			t.Errorf("%s: %q, want %q", c.rule, names(l), c.want)
		}
	}
}

func TestLinkScopeOfTellsTheWrongNetwork(t *testing.T) {
	table := build(t, linkConfig())
	q := from(1)
	q.Packet.GIAddr = ip("10.0.2.1")
	l := table.Link(q)
	if s := l.ScopeOf(ip("10.0.3.9")); s == nil || s.Name != "second" || s != table.Scope("second") || s != table.ScopeOf(ip("10.0.3.255")) {
		t.Errorf("%v", s)
	}
	if s := l.ScopeOf(ip("10.0.4.9")); s != nil {
		t.Errorf("%s is not on the link", s.Name)
	}
	if s := table.ScopeOf(ip("10.0.0.255")); s != nil {
		t.Errorf("%v", s)
	}
}

// RFC 2131, 4.3.5: an INFORM is answered by where the client says it is.
func TestInformScope(t *testing.T) {
	table := build(t, linkConfig())
	for ciaddr, want := range map[string]string{"10.0.3.77": "second", "10.9.9.9": "local", "0.0.0.0": "local"} {
		q := from(1)
		q.Packet.Type, q.Packet.CIAddr = packet.Inform, ip(ciaddr)
		if s := table.InformScope(q); s == nil || s.Name != want {
			t.Errorf("%s: %v, want %s", ciaddr, s, want)
		}
	}
	q := from(1)
	q.Packet.CIAddr, q.Packet.GIAddr = ip("10.9.9.9"), ip("10.9.9.1")
	if s := table.InformScope(q); s != nil {
		t.Errorf("%s, for a client elsewhere", s.Name)
	}
}
