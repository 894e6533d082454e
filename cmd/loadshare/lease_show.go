package main

import (
	"strconv"
	"strings"
	"time"

	"loadshare/dhcp"
)

func (a *app) printLeases(leases []dhcp.LeaseStatus) {
	if len(leases) == 0 {
		a.printf("no leases\n")
		return
	}
	var rows [][]cell
	for i := range leases {
		l := &leases[i]
		rows = append(rows, []cell{{l.Address, plain}, {l.State, leaseColor(l.State)}, {a.leaseEnd(l), plain}, {l.Client, plain}, {orWord(l.FQDN, l.Hostname), plain}, {l.Scope, dim}, {leaseNote(l), yellow}})
	}
	a.table([]string{"ADDRESS", "STATE", "END", "CLIENT", "NAME", "SCOPE", ""}, rows)
}

func leaseColor(state string) string {
	switch state {
	case "active":
		return green
	case "abandoned":
		return red
	case "free", "backup":
		return plain
	}
	return yellow
}

func (a *app) leaseEnd(l *dhcp.LeaseStatus) string {
	switch {
	case l.Forever:
		return "never"
	case l.End == nil:
		return ""
	case l.State == "active", l.State == "abandoned":
		return a.when(l.End)
	}
	return l.End.Local().Format(time.DateTime)
}

// leaseNote is what is worth saying besides the state; "": nothing.
func leaseNote(l *dhcp.LeaseStatus) string {
	var parts []string
	if l.Reserved {
		parts = append(parts, "reserved")
	}
	if l.BOOTP {
		parts = append(parts, "BOOTP")
	}
	if l.Orphan {
		parts = append(parts, "orphan")
	}
	if l.Hold != nil {
		parts = append(parts, "held back")
	}
	return strings.Join(parts, ", ")
}

// printLease prints one address, a line a fact; what is not known has none.
func (a *app) printLease(l dhcp.LeaseStatus) {
	head := a.paint(bold, l.Address) + ": " + a.paint(leaseColor(l.State), l.State)
	if l.Start != nil {
		head += " since " + a.when(l.Start)
	}
	if note := leaseNote(&l); note != "" {
		head += ", " + a.paint(yellow, note)
	}
	a.printf("%s\n", head)
	owed := ""
	if l.Owed {
		owed = "not yet confirmed by the partner"
	}
	htype := ""
	if l.HType > 1 {
		htype = " (hardware type " + strconv.Itoa(l.HType) + ")"
	}
	hardware := l.Hardware
	if hardware != "" {
		hardware += htype
	}
	for _, line := range []struct{ name, value string }{
		{"scope", l.Scope}, {"client", l.Client}, {"hardware address", hardware}, {"client identifier", l.ClientID}, {"vendor class", l.Vendor}, {"relay (option 82)", l.Relay},
		{"host name", l.Hostname}, {"name in DNS", l.FQDN}, {"DNS", l.DNS}, {"has it since", a.maybe(l.Began)}, {"end", a.leaseEnd(&l)}, {"latest end told", a.maybe(l.ToldEnd)},
		{"heard last", a.maybe(l.Heard)}, {"held back until", a.maybe(l.Hold)}, {"potential end sent", a.maybe(l.Sent)}, {"potential end confirmed", a.maybe(l.Acked)},
		{"potential end received", a.maybe(l.Received)}, {"partner", owed},
	} {
		if line.value != "" {
			a.printf("  %-24s %s\n", line.name, line.value)
		}
	}
	a.next("loadshare lease history " + l.Address)
}

// maybe is a moment for people; "" when there is none.
func (a *app) maybe(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return a.when(t)
}
