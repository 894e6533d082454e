package sim

import (
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
	return plan.NoFault
}

// set is what the server answers for a pool.
func (d *dnsServer) set(id order.PoolID) []string {
	return d.sets[ddns.Key{Name: id.Name(), Type: string(id.Type())}].Values
}
