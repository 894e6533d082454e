package haserver

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/scavenge"
	"loadshare/haserver/zone"
)

// H09: what is configured at the main while the two are apart reaches the backup when they meet, also one that started alone meanwhile: settings
// of zones, a new zone, and what it changes in the catalog. What was changed at the backup meanwhile is in the zones.
func TestConfiguredWhileParted(t *testing.T) {
	d, cut := wired(t)
	withCatalog(t, d.main)
	withCatalog(t, d.backup)
	d.main.start(t)
	d.backup.start(t)
	normal := func(zones int) {
		t.Helper()
		for _, s := range []*site{d.main, d.backup} {
			s.until(t, "normal, all zones synchronised", func(st pair.Status) bool { return st.State == pairmsg.Normal && st.Complete == zones })
		}
	}
	normal(3)
	cut(true)
	d.parted(t)
	d.main.addTo(t, `update = ["key ddns"]`, `update = ["key ddns", "192.0.2.77"]`)
	d.main.addTo(t, "[ha]", thirdZone+"[ha]")
	d.main.reload(t, d.main.load(t))
	d.backup.stop(t)
	d.backup.start(t)
	d.backup.until(t, "it is alone", func(st pair.Status) bool { return st.State == pairmsg.Interrupted && st.Accepting })
	d.backup.mustUpdate(t, "b.example.test. 5 A 10.0.0.2")
	d.main.mustUpdate(t, "m.example.test. 5 A 10.0.0.1")
	cut(false)
	normal(4)
	eventually(t, "the backup has the settings", func() bool {
		return d.backup.settings("other.test") == "[key ddns 192.0.2.77] [] partner" && d.backup.settings("third.test") == "[key ddns] [] partner"
	}, func() string { return d.backup.settings("other.test") + "; " + d.backup.settings("third.test") })
	want := d.main.awaitMembers(t, "example.test", "other.test", "third.test")
	if diff := cmp.Diff(want, d.backup.awaitMembers(t, "example.test", "other.test", "third.test")); diff != "" {
		t.Error(diff)
	}
	for _, s := range []*site{d.main, d.backup} {
		for _, name := range []string{"m", "b"} {
			if len(s.ask(t, "udp", name+".example.test", dns.TypeA).Answer) != 1 {
				t.Errorf("%s is lost", name)
			}
		}
	}
}

// docs/ha-dns.md, Limits: a zone that the backup alone takes out of service comes back from the main, as the main has it.
func TestZoneTakenOutAtTheBackup(t *testing.T) {
	d, cut := wired(t)
	d.start(t)
	cut(true)
	d.parted(t)
	d.main.mustUpdate(t, "m.example.test. 5 A 10.0.0.1")
	d.backup.mustUpdate(t, "b.example.test. 5 A 10.0.0.2")
	text := d.backup.read(t, "dns.toml")
	from := strings.Index(text, "[[zone]]")
	to := from + 1 + strings.Index(text[from+1:], "[[zone]]")
	d.backup.write(t, "dns.toml", text[:from]+text[to:])
	if err := d.backup.tryReload(t); err != nil {
		t.Fatal(err)
	}
	cut(false)
	d.await(t)
	d.equal(t)
	if got := d.backup.settings("example.test"); !strings.HasSuffix(got, "partner") {
		t.Error("whose it is:", got)
	}
	for name, n := range map[string]int{"m": 1, "b": 0} {
		if got := len(d.backup.ask(t, "udp", name+".example.test", dns.TypeA).Answer); got != n {
			t.Errorf("%s: %d answers", name, got)
		}
	}
}

// docs/ha-dns.md, Limits: in partner-down the survivor scavenges; a refresh that only the other one heard, for the claim was false, is no change of
// the zone. The record goes, and is there again with its client's next update.
func TestScavengingInAFalsePartnerDown(t *testing.T) {
	d, cut := wired(t)
	for _, s := range []*site{d.main, d.backup} {
		s.addTo(t, `name = "other.test"`, "name = \"other.test\"\nscavenge = \"7d\"")
	}
	a, b := newAging(t, d.main), newAging(t, d.backup)
	d.start(t)
	a.add(t, "roams", "changes")
	for _, name := range []string{"roams", "changes"} {
		set := scavenge.Set{Name: mustName(name + ".other.test").Key(), Type: zone.TypeA}
		eventually(t, "the backup has the mark", func() bool {
			m := b.marks("other.test")
			b.server.scavenge.mu.Lock()
			defer b.server.scavenge.mu.Unlock()
			_, marked := m.book.At(set)
			return marked
		}, func() string { return "it has not" })
	}
	cut(true)
	d.parted(t)
	if refused, err := d.backup.server.operate(t.Context(), pair.Operate{Command: pair.SetPartnerDown, Reason: "nobody looked"}); refused != "" || err != nil {
		t.Fatal(refused, err)
	}
	a.add(t, "roams") // nothing changes
	if rcode := a.update(t, "tcp", "ddns.", updateMsg(t, "other.test", "changes.other.test. 60 A 192.0.2.8")); rcode != dns.RcodeSuccess {
		t.Fatal(dns.RcodeToString[rcode])
	}
	b.add(t, "fresh")
	eventually(t, "what nobody refreshes at the survivor goes", func() bool {
		b.pass(6 * time.Hour)
		b.add(t, "fresh")
		return !b.has("roams") && !b.has("changes")
	}, func() string { return fmt.Sprint(b.holds("other.test")) })
	if !a.has("roams") {
		t.Error("who is interrupted scavenges")
	}
	cut(false)
	d.await(t)
	d.equal(t)
	if a.has("roams") || !a.has("changes") || !a.has("fresh") || !a.has("host") {
		t.Errorf("both have %v", a.holds("other.test"))
	}
	a.add(t, "roams")
	d.equal(t)
	if !b.has("roams") {
		t.Error("it is not there again")
	}
}
