package dhcp

import (
	"slices"
	"strings"
	"testing"
	"time"

	"loadshare/dhcp/config"
)

func (s *site) status(t testing.TB) (st Status) {
	t.Helper()
	s.ask(t, "/v1/status", nil, &st)
	return st
}

// Decision D-j, with two servers and a client: "backup would give another router in scope voice". Checklist D48: both hear the relay.
func TestBackupWouldServeOtherwise(t *testing.T) {
	main, backup := twins(t, "")
	backup.text = strings.Replace(backup.text, `routers = ["127.0.0.1"]`, `routers = ["127.0.0.77"]`, 1)
	main.start(t)
	backup.start(t)
	untilNormal(t, main, backup)
	r := main.relay(t, backup)
	for n := 1; ; n++ { // the first ones may be heard before the two have met
		acquire(t, r, n)
		if len(main.pair(t).Shadow) > 0 && len(backup.pair(t).Shadow) > 0 || n == 200 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	for _, s := range []*site{main, backup} {
		if p := s.pair(t); len(p.Shadow) != 1 || !strings.HasPrefix(p.Shadow[0], "backup would give another router in scope cluster") || !p.ConfigDiffers {
			t.Errorf("%q %q", p.Shadow, p.Differs)
		}
		until(t, "the alarm stands", func() bool { return s.alarm(t, alarmAnswers) != nil })
		until(t, "both are known to hear the relay", func() bool {
			list := s.status(t).Relays
			return len(list) == 1 && list[0].Address == "127.0.0.9" && list[0].Last != nil && list[0].Partner != nil && !list[0].OneOnly
		})
	}
}

// Decision D-k, with two servers: "after an outage, the list: waited, short lease, never served".
func TestAfterAnOutage(t *testing.T) {
	main, backup := twins(t, `mclt = "10m"`)
	main.start(t)
	backup.start(t)
	untilNormal(t, main, backup)
	r := main.relay(t, backup)
	backup.stop(t)
	until(t, "the main is alone", func() bool {
		p := main.pair(t)
		return !p.Connected && p.State != "normal" && !main.server.links["pair1"].beside.contact.Load()
	})
	l := acquire(t, r, 1)
	if l.Time != 10*time.Minute {
		t.Errorf("a lease of %s", l.Time)
	}
	backup.start(t)
	untilNormal(t, main, backup)
	for _, s := range []*site{main, backup} {
		until(t, "the outage is shown", func() bool { return s.pair(t).Outage != nil })
		o := s.pair(t).Outage
		i := slices.IndexFunc(o.Clients, func(c OutageClient) bool { return c.Client == "hw 1/02:00:00:00:00:01" })
		if i < 0 || o.Clients[i].How != "short lease" || o.ShortLease != 1 || o.Clients[i].Lease < 590 || o.Clients[i].Lease > 600 || o.Clients[i].Relay != "127.0.0.9" {
			t.Errorf("%+v", o)
		}
	}
}

// An alarm names the first difference, and whom an outage touched; it ends with the hour, and a quarter of one.
func TestAlarmsOfWhatTheTwoTellEachOther(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	p := PairStatus{Name: "p", Shadow: []string{"backup would give another router in scope voice", "x"}, Outage: &OutageStatus{
		From: now.Add(-10 * time.Minute), Until: now.Add(-time.Minute), NeverServed: 2, Waited: 3, ShortLease: 4,
	}}
	list := judgeBeside(&facts{now: now, status: &Status{Pairs: []PairStatus{p}}})
	if len(list) != 2 || list[0].Name != alarmAnswers || list[0].Text != "backup would give another router in scope voice; and 1 more differences" ||
		list[1].Name != alarmOutage || !strings.HasSuffix(list[1].Text, "for 9 min: 2 clients were never served, 3 waited, 4 got a short lease") {
		t.Errorf("%+v", list)
	}
	p.Shadow, p.Outage.Until = nil, now.Add(-time.Hour)
	if list := judgeBeside(&facts{now: now, status: &Status{Pairs: []PairStatus{p}}}); len(list) != 0 {
		t.Errorf("%+v", list)
	}
}

// What comes from a relay concerns the pair that has the relay's network.
func TestRelaysOfPairs(t *testing.T) {
	conf := newSite(t, strings.ReplaceAll(single, "[[scope]]", "[[scope]]\nfailover = \"\"")).config(t)
	conf.Pairs = []config.Pair{{Name: "a"}}
	if !ofPair(conf, 0, "a") || !ofPair(conf, 0x0a000001, "a") || ofPair(conf, 0x7f000009, "a") {
		t.Error("of one pair all is its, but what is in another's network")
	}
	conf.Pairs = append(conf.Pairs, config.Pair{Name: "b"})
	if ofPair(conf, 0, "a") || ofPair(conf, 0x0a000001, "b") {
		t.Error("of several nobody can tell")
	}
}
