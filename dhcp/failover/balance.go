package failover

import (
	"cmp"
	"slices"

	"loadshare/dhcp/lease"
)

// Pool is a set of addresses that the partners share by percentage, most often a scope's.
type Pool struct {
	Name   string
	Ranges []Range // ascending, disjoint
	// BackupPct is the backup's share of what is available: see BackupPct.
	BackupPct int
	// FirstAvailable gives addresses in order: the main's upward from the lowest, the backup's downward from Boundary (checklist
	// D29). Boundary 0 is halfway.
	FirstAvailable bool
	Boundary       lease.IP
}

// Range is the addresses from First through Last.
type Range struct{ First, Last lease.IP }

// Size is the number of addresses.
func (p *Pool) Size() int {
	n := 0
	for _, r := range p.Ranges {
		n += int(r.Last-r.First) + 1
	}
	return n
}

// Has says that ip is in the pool.
func (p *Pool) Has(ip lease.IP) bool {
	i, found := slices.BinarySearchFunc(p.Ranges, ip, func(r Range, ip lease.IP) int { return cmp.Compare(r.Last, ip) })
	return found || i < len(p.Ranges) && p.Ranges[i].First <= ip
}

// boundary is Boundary, or the address halfway.
func (p *Pool) boundary() lease.IP {
	if p.Boundary != 0 {
		return p.Boundary
	}
	left := p.Size() / 2
	for _, r := range p.Ranges {
		if n := int(r.Last-r.First) + 1; left >= n {
			left -= n
			continue
		}
		return r.First + lease.IP(left)
	}
	return 0
}

// Compare orders the pool's addresses in which the server of this role prefers to give them (checklist D29): the main upward from the
// lowest; the backup downward from the boundary, and what is above it last, upward.
func (p *Pool) Compare(role Role, a, b lease.IP) int {
	if role == Main {
		return cmp.Compare(a, b)
	}
	edge := p.boundary()
	switch {
	case a <= edge && b <= edge:
		return cmp.Compare(b, a)
	case a <= edge:
		return -1
	case b <= edge:
		return 1
	}
	return cmp.Compare(a, b)
}

// BackupPct is the backup's percentage in force (checklist D22; decision D-m): the scope's or the pair's, and 50 with load balancing or
// an ISC partner, whatever those say.
func BackupPct(configured int, balancing, isc bool) int {
	if balancing || isc {
		return 50
	}
	return configured
}

// Shares counts the available addresses of a pool.
type Shares struct{ Free, Backup int }

const (
	misbalance = 15 // percent; ISC dhcpd's max-lease-misbalance
	ownership  = 10 // percent; its max-lease-ownership
)

// Target is the backup's part of what is available, to the nearest.
func (s Shares) Target(pct int) int { return ((s.Free+s.Backup)*pct + 50) / 100 }

// Moves is how many addresses change sides: above 0 this server gives so many of its share to the partner, below 0 the main takes so
// many back.
//
// Between two of ours only the main moves addresses, so that the backup has its percentage: at once when it has less, and by the hour
// when the main's own part has fallen below what is left to it (checklist D22, D23). With an ISC partner each side gives of its own
// towards half and half, and no more often than its max-lease-ownership makes worth while.
func Moves(role Role, isc bool, s Shares, pct int) int {
	if !isc {
		if role == Backup {
			return 0
		}
		return s.Target(pct) - s.Backup
	}
	surplus := (s.Free - s.Backup) / 2
	if role == Backup {
		surplus = -surplus
	}
	if surplus <= ((s.Free+s.Backup)*ownership+50)/100 && (role == Backup || s.Backup > 0) {
		return 0
	}
	return max(0, surplus)
}

// Short says that this server's share is so small that it asks for more (POOLREQ): less than half of what the backup should have, or
// with an ISC partner, what it would ask at itself.
func Short(role Role, isc bool, s Shares, pct int) bool {
	if !isc {
		return role == Backup && 2*s.Backup < s.Target(pct)
	}
	lack := (s.Free - s.Backup) / 2
	if role == Main {
		lack = -lack
	}
	return lack > 2*(((s.Free+s.Backup)*misbalance+50)/100)
}

// candidate is an address that may change sides. A pool may have a million.
type candidate struct {
	start  int64 // since when it is in its share
	ip     lease.IP
	affine bool // the server that it would go to would serve its last client
}

// chosen are the n candidates that had best change sides to the server of role to: with FirstAvailable in its order of preference; else
// those first whose last client it would serve, then those unused longest (draft 5.4). list is reordered.
func (p *Pool) chosen(list []candidate, n int, to Role) []candidate {
	slices.SortFunc(list, func(a, b candidate) int {
		switch {
		case p.FirstAvailable:
		case a.affine != b.affine:
			if a.affine {
				return -1
			}
			return 1
		case a.start != b.start:
			return cmp.Compare(a.start, b.start)
		}
		return p.Compare(to, a.ip, b.ip)
	})
	return list[:min(n, len(list))]
}
