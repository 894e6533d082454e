package peers

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// patientZone is a zone whose secondaries come once an hour unless they are told.
func patientZone() string {
	var b strings.Builder
	b.WriteString(strings.Replace(pairZoneText, "( 100 2 1 864000 5 )", "( 100 3600 1800 864000 5 )", 1))
	for i := range 1000 {
		fmt.Fprintf(&b, "host%d A 10.1.%d.%d\n", i, i/250, i%250)
	}
	return b.String()
}

var transferSize = regexp.MustCompile(`Transfer completed: \d+ messages, (\d+) records`)

// TestOurDNSNotify: BIND, Knot and NSD are told of every change (RFC 1996), come at once, and get the difference alone (RFC 1995); the refresh
// timer of the zone is an hour. A burst of changes ends with all of them at the last serial.
func TestOurDNSNotify(t *testing.T) {
	t.Parallel()
	p := startSingle(t, patientZone(), "named main", "knotd main", "nsd main")
	first, _ := p.equal(t, "at first")
	w := p.look()
	c := newUpdateClient(p, "told")
	defer c.close()
	for i := range 3 {
		if err := c.try(p.main.dnsServer, fmt.Sprintf("told%d", i), fmt.Sprintf("192.0.2.%d", 20+i), giveUp); err != nil {
			t.Fatal(err)
		}
		p.equal(t, fmt.Sprintf("after change %d", i+1))
	}
	for i := range 100 {
		if err := c.try(p.main.dnsServer, fmt.Sprintf("burst%d", i), fmt.Sprintf("10.2.0.%d", i), giveUp); err != nil {
			t.Fatal(err)
		}
	}
	records, serial := p.equal(t, "after a burst of 100 changes")
	if len(records) != len(first)+103 || serial != 203 {
		t.Errorf("%d records, serial %d", len(records), serial)
	}
	// named says how large its transfers were: the first is the whole zone, the others are not.
	for _, s := range p.secondaries {
		if s.kind != "named" {
			continue
		}
		sizes := transferSize.FindAllStringSubmatch(s.proc.log.String(), -1)
		if len(sizes) < 4 {
			t.Errorf("%d transfers: %v", len(sizes), sizes)
		}
		for i, m := range sizes {
			if n, _ := strconv.Atoi(m[1]); i > 0 && n > 500 {
				t.Errorf("transfer %d had %d records of a zone with %d: it was no difference", i+1, n, len(first))
			}
		}
	}
	// The history is there after a crash, and after an orderly stop too.
	for i, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		p.main.proc.stop(sig)
		p.main.up(t)
		if err := c.try(p.main.dnsServer, fmt.Sprintf("back%d", i), "192.0.2.90", giveUp); err != nil {
			t.Fatal(err)
		}
		p.equal(t, fmt.Sprintf("after %v and a change", sig))
	}
	out := output(t, p.client.command("dig", "+noall", "+answer", "+tcp", "-y", p.key(), "@"+p.main.addr, pairZone, "IXFR=100"))
	if steps := answerLines(out); strings.Contains(out, "host") || len(steps) < 4 || !strings.Contains(steps[1], " SOA ") || strings.Count(out, "burst") != 100 {
		t.Errorf("IXFR from the first serial has %d lines: it is not the steps since then:\n%.300s", len(steps), out)
	}
	w.end(t)
}
