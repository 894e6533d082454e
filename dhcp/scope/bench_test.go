package scope

import (
	"fmt"
	"net/netip"
	"testing"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
)

// large is 1,250 scopes with 80 reservations each: checklist W12, and more.
func large() Config {
	c := Config{Policy: Policy{
		LeaseTime: new(uint32(3600)),
		Options:   option.List{{Code: option.DomainNameServers, Data: addrs("10.0.0.53", "10.0.0.54")}, opt(option.DomainName, "example.org")},
	}}
	for i := range 1250 {
		base := ip("10.0.0.0") + lease.IP(i<<8)
		s := Scope{
			Name: fmt.Sprint("scope ", i), Subnet: netip.PrefixFrom(base.Addr(), 24), Ranges: []Range{{base + 100, base + 250}},
			Policy: Policy{Options: option.List{routers((base + 1).String())}},
		}
		for j := range 80 {
			s.Reservations = append(s.Reservations, Reservation{Address: base + 10 + lease.IP(j), CHAddr: []byte{2, 0, byte(i >> 8), byte(i), 0, byte(j)}})
		}
		c.Scopes = append(c.Scopes, s)
	}
	return c
}

func relayed(i int) Query {
	return Query{Packet: &packet.Packet{
		Type: packet.Discover, HType: 1, CHAddr: []byte{2, 0, byte(i >> 8), byte(i), 0, 7}, GIAddr: ip("10.0.0.1") + lease.IP(i%1250<<8),
		Options: option.List{asks(1, 3, 6, 15, 26, 28, 51, 58, 59, 43), opt(option.RelayInformation, "\x01\x04port\x02\x06switch")},
	}}
}

// answer is what is asked of the table for one message.
func answer(table *Table, q Query) Terms {
	s := table.Link(q).Scopes()[0]
	id := table.Identify(q)
	r := table.ReservationFor(q, s)
	if r == nil && !table.Admits(id, s, false) {
		return Terms{}
	}
	return table.Terms(q, id, s, r)
}

func benchmark(b *testing.B, c Config) {
	table := build(b, c)
	queries := make([]Query, 1024)
	for i := range queries {
		queries[i] = relayed(i * len(c.Scopes) / 1024)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if answer(table, queries[i%len(queries)]).Lease == 0 {
			b.Fatal("no terms")
		}
	}
}

func BenchmarkOneScope(b *testing.B) {
	s := net24("a", "10.0.0")
	s.Policy.Options = option.List{routers("10.0.0.1"), {Code: option.DomainNameServers, Data: addrs("10.0.0.53")}, opt(option.DomainName, "example.org")}
	benchmark(b, Config{Scopes: []Scope{s}})
}

func BenchmarkLarge(b *testing.B) { benchmark(b, large()) }

func BenchmarkClasses(b *testing.B) {
	c := large()
	for i := range 10 {
		c.Classes = append(c.Classes, Class{Name: fmt.Sprint("c", i), Test: fmt.Sprintf("substring(relay4[1].hex, 0, 4) == 'por%d' and option[55].exists", i)})
	}
	c.Classes = append(c.Classes, Class{Name: "port", Circuit: "port", Policy: Policy{BootFile: "x"}})
	benchmark(b, c)
}

func BenchmarkBuildLarge(b *testing.B) {
	c := large()
	for b.Loop() {
		if t, problems := Build(c); t == nil {
			b.Fatal(problems)
		}
	}
}

func BenchmarkSummarizeLarge(b *testing.B) {
	c := large()
	for b.Loop() {
		if Summarize(c, "").Digest() == [32]byte{} {
			b.Fatal("no digest")
		}
	}
}

// A large table answers each of its scopes for itself, and a message costs few allocations: the list of options, no more.
func TestLarge(t *testing.T) {
	table := build(t, large())
	for i := range 1250 {
		q := relayed(i)
		terms := answer(table, q)
		want := ip("10.0.0.1") + lease.IP(i<<8)
		if b, _ := terms.Options.Get(option.Routers); string(b) != string(want.Addr().AsSlice()) {
			t.Fatalf("scope %d: routers %x", i, b)
		}
		if r := table.ReservationFor(q, table.Link(q).Scopes()[0]); r == nil || r.Address != want+16 {
			t.Fatalf("scope %d: %+v", i, r)
		}
	}
	q := relayed(7)
	if n := testing.AllocsPerRun(100, func() { answer(table, q) }); n > 1 {
		t.Errorf("%v allocations a message", n)
	}
}
