package engine

import (
	"cmp"
	"slices"

	"loadshare/dhcp/failover"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/scope"
)

// The lists of a pool: addresses that nobody has, the main's share and the backup's.
const (
	noList        int8 = -1
	freeList      int8 = 0
	backupList    int8 = 1
	abandonedList int8 = 2 // the one that was abandoned first, first; never ordered by address
)

// pool is the dynamic addresses of a scope, and which of them may be given next.
//
// By default that is the one that was unused longest: never used ones in the order of the ranges, then the head of the list. With
// AllocateFirst it is the lowest; the backup's is the one below the boundary (checklist D29).
//
// An address in a list may still be refused (failover.Machine.May): it is then parked, which is to say in no list until its lease, the
// state of the pair or time changes something.
type pool struct {
	scope *scope.Scope
	pair  int32 // -1: alone
	about failover.Pool
	size  int

	heads, tails [3]int32 // of the lists through record.next, slot and 1
	ordered      [3]*order
	bases        []int // numbers of the first addresses of the ranges

	// Never used addresses, without AllocateFirst: those from fresh on, and those that were offered in vain.
	freshRange int
	fresh      lease.IP
	back       []lease.IP

	offers  crowds // of *offer
	records int
	counts  [lease.Backup + 1]int // of records, by state

	use usage
}

func newPool(p scope.Pool, pair int32, pct int) *pool {
	n := &pool{scope: p.Scope, pair: pair, about: failover.Pool{
		Name: p.Scope.Name, BackupPct: pct, FirstAvailable: p.Scope.AllocateFirst, Boundary: p.Scope.Boundary,
	}}
	for _, r := range p.Ranges {
		n.bases = append(n.bases, n.size)
		n.about.Ranges = append(n.about.Ranges, failover.Range{First: r.First, Last: r.Last})
		n.size += int(r.Last-r.First) + 1
	}
	if len(p.Ranges) > 0 {
		n.fresh = p.Ranges[0].First
	}
	if p.Scope.AllocateFirst {
		n.ordered = [3]*order{newOrder(n.size), newOrder(n.size), nil}
		for i := range n.size {
			n.ordered[freeList].add(i)
		}
	}
	return n
}

// number is the place of an address in the pool.
func (p *pool) number(ip lease.IP) int {
	i, found := slices.BinarySearchFunc(p.about.Ranges, ip, func(r failover.Range, ip lease.IP) int { return cmp.Compare(r.First, ip) })
	if !found {
		i--
	}
	return p.bases[i] + int(ip-p.about.Ranges[i].First)
}

func (p *pool) address(n int) lease.IP {
	i, found := slices.BinarySearch(p.bases, n)
	if !found {
		i--
	}
	return p.about.Ranges[i].First + lease.IP(n-p.bases[i])
}

// available is how many addresses of each share nobody has, never used ones with the main's.
func (p *pool) available() (free, backup int) {
	return p.counts[lease.Free] + p.size - p.records, p.counts[lease.Backup]
}

// enlist puts a record at the end of the list of its state.
func (p *pool) enlist(t *table, i int32) {
	r := t.at(i)
	list := listOf(lease.State(r.state))
	if r.list == list {
		return
	}
	p.park(t, i)
	if list == noList {
		return
	}
	r.list = list
	if o := p.ordered[list]; o != nil {
		o.add(p.number(r.ip))
		return
	}
	r.prev, r.next = p.tails[list], 0
	if r.prev != 0 {
		t.at(r.prev - 1).next = i + 1
	} else {
		p.heads[list] = i + 1
	}
	p.tails[list] = i + 1
}

func listOf(s lease.State) int8 {
	switch s {
	case lease.Free:
		return freeList
	case lease.Backup:
		return backupList
	case lease.Abandoned:
		return abandonedList
	}
	return noList
}

// park takes a record out of its list.
func (p *pool) park(t *table, i int32) {
	r := t.at(i)
	if r.list == noList {
		return
	}
	list := r.list
	r.list = noList
	if o := p.ordered[list]; o != nil {
		o.remove(p.number(r.ip))
		return
	}
	if r.prev != 0 {
		t.at(r.prev - 1).next = r.next
	} else {
		p.heads[list] = r.next
	}
	if r.next != 0 {
		t.at(r.next - 1).prev = r.prev
	} else {
		p.tails[list] = r.prev
	}
	r.prev, r.next = 0, 0
}

// unused is the never used address that is next; false: none. used says which are used, or on offer.
func (p *pool) unused(used func(lease.IP) bool) (lease.IP, bool) {
	for len(p.back) > 0 {
		ip := p.back[len(p.back)-1]
		if !used(ip) {
			return ip, true
		}
		p.back = p.back[:len(p.back)-1]
	}
	for p.records < p.size && p.freshRange < len(p.about.Ranges) {
		r := p.about.Ranges[p.freshRange]
		for p.fresh < r.Last && used(p.fresh) {
			p.fresh++
		}
		if !used(p.fresh) {
			return p.fresh, true
		}
		p.freshRange++
		if p.freshRange < len(p.about.Ranges) {
			p.fresh = p.about.Ranges[p.freshRange].First
		}
	}
	return 0, false
}

// first is the address of a list that this role gives next; false: none.
func (p *pool) first(t *table, list int8, role failover.Role) (lease.IP, bool) {
	if o := p.ordered[list]; o != nil {
		var n int
		if role == failover.Backup {
			edge := p.edge()
			if n = o.down(edge); n < 0 {
				n = o.up(edge + 1)
			}
		} else {
			n = o.up(0)
		}
		if n < 0 {
			return 0, false
		}
		return p.address(n), true
	}
	if p.heads[list] == 0 {
		return 0, false
	}
	return t.at(p.heads[list] - 1).ip, true
}

// edge is the number of the address from which the backup goes downward.
func (p *pool) edge() int {
	if p.about.Boundary == 0 {
		return p.size / 2
	}
	edge := -1
	for i, r := range p.about.Ranges {
		if p.about.Boundary >= r.First {
			edge = p.bases[i] + int(min(p.about.Boundary, r.Last)-r.First)
		}
	}
	return edge
}

// offered takes an address that has no record out of those that may be given.
func (p *pool) offered(ip lease.IP) {
	if o := p.ordered[freeList]; o != nil {
		o.remove(p.number(ip))
	}
}

// lapsed gives a never used address back that was offered in vain.
func (p *pool) lapsed(ip lease.IP) {
	if o := p.ordered[freeList]; o != nil {
		o.add(p.number(ip))
		return
	}
	p.back = append(p.back, ip)
}
