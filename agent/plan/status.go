package plan

import (
	"maps"
	"slices"
	"time"

	"loadshare/monitor/order"
)

// Status is what an operator is shown.
type Status struct {
	Services []ServiceStatus
	Servers  []ServerStatus
	// Queued counts servers that miss the newest set of a pool, over all pools.
	Queued int
	// FrozenSince is when a monitor spoke last, while none speaks (M6); else zero.
	FrozenSince time.Time
	Monitors    []MonitorStatus
}

// ServiceStatus is one service of the allow-list.
type ServiceStatus struct {
	Name     string
	Restarts int
	// LastRestart is zero when never; LastResult is then "".
	LastRestart time.Time
	LastResult  string
}

// ServerStatus is one DNS server.
type ServerStatus struct {
	Address string
	// OK: it did what was last asked of it, or was not asked yet.
	OK      bool
	LastErr string
	Asked   time.Time // when the last try ended; zero: none yet
}

// MonitorStatus is one monitor that has spoken.
type MonitorStatus struct {
	ID    string
	Heard time.Time
	// Holds are the pools whose lease it has.
	Holds []order.PoolID
}

// Counts are the numbers of [Status] that cost little, for metrics.
func (m *Machine) Counts() (queued, monitors int, frozen bool) {
	for _, p := range m.active {
		queued += p.job.queued()
	}
	return queued, len(m.monitors), m.frozen
}

// queued counts the servers that miss the order.
func (j *job) queued() int {
	n := 0
	for i := range j.legs {
		if l := &j.legs[i]; !l.over && !l.lookOnly {
			n++
		}
	}
	return n
}

// Status tells how things stand.
func (m *Machine) Status(now time.Time) Status {
	var out Status
	for _, name := range slices.Sorted(maps.Keys(m.cfg.Services)) {
		st := ServiceStatus{Name: name}
		if s := m.services[name]; s != nil {
			st.Restarts = s.total
			if n := len(s.attempts); n > 0 {
				a := s.attempts[n-1]
				st.LastRestart, st.LastResult = a.At, "running"
				if a.Result != nil {
					st.LastResult = string(a.Result.Outcome)
				}
			}
		}
		out.Services = append(out.Services, st)
	}
	for _, name := range m.cfg.Servers {
		s := m.server(name)
		text := s.lastErr
		if text == "" {
			text = s.deafErr // it answers questions, but left a write unanswered
		}
		out.Servers = append(out.Servers, ServerStatus{Address: name, OK: text == "", LastErr: text, Asked: s.asked})
	}
	if m.frozen {
		out.FrozenSince = m.heard
	}
	holds := map[string][]order.PoolID{}
	for _, p := range m.sortedPools() {
		if h := p.heldBy(now); h != "" {
			holds[h] = append(holds[h], p.id)
		}
		if p.job != nil {
			out.Queued += p.job.queued()
		}
	}
	for _, id := range slices.Sorted(maps.Keys(m.monitors)) {
		out.Monitors = append(out.Monitors, MonitorStatus{ID: id, Heard: m.monitors[id].last, Holds: holds[id]})
	}
	return out
}
