package scope

import (
	"testing"

	"loadshare/dhcp/option"
)

func TestReservationFor(t *testing.T) {
	s := net24("a", "10.0.1")
	s.Reservations = []Reservation{
		{Address: ip("10.0.1.10"), CHAddr: mac(1)},
		{Address: ip("10.0.1.11"), ClientID: []byte("\xffone")},
		{Address: ip("10.0.1.12"), Circuit: []byte("port1"), Remote: []byte("switch")},
		{Address: ip("10.0.1.13"), Circuit: []byte("port1")},
		{Address: ip("10.0.1.14"), Remote: []byte("switch")},
		{Address: ip("10.0.1.15"), HType: 6, CHAddr: mac(2)},
		{Address: ip("10.0.1.150"), CHAddr: mac(4)},
	}
	other := net24("b", "10.0.2")
	other.Reservations = []Reservation{{Address: ip("10.0.2.10"), CHAddr: mac(1)}}
	table := build(t, Config{Scopes: []Scope{s, other}})
	id := opt(option.ClientIdentifier, "\xffone")
	port := func(s string) option.Option { return opt(option.RelayInformation, s) }
	for _, c := range []struct {
		rule  string
		query Query
		scope string
		want  string
	}{
		{"the hardware address", from(1), "a", "10.0.1.10"},
		{"in another scope another one", from(1), "b", "10.0.2.10"},
		{"dhcp-standards 2.8: a hardware address matches though option 61 is sent", from(1, opt(option.ClientIdentifier, "\x00other")), "a", "10.0.1.10"},
		{"the identifier before the hardware address", from(1, id), "a", "10.0.1.11"},
		{"the identifier, in that scope only", from(9, id), "b", ""},
		{"circuit and remote before either", from(9, port("\x01\x05port1\x02\x06switch")), "a", "10.0.1.12"},
		{"circuit", from(9, port("\x01\x05port1\x02\x05other")), "a", "10.0.1.13"},
		{"remote", from(9, port("\x02\x06switch")), "a", "10.0.1.14"},
		{"the client itself before its port", from(1, port("\x01\x05port1")), "a", "10.0.1.10"},
		{"another hardware type is another client", from(2), "a", ""},
		{"nobody", from(9), "a", ""},
	} {
		r := table.ReservationFor(c.query, table.Scope(c.scope))
		if c.want == "" && r != nil || c.want != "" && (r == nil || r.Address != ip(c.want)) {
			t.Errorf("%s: %+v, want %s", c.rule, r, c.want)
		}
		if r != nil && table.Reserved(r.Address) != r {
			t.Errorf("%s: Reserved gives another one", c.rule)
		}
	}
	q := from(2)
	q.Packet.HType = 6
	if r := table.ReservationFor(q, table.Scope("a")); r == nil || r.Address != ip("10.0.1.15") {
		t.Errorf("hardware type 6: %+v", r)
	}
	if table.Dynamic(ip("10.0.1.150")) || !table.Dynamic(ip("10.0.1.149")) || table.Reserved(ip("10.0.1.149")) != nil {
		t.Error("a reserved address is nobody else's, and its neighbour is not reserved")
	}
}

// A scope of an earlier table, as the engine may still hold it after a reload, stands for its namesake.
func TestScopesOfAnEarlierTable(t *testing.T) {
	s := net24("a", "10.0.1")
	old := build(t, Config{Scopes: []Scope{s}}).Scope("a")
	s.Reservations = []Reservation{{Address: ip("10.0.1.10"), CHAddr: mac(1)}}
	table := build(t, Config{Scopes: []Scope{s}})
	if table.ReservationFor(from(1), old) == nil || table.PoolOf(old).Size != 101 || table.Terms(from(1), Identity{}, old, nil).Lease == 0 {
		t.Error("the namesake is not found")
	}
	gone := &Scope{Name: "gone"}
	if table.ReservationFor(from(1), gone) != nil || table.PoolOf(gone).Size != 0 || table.Terms(from(1), Identity{}, gone, nil).Lease != 0 ||
		table.Admits(Identity{}, gone, false) {
		t.Error("a scope that is gone serves nobody")
	}
}
