package haserver

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
)

// settings are those in force of a zone, and whose they are.
func (s *site) settings(name string) string {
	z := s.server.view.Load().exact(mustName(name))
	if z == nil {
		return "no zone"
	}
	st := s.server.status()
	i := slices.IndexFunc(st.Zones, func(o ZoneStatus) bool { return o.Name == name })
	return fmt.Sprintf("%v %v %s", z.conf.UpdateText, z.conf.Notify, st.Zones[i].Settings)
}

// alarm is the text of an alarm that stands; "": it does not.
func (s *site) alarm(name string) string {
	for _, a := range s.server.status().Alarms {
		if a.Name == name {
			return a.Text
		}
	}
	return ""
}

// addTo changes the site's configuration.
func (s *site) addTo(t testing.TB, old, text string) {
	t.Helper()
	conf := s.read(t, "dns.toml")
	if !strings.Contains(conf, old) {
		t.Fatalf("no %q in the configuration", old)
	}
	s.write(t, "dns.toml", strings.Replace(conf, old, text, 1))
}

func (s *site) pairSync(t testing.TB, in PairSyncRequest) PairSyncReply {
	t.Helper()
	got, err := s.server.pairSync(context.Background(), body(in))
	if err != nil {
		t.Fatal(err)
	}
	return got.(PairSyncReply)
}

const thirdZone = `
[[zone]]
name = "third.test"
file = "db.other"
update = ["key ddns"]
`

// H09: "New zones and changed zone settings reach the backup by themselves", and are still there after a restart without the main.
func TestSettingsReachTheBackup(t *testing.T) {
	d := newDuo(t, "").start(t)
	d.main.addTo(t, `update = ["key ddns"]`, `update = ["key ddns", "192.0.2.77"]
notify = ["127.0.0.1:9"]`)
	d.main.addTo(t, "[ha]", thirdZone+"[ha]")
	d.main.reload(t, d.main.load(t))
	want := "[key ddns 192.0.2.77] [127.0.0.1:9] partner"
	at := func(s *site, name, want string) {
		t.Helper()
		eventually(t, name+" has "+want, func() bool { return s.settings(name) == want }, func() string { return s.settings(name) })
	}
	at(d.backup, "other.test", want)
	at(d.backup, "third.test", "[key ddns] [] partner")
	eventually(t, "third.test is equal on both", func() bool { return cmp.Equal(d.main.holds("third.test"), d.backup.holds("third.test")) },
		func() string { return cmp.Diff(d.main.holds("third.test"), d.backup.holds("third.test")) })
	if got := d.main.settings("other.test"); got != "[key ddns 192.0.2.77] [127.0.0.1:9] file" {
		t.Error("at the main:", got)
	}
	d.backup.stop(t)
	d.main.stop(t)
	d.backup.start(t)
	if got := d.backup.settings("other.test"); got != want {
		t.Error("after a restart alone:", got)
	}
	if got := d.backup.settings("third.test"); got != "[key ddns] [] partner" {
		t.Error("after a restart alone:", got)
	}
}

// A grant that names a key which the backup does not have is not in force there, and an alarm says which key of which zone.
func TestSettingsWithoutTheKey(t *testing.T) {
	d := newDuo(t, "")
	d.backup.addTo(t, `keys = ["keys"]`, ``)
	for range 2 {
		d.backup.addTo(t, `update = ["key ddns`, `update = ["127.0.0.9"] #`)
	}
	d.backup.addTo(t, `transfer = ["key xfer"]`, "")
	d.start(t)
	eventually(t, "the alarm", func() bool { return strings.Contains(d.backup.alarm("config-differs"), "called ddns") }, func() string { return d.backup.alarm("config-differs") })
	z := d.backup.server.view.Load().exact(mustName("other.test"))
	if len(z.conf.Update) != 0 || len(z.conf.UpdateText) != 1 {
		t.Errorf("%+v", z.conf)
	}
	if text := d.main.alarm("config-differs"); text != "" {
		t.Error("at the main:", text)
	}
}

// H32, H33, H41: exact takes what only the destination has out of service, says so before, and it stays so after a restart; its content
// is kept. Until then an alarm names it.
func TestPairSyncExact(t *testing.T) {
	d := newDuo(t, "")
	d.backup.addTo(t, "[ha]", thirdZone+"[ha]")
	d.main.start(t)
	d.backup.start(t)
	eventually(t, "the alarm", func() bool { return strings.Contains(d.backup.alarm("config-differs"), "third.test") }, func() string { return d.backup.alarm("config-differs") })
	want := []string{"zone third.test is taken out of service (its content stays in the state directory)"}
	for _, s := range []*site{d.main, d.backup} { // from either door
		r := s.pairSync(t, PairSyncRequest{Operation: "exact"})
		if diff := cmp.Diff(PairSyncReply{Operation: "exact", Direction: mainToBackup, Changes: want, Lost: want}, r); diff != "" {
			t.Error(diff)
		}
	}
	if r := d.main.pairSync(t, PairSyncRequest{Operation: "complete", Run: true}); len(r.Changes) > 0 {
		t.Errorf("complete: %+v", r)
	}
	if d.backup.settings("third.test") == "no zone" {
		t.Fatal("a report, or complete, took the zone away")
	}
	if r := d.main.pairSync(t, PairSyncRequest{Operation: "exact", Run: true}); !r.Applied || !slices.Equal(r.Changes, want) {
		t.Errorf("%+v", r)
	}
	gone := func(when string) {
		t.Helper()
		if got := d.backup.settings("third.test"); got != "no zone" {
			t.Errorf("%s: %s", when, got)
		}
	}
	gone("after exact")
	if a := d.backup.alarm("config-differs"); a != "" {
		t.Errorf("the alarm stands though the zone is gone: %s", a)
	}
	if names, err := d.backup.server.journal.Names(); err != nil || !slices.Contains(names, mustName("third.test")) {
		t.Errorf("its content is not kept: %v %v", names, err)
	}
	d.backup.stop(t)
	d.backup.start(t)
	gone("after a restart")
	d.await(t)
	eventually(t, "no alarm", func() bool { return d.backup.alarm("config-differs") == "" }, func() string { return d.backup.alarm("config-differs") })
}

// H43: "an existing server may become the backup of a newly added main": the main has no zones, and gets those of the backup with
// their content.
func TestPairSyncToANewMain(t *testing.T) {
	d := newDuo(t, "")
	conf := d.main.read(t, "dns.toml")
	from, to := strings.Index(conf, "[[zone]]"), strings.Index(conf, "[ha]")
	d.main.write(t, "dns.toml", conf[:from]+conf[to:])
	for _, file := range []string{"example", "other"} {
		d.backup.addTo(t, fmt.Sprintf("name = \"%s.test\"\n", file), fmt.Sprintf("name = \"%s.test\"\nfile = \"db.%s\"\n", file, file))
	}
	d.main.start(t)
	d.backup.start(t)
	for _, s := range []*site{d.main, d.backup} {
		s.until(t, "normal", func(st pair.Status) bool { return st.State == pairmsg.Normal })
	}
	r := d.main.pairSync(t, PairSyncRequest{Operation: "update", Direction: backupToMain, Run: true})
	if !r.Applied || len(r.Changes) < 2 || len(r.Lost) > 0 || !slices.Contains(r.Changes, "zone other.test is added") {
		t.Errorf("%+v", r)
	}
	d.await(t)
	d.equal(t)
	if got := d.main.holds("other.test"); len(got) != 4 || !strings.Contains(strings.Join(got, "\n"), "198.51.100.1") {
		t.Errorf("%v", got)
	}
	if got := d.main.settings("other.test"); got != "[key ddns] [] partner" {
		t.Error(got)
	}
	d.main.tryUpdate(t, "tcp", "after")
	d.equal(t)
}

// On the main a file that was changed wins over what was once learned of the partner.
func TestChangedFileWinsAtTheMain(t *testing.T) {
	d := newDuo(t, "").start(t)
	d.backup.addTo(t, `update = ["key ddns"]`, `update = ["127.0.0.7"]`)
	d.backup.reload(t, d.backup.load(t)) // at the backup the main's settings win
	eventually(t, "the main's settings", func() bool { return d.backup.settings("other.test") == "[key ddns] [] partner" }, func() string { return d.backup.settings("other.test") })
	swapped := func(main *site) {
		t.Helper()
		if refused, err := d.main.server.operate(context.Background(), pair.Operate{Command: pair.Swap, Reason: "test"}); refused != "" || err != nil {
			t.Fatal(refused, err)
		}
		main.until(t, "main", func(st pair.Status) bool { return st.Role == pairmsg.Main })
	}
	swapped(d.backup)
	if got := d.backup.settings("other.test"); got != "[key ddns] [] partner" {
		t.Error("a swap changed the settings:", got)
	}
	d.backup.addTo(t, `update = ["127.0.0.7"]`, `update = ["127.0.0.8"]`)
	d.backup.reload(t, d.backup.load(t))
	eventually(t, "the new main's file", func() bool { return d.backup.settings("other.test") == "[127.0.0.8] [] file" }, func() string { return d.backup.settings("other.test") })
	eventually(t, "it reaches the partner", func() bool { return d.main.settings("other.test") == "[127.0.0.8] [] partner" }, func() string { return d.main.settings("other.test") })
}

// "Never REFUSED for a state: to a client that is final" (RFC 2136, 4.5): a backup with a new disk does not know which zones there are before the main
// was heard, and answers neither REFUSED nor NOTAUTH for them; it is not ready.
func TestBackupWithoutZonesIsNotReady(t *testing.T) {
	d := newDuo(t, "")
	text := d.backup.read(t, "dns.toml")
	d.backup.write(t, "dns.toml", text[:strings.Index(text, "[[zone]]")]+text[strings.Index(text, "[ha]"):])
	d.backup.start(t)
	d.backup.until(t, "alone", func(st pair.Status) bool { return st.State == pairmsg.Interrupted })
	if err := d.backup.server.ready(); err == nil || !strings.Contains(err.Error(), "no zones yet") {
		t.Errorf("ready: %v", err)
	}
	if r := d.backup.ask(t, "udp", "www.example.test", dns.TypeA); r.Rcode != dns.RcodeServerFailure {
		t.Errorf("a question gets %v", r)
	}
	if rcode := d.backup.update(t, "tcp", "ddns.", updateMsg(t, "example.test", "x.example.test. 5 A 10.0.0.1")); rcode != dns.RcodeServerFailure {
		t.Errorf("an update gets %s", dns.RcodeToString[rcode])
	}
	d.main.start(t)
	d.await(t)
	if err := d.backup.server.ready(); err != nil {
		t.Errorf("with the zones of the main: %v", err)
	}
}
