package main

import (
	"fmt"
	"net"
	"slices"
	"strings"
)

// meanings says in plain words what a state of the pair means for people.
var meanings = map[string]string{
	"single":                    "This server has no partner: what it holds is on its own disk alone.",
	"startup":                   "It looks for its partner. Queries are answered, but for zones marked below; updates wait, or are dropped, until they have met or comm_timeout (30 s unless set) is over.",
	"negotiating":               "Both servers compare what they have. Queries are answered; updates wait a moment.",
	"normal main":               "Both servers are up. This one takes the updates, and each is on both disks before it is answered.",
	"normal backup":             "Both servers are up. The main takes the updates; this one stands by and answers queries.",
	"communication-interrupted": "The partner is not heard. This server answers queries and takes updates by itself, and keeps them for the partner.",
	"partner-down":              "An operator said that the partner is down. This server works alone; when the partner is back, whole zones are compared.",
}

// meaning is what the state means as things stand.
func (s *dnsStatus) meaning() string {
	parted := s.State == "communication-interrupted" || s.State == "partner-down"
	switch {
	case parted && s.Unfit != "":
		return "This server can write nothing. It answers queries from memory; the partner takes the updates, if it is there."
	case parted && s.Partner != nil && s.Partner.Unfit != "" && s.AcceptingUpdates:
		return "The partner can write nothing. This server takes the updates by itself, and keeps them for the partner."
	case s.State == "communication-interrupted" && s.Why == "no-second-copy":
		return `The partner is not heard, and with ack = "strict" no update is answered that is on one disk only. Queries are answered.`
	case s.State == "startup" && s.alarmed("refused"):
		return "It does not go together with its partner. Queries are answered; updates are not taken before that is mended."
	}
	if m := meanings[s.State]; m != "" {
		return m
	}
	return meanings[s.State+" "+s.Role]
}

// alarmed says whether an alarm stands.
func (s *dnsStatus) alarmed(name string) bool {
	return slices.ContainsFunc(s.Alarms, func(al alarmSeen) bool { return al.Name == name })
}

// because says why a state was entered.
var because = map[string]string{
	"started": "the process began", "contact": "the partner is there", "ready": "both said that they are ready", "grace-over": "the partner did not come within comm_timeout after the start",
	"silent": "nothing was heard of the partner for comm_timeout", "refused": "the partner's address refuses connections: its process is gone",
	"partner-stopped": "the partner was stopped in order", "unfit": "this server can write nothing", "partner-unfit": "the partner can write nothing",
	"operator": "an operator said so", "swapped": "an operator exchanged the roles", "serve-alone": "an operator said so", "resumed": "it was so before the restart",
}

func (a *app) printHA(s dnsStatus) {
	a.printPairHead(s)
	a.printf("  %s\n", s.meaning())
	if s.State == "normal" && s.Copies == 1 {
		a.printf("  %s\n", a.paint(yellow, "But the partner lags: what is answered now is on this disk alone until it has caught up."))
	}
	if s.State != "single" {
		a.printf("\n")
		a.printPartner(s)
		a.printf("zones: %d of %d synchronized (%d%%), %d pending, %d failed\n", s.Synchronized, s.Total, s.Percent, s.Pending, s.Failed)
		owed := "the partner has confirmed all changes"
		if s.Owed > 0 {
			owed = "the partner has not confirmed " + plural(int(s.Owed), "change")
		}
		a.printf("copies of an answered update: %d; %s\n", s.Copies, owed)
	}
	a.printCommon(s.common)
	a.printAlarms(s)
	a.printf("\n")
	a.printZones(s.Zones)
	a.next(s.advice())
}

// printPairHead prints the line that matters most: who, in which state, since when, why, updates or none.
func (a *app) printPairHead(s dnsStatus) {
	role := s.Role
	if s.RoleConfigured != "" && s.RoleConfigured != s.Role {
		role += " (configured as " + s.RoleConfigured + ")"
	}
	a.printf("dns %s: %s", role, a.paint(stateColor(s.State), s.State))
	if s.Since != nil {
		a.printf(" since %s", a.when(s.Since))
	}
	if why := because[s.Reason]; why != "" && s.State != "single" {
		a.printf(", because %s", why)
	}
	switch {
	case s.AcceptingUpdates:
		a.printf(", takes updates\n")
	case s.Role == "backup" && s.State == "normal" && s.Unfit == "":
		a.printf(", stands by\n")
	default:
		a.printf(", %s\n", strings.TrimSuffix(a.paint(red, "takes no updates")+": "+orWord(s.Unfit, s.Why), ": "))
	}
	if s.RoleSince != nil {
		a.printf("roles were exchanged %s\n", a.when(s.RoleSince))
	}
}

func (a *app) printPartner(s dnsStatus) {
	p := s.Partner
	if p == nil || p.Address == "" {
		return
	}
	state := orWord(p.State, "never heard")
	if p.State == "" && p.LastHeard != nil {
		state = "state unknown"
	}
	connected := "connected"
	if !p.Connected {
		connected = a.paint(yellow, "not connected")
		if p.State != "" {
			state = "was in " + state
		}
	}
	a.printf("partner %s: %s, %s, last heard %s", p.Address, a.paint(partnerColor(p.State, p.Connected), state), connected, a.when(p.LastHeard))
	if p.LastError != "" {
		a.printf("; the last attempt to connect: %s", strings.TrimPrefix(p.LastError, "link to "+p.Address+": "))
	}
	if p.ClockAhead >= 1 || p.ClockAhead <= -1 {
		a.printf(", its clock is %.1f s off", p.ClockAhead)
	}
	if p.Unfit != "" {
		a.printf(", %s: %s", a.paint(red, "it can write nothing"), p.Unfit)
	}
	a.printf("\n")
}

// partnerColor is the color of the state that the partner was in when last heard.
func partnerColor(state string, connected bool) string {
	if !connected {
		return yellow
	}
	return stateColor(state)
}

func (a *app) printAlarms(s dnsStatus) {
	for _, al := range s.Alarms {
		since := ""
		if al.Since != nil {
			since = " since " + a.when(al.Since)
		}
		a.printf("%s%s: %s\n", a.paint(red, "ALARM "+al.Name), since, al.Text)
	}
	if s.Conflicts > 0 {
		a.printf("%s: what lost in %s is kept\n", a.paint(yellow, "conflicts"), plural(s.Conflicts, "merge"))
	}
}

// sameKeys is what to type when the partner refuses this server's key.
const sameKeys = "sha256sum /etc/loadshare/*.key   on both: the two need the same key file; then restart the one that was wrong"

// keysDiffer says whether the last attempt to connect ended because of the key.
func keysDiffer(lastError string) bool {
	return strings.Contains(lastError, "refused our key or certificate") || strings.Contains(lastError, "it has another secret")
}

// advice is what to type next; "": nothing is to be done.
func (s *dnsStatus) advice() string {
	failed, partner := "", ""
	for _, z := range s.Zones {
		if z.Sync == "sync-failed" && failed == "" {
			failed = z.Name
		}
	}
	if s.Partner != nil {
		partner = s.Partner.Address
		if host, _, err := net.SplitHostPort(partner); err == nil {
			partner = host
		}
	}
	switch {
	case s.alarmed("unfit"):
		return "df -h; journalctl -u loadshare-dns   (repair the disk of this host, then restart)"
	case s.alarmed("expired"), s.alarmed("rolled-back") && s.State != "normal":
		return "loadshare ha serve-alone --reason TEXT   (only if the partner will not come back)"
	case s.alarmed("refused"):
		return "mend the configuration or the state directory of the one that is wrong, and restart it; if it will not come back: loadshare ha serve-alone --reason TEXT"
	case s.Partner != nil && keysDiffer(s.Partner.LastError):
		return sameKeys
	case s.State == "startup":
		return fmt.Sprintf("start loadshare dns on %s; without it this server begins by itself when comm_timeout (30 s unless set) is over", partner)
	case s.alarmed("partner-unfit"):
		return fmt.Sprintf("df -h; journalctl -u loadshare-dns   on %s (repair its disk, then restart it)", partner)
	case s.Why == "no-second-copy":
		return fmt.Sprintf("loadshare ha status   on %s; to take updates with one copy until it is back: loadshare ha partner-down", partner)
	case s.State == "communication-interrupted":
		return fmt.Sprintf("loadshare ha status   on %s; if it will be away for long: loadshare ha partner-down", partner)
	case s.State == "partner-down":
		return fmt.Sprintf("start loadshare dns on %s; the rest is done by itself", partner)
	case s.alarmed("flapping") && failed == "":
		return "journalctl -u loadshare-dns   on both: why does it go away?   (until that is mended, stop the one that flaps; if that is the main, first loadshare ha swap --reason TEXT)"
	case failed != "":
		return "loadshare zone sync " + failed
	case s.alarmed("config-differs") && s.Role == "backup" && slices.ContainsFunc(s.Zones, func(z zoneView) bool { return z.Sync == "ha-server-pending" }):
		return "loadshare pair sync update --direction backup-to-main --report"
	case s.alarmed("config-differs"):
		return "loadshare pair sync complete --report"
	case s.Conflicts > 0:
		return "loadshare ha conflicts"
	}
	return ""
}
