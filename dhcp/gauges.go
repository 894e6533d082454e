package dhcp

import (
	"strings"

	"loadshare/internal/metrics"
)

// gauges are what the metrics show of the server as it stands: the numbers of scopes of both partners (checklist D39), the pairs, the
// alarms. The watcher puts them right at each of its rounds; what is no more has no series.
type gauges struct {
	addresses                          map[string]*series // by state
	state, serving, connected          *series
	unacked, skew, alarms              *series
	leases, unserved, dnsQueued, ready *metrics.Gauge
}

func newGauges(reg *metrics.Registry) *gauges {
	of := func(name, help string, labels ...string) *series {
		return &series{gauge: reg.Gauge("dhcp_"+name, help, labels...)}
	}
	g := &gauges{
		addresses: map[string]*series{},
		state:     of("pair_state", "1 for the state that a pair is in.", "pair", "state"), serving: of("pair_serving", "1: some client is answered in this state.", "pair"),
		connected: of("pair_connected", "1: the partner is heard.", "pair"), unacked: of("pair_unacked", "Updates that the partner has not confirmed.", "pair"),
		skew: of("pair_clock_skew_seconds", "Between the clocks of the two, either way.", "pair"), alarms: of("alarms", "Alarms that stand, by name.", "name"),
		leases: reg.Gauge("dhcp_leases", "Addresses with a record on disk."), unserved: reg.Gauge("dhcp_unserved_clients", "Clients that ask and get no lease."),
		dnsQueued: reg.Gauge("dhcp_dns_queued", "Changes of DNS that wait."), ready: reg.Gauge("dhcp_ready", "1: new clients are served by this server."),
	}
	for _, state := range []string{"total", "free", "backup", "active", "abandoned", "waiting"} { // one each: so many scopes fit into the bound of series
		g.addresses[state] = of("scope_"+state, "Addresses of a scope: "+state+".", "scope")
	}
	return g
}

// show is the server as it stands.
func (g *gauges) show(st *Status, alarms []AlarmStatus) {
	for i := range st.Scopes {
		c := &st.Scopes[i]
		for state, n := range map[string]int{"total": c.Total, "free": c.Free, "backup": c.Backup, "active": c.Active, "abandoned": c.Abandoned, "waiting": c.Waiting} {
			g.addresses[state].set(float64(n), c.Name)
		}
	}
	for i := range st.Pairs {
		p := &st.Pairs[i]
		g.state.set(1, p.Name, p.State)
		g.serving.set(truth(p.Serving), p.Name)
		g.connected.set(truth(p.Connected), p.Name)
		g.unacked.set(float64(p.Unacked), p.Name)
		g.skew.set(float64(p.Skew), p.Name)
	}
	standing := map[string]int{}
	for i := range alarms {
		standing[alarms[i].Name]++
	}
	for name, n := range standing {
		g.alarms.set(float64(n), name)
	}
	for _, s := range g.addresses {
		s.end()
	}
	for _, s := range []*series{g.state, g.serving, g.connected, g.unacked, g.skew, g.alarms} {
		s.end()
	}
	g.leases.Set(float64(st.Store.Leases))
	g.unserved.Set(float64(len(st.Unserved)))
	g.dnsQueued.Set(float64(st.DNS.Queued))
	g.ready.Set(truth(st.Ready))
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// series is a gauge whose label values come and go.
type series struct {
	gauge     *metrics.Gauge
	last, now map[string][]string
}

func (s *series) set(v float64, values ...string) {
	if s.now == nil {
		s.now = map[string][]string{}
	}
	s.now[strings.Join(values, "\xff")] = values
	s.gauge.Set(v, values...)
}

// end takes away what was not set since the last end.
func (s *series) end() {
	for key, values := range s.last {
		if s.now[key] == nil {
			s.gauge.Delete(values...)
		}
	}
	s.last, s.now = s.now, nil
}
