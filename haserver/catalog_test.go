package haserver

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"loadshare/haserver/catalog"
	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
)

const catalogConf = `
[[zone]]
name = "catalog.example"
catalog = true
transfer = ["key xfer"]
`

// withCatalog adds a catalog zone to the configuration of a site.
func withCatalog(t *testing.T, s *site, more ...string) *site {
	t.Helper()
	s.write(t, "dns.toml", s.read(t, "dns.toml")+catalogConf+strings.Join(more, ""))
	return s
}

// members are the zones and labels of the catalog as it is served; a broken one has an error for a member.
func (s *site) members() map[string]string {
	out := map[string]string{}
	z := s.server.view.Load().exact(mustName("catalog.example"))
	if z == nil || z.visible.Load() == nil {
		return out
	}
	list, err := catalog.Read(z.visible.Load())
	if err != nil {
		out[err.Error()] = ""
	}
	for _, m := range list {
		out[strings.TrimSpace(plain(m.Zone)+" "+m.Group)] = m.Label
	}
	return out
}

// awaitMembers waits until the catalog has exactly these zones.
func (s *site) awaitMembers(t *testing.T, want ...string) map[string]string {
	t.Helper()
	var got map[string]string
	eventually(t, "catalog of "+strings.Join(want, ", "), func() bool {
		got = s.members()
		for _, name := range want {
			if got[name] == "" {
				return false
			}
		}
		return len(got) == len(want)
	}, func() string { return cmp.Diff(want, got) })
	return got
}

// "A [[zone]] with catalog = true (no file) is generated from the zones served (excluding itself …)", and follows a reload.
func TestCatalogFollowsTheZones(t *testing.T) {
	s := withCatalog(t, newSite(t), "[[zone]]\nname = \"hidden.test\"\nfile = \"db.hidden\"\ncatalog_member = false\n")
	s.write(t, "db.hidden", otherZone)
	s.start(t)
	before := s.awaitMembers(t, "example.test", "other.test")

	conf := s.load(t)
	conf.Zones = slices.DeleteFunc(conf.Zones, func(z ZoneConfig) bool { return z.Text == "other.test" })
	conf.Zones[0].Group = "signed"
	s.reload(t, conf)
	after := s.awaitMembers(t, "example.test signed")
	if after["example.test signed"] != before["example.test"] {
		t.Errorf("the label of a zone that stayed was %v, is %v", before, after)
	}
	s.reload(t, s.load(t))
	again := s.awaitMembers(t, "example.test", "other.test")
	if again["other.test"] == before["other.test"] || again["example.test"] != before["example.test"] {
		t.Errorf("a zone that came back must have another label: before %v, after %v", before, again)
	}
	serial := s.server.view.Load().exact(mustName("catalog.example")).visible.Load().Serial()
	s.stop(t)
	s.start(t)
	if diff := cmp.Diff(again, s.awaitMembers(t, "example.test", "other.test")); diff != "" {
		t.Errorf("after a restart: %s", diff)
	}
	if now := s.server.view.Load().exact(mustName("catalog.example")).visible.Load().Serial(); now != serial {
		t.Errorf("a restart made serial %d of %d", now, serial)
	}
}

// RFC 9432, 7: a catalog is not for the public: only transfers by grant, and queries for those who have one.
func TestCatalogIsNotForThePublic(t *testing.T) {
	s := withCatalog(t, newSite(t))
	s.write(t, "db.other", otherZone+"peep CNAME version.catalog.example.\n")
	s.start(t)
	label := s.awaitMembers(t, "example.test", "other.test")["other.test"]
	for _, network := range []string{"udp", "tcp"} {
		if r := s.ask(t, network, "catalog.example", dns.TypeSOA); r.Rcode != dns.RcodeRefused || len(r.Answer) > 0 {
			t.Errorf("%s, no key: %s %v", network, dns.RcodeToString[r.Rcode], lines(r.Answer))
		}
		if r := s.ask(t, network, "version.catalog.example", dns.TypeTXT, signed("ddns.")); r.Rcode != dns.RcodeRefused {
			t.Errorf("%s, another key: %s", network, dns.RcodeToString[r.Rcode])
		}
		if r := s.ask(t, network, "peep.other.test", dns.TypeTXT); len(r.Answer) != 1 {
			t.Errorf("%s, by an alias: %v", network, lines(r.Answer))
		}
		r := s.ask(t, network, label+".zones.catalog.example", dns.TypePTR, signed("xfer."))
		if want := []string{label + ".zones.catalog.example. 0 IN PTR other.test."}; !cmp.Equal(want, lines(r.Answer)) {
			t.Errorf("%s, with a grant: %s %v", network, dns.RcodeToString[r.Rcode], lines(r.Answer))
		}
	}
	if rcode := s.update(t, "tcp", "ddns.", updateMsg(t, "catalog.example", "x.catalog.example. 0 TXT a")); rcode != dns.RcodeRefused {
		t.Errorf("update: %s", dns.RcodeToString[rcode])
	}
	transfer := &dns.Transfer{TsigSecret: secrets}
	m := new(dns.Msg)
	m.SetAxfr("catalog.example.")
	signed("xfer.")(m)
	envelopes, err := transfer.In(m, s.addr)
	if err != nil {
		t.Fatal(err)
	}
	records := 0
	for e := range envelopes {
		if e.Error != nil {
			t.Fatal(e.Error)
		}
		records += len(e.RR)
	}
	if records != 6 { // SOA, NS, version, two members, SOA
		t.Errorf("%d records by AXFR", records)
	}
}

// The configured main makes the catalog; the backup gets it like any zone, and hides it as well.
func TestCatalogOfAPair(t *testing.T) {
	d := newDuo(t, "")
	withCatalog(t, d.main)
	withCatalog(t, d.backup)
	d.main.start(t)
	d.backup.start(t)
	for _, s := range []*site{d.main, d.backup} {
		s.until(t, "normal, all zones synchronised", func(st pair.Status) bool { return st.State == pairmsg.Normal && st.Complete == 3 })
	}
	want := d.main.awaitMembers(t, "example.test", "other.test")
	if diff := cmp.Diff(want, d.backup.awaitMembers(t, "example.test", "other.test")); diff != "" {
		t.Error(diff)
	}
	if r := d.backup.ask(t, "udp", "catalog.example", dns.TypeSOA); r.Rcode != dns.RcodeRefused {
		t.Errorf("at the backup: %s", dns.RcodeToString[r.Rcode])
	}
}

// A catalog follows the zones after an exchange of roles too: who acts as main makes it, and labels stay (RFC 9432, 5.4: another label is
// another zone to its consumers).
func TestCatalogAfterSwap(t *testing.T) {
	d := newDuo(t, "")
	withCatalog(t, d.main)
	d.main.start(t)
	d.backup.start(t)
	for _, s := range []*site{d.main, d.backup} {
		s.until(t, "normal, all zones synchronised", func(st pair.Status) bool { return st.State == pairmsg.Normal && st.Complete == 3 })
	}
	before := d.main.awaitMembers(t, "example.test", "other.test")
	d.backup.awaitMembers(t, "example.test", "other.test")
	if refused, err := d.main.server.operate(t.Context(), pair.Operate{Command: pair.Swap, Reason: "test"}); refused != "" || err != nil {
		t.Fatal(refused, err)
	}
	d.backup.until(t, "it is the main", func(st pair.Status) bool { return st.Role == pairmsg.Main && st.Accepting })
	d.backup.write(t, "db.third", strings.ReplaceAll(otherZone, "other.test", "third.test"))
	d.backup.write(t, "dns.toml", d.backup.read(t, "dns.toml")+"[[zone]]\nname = \"third.test\"\nfile = \"db.third\"\n")
	d.backup.reload(t, d.backup.load(t))
	after := d.backup.awaitMembers(t, "example.test", "other.test", "third.test")
	d.main.awaitMembers(t, "example.test", "other.test", "third.test")
	for name, label := range before {
		if after[name] != label {
			t.Errorf("the label of %s was %s, is %s", name, label, after[name])
		}
	}
}
