package peers

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// sourceZones are the zone files of the source document as they were printed there, with their typing errors, no-break
// spaces and a line that lost its leading blank.
func sourceZones(t *testing.T) []ourZone {
	t.Helper()
	var zones []ourZone
	for name, file := range map[string]string{"mydomain.com": "db.mydomain.com", "0.168.192.in-addr.arpa": "db.0.168.192"} {
		text, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		zones = append(zones, ourZone{name, string(text), []string{"key ddns"}, []string{"127.0.0.1"}})
	}
	slices.SortFunc(zones, func(a, b ourZone) int { return strings.Compare(b.name, a.name) })
	return zones
}

// TestOurDNSSourceZones: the source document's cluster is served from its printed zone files, a node leaves and comes back by
// nsupdate, and named, given our export, has the same zones. named itself cannot read the printed files.
func TestOurDNSSourceZones(t *testing.T) {
	t.Parallel()
	zones := sourceZones(t)
	o := startOurs(t, zones...)
	check := func(s *dnsServer, name, typ string, want ...string) {
		t.Helper()
		if err := answer(name, typ, want, s)(); err != nil {
			t.Error(err)
		}
	}
	check(o.dnsServer, "mydomain.com", "NS", "ns1.mydomain.com.", "ns2.mydomain.com.")
	check(o.dnsServer, "mydomain.com", "MX", "10 clusternode1.mydomain.com.", "10 clusternode2.mydomain.com.")
	check(o.dnsServer, "www.mydomain.com", "A", "192.168.0.1", "192.168.0.2", "192.168.0.3")
	check(o.dnsServer, "smtp.mydomain.com", "A", "192.168.0.1", "192.168.0.2")
	check(o.dnsServer, "pop.mydomain.com", "A", "192.168.0.4", "192.168.0.5")
	check(o.dnsServer, "monitor2.mydomain.com", "A", "192.168.0.101")
	check(o.dnsServer, "monitor1.mydomain.com", "A") // it stands in a comment there
	for i := range 5 {
		check(o.dnsServer, fmt.Sprintf("clusternode%d.mydomain.com", i+1), "A", fmt.Sprintf("192.168.0.%d", i+1))
		check(o.dnsServer, fmt.Sprintf("%d.0.168.192.in-addr.arpa", i+1), "PTR", fmt.Sprintf("clusternode%d.mydomain.com.", i+1))
	}
	check(o.dnsServer, "0.168.192.in-addr.arpa", "NS", "ns1.mydomain.com.", "ns2.mydomain.com.")
	// The TTL of the pools is 1: resolvers ask again each time, that is what makes the load shared.
	www := parseDig(t, ask(t, o.dnsServer, "www.mydomain.com A")[0])
	if len(www.Answer) != 3 || !strings.HasPrefix(www.Answer[0], "www.mydomain.com. 1 IN A ") {
		t.Errorf("www: %v", www)
	}

	exports := slices.Clone(zones)
	for i, z := range zones {
		exports[i].text = o.cliOut(t, "zone", "export", z.name)
	}
	twin := &ours{site: o.site, zones: exports}
	bind := twin.peer(t, func(string) string { return "allow-update { key ddns; };" })

	// A node leaves its pools and comes back, as the source's scripts do it.
	u, key := updater{"nsupdate", false}, o.key(t, "ddns")
	steps := []string{
		"update delete www.% A 192.168.0.2\nupdate delete smtp.% A 192.168.0.2\nupdate delete % MX 10 clusternode2.%",
		"update add www.% 1 A 192.168.0.2\nupdate add smtp.% 1 A 192.168.0.2",
	}
	for i, want := range [][]string{{"192.168.0.1", "192.168.0.3"}, {"192.168.0.1", "192.168.0.2", "192.168.0.3"}} {
		for _, s := range []*dnsServer{o.dnsServer, bind} {
			if got := u.mustSend(t, s, "mydomain.com", key, steps[i])[0]; got != "NOERROR" {
				t.Errorf("%s: %s", steps[i], got)
			}
			check(s, "www.mydomain.com", "A", want...)
		}
	}
	for _, z := range zones {
		got, serial := mustTransfer(t, o.dnsServer, z.name, "")
		want, bindSerial := mustTransfer(t, bind, z.name, "")
		if d := gocmp.Diff(want, got); d != "" || serial != bindSerial {
			t.Errorf("%s, serial %s and %s (-named with our export +ours):\n%s", z.name, bindSerial, serial, d)
		}
	}
}
