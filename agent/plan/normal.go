package plan

import (
	"fmt"
	"time"

	"loadshare/ddns"
	"loadshare/monitor/order"
)

// normalDNS answers what needs no server, and else starts the comparison or the
// reset (M5). Only the holder of all its pools resets (M1).
func (m *Machine) normalDNS(now time.Time, in Heard, n order.NormalDNS) {
	refuse := func(why order.Refusal, detail string) {
		m.note(Note{Reason: OrderRefused, Text: fmt.Sprintf("normal-dns from %s: %s %s", in.From, why, detail)})
		m.out.Reply = append(m.out.Reply, Reply{To: in.From, ID: in.ID, Msg: order.NormalDNSAnswer{Refused: why, Detail: detail}})
	}
	apply := n.Action == order.NormalDNSApply
	switch {
	case len(m.cfg.Servers) == 0:
		refuse(order.RefusedNoPublish, "")
		return
	case !apply && n.Action != order.NormalDNSDiff:
		refuse(order.RefusedBadOrder, fmt.Sprintf("action %q: diff or apply", n.Action))
		return
	case m.reset:
		refuse(order.RefusedBusy, "normal-dns is being compared or applied")
		return
	}
	for _, o := range n.Pools {
		if d := m.badPublish(o); d != "" {
			refuse(order.RefusedBadOrder, d)
			return
		}
		if !apply {
			continue
		}
		if p, v := m.obeys(now, in.From, o.Pool, o.Stamp); p == nil {
			refuse(v.refused, string(o.Pool)+": "+v.detail)
			return
		}
	}
	if apply {
		for _, o := range n.Pools {
			p := m.pools[o.Pool]
			if o.Stamp.Newer(p.newest) {
				p.newest = o.Stamp
				m.save(p)
			}
		}
	}
	r := Reset{To: in.From, ID: in.ID, Apply: apply, Wants: m.wants(now, in.From, n), Zones: map[string]string{}}
	for name, zone := range m.cfg.Normal.Zones {
		r.Zones[name] = zone
	}
	for _, o := range n.Pools {
		if o.Zone != "" {
			r.Zones[o.Pool.Name()] = ddns.CanonicalName(o.Zone)
		}
	}
	m.reset = true
	m.out.Reset = append(m.out.Reset, r)
}

// wants is what the reset makes true. Left alone: undecided pools, names that
// another monitor holds, and pools that would become empty without being
// allowed to.
func (m *Machine) wants(now time.Time, from string, n order.NormalDNS) []ddns.Want {
	in := ddns.ResetInput{Normal: m.cfg.Normal, Allow: m.cfg.Records}
	mine := map[order.PoolID]order.Publish{}
	for _, o := range n.Pools {
		mine[o.Pool] = o
		in.Pools = append(in.Pools, ddns.Pool{
			Want:    ddns.Want{Set: setOf(o.Want), Stamp: ddns.Stamp(o.Stamp)},
			Members: o.Members, Out: n.Out[o.Pool],
		})
	}
	for _, id := range n.Undecided {
		in.Undecided = append(in.Undecided, key(id))
	}
	for _, p := range m.sortedPools() {
		if h := p.heldBy(now); h != "" && h != from {
			in.Undecided = append(in.Undecided, key(p.id))
		}
	}
	var out []ddns.Want
	for _, w := range ddns.Reset(in) {
		o, isPool := mine[order.NewPoolID(w.Set.Name, order.RRType(w.Set.Type))]
		if isPool && len(w.Set.Values) == 0 && !o.AllowEmpty {
			continue
		}
		out = append(out, w)
	}
	return out
}
