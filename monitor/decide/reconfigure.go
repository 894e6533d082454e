package decide

import (
	"fmt"
	"slices"
	"time"

	"loadshare/monitor/order"
)

// wire builds pools, members and checks for a configuration, and takes over
// those that exist already. Life of state is bound to the configuration: what
// is no longer named is forgotten.
func (m *Machine) wire(cfg Config) {
	m.cfg = cfg
	oldChecks, oldPools := m.checks, m.pools
	m.checks = make(map[CheckID]*check, len(cfg.Checks))
	m.pools = make(map[order.PoolID]*pool, len(cfg.Pools))
	m.named = make(map[string][]*member)
	m.list = m.list[:0:0]
	m.guard.window = 0
	for _, k := range cfg.Checks {
		c := oldChecks[k.ID]
		if c == nil {
			c = &check{}
		}
		c.cfg, c.children, c.watchers = k, nil, nil
		m.checks[k.ID] = c
		m.guard.window = max(m.guard.window, k.Interval*time.Duration(k.Fall))
	}
	for _, k := range cfg.Checks {
		for _, id := range k.DependsOn {
			m.checks[id].children = append(m.checks[id].children, m.checks[k.ID])
		}
	}
	for _, pc := range cfg.Pools {
		p := oldPools[pc.ID]
		if p == nil {
			p = &pool{id: pc.ID}
		}
		m.wirePool(p, pc)
		m.pools[pc.ID] = p
		m.list = append(m.list, p)
	}
	m.good, m.suspects = 0, 0
	for _, p := range m.list {
		for _, mb := range p.members {
			m.count(mb, +1)
		}
	}
}

func (m *Machine) wirePool(p *pool, cfg Pool) {
	old := make(map[string]*member, len(p.members))
	for _, mb := range p.members {
		old[mb.cfg.Value] = mb
	}
	p.cfg, p.members = cfg, nil
	for _, mc := range cfg.Members {
		mb := old[mc.Value]
		if mb == nil {
			mb = &member{pool: p, since: m.now, reason: order.ReasonNoVerdictYet}
		}
		mb.cfg, mb.checks = mc, nil
		for _, path := range mc.Paths {
			for _, id := range path.Checks {
				c := m.checks[id]
				if !slices.Contains(mb.checks, c) {
					mb.checks = append(mb.checks, c)
					c.watchers = append(c.watchers, mb)
				}
			}
		}
		p.members = append(p.members, mb)
		names := []string{mc.Value}
		if mc.Address != "" && mc.Address != mc.Value {
			names = append(names, mc.Address)
		}
		if mc.Agent != "" {
			names = append(names, "agent "+mc.Agent)
		}
		for _, n := range names {
			m.named[n] = append(m.named[n], mb)
		}
	}
}

// reconfigure replaces the configuration, all or nothing: an invalid one is refused.
func (m *Machine) reconfigure(cfg Config) {
	if cfg.Monitor != m.cfg.Monitor {
		m.refuse("the monitor id cannot change from %s to %s without a restart", m.cfg.Monitor, cfg.Monitor)
		return
	}
	if err := cfg.Validate(); err != nil {
		m.refuse("monitor configuration: %v", err)
		return
	}
	type was struct {
		cfg     Pool
		members []*member
	}
	before := make(map[order.PoolID]was, len(m.list))
	oldList := m.list
	for _, p := range m.list {
		before[p.id] = was{p.cfg, p.members}
	}
	m.wire(cfg)
	for _, p := range oldList {
		if m.pools[p.id] == nil {
			m.forgetPool(p)
		}
	}
	for _, p := range m.list {
		b, known := before[p.id]
		if !known {
			m.event(Event{Kind: EventConfig, Pool: p.id, Reason: order.ReasonConfigured, Text: "new pool"})
			m.keep(p)
			continue
		}
		m.compareMembers(p, b.members)
		text := fmt.Sprintf("configuration changed: ttl %d, %d members", p.cfg.TTL, len(p.members))
		m.touch(p, cause{reason: order.ReasonConfigured, text: text})
	}
}

// compareMembers says which members came and which left.
func (m *Machine) compareMembers(p *pool, before []*member) {
	for _, mb := range before {
		if !slices.Contains(p.members, mb) {
			m.forget(mb)
			p.departed = append(p.departed, mb.cfg.Value)
			m.event(Event{Kind: EventConfig, Pool: p.id, Member: mb.cfg.Value, Reason: order.ReasonNotConfigured, Text: "left the configuration"})
			p.unsaved = true
		}
	}
	for _, mb := range p.members {
		if !slices.Contains(before, mb) {
			p.departed = slices.DeleteFunc(p.departed, func(v string) bool { return v == mb.cfg.Value })
			m.event(Event{Kind: EventConfig, Pool: p.id, Member: mb.cfg.Value, Reason: order.ReasonConfigured, Text: "new member"})
			p.unsaved = true
		}
	}
}

// forget drops everything that would still come back for a member.
func (m *Machine) forget(mb *member) {
	if mb.incident != "" && !mb.sharedIncident() {
		m.alert(Alert{Incident: mb.incident, Kind: AlertRecovery, Pool: mb.pool.id, Member: mb.cfg.Value, Reason: order.ReasonNotConfigured,
			Final: true, Text: mb.name() + " left the configuration"})
	}
	m.endAttempt(mb)
	delete(m.attempts, mb.attempt.id)
	for _, k := range []timerKind{timerFlap, timerDrain} {
		m.timers.stop(timerKey{k, mb})
	}
	g := &m.guard
	g.members = slices.DeleteFunc(g.members, func(o *member) bool { return o == mb })
	g.recent = slices.DeleteFunc(g.recent, func(f fallen) bool { return f.mb == mb })
	g.changed = true
}

// forgetPool stops looking after a record. What is in DNS stays there.
func (m *Machine) forgetPool(p *pool) {
	for _, mb := range p.members {
		m.forget(mb)
	}
	delete(m.published, p.order.ID)
	m.out.Save = append(m.out.Save, Record{Key: keyPrefix + string(p.id)})
	m.event(Event{Kind: EventConfig, Pool: p.id, Reason: order.ReasonNotConfigured, Text: "the pool left the configuration; its record stays in DNS as it is"})
}
