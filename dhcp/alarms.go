package dhcp

import (
	"fmt"
	"strings"
	"time"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/failover/wire"
)

// The names of the alarms.
const (
	alarmNobody   = "nobody-serving"        // no server of the pair serves new clients
	alarmPartner  = "partner-lost"          // for longer than a restart takes
	alarmCopies   = "one-copy"              // leases that only this server knows, for long
	alarmDiffers  = "configuration-differs" //
	alarmPool     = "pool-low"              // by the forecast
	alarmSkew     = "clock-skew"            // between the partners
	alarmClock    = "clock-step"            // decision D-g
	alarmConflict = "conflict"              // two holders of one address (decision D-a)
	alarmDNS      = "dns-old"               // DNS does not learn the names of leases
	alarmRelay    = "relay-one-sided"       // heard by one of the pair only
	alarmUnserved = "unserved"              // decision D-k
	alarmUnfit    = "unfit"                 // decision H-i
	alarmWaiting  = "recovering"            // waits for the partner, or for time
	alarmFlood    = "flood"                 // more comes from one place than is answered
	alarmDeaf     = "interface-down"        // no client is heard there
	alarmTaken    = "pair-taken-away"       // out of the configuration, and nobody said that its partner is down
)

const (
	partnerLostAfter = time.Minute
	oneCopyAfter     = 2 * time.Minute
	nobodyAfter      = 5 * time.Second
	recoverAfter     = 5 * time.Minute
	dnsOldAfter      = 10 * time.Minute
	settledAfter     = 30 * time.Second
	skewAbove        = 10 // seconds
	poolSoon         = 12 * time.Hour
	triesOffered     = 3 // DISCOVERs of a client that has got offers
)

// facts are what alarms are judged by.
type facts struct {
	now     time.Time
	started time.Time
	status  *Status
	clock   string // why the clock is doubted
	clockAt time.Time
	mass    time.Time // of a mass expiry that is young; zero: none
}

// judge is the alarms that should stand.
func judge(f *facts) []AlarmStatus {
	out := []AlarmStatus{}
	add := func(name, about string, since time.Time, next, text string, args ...any) {
		out = append(out, AlarmStatus{Name: name, About: about, Since: since.UTC().Truncate(time.Second), Text: fmt.Sprintf(text, args...), Next: next})
	}
	st := f.status
	if st.Unfit != "" {
		add(alarmUnfit, "", f.now, "df -h; journalctl -u loadshare-dhcp   (repair the disk of this host, then restart)", "%s; no leases are given by this server", st.Unfit)
	}
	if f.clock != "" {
		add(alarmClock, "", f.clockAt, "timedatectl; when it is right: loadshare lease clock-sure", "%s: nothing expires and no new leases are given until the partner, NTP or an operator agrees with the clock", f.clock)
	}
	if !f.mass.IsZero() {
		add(alarmClock, "mass expiry", f.mass, "loadshare lease list --state expired", "more than one lease in twenty was due at one moment: the clock may have been wrong")
	}
	for _, i := range st.deaf() {
		add(alarmDeaf, i.Name, *i.Since, "ip link show "+i.Name, "%s; in a pair the partner serves them", i.text())
	}
	for i := range st.Pairs {
		switch p := &st.Pairs[i]; {
		case !p.TakenAway:
			judgePair(f, p, add)
		case len(p.Suggestions) > 0:
			add(alarmTaken, p.Name, f.started, p.Suggestions[0], "the pair %s is not in the configuration any more, but its other server may still serve: this one leaves that one's addresses alone, and gives short leases (%s)", p.Name, p.State)
		}
	}
	for i := range st.Scopes {
		if c := &st.Scopes[i]; c.Forecast.Text != "" && c.Forecast.Empty.Sub(f.now) < poolSoon && f.gives(c.Failover) {
			add(alarmPool, c.Name, f.now, "loadshare lease list --scope "+c.Name, "%s", c.Forecast.Text)
		}
	}
	if d := &st.DNS; d.Enabled && d.Oldest != nil && f.now.Sub(*d.Oldest) > dnsOldAfter {
		text := fmt.Sprintf("%d changes of DNS wait, the oldest for %s", d.Queued, short(f.now.Sub(*d.Oldest)))
		if d.LastError != "" {
			text += ": " + d.LastError
		}
		add(alarmDNS, "", *d.Oldest, "loadshare status", "%s", text)
	}
	for _, r := range st.Relays {
		if r.OneOnly {
			who := "this server hears it, the partner does not"
			if r.Last == nil || r.Partner != nil && r.Partner.After(*r.Last) {
				who = "the partner hears it, this server does not"
			}
			add(alarmRelay, r.Address, f.now, "add both servers to the relay "+r.Address, "relay %s: %s; its clients have one server only", r.Address, who)
		}
	}
	for i := range st.Floods {
		d := &st.Floods[i]
		add(alarmFlood, d.Where, d.Since, "loadshare status", "%d messages from %s were dropped since %s, %d of them by the limits of new clients: clients that have a lease are served, new ones there may have to wait", d.Dropped, d.Where, d.Since.Format(time.TimeOnly), d.Limited)
	}
	if n, first := worthAnAlarm(st.Unserved); n > 0 {
		add(alarmUnserved, "", first.Since, "loadshare status", "%s no lease; %s since %s (%s)", numbered(n, "client asks and gets", "clients ask and get"), first.Client, first.Since.Format(time.TimeOnly), orReason(first))
	}
	return out
}

// numbered is a number and what there are so many of.
func numbered(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// worthAnAlarm counts the clients that nobody serves, and is the first of them. In the list all the same are those whom the
// configuration denies, which ask for ever, and who has got an offer and has not gone on asking: a scan, a check, a guest who left.
func worthAnAlarm(list []Unserved) (n int, first Unserved) {
	for i := range list {
		u := &list[i]
		if u.why(engine.DeniedClient) || u.why(engine.Offered) && u.Tries < triesOffered {
			continue
		}
		if n++; n == 1 {
			first = *u
		}
	}
	return n, first
}

// why says that one of the two has that reason.
func (u *Unserved) why(r engine.Reason) bool {
	return u.Reason == r.String() || u.PartnerReason == r.String()
}

// orReason is why a client is not served: this server's reason, or what its partner says.
func orReason(u Unserved) string {
	if u.why(engine.Offered) {
		return "it does not take the address that it is offered: do offers reach it?"
	}
	if u.Reason == "" && u.PartnerReason != "" {
		return "the partner says: " + u.PartnerReason
	}
	return u.Reason
}

// gives says that the pair has been serving for long enough that the addresses were shared.
func (f *facts) gives(pair string) bool {
	for i := range f.status.Pairs {
		if p := &f.status.Pairs[i]; p.Name == pair {
			return p.Serving && p.Since != nil && f.now.Sub(*p.Since) > settledAfter
		}
	}
	return true
}

func judgePair(f *facts, p *PairStatus, add func(name, about string, since time.Time, next, text string, args ...any)) {
	since := f.started
	if p.Since != nil && p.Since.After(since) {
		since = *p.Since
	}
	age := f.now.Sub(since)
	partnerServes := p.Connected && servingWords[p.PartnerState]
	switch {
	case !p.Serving && !partnerServes && p.State != wire.StartingUp.String() && age > nobodyAfter:
		why := "the partner cannot be reached: as far as this server knows, nobody gets a new address"
		if p.Connected {
			why = "the partner is in " + p.PartnerState + ": nobody gets a new address"
		}
		for _, s := range p.Suggestions {
			why += "; " + s
		}
		if p.Next != nil {
			why += fmt.Sprintf("; by itself: %s at %s", p.Next.What, p.Next.At.Local().Format(time.TimeOnly))
		}
		add(alarmNobody, p.Name, since, "loadshare dhcp-pair status", "this server is in %s (%s) and %s", p.State, p.Reason, why)
	case !p.Serving && age > recoverAfter:
		add(alarmWaiting, p.Name, since, "loadshare dhcp-pair status", "this server has been in %s for %s", p.State, short(age))
	}
	if !p.Connected {
		gone := f.started
		if p.LastHeard != nil {
			gone = *p.LastHeard
		}
		if f.now.Sub(gone) > partnerLostAfter {
			text := fmt.Sprintf("the partner %s has not been heard for %s", p.Partner, short(f.now.Sub(gone)))
			for _, s := range append([]string{p.LastError}, p.Suggestions...) {
				if s != "" {
					text += "; " + s
				}
			}
			add(alarmPartner, p.Name, gone, "loadshare dhcp-pair status", "%s", text)
		}
	}
	if p.BackSince != nil && p.Connected && f.now.Sub(*p.BackSince) > oneCopyAfter {
		add(alarmCopies, p.Name, *p.BackSince, "loadshare dhcp-pair status", "%d leases have not been confirmed by the partner for %s: only this server knows them", p.Unacked, short(f.now.Sub(*p.BackSince)))
	}
	if len(p.Differs) > 0 {
		add(alarmDiffers, p.Name, f.now, "loadshare dhcp-pair sync update --report", "the two servers are configured differently: %s", strings.Join(p.Differs, "; "))
	}
	switch {
	case p.ClocksApart:
		add(alarmSkew, p.Name, f.now, "timedatectl", "the two servers do not connect (%s): set the clock that is wrong; they connect by themselves as soon as less than 60 s are between them", p.LastError)
	case p.Skew > skewAbove:
		add(alarmSkew, p.Name, f.now, "timedatectl", "the clocks of the two servers are %d s apart; above 60 s they do not connect anew", p.Skew)
	}
	for _, c := range p.Conflicts {
		if c.LostUntil.After(f.now) {
			add(alarmConflict, p.Name+" "+c.Address, c.At, "loadshare lease show "+c.Address, "%s was given to two clients: %s keeps it, %s must get another; it is held until %s", c.Address, c.Kept, c.Lost, c.LostUntil.Format(time.RFC3339))
		}
	}
}

// servingWords are the states in which a server serves new clients.
var servingWords = map[string]bool{
	wire.Normal.String(): true, wire.CommInterrupted.String(): true, wire.PartnerDown.String(): true, wire.ResolutionInterrupted.String(): true,
	wire.ConflictDone.String(): true,
}
