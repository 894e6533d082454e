package monitor

import (
	"strings"
	"time"

	"loadshare/internal/metrics"
	"loadshare/monitor/decide"
)

// meters are the monitor's metrics. Series are bounded by the registry.
type meters struct {
	registry *metrics.Registry

	member      *metrics.Gauge   // pool, member
	check       *metrics.Gauge   // pool, member, check
	published   *metrics.Gauge   // pool
	transitions *metrics.Counter // kind, to, reason
	probes      *metrics.Counter // outcome, reason
	probeTime   map[decide.Outcome]metrics.HistogramOne
	toAnswer    metrics.HistogramOne
	toDecide    metrics.HistogramOne
	pending     *metrics.Gauge
	connected   *metrics.Gauge
	lateness    *metrics.Gauge
	held        *metrics.Gauge
	drains      *metrics.Gauge

	looked map[decide.CheckID]bool           // since the last tick
	shown  map[decide.CheckID]decide.Verdict // what the gauge says
}

func newMeters(r *metrics.Registry) *meters {
	m := &meters{registry: r, looked: map[decide.CheckID]bool{}, shown: map[decide.CheckID]decide.Verdict{}}
	m.member = r.Gauge("member_up", "1 while the member is good for DNS (up or suspect), else 0.", "pool", "member")
	m.check = r.Gauge("check_up", "1 while the check's verdict is up, 0 while it is down, -1 without one.", "pool", "member", "check")
	m.published = r.Gauge("pool_published_members", "Members in the last decided set.", "pool")
	m.transitions = r.Counter("transitions_total", "Changes of state, by what changed, to what, and why.", "kind", "to", "reason")
	m.probes = r.Counter("probes_total", "Probes made, by outcome and reason.", "outcome", "reason")
	h := r.Histogram("probe_seconds", "How long probes took, by outcome.", nil, "outcome")
	m.probeTime = map[decide.Outcome]metrics.HistogramOne{}
	for _, o := range []decide.Outcome{decide.OK, decide.Failed, decide.Untested} {
		m.probeTime[o] = h.With(o.String())
	}
	m.toAnswer = r.Histogram("decision_to_answer_seconds", "From a decision to the moment all servers asked answered it.", nil).With()
	m.toDecide = r.Histogram("probe_to_decision_seconds", "From the end of the first probe that led to a decision to the decision.", nil).With()
	m.pending = r.Gauge("orders_pending", "Orders that publishing agents have not answered.")
	m.connected = r.Gauge("agents_connected", "Agents that are connected.")
	m.lateness = r.Gauge("scheduler_lateness_seconds", "How far behind its schedule the latest probe began.")
	m.held = r.Gauge("guard_held_members", "Members kept in DNS by the guard.")
	m.drains = r.Gauge("drained_members", "Members taken out by an operator.")
	return m
}

// probe counts one probe.
func (m *meters) probe(o decide.Observation) {
	m.probes.Inc(o.Outcome.String(), o.Reason)
	m.probeTime[o.Outcome].Observe(o.Took.Seconds())
	m.looked[o.Check] = true
}

// events counts changes and keeps the states.
func (m *meters) events(list []decide.Event) {
	for _, e := range list {
		if e.To != "" {
			m.transitions.Inc(string(e.Kind), e.To, string(e.Reason))
		}
		switch e.Kind {
		case decide.EventMember:
			m.member.Set(goodValue(e.To), string(e.Pool), e.Member)
			if drained := decide.Drained.String(); e.From != e.To && e.To == drained {
				m.drains.Add(1)
			} else if e.From != e.To && e.From == drained {
				m.drains.Add(-1)
			}
		case decide.EventPublish:
			if set, ok := e.Data["published"]; ok {
				m.published.Set(float64(countValues(set)), string(e.Pool))
			}
		}
	}
}

// countValues counts the members in the machine's list of them.
func countValues(set string) int {
	if set == "" || set == "nothing" {
		return 0
	}
	return strings.Count(set, ",") + 1
}

func goodValue(state string) float64 {
	if state == decide.Up.String() || state == decide.Suspect.String() {
		return 1
	}
	return 0
}

func verdictValue(v decide.Verdict) float64 {
	switch v {
	case decide.VerdictUp:
		return 1
	case decide.VerdictDown:
		return 0
	case decide.NoVerdict:
	}
	return -1
}

// verdict shows a check's verdict, if it is not what is shown already.
func (m *meters) verdict(l *loop, id decide.CheckID) {
	i, planned := l.plan.byID[id]
	c, known := l.machine.Check(id)
	if v, shown := m.shown[id]; !planned || !known || shown && v == c.Verdict {
		return
	}
	j := l.plan.jobs[i]
	m.shown[id] = c.Verdict
	m.check.Set(verdictValue(c.Verdict), string(j.pool), j.member, j.name)
}

// proved counts how long a decision took to be answered by all servers.
func (m *meters) proved(v decide.PoolView, at time.Time) {
	if !v.Last.DecidedAt.IsZero() {
		m.toAnswer.Observe(at.Sub(v.Last.DecidedAt).Seconds())
	}
	if !v.Last.SeenAt.IsZero() {
		m.toDecide.Observe(v.Last.DecidedAt.Sub(v.Last.SeenAt).Seconds())
	}
}

// tick sets what is cheap to look up, at each heartbeat.
func (m *meters) tick(l *loop) {
	up, pending := 0, 0
	for _, a := range l.plan.agents {
		h := l.links[a]
		if h.up {
			up++
		}
		pending += h.link.undone()
	}
	for id := range m.looked {
		m.verdict(l, id)
	}
	clear(m.looked)
	m.connected.Set(float64(up))
	m.pending.Set(float64(pending))
	m.lateness.Set(l.prober.Lateness().Seconds())
	m.held.Set(float64(len(l.machine.Guard().Held)))
}

// whole sets every state anew: at the start and after a change of configuration.
func (m *meters) whole(l *loop) {
	drained := 0
	for _, id := range l.machine.Pools() {
		v, _ := l.machine.Pool(id)
		m.published.Set(float64(len(v.Published)), string(id))
		for _, mb := range v.Members {
			m.member.Set(goodValue(mb.State.String()), string(id), mb.Value)
			if mb.Drain != nil {
				drained++
			}
		}
	}
	m.drains.Set(float64(drained))
	for _, j := range l.plan.jobs {
		m.verdict(l, j.check.ID)
	}
}

// forget gives up the series of members and checks that are no longer in the plan.
func (m *meters) forget(old, now *plan) {
	keep := map[[2]string]bool{}
	for _, p := range now.decide.Pools {
		for _, mb := range p.Members {
			keep[[2]string{string(p.ID), mb.Value}] = true
		}
	}
	pools := map[string]bool{}
	for k := range keep {
		pools[k[0]] = true
	}
	for _, p := range old.decide.Pools {
		if !pools[string(p.ID)] {
			m.published.Delete(string(p.ID))
		}
		for _, mb := range p.Members {
			if !keep[[2]string{string(p.ID), mb.Value}] {
				m.member.Delete(string(p.ID), mb.Value)
			}
		}
	}
	for _, j := range old.jobs {
		if _, stays := now.byID[j.check.ID]; !stays {
			m.check.Delete(string(j.pool), j.member, j.name)
			delete(m.shown, j.check.ID)
		}
	}
}
