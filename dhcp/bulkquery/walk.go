package bulkquery

import "loadshare/dhcp/lease"

// Range is addresses that this server can give, the last included.
type Range struct{ First, Last lease.IP }

// Fill adds the addresses of the ranges that nobody ever had, as free ones, to a page of leases: up to most addresses above after. leases
// are all with a record above after, or the first most of them, ascending; ranges are ascending and do not overlap. A page that is not
// full is the last.
func Fill(after lease.IP, most int, leases []lease.Lease, ranges []Range) []lease.Lease {
	out := make([]lease.Lease, 0, most)
	limit := lease.IP(0xffffffff) // beyond it nothing is known of records
	if len(leases) >= most {
		limit = leases[len(leases)-1].IP
	}
	for _, r := range ranges {
		if r.Last <= after || len(out) == most {
			continue
		}
		for ip := max(r.First, after+1); ip <= r.Last && ip <= limit && len(out) < most; ip++ {
			for len(leases) > 0 && leases[0].IP < ip && len(out) < most {
				out, leases = append(out, leases[0]), leases[1:]
			}
			switch {
			case len(out) == most:
			case len(leases) > 0 && leases[0].IP == ip:
				out, leases = append(out, leases[0]), leases[1:]
			default:
				out = append(out, lease.Lease{IP: ip, State: lease.Free})
			}
			if ip == r.Last { // it may be the last address of all
				break
			}
		}
	}
	rest := min(len(leases), most-len(out))
	return append(out, leases[:rest]...)
}
