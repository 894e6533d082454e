package config

import (
	"fmt"
	"os"
	"time"

	"loadshare/dhcp/failover"
	"loadshare/dhcp/scope"
	"loadshare/internal/config"
)

// judge warns of what is allowed and still unwise.
func (r *reader) judge() {
	if r.c.FirstLeases != "" && len(r.c.Pairs) > 0 {
		// A main that lost its disk would take old leases for its own history, and its living partner for down (decision D-l).
		r.root.Fail("first_leases", "nothing beside [[failover]]: start this server once without [[failover]], then take first_leases out and put [[failover]] in; the backup gets the leases from here")
	}
	used := map[string]bool{}
	for i := range r.c.Scopes.Scopes {
		sc := &r.c.Scopes.Scopes[i]
		used[sc.Failover] = true
		r.judgeScope(sc)
	}
	for i := range r.c.Pairs {
		r.judgePair(i, used[r.c.Pairs[i].Name])
	}
}

func (r *reader) judgePair(i int, used bool) {
	p, f := &r.c.Pairs[i], &r.c.Engine.Pairs[i]
	s := r.pairs[p.Name]
	if !used {
		s.Warn("name", "no scope is in this pair: name it in `failover` of a [[scope]], or list networks in `match`")
	}
	switch {
	case p.Draft && s.Has("backup_pct") && p.BackupPct != 50:
		s.Warn("backup_pct", "with an ISC partner the addresses are shared half and half whatever this says (decision D-m)")
	case f.Balancing && s.Has("backup_pct") && p.BackupPct != 50:
		s.Warn("backup_pct", "with load_balancing the addresses are shared half and half whatever this says (checklist D22)")
	}
	if p.BackupPct == 0 && !f.Balancing && !p.Draft {
		s.Warn("backup_pct", "the backup has no addresses for new clients: when the main is away nobody new is served until partner-down and the MCLT")
	}
	if f.SafePeriod > 0 {
		s.Warn("use_safe_period", "when the safe period is over this server says by itself that its partner is down; if the partner lives and only the link is cut, two clients can get one address")
		if f.SafePeriod < 12*time.Hour {
			s.Warn("safe_period", "12h or more is recommended: time for people to see what is wrong (checklist D34)")
		}
	}
	if p.Draft {
		s.Warn("link", "the plain protocol is neither encrypted nor proves who speaks: keep it on a network of the two servers' own")
		if s.Has("fast_detect") {
			s.Warn("fast_detect", "with an ISC partner silence is judged by poll_timeout alone")
		}
	} else if f.SecondTry {
		s.Warn("second_try_with_isc", "it has a meaning only with link = \"draft\": between two of ours it is always so")
	}
	if f.MCLT < 60 {
		s.Warn("mclt", "every first lease is this short: clients renew all the time")
	}
}

func (r *reader) judgeScope(sc *scope.Scope) {
	s := r.at[scopeAt(sc.Name)]
	if len(r.c.Pairs) > 0 && sc.Failover == "" && !s.Has("failover") {
		s.Warn("name", "this server has the scope alone; if the partner has it too, one address can go to two clients: set failover, or failover = \"\" to say that it is meant so")
	}
	at, lt := s, sc.Policy.LeaseTime
	if lt == nil {
		at, lt = r.at["server"], r.c.Scopes.Policy.LeaseTime
	}
	for i := range r.c.Engine.Pairs {
		f := &r.c.Engine.Pairs[i]
		if f.Name == sc.Failover && lt != nil && int64(*lt) < f.MCLT {
			at.Warn("lease_time", fmt.Sprintf("less than the pair's mclt of %s: that bound then never matters, and an address of a dead partner waits longer than any lease", config.FormatDuration(time.Duration(f.MCLT)*time.Second)))
		}
	}
}

// judgeShares warns of ranges that are so small that the backup's percentage of them is no address; the table is built.
func (r *reader) judgeShares() {
	for i := range r.c.Pairs {
		p := &r.c.Pairs[i]
		if p.Draft || r.c.Engine.Pairs[i].Balancing || r.c.Engine.Scopes == nil {
			continue // half and half
		}
		for _, pool := range r.c.Engine.Scopes.Pools() {
			sc := pool.Scope
			if sc.Failover != p.Name || sc.DynamicBOOTP || sc.BackupPct == nil || *sc.BackupPct == 0 {
				continue
			}
			n := 0
			for _, span := range pool.Ranges {
				n += int(span.Last-span.First) + 1
			}
			if share := (failover.Shares{Free: n}); share.Target(*sc.BackupPct) == 0 {
				r.at[scopeAt(sc.Name)].Warn("ranges", fmt.Sprintf("%d %% of %d are no address: when the main is away nobody new is served here; backup_pct = %d is one", *sc.BackupPct, n, (50+n-1)/n))
			}
		}
	}
}

// warnReadable warns of a secret that everybody on the machine can read.
func warnReadable(s *config.Section, key, file string) {
	if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o004 != 0 {
		s.Warn(key, "every user of this machine can read this file: chmod o-r "+file)
	}
}
