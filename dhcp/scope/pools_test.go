package scope

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"loadshare/dhcp/lease"
)

// Every address is in at most one pool; a pool is what is in the ranges of its scope and neither excluded nor reserved, and nothing else.
func TestPoolsOfAnyScopes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var c Config
		n := rapid.IntRange(1, 4).Draw(rt, "scopes")
		for i := range n {
			s := Scope{Name: string(rune('a' + i)), Subnet: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i * 64)}), 26)}
			within := rapid.Custom(func(rt *rapid.T) Range {
				first := rapid.IntRange(1, 62).Draw(rt, "first")
				base := lease.IPOf(s.Subnet.Addr())
				return Range{base + lease.IP(first), base + lease.IP(rapid.IntRange(first, 62).Draw(rt, "last"))}
			})
			for _, r := range rapid.SliceOfN(within, 0, 4).Draw(rt, "ranges") {
				free := true
				for _, o := range s.Ranges {
					free = free && (r.Last < o.First || o.Last < r.First)
				}
				if free {
					s.Ranges = append(s.Ranges, r)
				}
			}
			s.Exclude = rapid.SliceOfN(within, 0, 3).Draw(rt, "exclude")
			for _, r := range rapid.SliceOfNDistinct(within, 0, 5, func(r Range) lease.IP { return r.First }).Draw(rt, "reservations") {
				s.Reservations = append(s.Reservations, Reservation{Address: r.First, CHAddr: binary.BigEndian.AppendUint32([]byte{2, 0}, uint32(r.First))})
			}
			c.Scopes = append(c.Scopes, s)
		}
		table, problems := Build(c)
		if table == nil {
			for _, p := range problems {
				if !p.Warning && p.What != "exclusions and reservations leave no address" {
					rt.Fatal(p)
				}
			}
			return
		}
		pools := map[lease.IP]int{}
		for _, p := range table.Pools() {
			count := 0
			for i, r := range p.Ranges {
				if r.First > r.Last || i > 0 && r.First <= p.Ranges[i-1].Last {
					rt.Fatalf("%v are not ascending and disjoint", p.Ranges)
				}
				for a := r.First; a <= r.Last; a++ {
					pools[a]++
					count++
				}
			}
			if count != p.Size || count == 0 || table.PoolOf(p.Scope).Size != count {
				rt.Fatalf("%d addresses, Size %d", count, p.Size)
			}
		}
		for a := ip("10.0.0.0"); a <= ip("10.0.1.0"); a++ {
			want := 0
			s := table.ScopeOf(a)
			if s != nil && contains(s.Ranges, a) && !contains(s.Exclude, a) && table.Reserved(a) == nil {
				want = 1
			}
			if pools[a] != want || table.Dynamic(a) != (want == 1) {
				rt.Fatalf("%s is in %d pools, want %d", a, pools[a], want)
			}
			if s != nil && !s.Subnet.Contains(a.Addr()) || s == nil && a < ip("10.0.0.0")+lease.IP(64*n) {
				rt.Fatalf("%s is of scope %v", a, s)
			}
		}
		for i := range c.Scopes {
			for j := range c.Scopes[i].Reservations {
				r := &c.Scopes[i].Reservations[j]
				q := from(0)
				q.Packet.CHAddr = r.CHAddr
				if got := table.ReservationFor(q, table.Scope(c.Scopes[i].Name)); got != r || table.Reserved(r.Address) != r {
					rt.Fatalf("%s: its client has %v", r.Address, got)
				}
			}
		}
	})
}

func contains(ranges []Range, a lease.IP) bool {
	for _, r := range ranges {
		if r.Contains(a) {
			return true
		}
	}
	return false
}
