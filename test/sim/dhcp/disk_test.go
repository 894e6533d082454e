package dhcpsim

import (
	"maps"
	"slices"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/failover"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/names"
)

// disk is what survives of a host.
type disk struct {
	leases map[lease.IP]lease.Lease
	saved  map[string]failover.Saved
	shared map[string]engine.Shared
	jobs   map[uint64]names.Job
	store  uint64
	boot   uint64
	seq    uint64
	last   int64
}

func newDisk(store uint64) *disk {
	return &disk{leases: map[lease.IP]lease.Lease{}, saved: map[string]failover.Saved{}, shared: map[string]engine.Shared{}, jobs: map[uint64]names.Job{}, store: store}
}

func (d *disk) clone() *disk {
	c := *d
	c.leases, c.saved, c.shared, c.jobs = maps.Clone(d.leases), maps.Clone(d.saved), maps.Clone(d.shared), maps.Clone(d.jobs)
	return &c
}

// start is what New finds.
func (d *disk) start() engine.Start {
	d.boot++
	s := engine.Start{Store: d.store, Boot: d.boot, Seq: d.seq, LastCommit: d.last, Saved: maps.Clone(d.saved)}
	for _, ip := range slices.Sorted(maps.Keys(d.leases)) {
		s.Leases = append(s.Leases, d.leases[ip])
	}
	for _, name := range slices.Sorted(maps.Keys(d.shared)) {
		s.Shared = append(s.Shared, d.shared[name])
	}
	for _, id := range slices.Sorted(maps.Keys(d.jobs)) {
		s.Jobs = append(s.Jobs, d.jobs[id])
	}
	return s
}

// outlives is a Write that may be read after the next Step.
func outlives(w engine.Write) engine.Write {
	w.Leases, w.Forget, w.Saved = slices.Clone(w.Leases), slices.Clone(w.Forget), slices.Clone(w.Saved)
	w.Shared = slices.Clone(w.Shared)
	w.Jobs, w.Done = slices.Clone(w.Jobs), slices.Clone(w.Done)
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
	for _, k := range w.Shared {
		if d.shared[k.Name] = k; len(k.Subnets) == 0 {
			delete(d.shared, k.Name)
		}
	}
	for _, j := range w.Jobs {
		d.jobs[j.ID] = j
	}
	for _, id := range w.Done {
		delete(d.jobs, id)
	}
	d.seq++
	d.last = wall
}
