package failover

import (
	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
)

// balance moves addresses between the shares, pool by pool, and returns how many this server gives. asked: by the partner.
func (m *Machine) balance(asked bool) int {
	every := rebalance
	if m.cfg.ISC {
		every = rebalanceISC
	}
	m.balanceAt = m.now.Mono + every
	if m.State() != wire.Normal || !m.comm() {
		return 0
	}
	given := 0
	for i := range m.cfg.Pools {
		p := &m.cfg.Pools[i]
		n := Moves(m.cfg.Role, m.cfg.ISC, m.shares(p), m.pct(p))
		if n == 0 || asked && n < 0 {
			continue
		}
		from, to := m.cfg.Role, other(m.cfg.Role)
		if n < 0 {
			from, to, n = to, from, -n
		}
		moved := 0
		for _, c := range p.chosen(m.movable(p, from, to), n, to) {
			l, _ := m.get(c.ip)
			l.State, l.Start, l.Owed = to.share(), m.now.Wall, true
			m.put(l)
			moved++
		}
		if moved > 0 {
			m.note(Note{Reason: Balanced, Count: moved, Text: p.Name})
		}
		if to != m.cfg.Role {
			given += moved
		}
	}
	return given
}

func other(r Role) Role {
	if r == Main {
		return Backup
	}
	return Main
}

// pct is the backup's percentage in force in a pool (decision D-m).
func (m *Machine) pct(p *Pool) int { return BackupPct(p.BackupPct, m.cfg.Balancing, m.cfg.ISC) }

// each hands the pool's addresses to take.
func (m *Machine) each(p *Pool, take func(lease.Lease)) {
	for _, r := range p.Ranges {
		for ip := r.First; ip <= r.Last; ip++ {
			if l, ok := m.get(ip); ok {
				take(l)
			}
			if ip == r.Last {
				break // the last address of all has none after it
			}
		}
	}
}

// shares counts what is available in a pool.
func (m *Machine) shares(p *Pool) Shares {
	if c, ok := m.table.(Counter); ok {
		if s, ok := c.Shares(p.Name); ok {
			for i := range m.out.Leases { // of this step: not in the table yet
				if l := &m.out.Leases[i]; p.Has(l.IP) {
					was, _ := m.table.Get(l.IP)
					s.count(was, -1)
					s.count(*l, 1)
				}
			}
			return s
		}
	}
	var s Shares
	m.each(p, func(l lease.Lease) { s.count(l, 1) })
	return s
}

func (s *Shares) count(l lease.Lease, by int) {
	switch {
	case l.Flags&lease.Reserved != 0:
	case l.State == lease.Free:
		s.Free += by
	case l.State == lease.Backup:
		s.Backup += by
	}
}

// movable are the addresses of a share that may change sides: those of which the partner owes and is owed nothing.
func (m *Machine) movable(p *Pool, from, to Role) []candidate {
	var out []candidate
	nobodys := m.mine(lease.Client{}) == (to == m.cfg.Role)
	m.each(p, func(l lease.Lease) {
		if l.State != from.share() || l.Owed || l.Flags&lease.Reserved != 0 || capped(l.Hold, m.slack()) > m.now.Wall {
			return
		}
		c := candidate{l.Start, l.IP, nobodys}
		if !l.Client.IsZero() {
			c.affine = m.mine(l.Client) == (to == m.cfg.Role)
		}
		out = append(out, c)
	})
	return out
}

// askForPool says POOLREQ when this server's share runs low.
func (m *Machine) askForPool() {
	m.askAt = m.now.Mono + askPool
	for i := range m.cfg.Pools {
		p := &m.cfg.Pools[i]
		if Short(m.cfg.Role, m.cfg.ISC, m.shares(p), m.pct(p)) {
			m.send(wire.PoolReq{})
			return
		}
	}
}
