package engine

import (
	"math"
	"strings"

	"loadshare/dhcp/lease"
)

// record is a lease as it is kept: a third of lease.Lease, one string for all of its.
type record struct {
	ip                                                         lease.IP
	start, began, end, cltt, told, hold, sent, acked, received uint32

	due   uint32   // when its timer fires, wall clock
	timer int32    // place in the heap, and 1
	chain [2]int32 // next of the same bucket in each index, and 1
	back  [2]int32 // the one before it, and 1
	prev  int32    // neighbours in the pool's list, and 1
	next  int32
	list  int8  // of the pool, in which it stands: see pool.lists; noList
	pool  int32 // -1: none
	pair  int32 // -1: none

	state, htype, dns uint8
	flags             lease.Flags
	owed, orphan      bool
	lens              [parts]uint8
	scope             uint16 // index of Machine.scopeNames
	blob              string // of the parts, one after the other
	batch             uint64 // with which it goes to disk
}

// The parts of a blob.
const (
	partID = iota
	partHW
	partHost
	partFQDN
	partRelay
	partVendor
	parts
)

// part is one of the strings; it shares the blob's memory.
func (r *record) part(n int) string {
	from := 0
	for i := range n {
		from += int(r.lens[i])
	}
	return r.blob[from : from+int(r.lens[n])]
}

func (r *record) client() lease.Client {
	return lease.Client{ID: r.part(partID), HType: r.htype, CHAddr: r.part(partHW)}
}

// lease unpacks the record.
func (r *record) lease(scopes []string) lease.Lease {
	return lease.Lease{
		IP: r.ip, State: lease.State(r.state), Flags: r.flags, Client: r.client(),
		Start: int64(r.start), Began: int64(r.began), End: int64(r.end), CLTT: int64(r.cltt), ToldEnd: int64(r.told), Hold: int64(r.hold),
		Sent: int64(r.sent), Acked: int64(r.acked), Received: int64(r.received), Owed: r.owed,
		Hostname: r.part(partHost), FQDN: r.part(partFQDN), DNS: r.dns, Relay: r.part(partRelay), Vendor: r.part(partVendor), Scope: scopes[r.scope],
	}
}

// take packs l into the record; the places in indexes, lists and heap are not touched.
func (r *record) take(l *lease.Lease, scope uint16) {
	r.ip, r.state, r.flags, r.htype, r.dns, r.owed, r.scope = l.IP, uint8(l.State), l.Flags, l.Client.HType, l.DNS, l.Owed, scope
	r.start, r.began, r.end, r.cltt = stamp(l.Start), stamp(l.Began), stamp(l.End), stamp(l.CLTT)
	r.told, r.hold, r.sent, r.acked, r.received = stamp(l.ToldEnd), stamp(l.Hold), stamp(l.Sent), stamp(l.Acked), stamp(l.Received)
	texts := [parts]string{l.Client.ID, l.Client.CHAddr, l.Hostname, l.FQDN, l.Relay, l.Vendor}
	same, size := true, 0
	for i, s := range texts {
		if len(s) > math.MaxUint8 {
			s = "" // half of it would say something else
			texts[i] = s
		}
		size += len(s)
		same = same && s == r.part(i)
	}
	if same {
		return
	}
	var b strings.Builder
	b.Grow(size)
	for i, s := range texts {
		b.WriteString(s)
		r.lens[i] = uint8(len(s))
	}
	r.blob = b.String()
}

// stamp is a time as records have it.
func stamp(t int64) uint32 { return uint32(max(0, min(t, lease.Forever))) }
