package scope

import (
	"cmp"
	"net/netip"
	"slices"
	"sort"

	"loadshare/dhcp/lease"
)

// Contains says that the address is in the range.
func (r Range) Contains(ip lease.IP) bool { return r.First <= ip && ip <= r.Last }

// String is the range for people: one address, or first-last.
func (r Range) String() string {
	if r.First == r.Last {
		return r.First.String()
	}
	return r.First.String() + "-" + r.Last.String()
}

// span is the addresses of an IPv4 prefix.
func span(p netip.Prefix) Range {
	first := lease.IPOf(p.Masked().Addr())
	return Range{first, first | lease.IP(uint64(1)<<(32-p.Bits())-1)}
}

// ascending is the ranges by first address.
func ascending(ranges []Range) []Range {
	out := slices.Clone(ranges)
	slices.SortFunc(out, func(a, b Range) int { return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.Last, b.Last)) })
	return out
}

// without is what is in ranges and not in out, ascending; both are ascending. Ranges that overlap become one.
func without(ranges, out []Range) []Range {
	var left []Range
	next := uint64(0) // addresses below are dealt with
	for _, r := range ranges {
		first, last := max(uint64(r.First), next), uint64(r.Last)
		for len(out) > 0 && uint64(out[0].Last) < first {
			out = out[1:]
		}
		for i := 0; i < len(out) && uint64(out[i].First) <= last && first <= last; i++ {
			if uint64(out[i].First) > first {
				left = append(left, Range{lease.IP(first), out[i].First - 1})
			}
			first = max(first, uint64(out[i].Last)+1)
		}
		if first <= last {
			left = append(left, Range{lease.IP(first), lease.IP(last)})
		}
		next = max(next, last+1)
	}
	return left
}

// within says that the address is in one of the ranges, which are ascending and disjoint.
func within(ranges []Range, ip lease.IP) bool {
	i := sort.Search(len(ranges), func(i int) bool { return ranges[i].Last >= ip })
	return i < len(ranges) && ranges[i].First <= ip
}

// size is the number of addresses in disjoint ranges.
func size(ranges []Range) int {
	n := 0
	for _, r := range ranges {
		n += int(r.Last-r.First) + 1
	}
	return n
}
