package names

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"loadshare/dhcp/lease"
)

const (
	host    = "h.example.org"
	reverse = "1.2.0.192.in-addr.arpa"
)

func jobFor(k Kind, c lease.Client) Job {
	return Job{Kind: k, IP: ip1, FQDN: host, DHCID: DHCID(c, host), TTL: 600, Forward: true}
}

func id(c lease.Client) string { return jobFor(Add, c).data() }

var known = map[string]string{id(alice): "alice", id(bob): "bob", "v6": "v6"}

// RFC 4703, 5.3: each step with its prerequisites, as nsupdate would write it.
func TestUpdatesAreThoseOfRFC4703(t *testing.T) {
	dhcid := id(alice)
	tests := []struct {
		section string
		kind    Kind
		answers []string // to the updates before
		zone    string
		want    []string
	}{
		{"5.3.1 the name is not in use", Add, nil, "example.org", []string{
			"prereq nxdomain h.example.org", "update add h.example.org 600 A 192.0.2.1", "update add h.example.org 600 DHCID " + dhcid}},
		{"5.3.2 it is in use by this client", Add, []string{"YXDOMAIN"}, "example.org", []string{
			"prereq yxdomain h.example.org", "prereq yxrrset h.example.org DHCID " + dhcid, "update delete h.example.org A", "update add h.example.org 600 A 192.0.2.1"}},
		{"5.3.2 NXDOMAIN: again from the start", Add, []string{"YXDOMAIN", "NXDOMAIN"}, "example.org", []string{
			"prereq nxdomain h.example.org", "update add h.example.org 600 A 192.0.2.1", "update add h.example.org 600 DHCID " + dhcid}},
		{"5.4 PTR after the name, without a condition", Add, []string{"NOERROR"}, "2.0.192.in-addr.arpa", []string{
			"update delete 1.2.0.192.in-addr.arpa PTR", "update add 1.2.0.192.in-addr.arpa 600 PTR h.example.org."}},
		{"5.5 the PTR, if it points to the name", Remove, nil, "2.0.192.in-addr.arpa", []string{
			"prereq yxrrset 1.2.0.192.in-addr.arpa PTR h.example.org.", "update delete 1.2.0.192.in-addr.arpa PTR"}},
		{"5.5 the address, if the name is this client's", Remove, []string{"NOERROR"}, "example.org", []string{
			"prereq yxrrset h.example.org DHCID " + dhcid, "update delete h.example.org A 192.0.2.1"}},
		{"5.5 the DHCID, if there is no address left", Remove, []string{"NXRRSET", "NOERROR"}, "example.org", []string{
			"prereq yxrrset h.example.org DHCID " + dhcid, "prereq nxrrset h.example.org A", "prereq nxrrset h.example.org AAAA",
			"update delete h.example.org DHCID " + dhcid}},
	}
	for _, test := range tests {
		m := site.Start(jobFor(test.kind, alice))
		for _, a := range test.answers {
			m.Next(a)
		}
		c, more := m.Update()
		if !more || c.Zone != test.zone {
			t.Errorf("%s: zone %q %v", test.section, c.Zone, more)
		}
		if d := cmp.Diff(test.want, c.Lines()); d != "" {
			t.Errorf("%s: (-want +got)\n%s", test.section, d)
		}
	}
}

// What a name looks like before and after, and what the job says of it.
func TestWhoMayHaveTheName(t *testing.T) {
	strict := site
	strict.Strict = true
	tests := []struct {
		rule    string
		c       Config
		have    []string // name, type, value …
		job     Job
		outcome Outcome
		want    string
	}{
		{"new", site, nil, jobFor(Add, alice), Done, reverse + " PTR h.example.org.; h.example.org A 192.0.2.1; h.example.org DHCID alice"},
		{"the client moved", site, []string{host, "A", "192.0.2.9", host, "DHCID", id(alice)}, jobFor(Add, alice), Done,
			reverse + " PTR h.example.org.; h.example.org A 192.0.2.1; h.example.org DHCID alice"},
		{"another client's", site, []string{host, "A", "192.0.2.9", host, "DHCID", id(bob)}, jobFor(Add, alice), Conflict,
			"h.example.org A 192.0.2.9; h.example.org DHCID bob"},
		{"an operator's: no DHCID", site, []string{host, "A", "192.0.2.9"}, jobFor(Add, alice), Conflict, "h.example.org A 192.0.2.9"},
		{"an operator's AAAA without DHCID is left alone", site, []string{host, "AAAA", "2001:db8::1"}, jobFor(Add, alice), Conflict, "h.example.org AAAA 2001:db8::1"},
		{"the DHCPv6 server has it with the same DUID", site, []string{host, "AAAA", "2001:db8::1", host, "DHCID", id(alice)}, jobFor(Add, alice), Done,
			reverse + " PTR h.example.org.; h.example.org A 192.0.2.1; h.example.org AAAA 2001:db8::1; h.example.org DHCID alice"},
		{"the DHCPv6 server has it with another identity: beside it", site, []string{host, "AAAA", "2001:db8::1", host, "DHCID", "v6"}, jobFor(Add, alice), Done,
			reverse + " PTR h.example.org.; h.example.org A 192.0.2.1; h.example.org AAAA 2001:db8::1; h.example.org DHCID v6"},
		{"asserted anew beside it", site, []string{host, "A", "192.0.2.1", host, "AAAA", "2001:db8::1", host, "DHCID", "v6"}, jobFor(Add, alice), Done,
			reverse + " PTR h.example.org.; h.example.org A 192.0.2.1; h.example.org AAAA 2001:db8::1; h.example.org DHCID v6"},
		{"strict: another identity is another's", strict, []string{host, "AAAA", "2001:db8::1", host, "DHCID", "v6"}, jobFor(Add, alice), Conflict,
			"h.example.org AAAA 2001:db8::1; h.example.org DHCID v6"},
		{"removed whole", site, []string{host, "A", "192.0.2.1", host, "DHCID", id(alice), reverse, "PTR", host + "."}, jobFor(Remove, alice), Done, ""},
		{"the AAAA and its DHCID stay", site, []string{host, "A", "192.0.2.1", host, "AAAA", "2001:db8::1", host, "DHCID", id(alice)}, jobFor(Remove, alice), Done,
			"h.example.org AAAA 2001:db8::1; h.example.org DHCID alice"},
		{"beside another identity the A goes, the rest stays", site, []string{host, "A", "192.0.2.1", host, "AAAA", "2001:db8::1", host, "DHCID", "v6"}, jobFor(Remove, alice), Done,
			"h.example.org AAAA 2001:db8::1; h.example.org DHCID v6"},
		{"beside another identity that is gone, nothing is left that blocks the name", site, []string{host, "A", "192.0.2.1", host, "DHCID", "v6"}, jobFor(Remove, alice), Done, ""},
		{"the client has moved on", site, []string{host, "A", "192.0.2.9", host, "DHCID", id(alice), reverse, "PTR", "other."}, jobFor(Remove, alice), Done,
			reverse + " PTR other.; h.example.org A 192.0.2.9; h.example.org DHCID alice"},
		{"another's is not removed", site, []string{host, "A", "192.0.2.9", host, "DHCID", id(bob)}, jobFor(Remove, alice), Done,
			"h.example.org A 192.0.2.9; h.example.org DHCID bob"},
		{"an operator's is not removed", site, []string{host, "A", "192.0.2.1"}, jobFor(Remove, alice), Done, "h.example.org A 192.0.2.1"},
		{"what an operator added to the name stays", site, []string{host, "A", "192.0.2.1", host, "TXT", "x", host, "DHCID", id(alice)}, jobFor(Remove, alice), Done,
			"h.example.org TXT x"},
	}
	for _, test := range tests {
		d := dns{}
		for i := 0; i < len(test.have); i += 3 {
			d.put(test.have[i], test.have[i+1], test.have[i+2])
		}
		for range 2 { // an answer may be lost: again is the same
			if o := d.run(test.c, test.job); o != test.outcome && !(test.job.Kind == Remove && o == Done) {
				t.Errorf("%s: %s, want %s", test.rule, o, test.outcome)
			}
			if got := d.text(known); got != test.want {
				t.Errorf("%s: %q, want %q", test.rule, got, test.want)
			}
			test.job.Again = true
		}
	}
}

// Only halves that are ours are written, and a refusal of one half of a removal does not keep the other from being made.
func TestHalves(t *testing.T) {
	ptr := jobFor(Add, alice)
	ptr.Forward = false
	d := dns{}
	if o := d.run(site, ptr); o != Done || d.text(known) != reverse+" PTR h.example.org." {
		t.Errorf("the client writes its A: %s %q", o, d.text(known))
	}
	forward := site
	forward.ReverseZones = nil
	d = dns{}
	if o := d.run(forward, jobFor(Add, alice)); o != Done || d.has(reverse, "PTR", host+".") || !d.has(host, "A", "192.0.2.1") {
		t.Errorf("no reverse zone: %s %q", o, d.text(known))
	}
	if o := (dns{}).run(Config{}, jobFor(Add, alice)); o != Done {
		t.Errorf("no zones: %s", o)
	}
	m := site.Start(jobFor(Remove, alice))
	m.Next("NOTAUTH")
	if c, more := m.Update(); !more || c.Zone != "example.org" {
		t.Fatalf("the forward half is forgotten: %v %v", c, more)
	}
	m.Next("NOERROR")
	m.Next("NOERROR")
	if o, text := m.Outcome(); o != Refused || text == "" {
		t.Errorf("%s %q", o, text)
	}
	m = site.Start(jobFor(Add, alice))
	m.Next("REFUSED")
	if _, more := m.Update(); more {
		t.Error("a PTR to a name that was refused")
	}
}

// "Loops bounded": a name that comes and goes between our updates.
func TestANameThatComesAndGoes(t *testing.T) {
	m := site.Start(jobFor(Add, alice))
	n := 0
	for {
		if _, more := m.Update(); !more {
			break
		}
		if n++; n > 20 {
			t.Fatal("no end")
		}
		m.Next([]string{"NXDOMAIN", "YXDOMAIN"}[n%2])
	}
	if o, _ := m.Outcome(); o != Conflict {
		t.Errorf("%s", o)
	}
}

// Two clients with one name, a DHCPv6 server and an operator, in any order, every update sent once or more: a name with a DHCID never has
// an A of nobody, nobody's records vanish, and when all are gone nothing of ours is left.
func TestNobodysRecordsVanish(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := dns{}
		ips := []lease.IP{ip1, ip1 + 1}
		clients := []lease.Client{alice, bob}
		holds := map[int]bool{}
		operators := rapid.Bool().Draw(t, "operator")
		if operators {
			d.put(host, "A", "192.0.2.200")
		}
		v6 := false
		do := func(k Kind, i int) {
			j := jobFor(k, clients[i])
			j.IP, j.Again = ips[i], rapid.Bool().Draw(t, "again")
			m := site.Start(j)
			for {
				c, more := m.Update()
				if !more {
					break
				}
				rcode := d.update(c)
				if rapid.IntRange(0, 3).Draw(t, "lost") == 0 {
					rcode = d.update(c) // the first answer was lost
				}
				m.Next(rcode)
			}
			holds[i] = k == Add
			if o, _ := m.Outcome(); k == Add && o == Done && !d.has(host, "A", ips[i].String()) {
				t.Fatalf("done, but not there: %s", d.text(known))
			}
		}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			i := rapid.IntRange(0, 1).Draw(t, "client")
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0, 1:
				do(Add, i)
			case 2:
				do(Remove, i)
			case 3:
				if len(d[host]) == 0 {
					d.put(host, "AAAA", "2001:db8::1")
					d.put(host, "DHCID", "v6")
					v6 = true
				}
			}
			if operators != d.has(host, "A", "192.0.2.200") || v6 != d.has(host, "AAAA", "2001:db8::1") {
				t.Fatalf("somebody else's record: %s", d.text(known))
			}
			if len(d[host]["A"]) > 1 {
				t.Fatalf("two have the name: %s", d.text(known))
			}
		}
		do(Remove, 0)
		do(Remove, 1)
		for _, ip := range ips {
			if d.has(host, "A", ip.String()) || len(d[reverseName(ip)]) > 0 {
				t.Fatalf("left behind: %s", d.text(known))
			}
		}
		if !v6 && len(d[host]["DHCID"]) > 0 {
			t.Fatalf("a DHCID is left that blocks the name: %s", d.text(known))
		}
	})
}
