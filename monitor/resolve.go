package monitor

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"time"

	"loadshare/monitor/decide"
	"loadshare/monitor/order"
)

// Times of looking up the targets of MX members (M7).
const (
	resolveEvery   = 30 * time.Second
	resolveTimeout = 5 * time.Second
)

// looks are the checks that can be looked at now.
func (l *loop) looks() []Look {
	out := make([]Look, 0, len(l.plan.jobs))
	for _, j := range l.plan.jobs {
		if j.addr.IsValid() {
			out = append(out, Look{ID: j.check.ID, Address: j.addr, Spec: j.spec, Interval: j.check.Interval})
		}
	}
	return out
}

// startResolving looks the targets up now and then.
func (l *loop) startResolving(ctx context.Context) {
	l.tasks.Go(func() {
		for {
			var targets []string
			if l.look(ctx, func() { targets = l.plan.targets }) != nil {
				return
			}
			found, failed := map[string][]netip.Addr{}, map[string]error{}
			for _, t := range targets {
				rctx, cancel := context.WithTimeout(ctx, resolveTimeout)
				list, err := l.resolver.Resolve(rctx, t)
				cancel()
				if err != nil {
					failed[t] = err
				} else {
					found[t] = list
				}
			}
			if len(targets) > 0 {
				l.do(ctx, func() []decide.Output { return l.takeAddresses(ctx, found, failed) })
			}
			l.findZones(ctx)
			if !sleep(ctx, resolveEvery) {
				return
			}
		}
	})
}

// findZones finds the zones of the records, for `status`; agents find them for themselves (M12).
func (l *loop) findZones(ctx context.Context) {
	var names []string
	var servers []netip.AddrPort
	l.look(ctx, func() {
		servers = l.cfg.DNS.Servers
		for _, p := range l.cfg.Pools {
			if p.Zone == "" && l.zones[p.Record] == "" {
				names = append(names, p.Record)
			}
		}
	})
	found := map[string]string{}
	for _, n := range names {
		for _, s := range servers {
			actx, cancel := context.WithTimeout(ctx, askTimeout)
			z, err := l.asker.Zone(actx, s, n)
			cancel()
			if err == nil {
				found[n] = z
				break
			}
		}
		if ctx.Err() != nil {
			return
		}
	}
	if len(found) > 0 {
		l.look(ctx, func() { maps.Copy(l.zones, found) })
	}
}

// takeAddresses puts new addresses into the plan. A target that cannot be
// looked up keeps the addresses it had; without any its checks are untested.
func (l *loop) takeAddresses(ctx context.Context, found map[string][]netip.Addr, failed map[string]error) []decide.Output {
	changed := false
	for t, list := range found {
		if !slices.Equal(l.resolved[t], list) {
			l.log.Info("target looked up", "target", t, "addresses", fmt.Sprint(list), "before", fmt.Sprint(l.resolved[t]))
			l.resolved[t] = list
			changed = true
		}
	}
	for t, err := range failed {
		l.log.Warn("target cannot be looked up", "target", t, "error", err)
	}
	var outs []decide.Output
	if changed {
		outs = l.adopt(ctx, l.cfg)
	}
	for _, j := range l.plan.jobs {
		if !j.addr.IsValid() {
			outs = append(outs, l.steps(decide.Observation{Check: j.check.ID, Outcome: decide.Untested, Reason: "no-address",
				Detail: j.target + " cannot be looked up", At: time.Now()})...)
		}
	}
	return outs
}

// adopt makes a configuration, or the same one with other addresses, the one
// that holds: machine, schedule and links.
func (l *loop) adopt(ctx context.Context, cfg *Config) []decide.Output {
	old := l.plan
	l.cfg, l.plan = cfg, build(cfg, l.resolved)
	outs := l.steps(decide.Reconfigure{Config: l.plan.decide})
	l.startLinks(ctx)
	l.prober.Set(l.looks())
	l.meters.forget(old, l.plan)
	l.meters.whole(l)
	return outs
}

// dnsResolver asks the servers of [dns] first, which know the site's own
// names best, and the host's resolver when they do not have the name.
type dnsResolver struct {
	asker   Asker
	servers func() []netip.AddrPort
}

// Resolve is Resolver's.
func (r dnsResolver) Resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	for _, s := range r.servers() {
		var out []netip.Addr
		for _, t := range []order.RRType{order.A, order.AAAA} {
			set, err := r.asker.Ask(ctx, s, host, t)
			if err != nil {
				break
			}
			for _, v := range set.Values {
				if a, err := netip.ParseAddr(v); err == nil {
					out = append(out, a)
				}
			}
		}
		if len(out) > 0 {
			return sortedAddrs(out), nil
		}
	}
	list, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host+".")
	if err != nil {
		return nil, err
	}
	return sortedAddrs(list), nil
}

func sortedAddrs(list []netip.Addr) []netip.Addr {
	for i := range list {
		list[i] = list[i].Unmap()
	}
	slices.SortFunc(list, netip.Addr.Compare)
	return slices.Compact(list)
}

// resolvedNow is a copy of the addresses of all targets.
func (l *loop) resolvedNow(ctx context.Context) map[string][]netip.Addr {
	out := map[string][]netip.Addr{}
	l.look(ctx, func() { out = maps.Clone(l.resolved) })
	return out
}
