package haserver

import (
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"loadshare/haserver/journal"
)

func (s *site) tryReload(t *testing.T) error {
	t.Helper()
	done := make(chan error)
	conf := s.load(t)
	s.reloads <- func() { done <- s.server.Reload(conf) }
	return <-done
}

// A reload may change the times of [ha]; who is who needs a restart, and the refused file changes nothing.
func TestReloadOfAPair(t *testing.T) {
	d := newDuo(t, "").start(t)
	text := d.main.read(t, "dns.toml")
	for what, change := range map[string]*strings.Replacer{
		"role":    strings.NewReplacer(`role = "main"`, `role = "backup"`),
		"partner": strings.NewReplacer(`partner = "127.0.0.1:`, `partner = "127.0.0.2:`),
		"no pair": strings.NewReplacer("[ha]", "[tcp]", `role = "main"`, "", "key = \"pair.key\"\n", "", `heartbeat`, "#", `comm_timeout`, "#", "zonesync_failed_timeout", "#", "ack_timeout", "#", "\nlisten = \"127", "\n# = \"127", "partner =", "# ="),
	} {
		d.main.write(t, "dns.toml", change.Replace(text))
		if err := d.main.tryReload(t); err == nil || !strings.Contains(err.Error(), "restart") {
			t.Errorf("%s: %v", what, err)
		}
	}
	d.main.write(t, "dns.toml", strings.Replace(text, `ack_timeout = "1500ms"`, `ack_timeout = "700ms"`, 1))
	if err := d.main.tryReload(t); err != nil {
		t.Fatal(err)
	}
	if got := d.main.server.conf.HA.AckTimeout; got != 700*time.Millisecond {
		t.Errorf("ack_timeout %v", got)
	}
	d.await(t)
	d.main.mustUpdate(t, "after.example.test. 5 A 10.0.0.1")
	d.equal(t)
}

// A zone that is taken out and comes back later is as it was, with its serial and its history (H-j: the state directory holds the truth).
func TestZoneGoesAndComesBack(t *testing.T) {
	s := started(t)
	s.mustUpdate(t, "kept.example.test. 5 A 10.0.0.1")
	text := s.read(t, "dns.toml")
	without := text[:strings.Index(text, "[[zone]]")] + text[strings.LastIndex(text, "[[zone]]"):]
	for range 2 {
		s.write(t, "dns.toml", without)
		if err := s.tryReload(t); err != nil {
			t.Fatal(err)
		}
		if r := s.ask(t, "udp", "kept.example.test", dns.TypeA); r.Rcode != dns.RcodeRefused {
			t.Errorf("a zone that is gone: %v", r)
		}
		s.write(t, "dns.toml", text)
		if err := s.tryReload(t); err != nil {
			t.Fatal(err)
		}
		if r := s.ask(t, "udp", "kept.example.test", dns.TypeA); len(r.Answer) != 1 {
			t.Errorf("a zone that is back: %v", r)
		}
		s.mustUpdate(t, "-more.example.test. 5 A 10.0.0.1", "more.example.test. 5 A 10.0.0.1")
	}
	if n := s.serial(t, "example.test"); n != 12 {
		t.Errorf("serial %d", n)
	}
	if n := len(s.server.view.Load().exact(mustName("example.test")).log.History(journal.Keep{})); n != 2 {
		t.Errorf("%d steps are known", n)
	}
}

// A pair leaves nothing running when it stops, whoever stops first.
func TestNothingRunsAfterAPair(t *testing.T) {
	before := goleak.IgnoreCurrent()
	d := newDuo(t, `updates_at_backup = "forward"`).start(t)
	d.backup.mustUpdate(t, "x.example.test. 5 A 10.0.0.1")
	d.backup.stop(t)
	d.main.mustUpdate(t, "y.example.test. 5 A 10.0.0.1")
	d.main.stop(t)
	goleak.VerifyNone(t, before)
}
