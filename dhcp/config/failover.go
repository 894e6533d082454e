package config

import (
	"net/netip"
	"slices"
	"time"

	"loadshare/dhcp/failover"
	"loadshare/dhcp/scope"
	"loadshare/internal/config"
	"loadshare/internal/link"
)

// Pair is one [[failover]]: this server's place beside one partner. Its tuning is the failover.Config of the same name in Engine.Pairs.
type Pair struct {
	Name             string
	Role             failover.Role
	Address, Partner netip.AddrPort
	Draft            bool      // the plain protocol of the draft, for an ISC dhcpd; then there is no Auth
	Auth             link.Auth // how both prove themselves
	Match            []netip.Prefix
	BackupPct        int // checklist D22
	DynamicBOOTPPct  int // checklist D27
}

// The defaults of the sources (checklist D22 to D41).
const (
	defaultMCLT       = time.Hour
	defaultBackupPct  = 10
	defaultFast       = time.Second // decision D-c
	defaultPoll       = 10 * time.Second
	defaultPollLimit  = 60 * time.Second
	defaultSafePeriod = 24 * time.Hour
	defaultMaxUnacked = 10
	failoverPort      = 647
)

// matches says that the network match list has the subnet (checklist D02, D05).
func (p *Pair) matches(subnet netip.Prefix) bool {
	return slices.ContainsFunc(p.Match, func(m netip.Prefix) bool { return m.Bits() <= subnet.Bits() && m.Contains(subnet.Addr()) })
}

// fill gives a scope of this pair the percentages that it does not have itself: the scope's own win (checklist D22, D27).
func (p *Pair) fill(s *scope.Scope) {
	if s.DynamicBOOTP && s.BootpPct == nil && s.BackupPct == nil {
		s.BootpPct = &p.DynamicBOOTPPct
	}
	if s.BackupPct == nil {
		s.BackupPct = &p.BackupPct
	}
}

// failover reads [[failover]].
func (r *reader) failover() {
	for _, s := range r.root.Tables("failover") {
		p, f := r.pair(s)
		if p.Name == "" {
			continue
		}
		if r.pairs[p.Name] != nil {
			s.Fail("name", "every pair once")
			continue
		}
		r.pairs[p.Name] = s
		r.checkAddresses(s, p)
		r.c.Pairs = append(r.c.Pairs, p)
		r.c.Engine.Pairs = append(r.c.Engine.Pairs, f)
	}
}

func (r *reader) pair(s *config.Section) (Pair, failover.Config) {
	p := Pair{
		Name: s.Required("name"), Role: failover.Main, Address: s.AddrPort("address", failoverPort), Partner: s.AddrPort("partner", failoverPort),
		Match: s.Prefixes("match"), BackupPct: s.Int("backup_pct", defaultBackupPct, 0, 100),
	}
	p.DynamicBOOTPPct = s.Int("dynamic_bootp_backup_pct", p.BackupPct, 0, 100)
	if s.OneOf("role", "", "main", "backup") == "backup" {
		p.Role = failover.Backup
	}
	for _, key := range []string{"role", "address", "partner"} {
		if !s.Has(key) {
			s.Fail(key, "a value: a pair cannot do without it")
		}
	}
	p.Draft, p.Auth = proof(s)
	f := failover.Config{
		Name: p.Name, Role: p.Role, ISC: p.Draft,
		MCLT:         int64(wholeSeconds(s, "mclt", defaultMCLT, time.Second, 30*24*time.Hour) / time.Second),
		PollInterval: s.Duration("poll_interval", defaultPoll, 100*time.Millisecond, time.Hour),
		PollTimeout:  wholeSeconds(s, "poll_timeout", defaultPollLimit, time.Second, time.Hour),
		Fast:         s.Duration("fast_detect", defaultFast, 0, time.Minute),
		MaxUnacked:   s.Int("max_unacked", defaultMaxUnacked, 1, 10000),
		Balancing:    s.Bool("load_balancing", false),
		SecondTry:    s.Bool("second_try_with_isc", false),
	}
	if period := s.Duration("safe_period", defaultSafePeriod, time.Second, 0); s.Bool("use_safe_period", false) {
		f.SafePeriod = period
	}
	if p.Draft {
		f.Fast = 0
	}
	if f.PollTimeout <= f.PollInterval {
		s.Fail("poll_timeout", "longer than poll_interval, or every late message parts the pair")
	}
	if f.Fast > f.PollTimeout {
		s.Fail("fast_detect", "not longer than poll_timeout")
	}
	return p, f
}

// proof reads exactly one of a key, certificates, and link = "draft" (decision D-m).
func proof(s *config.Section) (draft bool, auth link.Auth) {
	if s.Has("link") && s.OneOf("link", "", "draft") == "draft" {
		for _, key := range []string{"key", "ca", "cert", "cert_key", "peer_names"} {
			if s.Has(key) {
				s.Fail(key, "nothing: with link = \"draft\" the partner proves nothing; take one of the two out")
				_ = s.Raw(key)
			}
		}
		return true, link.Auth{}
	}
	if s.Has("link") {
		return false, link.Auth{}
	}
	if !s.Has("key") && !s.Has("ca") && !s.Has("cert") && !s.Has("cert_key") {
		s.Fail("key", "exactly one of `key` (loadshare key NAME makes a file), `ca` with `cert` and `cert_key`, and `link = \"draft\"` for an ISC dhcpd")
		_ = s.Strings("peer_names")
		return false, link.Auth{}
	}
	auth, _ = link.AuthFrom(s)
	return false, auth
}

// wholeSeconds reads a duration of whole seconds, as the protocol has it.
func wholeSeconds(s *config.Section, key string, def, least, most time.Duration) time.Duration {
	d := s.Duration(key, def, least, most)
	if d%time.Second != 0 {
		s.Fail(key, "a duration of whole seconds")
		return def
	}
	return d
}

// checkAddresses refuses a pair that is one server twice (checklist H35, D46). Loopback is allowed: both may run on one host.
func (r *reader) checkAddresses(s *config.Section, p Pair) {
	if !p.Address.IsValid() || !p.Partner.IsValid() {
		return
	}
	switch {
	case p.Address == p.Partner:
		s.Fail("partner", "the address of the other server: this is our own")
	case p.Partner.Addr().IsUnspecified():
		s.Fail("partner", "the address of the other server: this is none that one can connect to")
	case p.Address.Addr().IsUnspecified():
		s.Fail("address", "the address that the partner knows this server by; with several interfaces it must be said which")
	case p.Address.Addr().IsLoopback() && !p.Partner.Addr().IsLoopback():
		s.Warn("address", "the partner on another host cannot connect to a loopback address")
	case p.Address.Addr().Is4() != p.Partner.Addr().Is4():
		s.Fail("partner", "an address of the same family as `address`")
	}
	for _, o := range r.c.Pairs {
		if o.Address == p.Address && o.Partner.Addr() == p.Partner.Addr() && (o.Draft || p.Draft) {
			s.Fail("partner", "another address or port than those of pair "+o.Name+": with the plain protocol nothing else tells them apart")
		}
		if o.Address == p.Address && o.Draft != p.Draft {
			s.Fail("address", "another port than that of pair "+o.Name+": one port speaks either the plain protocol or the encrypted one")
		}
	}
}
