package sim

import (
	"maps"
	"slices"

	"loadshare/agent/plan"
	"loadshare/ddns"
	"loadshare/monitor/order"
)

// dnsServer answers, and takes updates with prerequisites (RFC 2136 section 3).
type dnsServer struct {
	s    *site
	name string
	up   bool
	sets map[ddns.Key]ddns.Set
	// applied is the stamp of the last write taken, by pool, whatever the fence says.
	applied map[order.PoolID]order.Stamp
	deaf    bool // says NOERROR and does nothing: for the tests of the invariants
	// partner is the other one of an HA pair, nil for an independent primary.
	partner *dnsServer
	main    bool
}

// silent reports whether it drops updates: a backup whose main is there (H03).
func (d *dnsServer) silent() bool { return !d.up || d.partner != nil && !d.main && d.partner.up }

// start brings it back. In a pair, it takes over what the partner has (H07).
func (d *dnsServer) start() {
	d.up = true
	if d.partner != nil {
		d.partner.handOver()
	}
}

// handOver gives the partner all that this one has: an update is answered when both have it (H-a).
func (d *dnsServer) handOver() {
	if p := d.partner; p != nil && p.up && !d.deaf {
		p.sets, p.applied = maps.Clone(d.sets), maps.Clone(d.applied)
	}
}

func (d *dnsServer) read(k ddns.Key, generation string) ddns.Have {
	h := ddns.Have{Set: d.sets[k]}
	h.Set.Name, h.Set.Type = k.Name, k.Type
	if generation != "" {
		h.Generation = slices.Clone(d.sets[ddns.Key{Name: generation, Type: "TXT"}].Values)
	}
	return h
}

// update is all or nothing.
func (d *dnsServer) update(w plan.Write) plan.Fault {
	for _, p := range w.Change.Prereqs {
		have := d.sets[ddns.Key{Name: p.Name, Type: p.Type}].Values
		switch p.Kind {
		case ddns.SetAbsent:
			if len(have) > 0 {
				return plan.Changed
			}
		case ddns.SetEquals:
			want := slices.Sorted(slices.Values(p.Values))
			if !slices.Equal(want, slices.Sorted(slices.Values(have))) {
				return plan.Changed
			}
		default:
			d.s.w.Fail("an update with prerequisite %v", p)
		}
	}
	if d.deaf {
		return plan.NoFault
	}
	for _, o := range w.Change.Ops {
		k := ddns.Key{Name: o.Name, Type: o.Type}
		set := d.sets[k]
		set.Name, set.Type = k.Name, k.Type
		d.sets[k] = ddns.Change{Ops: []ddns.Op{o}}.Apply(set)
	}
	d.s.written(d, w)
	d.handOver()
	return plan.NoFault
}

// set is what the server answers for a pool.
func (d *dnsServer) set(id order.PoolID) []string {
	return d.sets[ddns.Key{Name: id.Name(), Type: string(id.Type())}].Values
}
