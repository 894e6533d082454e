package scope

import (
	"net/netip"
	"strings"
	"testing"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
)

func ip(s string) lease.IP { return lease.IPOf(netip.MustParseAddr(s)) }

func rng(s string) Range {
	first, last, ok := strings.Cut(s, "-")
	if !ok {
		last = first
	}
	return Range{ip(first), ip(last)}
}

func addrs(all ...string) []byte {
	var b []byte
	for _, a := range all {
		b = append(b, netip.MustParseAddr(a).AsSlice()...)
	}
	return b
}

func opt(c option.Code, data string) option.Option { return option.Option{Code: c, Data: []byte(data)} }

func routers(all ...string) option.Option {
	return option.Option{Code: option.Routers, Data: addrs(all...)}
}

// net24 is a scope of 24 bits with the addresses .100 to .200.
func net24(name, prefix string) Scope {
	return Scope{Name: name, Subnet: netip.MustParsePrefix(prefix + ".0/24"), Ranges: []Range{rng(prefix + ".100-" + prefix + ".200")}}
}

func mac(last byte) []byte { return []byte{2, 0, 0, 0, 0, last} }

func build(t testing.TB, c Config) *Table {
	t.Helper()
	table, problems := Build(c)
	for _, p := range problems {
		if !p.Warning {
			t.Errorf("%s", p)
		}
	}
	if table == nil {
		t.Fatal("no table")
	}
	return table
}

// from is a DISCOVER of that client heard on eth1, where this server is 10.0.1.1.
func from(last byte, options ...option.Option) Query {
	return Query{
		Packet:    &packet.Packet{Type: packet.Discover, HType: 1, CHAddr: mac(last), Options: options},
		Interface: "eth1", Local: ip("10.0.1.1"),
	}
}

func names(l Link) string {
	var all []string
	for _, s := range l.Scopes() {
		all = append(all, s.Name)
	}
	return strings.Join(all, " ")
}
