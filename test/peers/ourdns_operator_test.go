package peers

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// exported is a zone as `loadshare zone export` prints it, in a file.
func (o *ours) exported(t *testing.T, zone string) string {
	t.Helper()
	return write(t, o.dir, "export."+zone, o.cliOut(t, "zone", "export", zone))
}

// canonical is what named-checkzone makes of a zone file: one record a line.
func canonical(t *testing.T, zone, file string) []string {
	t.Helper()
	need(t, "named-checkzone")
	out := file + ".canonical"
	// -i none: the tests' zones name hosts that are nowhere.
	output(t, exec.Command("named-checkzone", "-i", "none", "-k", "ignore", "-D", "-o", out, zone, file))
	lines := sortedLines(spaces.ReplaceAllString(output(t, exec.Command("cat", out)), " "))
	return lines
}

// TestOurDNSZoneCommands: list, show, export, load with and without --report, as an operator types them.
func TestOurDNSZoneCommands(t *testing.T) {
	t.Parallel()
	zones := append(queryZones(), ourZone{"quick.test", quickZone(), []string{"key ddns"}, []string{"127.0.0.1"}})
	o := startOurs(t, zones...)

	listed := o.cliOut(t, "zone", "list")
	for _, want := range []string{"query.test ", "other.test ", "quick.test ", " 100 ", " 7 "} {
		if !strings.Contains(listed, want) {
			t.Errorf("zone list: no %q in\n%s", want, listed)
		}
	}
	shown := o.cliOut(t, "zone", "show", "other.test")
	for _, want := range []string{"serial 7, 5 records", "198.51.100.2", "deep.www.other.test."} {
		if !strings.Contains(shown, want) {
			t.Errorf("zone show: no %q in\n%s", want, shown)
		}
	}
	// What is exported is the zone: BIND reads the same from our export as from the file that the zone came from, for
	// every type and every odd octet in it.
	for _, z := range zones {
		want := canonical(t, z.name, filepath.Join(o.dir, "db."+z.name))
		got := canonical(t, z.name, o.exported(t, z.name))
		if d := gocmp.Diff(want, got); d != "" {
			t.Errorf("export of %s, read by named-checkzone (-file +export):\n%s", z.name, d)
		}
	}

	// An edit: the report changes nothing, the load makes one step with the serial moved, a second load nothing.
	before, _ := mustTransfer(t, o.dnsServer, "quick.test", "")
	edited := strings.Replace(quickZone(), "www 30 IN A 192.0.2.11\n", "www 30 IN A 192.0.2.12\nweb 30 IN CNAME www\n", 1)
	file := write(t, o.dir, "edited", edited)
	report := o.cliOut(t, "zone", "load", "quick.test", file, "--report")
	for _, want := range []string{"- www.quick.test.", "192.0.2.11", "+ www.quick.test.", "192.0.2.12", "+ web.quick.test.", "not applied", "takes 101"} {
		if !strings.Contains(report, want) {
			t.Errorf("zone load --report: no %q in\n%s", want, report)
		}
	}
	if now, serial := mustTransfer(t, o.dnsServer, "quick.test", ""); serial != "100" || gocmp.Diff(before, now) != "" {
		t.Errorf("a report changed the zone, serial %s", serial)
	}
	if loaded := o.cliOut(t, "zone", "load", "quick.test", file); !strings.Contains(loaded, "serial 101: applied") {
		t.Errorf("zone load: %s", loaded)
	}
	if again := o.cliOut(t, "zone", "load", "quick.test", file); !strings.Contains(again, "nothing differs, serial 101") {
		t.Errorf("zone load a second time: %s", again)
	}
	if err := answer("web.quick.test", "A", []string{"192.0.2.10", "192.0.2.12", "www.quick.test."}, o.dnsServer)(); err != nil {
		t.Error(err)
	}
	// A text that is no zone changes nothing and names the line.
	broken := write(t, o.dir, "broken", edited+"bad IN A 192.0.2.300\n")
	out, err := exec.Command(loadshare(t), "zone", "load", "quick.test", broken, "-s", o.control("dns")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "192.0.2.300") {
		t.Errorf("zone load of a broken file: %v\n%s", err, out)
	}
	if _, serial := mustTransfer(t, o.dnsServer, "quick.test", ""); serial != "101" {
		t.Errorf("a broken file moved the serial to %s", serial)
	}
	// And all of it is durable.
	o.process().kill9()
	o.site.restart(t, "dns")
	if err := answer("web.quick.test", "CNAME", []string{"www.quick.test."}, o.dnsServer)(); err != nil {
		t.Error(err)
	}
}

// TestOurDNSReload: SIGHUP takes a configuration whole or not at all, and status says which.
func TestOurDNSReload(t *testing.T) {
	t.Parallel()
	first := ourZone{"first.test", updateZone, []string{"key ddns"}, []string{"127.0.0.1"}}
	o := startOurs(t, first)
	u, key := updater{"nsupdate", false}, o.key(t, "ddns")
	if got := u.mustSend(t, o.dnsServer, first.name, key, "update add kept.% 60 A 192.0.2.77")[0]; got != "NOERROR" {
		t.Fatal(got)
	}
	reload := func() reloadResult {
		write(t, o.dir, "dns.toml", o.config(t))
		return o.hup(t)
	}
	served := func(zone string) string { return parseDig(t, ask(t, o.dnsServer, zone+" SOA")[0]).Status }

	o.zones = append(o.zones, ourZone{"second.test", updateZone, nil, nil})
	if r := reload(); !r.OK || served("second.test") != "NOERROR" {
		t.Errorf("a zone more: %+v, %s", r, served("second.test"))
	}
	if err := answer("kept.first.test", "A", []string{"192.0.2.77"}, o.dnsServer)(); err != nil {
		t.Errorf("after the reload: %v", err)
	}

	// One bad zone file among good ones: nothing of the new configuration is taken.
	good := o.zones
	o.zones = append(good[:1:1], ourZone{"third.test", updateZone, nil, nil}, ourZone{"bad.test", "@ IN SOA nonsense\n", nil, nil})
	if r := reload(); r.OK || !strings.Contains(r.Error, "bad.test") {
		t.Errorf("a zone file that is none: %+v", r)
	}
	for zone, want := range map[string]string{"first.test": "NOERROR", "second.test": "NOERROR", "third.test": "REFUSED", "bad.test": "REFUSED"} {
		if got := served(zone); got != want {
			t.Errorf("after a reload that failed %s is %s, want %s", zone, got, want)
		}
	}
	// A configuration that is none.
	write(t, o.dir, "dns.toml", o.head+"nonsense = true\n")
	if r := o.hup(t); r.OK || !strings.Contains(r.Error, "nonsense") {
		t.Errorf("an unknown key: %+v", r)
	}
	if shown := o.cliOut(t, "status"); !strings.Contains(shown, "nonsense") {
		t.Errorf("status for a person does not show it:\n%s", shown)
	}
	if got := u.mustSend(t, o.dnsServer, first.name, key, "update add kept.% 60 A 192.0.2.78")[0]; got != "NOERROR" {
		t.Errorf("an update after a reload that failed: %s", got)
	}

	// Rights change with a reload; a zone that is taken out is refused, and comes back as it was.
	o.zones = []ourZone{good[1]}
	if r := reload(); !r.OK || served("first.test") != "REFUSED" {
		t.Errorf("a zone less: %+v, %s", r, served("first.test"))
	}
	locked := first
	locked.update = nil
	o.zones = []ourZone{locked, good[1]}
	if r := reload(); !r.OK {
		t.Errorf("the zone again: %+v", r)
	}
	if err := answer("kept.first.test", "A", []string{"192.0.2.77", "192.0.2.78"}, o.dnsServer)(); err != nil {
		t.Errorf("the zone came back: %v", err)
	}
	if got := u.mustSend(t, o.dnsServer, first.name, key, "update delete kept.%")[0]; got != "REFUSED" {
		t.Errorf("an update after the grant was taken away: %s", got)
	}
	if r := o.hup(t); !r.OK {
		t.Errorf("the same again: %+v", r)
	}
}
