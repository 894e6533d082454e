package importer

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// MaxLeases bounds a file of leases, in octets.
const MaxLeases = 256 << 20

// dhcpLease is one lease that is not over: a line of leases.jsonl.
type dhcpLease struct {
	Address      netip.Addr `json:"address"`
	MAC          string     `json:"mac,omitempty"`
	HardwareType int        `json:"hardware_type,omitempty"` // 1 when absent
	ClientID     string     `json:"client_id,omitempty"`     // octets, with colons
	Starts       time.Time  `json:"starts"`
	Ends         *time.Time `json:"ends"` // null: never
	Hostname     string     `json:"hostname,omitempty"`
	FQDN         string     `json:"fqdn,omitempty"`
}

// leaseLines is a lease a line, as JSON.
func leaseLines(list []dhcpLease) string {
	var b strings.Builder
	for _, l := range list {
		line, err := json.Marshal(l)
		if err == nil {
			b.Write(line)
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// keepLeases takes those that are not over and that lie in a scope, the last word on each address.
func (s *dhcpSite) keepLeases(list []dhcpLease, over map[netip.Addr]bool) {
	last := map[netip.Addr]int{}
	for i, l := range list {
		last[l.Address] = i
	}
	outside := 0
	for i, l := range list {
		if last[l.Address] != i || over[l.Address] {
			continue
		}
		inside := false
		for _, sc := range s.scopes {
			inside = inside || sc.subnet.Contains(l.Address)
		}
		if !inside {
			outside++
			continue
		}
		s.leases = append(s.leases, l)
	}
	if outside > 0 {
		s.note("leases of addresses in no subnet are left out: %d", outside)
	}
}

// readLeases reads the lease declarations of dhcpd.leases; a later one of an address replaces an earlier one.
func (s *dhcpdSource) readLeases(list []dhcpdStatement) {
	var leases []dhcpLease
	over := map[netip.Addr]bool{}
	for i := range list {
		st := &list[i]
		if !st.is("lease") || !st.has {
			continue
		}
		a, err := netip.ParseAddr(st.word(1))
		if err != nil || !a.Is4() {
			s.at(st, "%s: not an IPv4 address: left out", st.text())
			continue
		}
		l := dhcpLease{Address: a}
		active, ok := s.lease(st, &l)
		if !ok {
			continue
		}
		over[a] = !active
		leases = append(leases, l)
	}
	s.keepLeases(leases, over)
}

// lease reads one; false: it cannot be carried over.
func (s *dhcpdSource) lease(st *dhcpdStatement, l *dhcpLease) (active, ok bool) {
	active, ok = true, true
	for i := range st.block {
		in := &st.block[i]
		switch {
		case in.is("starts"):
			if t := dhcpdTime(in); t != nil {
				l.Starts = *t
			}
		case in.is("ends"):
			l.Ends = dhcpdTime(in)
			if l.Ends == nil && !in.is("ends", "never") {
				s.at(in, "%s: not a time: the lease is left out", in.text())
				ok = false
			}
		case in.is("binding", "state"):
			active = in.is("binding", "state", "active")
		case in.is("hardware"):
			var c dhcpClient
			s.hardware(in, &c)
			for _, k := range c.who {
				if k.key == "mac" {
					l.MAC = strings.Trim(k.value, `"`)
				} else {
					l.HardwareType, _ = strconv.Atoi(k.value)
				}
			}
		case in.is("uid"):
			l.ClientID = idText(in.tokens[len(in.tokens)-1])
		case in.is("client-hostname"):
			l.Hostname = cleanHost(in.word(1))
		case in.is("set", "ddns-fwd-name"):
			l.FQDN = strings.ToLower(cleanHost(in.word(len(in.tokens) - 1)))
		}
	}
	if active && l.MAC == "" && l.ClientID == "" {
		s.at(st, "%s: nobody has it: left out", st.text())
		return active, false
	}
	return active, ok
}

// dhcpdTime reads "2 2026/01/13 10:11:12" or "epoch N"; nil: never, or none. Times are in UTC.
func dhcpdTime(in *dhcpdStatement) *time.Time {
	if in.word(1) == "epoch" {
		if n, err := strconv.ParseInt(in.word(2), 10, 64); err == nil {
			t := time.Unix(n, 0).UTC()
			return &t
		}
		return nil
	}
	t, err := time.Parse("2006/01/02 15:04:05", fmt.Sprint(in.word(2), " ", in.word(3)))
	if err != nil {
		return nil
	}
	t = t.UTC()
	return &t
}
