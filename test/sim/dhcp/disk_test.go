package dhcpsim

import (
	"maps"
	"slices"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/failover"
	"loadshare/dhcp/lease"
)

// disk is what survives of a host.
type disk struct {
	leases map[lease.IP]lease.Lease
	saved  map[string]failover.Saved
	store  uint64
	boot   uint64
	seq    uint64
	last   int64
}

func newDisk(store uint64) *disk {
	return &disk{leases: map[lease.IP]lease.Lease{}, saved: map[string]failover.Saved{}, store: store}
}

func (d *disk) clone() *disk {
	c := *d
	c.leases, c.saved = maps.Clone(d.leases), maps.Clone(d.saved)
	return &c
}

// start is what New finds.
func (d *disk) start() engine.Start {
	d.boot++
	s := engine.Start{Store: d.store, Boot: d.boot, Seq: d.seq, LastCommit: d.last, Saved: maps.Clone(d.saved)}
	for _, ip := range slices.Sorted(maps.Keys(d.leases)) {
		s.Leases = append(s.Leases, d.leases[ip])
	}
	return s
}

// outlives is a Write that may be read after the next Step.
func outlives(w engine.Write) engine.Write {
	w.Leases, w.Forget, w.Saved = slices.Clone(w.Leases), slices.Clone(w.Forget), slices.Clone(w.Saved)
	return w
}

func (d *disk) write(w engine.Write, wall int64) {
	for _, l := range w.Leases {
		d.leases[l.IP] = l
	}
	for _, ip := range w.Forget {
		delete(d.leases, ip)
	}
	for _, s := range w.Saved {
		d.saved[s.Name] = s.Saved
	}
	d.seq++
	d.last = wall
}
