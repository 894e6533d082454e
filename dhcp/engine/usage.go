package engine

import (
	"time"

	"loadshare/dhcp/failover"
	"loadshare/dhcp/lease"
)

const (
	samples   = 61 // of a pool, a minute apart
	hours     = 48
	leastSpan = 5 // minutes that must be known before anything is forecast
)

// usage is how fast a pool is used up, for the forecast, and how many new clients come, for the advice on backup_pct (checklist D24).
type usage struct {
	gone  [samples]int // addresses that are not available, a minute apart
	n, at int
	new   [hours]int // addresses that went to clients that had them not, by the hour
	hour  int        // of new, that runs; counts up
}

// taken counts a new client of a pool.
func (m *Machine) taken(i int32) {
	if r := m.table.at(i); r.pool >= 0 {
		u := &m.pools[r.pool].use
		u.new[u.hour%hours]++
	}
}

// measure takes the samples of the minute, and of the hour.
func (m *Machine) measure() {
	if m.measured == 0 {
		m.measured, m.houred = m.now.Mono, m.now.Mono
	}
	if m.now.Mono-m.houred >= time.Hour {
		m.houred = m.now.Mono
		for _, p := range m.pools {
			p.use.hour++
			p.use.new[p.use.hour%hours] = 0
		}
	}
	if m.now.Mono-m.measured < time.Minute {
		return
	}
	m.measured = m.now.Mono
	for _, p := range m.pools {
		free, backup := p.available()
		p.use.gone[p.use.at%samples] = p.size - free - backup
		p.use.at++
		p.use.n = min(p.use.n+1, samples)
	}
}

// Forecast is when a pool is empty, at the rate of the last hour.
type Forecast struct {
	PerHour float64       // addresses that go, less those that come back
	Mine    int           // available addresses that this server may give now
	Known   time.Duration // for how long the rate is known; 0: not long enough
	Empty   time.Duration // until then; 0: not at this rate
	// BackupPct is the percentage with which the backup could serve the new clients of two hours of the day or twelve of the night, whichever
	// are more, by those of the last two days (checklist D24); 0: not known, or no pair.
	BackupPct int
	Pct       int // the backup's percentage that is in force; 0: none, or no pair
	Share     int // addresses that this is of what is available now
}

func (m *Machine) forecast(p *pool) Forecast {
	free, backup := p.available()
	f := Forecast{Mine: free + backup}
	if p.pair >= 0 {
		q := m.pairs[p.pair]
		switch {
		case q.m.State() == partnerDown:
		case q.cfg.Role == failover.Main:
			f.Mine = free
		default:
			f.Mine = backup
		}
		f.BackupPct = p.use.advice(free + backup)
		f.Pct = failover.BackupPct(p.about.BackupPct, q.cfg.Balancing, q.cfg.ISC)
		f.Share = failover.Shares{Free: free, Backup: backup}.Target(f.Pct)
	}
	if p.use.n <= leastSpan {
		return f
	}
	f.Known = time.Duration(p.use.n-1) * time.Minute
	first, last := p.use.gone[(p.use.at-p.use.n)%samples], p.use.gone[(p.use.at-1)%samples]
	f.PerHour = float64(last-first) / f.Known.Hours()
	if f.PerHour > 0 {
		f.Empty = time.Duration(float64(f.Mine) / f.PerHour * float64(time.Hour))
	}
	return f
}

// advice is a percentage of what is available.
func (u *usage) advice(available int) int {
	if u.hour < 12 || available == 0 {
		return 0
	}
	known := min(u.hour, hours-1) // hours that are over
	sum := func(from, n int) (s int) {
		for h := from; h < from+n; h++ {
			s += u.new[h%hours]
		}
		return s
	}
	day, night := 0, -1
	for h := u.hour - known; h+2 <= u.hour; h++ {
		day = max(day, sum(h, 2))
	}
	for h := u.hour - known; h+12 <= u.hour; h++ {
		if s := sum(h, 12); night < 0 || s < night {
			night = s
		}
	}
	return min(100, (max(day, night)*100+available-1)/available)
}

// ScopeView is the numbers of a scope. Reservations are not counted.
type ScopeView struct {
	Name, Pair string
	Total      int
	Free       int // never used ones as well
	Backup     int
	Active     int
	Abandoned  int
	Waiting    int // expired, released or reset; the partner must know first
	Offered    int
	Forecast   Forecast
}

// Scopes are the numbers of all scopes, in the order of the configuration. It does not look at the leases.
func (m *Machine) Scopes() []ScopeView {
	offered := map[int32]int{}
	for ip := range m.offers.by {
		offered[m.poolOf(ip)]++
	}
	var out []ScopeView
	for _, s := range m.cfg.Scopes.Scopes() {
		v := ScopeView{Name: s.Name, Pair: s.Failover}
		if p := m.scopePool[s]; p != nil {
			c := &p.counts
			v.Total = p.size
			v.Free, v.Backup = p.available()
			v.Active, v.Abandoned = c[lease.Active], c[lease.Abandoned]
			v.Waiting = c[lease.Expired] + c[lease.Released] + c[lease.Reset]
			v.Forecast = m.forecast(p)
			for i, x := range m.pools {
				if x == p {
					v.Offered = offered[int32(i)]
				}
			}
		}
		out = append(out, v)
	}
	return out
}
