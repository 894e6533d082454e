package dhcp

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"loadshare/dhcp/config"
	"loadshare/dhcp/engine"
	"loadshare/dhcp/failover"
	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/socket"
)

// view is the machine at one moment.
type view struct {
	at       time.Time
	pairs    map[string]engine.PairView
	scopes   []engine.ScopeView
	relays   []engine.RelayHeard
	unserved []engine.Unserved
	leases   int
	orphans  int
	doubted  bool // the clock is
}

// look takes a view, on the loop's goroutine.
func (s *Server) look() (v view, err error) {
	err = s.loop.call(func() {
		m := s.loop.machine
		v = view{at: time.Now(), pairs: map[string]engine.PairView{}, scopes: m.Scopes(), relays: m.Relays(), unserved: m.Unserved(), doubted: m.ClockDoubted()}
		v.leases, v.orphans, _ = m.Count()
		for _, p := range m.Pairs() {
			v.pairs[p.Config.Name] = p
		}
	})
	return v, err
}

// knownOf says that nobody can have changed a lease without this server's knowledge; on the loop's goroutine.
func (s *Server) knownOf(l *lease.Lease) bool {
	sc := s.conf.Load().Engine.Scopes.ScopeOf(l.IP)
	if sc == nil || sc.Failover == "" {
		return true
	}
	link := s.links[sc.Failover]
	if link == nil || link.met.Load() {
		return true
	}
	for _, p := range s.loop.machine.Pairs() {
		if p.Config.Name == sc.Failover {
			return p.State == wire.PartnerDown
		}
	}
	return true
}

// status is everything that people see at once.
func (s *Server) status() (Status, error) {
	v, err := s.look()
	if err != nil {
		return Status{}, err
	}
	return s.statusOf(&v), nil
}

func (s *Server) statusOf(v *view) Status {
	conf := s.conf.Load()
	st := Status{
		Role: roleOf(conf), Since: s.since.UTC().Truncate(time.Millisecond), Unfit: s.unfitWhy(), Listen: []string{}, Pairs: []PairStatus{},
		Scopes: []ScopeStatus{}, Alarms: s.watchd.standing(), DNS: s.dns.status(), Orphans: v.orphans, Unserved: []Unserved{},
	}
	for _, a := range s.Addrs() {
		st.Listen = append(st.Listen, a.String())
	}
	st.Interfaces = interfaceStatus(conf.Interfaces, s.socket.Deaf())
	for i := range conf.Pairs {
		if shown, ok := v.pairs[conf.Pairs[i].Name]; ok {
			st.Pairs = append(st.Pairs, s.pairStatus(conf, i, shown, v.at))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.pairs)) {
		if p := v.pairs[name]; p.Config.Gone {
			st.Pairs = append(st.Pairs, s.goneStatus(p, v.at))
		}
	}
	for i := range v.scopes {
		st.Scopes = append(st.Scopes, scopeStatus(conf, &v.scopes[i], v.at))
	}
	st.Why = notReady(&st)
	st.Ready = st.Why == ""
	st.Store = s.storeStatus(v)
	st.Queues = s.queueStatus()
	st.Relays = s.relayStatus(v)
	slices.SortFunc(st.Relays, func(a, b RelayStatus) int { return strings.Compare(a.Address, b.Address) })
	st.Unserved = s.unservedStatus(v)
	st.Floods = s.floods.standing(v.at)
	return st
}

func roleOf(conf *config.Config) string {
	main, backup := false, false
	for _, p := range conf.Pairs {
		main, backup = main || p.Role == failover.Main, backup || p.Role == failover.Backup
	}
	switch {
	case main && backup:
		return "main and backup"
	case main:
		return "main"
	case backup:
		return "backup"
	}
	return "single"
}

// interfaceStatus joins the interfaces that are configured with those on which nothing is heard.
func interfaceStatus(names []string, deaf []socket.Deaf) []InterfaceStatus {
	out := []InterfaceStatus{}
	for _, n := range names {
		one := InterfaceStatus{Name: n, Up: true}
		for i := range deaf {
			if d := &deaf[i]; d.Interface == n {
				since := d.Since.UTC().Truncate(time.Second)
				one.Up, one.Why, one.Since = false, d.Why, &since
			}
		}
		out = append(out, one)
	}
	return out
}

// deaf are the interfaces on which nobody is heard.
func (st *Status) deaf() (out []InterfaceStatus) {
	for _, i := range st.Interfaces {
		if !i.Up {
			out = append(out, i)
		}
	}
	return out
}

func (i InterfaceStatus) text() string {
	return fmt.Sprintf("the interface %s %s: clients that broadcast there are not heard by this server", i.Name, i.Why)
}

// notReady is why the server cannot do its job now; "" when it can.
func notReady(st *Status) string {
	if st.Unfit != "" {
		return st.Unfit
	}
	if deaf := st.deaf(); len(deaf) > 0 && len(deaf) == len(st.Interfaces) {
		return deaf[0].text()
	}
	for _, p := range st.Pairs {
		if !p.Serving {
			return fmt.Sprintf("the pair %s is in %s: no new client is served by this server; loadshare dhcp-pair status shows what to do", p.Name, p.State)
		}
	}
	return ""
}

func (s *Server) pairStatus(conf *config.Config, i int, v engine.PairView, now time.Time) PairStatus {
	c, f, saved := &conf.Pairs[i], &conf.Engine.Pairs[i], &v.Saved
	link := s.links[c.Name]
	st := PairStatus{
		Name: c.Name, Role: c.Role.String(), State: v.State.String(), Since: moment(saved.Since), Reason: saved.Why.String(), PartnerState: saved.Peer.String(),
		PartnerSince: moment(saved.PeerSince), MCLT: v.MCLT, Unacked: v.Unacked, Serving: servingWords[v.State.String()], Link: linkWord(c.Draft),
		Address: c.Address.String(), Partner: c.Partner.String(), Connected: v.Connected, Skew: saved.Skew, Balancing: f.Balancing, BackupPct: c.BackupPct,
		SafePeriod: f.SafePeriod > 0, Differs: []string{}, Conflicts: s.events.ofPair(c.Name), BackSince: s.watchd.behindSince(c.Name),
		Suggestions: suggestions(c.Name, c.Partner.Addr().String(), v, len(conf.Pairs) > 1), Next: s.next(v, now),
	}
	if at := link.heard.Load(); at != 0 {
		t := time.Unix(0, at).UTC().Truncate(time.Millisecond)
		st.LastHeard = &t
	}
	if apart, known := link.skew.now(); known && v.Connected {
		st.Skew = apart
	}
	if !v.Connected {
		st.LastError, st.ClocksApart = link.lastError(), link.clocksApart()
	}
	if v.Connected {
		st.Differs = append(st.Differs, link.beside.differs()...)
	}
	st.Shadow, st.Outage = link.beside.shadows(), link.beside.outage()
	st.ConfigDiffers = len(st.Differs) > 0
	return st
}

// goneStatus is a pair that was taken out of the configuration.
func (s *Server) goneStatus(v engine.PairView, now time.Time) PairStatus {
	saved := &v.Saved
	st := PairStatus{
		Name: v.Config.Name, Role: v.Config.Role.String(), State: v.State.String(), Since: moment(saved.Since), Reason: saved.Why.String(),
		PartnerState: saved.Peer.String(), PartnerSince: moment(saved.PeerSince), MCLT: v.MCLT, Unacked: v.Unacked, Serving: servingWords[v.State.String()],
		Link: linkWord(v.Config.ISC), Skew: saved.Skew, Differs: []string{}, Shadow: []string{}, Conflicts: []Conflict{}, TakenAway: true,
		Next: s.next(v, now), Suggestions: []string{},
	}
	switch v.State {
	case wire.PartnerDown:
		st.Over = moment(v.Over)
	case wire.CommInterrupted, wire.ResolutionInterrupted:
		st.Suggestions = append(st.Suggestions, "if the other server of the pair serves nobody, and only then: loadshare dhcp-pair partner-down --pair "+st.Name)
	default:
		st.Suggestions = append(st.Suggestions, "put [[failover]] "+st.Name+" back: this server does not know all leases")
	}
	return st
}

const startupTime = 15 * time.Second // as package failover has it

// next is what the endpoint does by itself, if the partner is not heard.
func (s *Server) next(v engine.PairView, now time.Time) *Next {
	var in time.Duration
	var what string
	switch {
	case v.State == wire.StartingUp:
		in, what = max(0, startupTime-now.Sub(s.since)), "the partner is waited for, then "+v.Saved.State.String()
	case v.State == wire.RecoverWait && v.WaitEnd > 0:
		in, what = max(0, time.Unix(v.WaitEnd, 0).Sub(now)), "the MCLT is waited for, then recover-done"
	case v.State == wire.PartnerDown && !v.Saved.Met && takeover(v).After(now):
		in, what = takeover(v).Sub(now), "the MCLT is waited for, then the partner's free addresses are given too"
	case v.SafeIn > 0:
		in, what = v.SafeIn, "partner-down by the safe period, whether or not the partner is down"
	default:
		return nil
	}
	return &Next{What: what, At: now.Add(in).UTC().Truncate(time.Second), Seconds: int64(in / time.Second)}
}

// takeover is when the free addresses of a partner that was declared down come into use.
func takeover(v engine.PairView) time.Time {
	return time.Unix(v.Saved.Down+v.MCLT+v.Saved.Skew+1, 0)
}

// suggestions are the commands that the state calls for.
func suggestions(pair, partner string, v engine.PairView, several bool) []string {
	name := ""
	if several {
		name = " --pair " + pair
	}
	switch v.State {
	case wire.StartingUp, wire.Recover:
		switch {
		case v.Connected:
		case v.Saved.Why == failover.OtherRole:
			return []string{"give the other server (" + partner + ") the other role in its configuration too, and restart it: until then only that one serves"}
		case v.State == wire.Recover && v.Saved.Peer == 0:
			return []string{"if there is no partner yet: loadshare dhcp-pair partner-down --new-site" + name}
		}
	case wire.CommInterrupted, wire.ResolutionInterrupted:
		if v.Connected { // it is not down: it recovers, or is paused
			return []string{}
		}
		return []string{"loadshare dhcp-pair status   on " + partner + "; if that one stays away, surely serves nobody, and only then: loadshare dhcp-pair partner-down" + name}
	case wire.Paused:
		if v.Saved.Why == failover.Unfit {
			return []string{"mend the disk, then restart this service"}
		}
		return []string{"loadshare dhcp-pair resume" + name}
	case wire.ShutDown:
		return []string{"start the server again when the maintenance is over"}
	}
	return []string{}
}

func scopeStatus(conf *config.Config, c *engine.ScopeView, now time.Time) ScopeStatus {
	st := ScopeStatus{
		Name: c.Name, Failover: c.Pair, Total: c.Total, Free: c.Free, Backup: c.Backup, Active: c.Active, Abandoned: c.Abandoned, Waiting: c.Waiting,
		Forecast: forecastOf(conf, c, now),
	}
	if sc := conf.Engine.Scopes.Scope(c.Name); sc != nil {
		st.Subnet = sc.Subnet.String()
	}
	return st
}

const forecastWithin = 24 * time.Hour

// forecastOf puts the forecast into words, with what would help.
func forecastOf(conf *config.Config, c *engine.ScopeView, now time.Time) Forecast {
	f := &c.Forecast
	out := Forecast{PerHour: f.PerHour}
	if c.Total == 0 || f.Mine > 0 && (f.Empty <= 0 || f.Empty > 30*24*time.Hour) {
		return out
	}
	at := now.Add(max(0, f.Empty)).UTC().Truncate(time.Second)
	out.Empty = &at
	what, advice := "scope "+c.Name, "make its ranges larger, or lease_time shorter"
	for i := range conf.Pairs {
		if p := &conf.Pairs[i]; p.Name == c.Pair {
			if p.Role == failover.Backup && f.Pct == 0 {
				return out // so it was configured: this server never gives new addresses
			}
			if p.Role == failover.Backup {
				what = "this server's share of " + what
			}
			if help := pairHelps(conf, i, c); help != "" {
				advice = help
			}
		}
	}
	switch {
	case f.Mine == 0:
		out.Text = fmt.Sprintf("this server has nothing left to give in scope %s; %s", c.Name, advice)
	case f.Empty < forecastWithin:
		out.Text = fmt.Sprintf("%s is empty in %s at this rate (%d left of %d); %s", what, short(f.Empty), f.Mine, c.Total, advice)
	}
	return out
}

// pairHelps is what can be done about a share that runs dry, of a pair; "": nothing that has to do with the shares.
func pairHelps(conf *config.Config, pair int, c *engine.ScopeView) string {
	p, f := &conf.Pairs[pair], &c.Forecast
	available := c.Free + c.Backup
	theirs, due := c.Backup, c.Backup-f.Share // that the next balance of the hour would bring here
	if p.Role == failover.Backup {
		theirs, due = c.Free, -due
	}
	if due > 0 && theirs > 2*f.Mine && theirs > c.Total/10 {
		return fmt.Sprintf("the partner has %d that it could give: loadshare dhcp-pair rebalance", theirs)
	}
	if p.Role != failover.Backup || available == 0 || p.Draft || conf.Engine.Pairs[pair].Balancing {
		return "" // else it is half and half, whatever the percentage
	}
	want := f.BackupPct
	if f.Share == 0 { // the percentage of so few is less than half an address
		want = max(want, (50+available-1)/available)
	}
	if want <= f.Pct {
		return ""
	}
	key := "backup_pct"
	if sc := conf.Engine.Scopes.Scope(c.Name); sc != nil && sc.DynamicBOOTP {
		key = "dynamic_bootp_backup_pct"
	}
	return fmt.Sprintf("raise %s from %d to %d", key, f.Pct, want)
}

// short is a duration for people.
func short(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d d", d/(24*time.Hour))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%d s", d/time.Second)
}

func (s *Server) storeStatus(v *view) StoreStatus {
	identity, boot := s.store.Identity()
	seq, last := s.store.Last()
	st := StoreStatus{
		Dir: s.store.Dir(), Identity: fmt.Sprintf("%016x", identity), Boot: boot, Sequence: seq, LastCommit: moment(last), Leases: v.leases,
		CommitMillis: float64(s.count.lastTook.Load()) / 1e6,
	}
	if d := s.store.Hangs(v.at); d > s.pace.hangs/2 {
		st.Hangs = d.Seconds()
	}
	return st
}

func (s *Server) queueStatus() QueueStatus {
	n := s.loop.inbox.lengths()
	return QueueStatus{
		Renewals: n[renewals], Requests: n[requests], Discovers: n[discovers], Disk: int(max(0, s.loop.unwritten.Load())), Replies: int(s.loop.send.queued.Load()),
		Dropped: s.count.dropped(),
	}
}

func (s *Server) ready() error {
	st, err := s.status()
	if err != nil {
		return err
	}
	if !st.Ready {
		return errNotReady(st.Why)
	}
	return nil
}

type errNotReady string

func (e errNotReady) Error() string { return string(e) }

// moment is a time in seconds for JSON; nil when it never was.
func moment(at int64) *time.Time {
	if at <= 0 {
		return nil
	}
	t := time.Unix(at, 0).UTC()
	return &t
}
