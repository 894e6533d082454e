package agent

import (
	"loadshare/agent/plan"
	"loadshare/internal/metrics"
	"loadshare/monitor/order"
)

// meters are the agent's metrics. Every label has few values: the
// configuration's and our own words.
type meters struct {
	orders, updates, restarts, reasons *metrics.Counter
	queued, frozen, monitors           *metrics.Gauge
}

func newMeters(r *metrics.Registry) *meters {
	return &meters{
		orders:   r.Counter("agent_messages_total", "Messages of monitors.", "kind"),
		updates:  r.Counter("agent_dns_updates_total", "DNS UPDATE messages sent.", "server", "result"),
		restarts: r.Counter("agent_restarts_total", "Restarts that ended.", "service", "outcome"),
		reasons:  r.Counter("agent_decisions_total", "What was decided, by reason.", "reason"),
		queued:   r.Gauge("agent_queued", "Servers that miss the newest set of a pool, over all pools."),
		frozen:   r.Gauge("agent_frozen", "1 while no monitor speaks."),
		monitors: r.Gauge("agent_monitors", "Monitors that have spoken since the start."),
	}
}

func (m *meters) heard(msg order.Message) {
	kind := "other"
	switch msg.(type) {
	case order.Heartbeat:
		kind = "heartbeat"
	case order.Publish:
		kind = "publish"
	case order.Restart:
		kind = "restart"
	case order.Hook:
		kind = "hook"
	case order.NormalDNS:
		kind = "normal-dns"
	case order.ProbeRequest:
		kind = "probe"
	}
	m.orders.Inc(kind)
}

func (m *meters) updated(server string, f plan.Fault) {
	m.updates.Inc(server, [...]string{"done", "silent", "changed", "refused", "no-zone"}[f])
}

func (m *meters) restarted(service string, o order.RestartOutcome) {
	m.restarts.Inc(service, string(o))
}

func (m *meters) note(r plan.Reason) { m.reasons.Inc(r.String()) }

func (m *meters) loop(queued, monitors int, frozen bool) {
	m.queued.Set(float64(queued))
	m.monitors.Set(float64(monitors))
	value := 0.0
	if frozen {
		value = 1
	}
	m.frozen.Set(value)
}
