package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"loadshare/dhcp"
)

// dhcpMeanings says in plain words what a state of a pair means for clients.
var dhcpMeanings = map[string]string{
	"single":                     "This server has no partner: its leases are on its own disk alone.",
	"startup":                    "It looks for its partner and serves nobody yet: 15 s at most.",
	"normal main":                "Both servers are up and know the same leases. This one serves new clients; the backup stands by with its share of addresses.",
	"normal backup":              "Both servers are up and know the same leases. The main serves new clients; this one stands by with its share of addresses.",
	"normal balanced":            "Both servers are up and know the same leases. Each serves the clients whose hash is its own.",
	"communications-interrupted": "The partner is not heard. This server renews every lease, and serves new clients from its own share. That is safe however long it lasts.",
	"interrupted, connected":     "The partner is connected, but in %s: it does not serve. This server renews every lease, and serves new clients from its own share, until the partner is ready.",
	"taken away":                 "The pair is not configured any more, but nobody said that its other server is down: this one renews every lease, and serves new clients from its own share.",
	"partner-down":               "The partner is said to be down. This server serves everybody; the partner's addresses come into use when the MCLT is over.",
	"recover":                    "This server asks its partner for all leases. It serves nobody until then; the partner does.",
	"recover-wait":               "This server has all leases of its partner. It waits until what it may have promised before it lost its own is over (MCLT).",
	"recover-done":               "This server is ready and waits for its partner to be so too. It renews leases only.",
	"potential-conflict":         "Both servers served without knowing of each other. They compare; nobody is served by this one until that is done.",
	"conflict-done":              "The main knows what both gave and serves; the backup is being told.",
	"resolution-interrupted":     "The connection broke while the two compared. This server serves from its own share, and goes on when the partner is heard.",
	"paused":                     "This server serves nobody for now; its partner does.",
	"paused, unfit":              "This server cannot write its leases and serves nobody; its partner does. Mend the disk (loadshare status says what is wrong), then restart the service.",
	"shutdown":                   "This server was stopped for maintenance; its partner serves everybody.",
}

// dhcpMeaning is what the state means as things stand.
func dhcpMeaning(p *dhcp.PairStatus) string {
	switch {
	case p.State == "normal" && p.Balancing:
		return dhcpMeanings["normal balanced"]
	case p.State == "communications-interrupted" && p.Connected:
		return fmt.Sprintf(dhcpMeanings["interrupted, connected"], p.PartnerState)
	}
	m := dhcpMeanings[p.State]
	if p.TakenAway && p.State == "communications-interrupted" {
		m = dhcpMeanings["taken away"]
	}
	if p.State == "paused" && p.Reason == "unfit" {
		m = dhcpMeanings["paused, unfit"]
	}
	if m == "" {
		m = dhcpMeanings[p.State+" "+p.Role]
	}
	if !p.Connected {
		m = strings.NewReplacer("; its partner does", "; nor does its partner, as far as is known", "; the partner does", "; nor does the partner, as far as is known").Replace(m)
	}
	return m
}

func (a *app) printDHCP(raw json.RawMessage) error {
	var s dhcp.Status
	var c common
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return err
	}
	a.printf("dhcp %s: ", s.Role)
	switch {
	case s.Unfit != "":
		a.printf("%s: %s\n", a.paint(red, "leases cannot be written"), s.Unfit)
	case !s.Ready:
		a.printf("%s: %s\n", a.paint(yellow, "not ready"), s.Why)
	default:
		a.printf("%s, since %s\n", a.paint(green, "ready"), a.when(&s.Since))
	}
	for i := range s.Pairs {
		a.printDHCPPairLine(&s.Pairs[i])
	}
	a.printCommon(c)
	for _, al := range s.Alarms {
		about := ""
		if al.About != "" {
			about = " (" + al.About + ")"
		}
		a.printf("%s since %s: %s\n", a.paint(red, "ALARM "+al.Name+about), a.when(&al.Since), al.Text)
	}
	for _, d := range s.Floods {
		a.printf("%s from %s since %s: %s dropped, %s by the limits of new clients\n", a.paint(yellow, "flood"), d.Where, a.when(&d.Since), number(d.Dropped), number(d.Limited))
	}
	if d := s.DNS; d.Enabled && d.Queued > 0 {
		a.printf("%s: %s, the oldest since %s; %s\n", a.paint(yellow, "DNS waits"), plural(d.Queued, "change"), a.when(d.Oldest), orWord(d.LastError, "no error yet"))
	}
	if s.Orphans > 0 {
		a.printf("%s of scopes that are not configured any more are kept: loadshare lease orphans\n", plural(s.Orphans, "lease"))
	}
	a.printf("\n")
	a.printScopes(s.Scopes)
	a.printUnserved(s.Unserved)
	a.printOneSided(s.Relays)
	a.next(dhcpAdvice(&s))
	return nil
}

func (a *app) printScopes(scopes []dhcp.ScopeStatus) {
	if len(scopes) == 0 {
		a.printf("no scopes\n")
		return
	}
	var rows [][]cell
	for i := range scopes {
		sc := &scopes[i]
		count := func(n int) cell { return cell{number(uint64(max(n, 0))), plain} }
		rows = append(rows, []cell{{sc.Name, plain}, {sc.Subnet, plain}, count(sc.Total), count(sc.Free), count(sc.Backup), count(sc.Active), count(sc.Abandoned), count(sc.Waiting), {sc.Forecast.Text, yellow}})
	}
	a.table([]string{"SCOPE", "SUBNET", "TOTAL", "FREE", "BACKUP", "ACTIVE", "ABANDONED", "WAITING", ""}, rows)
}

func (a *app) printUnserved(list []dhcp.Unserved) {
	if len(list) == 0 {
		return
	}
	a.printf("\n%s:\n", a.paint(red, plural(len(list), "client")+" asked and got nothing"))
	var rows [][]cell
	more := list[min(len(list), unservedShown):]
	for _, u := range list[:len(list)-len(more)] {
		rows = append(rows, []cell{{u.Client, plain}, {orWord(u.Relay, "-"), plain}, {a.when(&u.Since), plain}, {fmt.Sprintf("%d", u.Tries), plain}, {u.Reason, plain}})
	}
	a.table([]string{"CLIENT", "RELAY", "SINCE", "TRIES", ""}, rows)
	if len(more) > 0 {
		a.printf("and %s more: loadshare status --json\n", number(uint64(len(more))))
	}
}

const unservedShown = 10 // those that have waited longest

// printOneSided warns of relays that only one of the two hears: when that one dies, their clients get nothing.
func (a *app) printOneSided(relays []dhcp.RelayStatus) {
	for _, r := range relays {
		if !r.OneOnly {
			continue
		}
		who := "this server"
		if r.Last == nil {
			who = "the partner"
		}
		a.printf("%s: the relay %s is heard by %s alone: make it send to both\n", a.paint(yellow, "one-sided"), r.Address, who)
	}
}

// dhcpAdvice is what to type next; "": nothing is to be done.
func dhcpAdvice(s *dhcp.Status) string {
	for _, al := range s.Alarms {
		if al.Next != "" {
			return al.Next
		}
	}
	for i := range s.Pairs {
		if next := pairAdvice(&s.Pairs[i]); next != "" {
			return next
		}
	}
	return ""
}

// pairAdvice is what to type next for a pair; "": nothing is to be done.
func pairAdvice(p *dhcp.PairStatus) string {
	switch {
	case keysDiffer(p.LastError):
		return sameKeys
	case len(p.Suggestions) > 0:
		return p.Suggestions[0]
	}
	return ""
}

// printDHCPPairLine prints the line that matters most: which pair, in which state, since when, why, and the partner.
func (a *app) printDHCPPairLine(p *dhcp.PairStatus) {
	a.printf("%s (%s): %s", a.paint(bold, p.Name), p.Role, a.paint(dhcpColor(p.State), p.State))
	if p.Since != nil {
		a.printf(" since %s", a.when(p.Since))
	}
	if p.Reason != "" {
		a.printf(", because: %s", p.Reason)
	}
	if p.TakenAway {
		a.printf("\n  %s; its other server was %s when last heard\n", a.paint(yellow, "taken out of the configuration"), p.PartnerState)
		switch {
		case p.Next != nil:
			a.printf("  %s: %s %s\n", a.paint(yellow, "by itself"), p.Next.What, a.when(&p.Next.At))
		case p.Over != nil:
			a.printf("  what that one promised ends by %s; for a week after it its addresses are probed before they are given\n", a.when(p.Over))
		}
		return
	}
	state := a.paint(dhcpColor(p.PartnerState), p.PartnerState)
	if !p.Connected {
		state = a.paint(yellow, strings.Replace("was in "+p.PartnerState, "was in none", "never heard", 1))
	}
	a.printf("\n  partner %s: %s, ", p.Partner, state)
	if p.Connected {
		a.printf("connected, last heard %s", a.when(p.LastHeard))
	} else {
		a.printf("%s, last heard %s", a.paint(yellow, "not connected"), a.when(p.LastHeard))
		if p.LastError != "" {
			a.printf("; the last attempt to connect: %s", p.LastError)
		}
	}
	if p.Unacked > 0 {
		a.printf("; %s it has not confirmed", plural(p.Unacked, "update"))
	}
	a.printf("\n")
	if p.Next != nil {
		a.printf("  %s: %s %s\n", a.paint(yellow, "by itself"), p.Next.What, a.when(&p.Next.At))
	}
}

func dhcpColor(state string) string {
	switch state {
	case "normal", "single":
		return green
	case "potential-conflict", "resolution-interrupted", "shutdown":
		return red
	}
	return yellow
}

// printDHCPPairs prints all that is known of pairs.
func (a *app) printDHCPPairs(pairs []dhcp.PairStatus) {
	if len(pairs) == 0 {
		a.printf("%s\n", dhcpMeanings["single"])
		return
	}
	next := ""
	for i := range pairs {
		p := &pairs[i]
		if i > 0 {
			a.printf("\n")
		}
		a.printDHCPPairLine(p)
		a.printf("  %s\n", dhcpMeaning(p))
		facts := []string{"mclt " + span(time.Duration(p.MCLT)*time.Second)}
		if p.Balancing {
			facts = append(facts, "load balancing, half and half")
		} else if !p.TakenAway {
			facts = append(facts, fmt.Sprintf("%d%% of the free addresses are the backup's", p.BackupPct))
		}
		if p.Link == "draft" {
			facts = append(facts, "plain protocol of the draft")
		}
		if p.SafePeriod {
			facts = append(facts, "safe period in use")
		}
		if p.Skew > 0 {
			facts = append(facts, fmt.Sprintf("clocks %d s apart", p.Skew))
		}
		a.printf("  %s\n", strings.Join(facts, "; "))
		if p.BackSince != nil {
			a.printf("  %s since %s\n", a.paint(yellow, "updates wait for the partner"), a.when(p.BackSince))
		}
		for _, d := range p.Differs {
			a.printf("  %s: %s\n", a.paint(red, "configuration differs"), d)
		}
		for _, d := range p.Shadow {
			a.printf("  %s: %s\n", a.paint(yellow, "seen at clients"), d)
		}
		a.printOutage(p.Outage)
		for _, c := range p.Conflicts {
			a.printf("  %s: %s %s: %s keeps it, %s had it too; held for it until %s\n", a.paint(red, "two clients"), c.Address, a.when(&c.At), c.Kept, c.Lost, a.when(&c.LostUntil))
		}
		if next == "" {
			next = pairAdvice(p)
		}
	}
	a.next(next)
}

const outageRows = 20

// printOutage prints what the last time without contact did to clients.
func (a *app) printOutage(o *dhcp.OutageStatus) {
	if o == nil {
		return
	}
	a.printf("  %s: from %s to %s; %s never served, %d waited, %d got a short lease\n", a.paint(yellow, "without contact"), a.when(&o.From), a.when(&o.Until),
		plural(o.NeverServed, "client"), o.Waited, o.ShortLease)
	var rows [][]cell
	for _, c := range o.Clients[:min(len(o.Clients), outageRows)] {
		rows = append(rows, []cell{{c.Client, plain}, {orWord(c.Relay, "-"), plain}, {c.How, plain}, {secondsOr(c.Waited), plain}, {secondsOr(c.Lease), plain}})
	}
	a.table([]string{"CLIENT", "RELAY", "", "WAITED", "LEASE"}, rows)
}

// secondsOr is a number of seconds for people; "-" when there are none.
func secondsOr(n int64) string {
	if n == 0 {
		return "-"
	}
	return span(time.Duration(n) * time.Second)
}
