package haserver

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/internal/metrics"
	"loadshare/internal/textlog"
)

// Capabilities of the source that no other test has by name; docs/conformance.md has the whole checklist.

// H04: "Both servers answer queries and zone-transfer requests at all times."
func TestH04AnswersAndTransfersInEveryState(t *testing.T) {
	d := newDuo(t, "")
	d.patient(t)
	d.start(t)
	serves := func(s *site, state pairmsg.State) {
		t.Helper()
		s.until(t, state.String(), func(st pair.Status) bool { return st.State == state })
		if r := s.ask(t, "udp", "www.example.test", dns.TypeA); len(r.Answer) != 3 {
			t.Errorf("%s: %v", state, r)
		}
		if got := s.transfer(t, "example.test.", "xfer."); len(got) != len(s.holds("example.test"))+1 {
			t.Errorf("%s: %d records transferred of %d", state, len(got)-1, len(s.holds("example.test")))
		}
		if st := s.server.pairStatus(); st.State != state {
			t.Errorf("it is in %s meanwhile", st.State)
		}
	}
	serves(d.main, pairmsg.Normal)
	serves(d.backup, pairmsg.Normal)
	d.main.crash(t)
	serves(d.backup, pairmsg.Interrupted)
	d.backup.stop(t)
	d.main.start(t)
	serves(d.main, pairmsg.Startup)
	for _, c := range []pair.Command{pair.ServeAlone, pair.SetPartnerDown} { // without the wait for comm_timeout
		if refused, err := d.main.server.operate(t.Context(), pair.Operate{Command: c, Reason: "test"}); refused != "" || err != nil {
			t.Fatal(refused, err)
		}
	}
	serves(d.main, pairmsg.PartnerDown)
}

// H05: "Heartbeats between partners: every 12 s, both directions." The first goes out as soon as they are in normal.
func TestH05HeartbeatsEvery12s(t *testing.T) {
	for _, role := range []pairmsg.Role{pairmsg.Main, pairmsg.Backup} {
		h := newHalf(t, role, "a")
		h.meet(pairmsg.Point{})
		met := h.now
		h.pass(2 * time.Minute)
		if len(h.beats) != 11 {
			t.Errorf("%s: %d heartbeats in two minutes", role, len(h.beats))
		}
		for i, at := range h.beats {
			if at-met != time.Duration(i)*12*time.Second {
				t.Errorf("%s: heartbeat %d after %v", role, i, at-met)
			}
		}
		h.want(pairmsg.Normal, pair.Ready)
	}
}

// H11, H12: in startup and in negotiating "DNS updates and RR edits not allowed". A client's update is held for a second, an operator's
// change is refused at once.
func TestH11H12NoChangesBeforeNormal(t *testing.T) {
	for _, role := range []pairmsg.Role{pairmsg.Main, pairmsg.Backup} {
		h := newHalf(t, role, "a")
		none := func(state pairmsg.State, why pair.Reason) {
			t.Helper()
			c, edit := h.change("a", false), h.change("a", true)
			if edit.Outcome != pair.NotAccepting || edit.Why != why || c.Outcome != 0 {
				t.Errorf("%s in %s: the edit %d (%s), the update %d", role, state, edit.Outcome, edit.Why, c.Outcome)
			}
			h.pass(time.Second)
			if c.Outcome != pair.NotAccepting || c.Why != why {
				t.Errorf("%s in %s: the update %d (%s)", role, state, c.Outcome, c.Why)
			}
			if st := h.m.Status(); st.State != state || st.Accepting {
				t.Errorf("%s: %s, takes updates: %v", role, st.State, st.Accepting)
			}
		}
		none(pairmsg.Startup, pair.InStartup)
		h.connect()
		none(pairmsg.Startup, pair.InStartup) // a connection is no partner yet
		h.hear(h.hello())
		none(pairmsg.Negotiating, pair.InNegotiating)
		h.hear(pairmsg.Negotiate{})
		none(pairmsg.Negotiating, pair.InNegotiating) // H16: "Normal after a Negotiating response"
		h.hear(pairmsg.NegotiateReply{})
		h.want(pairmsg.Normal, pair.Ready)
	}
}

// H14: "entered after no request/response from partner for ha-dns-comm-timeout = 30 s; keeps listening and trying to connect; accepts
// updates and edits". Not a microsecond before.
func TestH14SilenceFor30s(t *testing.T) {
	for _, role := range []pairmsg.Role{pairmsg.Main, pairmsg.Backup} {
		h := newHalf(t, role, "a")
		h.meet(pairmsg.Point{})
		h.pass(time.Minute)
		h.silent = true
		h.hear(pairmsg.HeartbeatReply{State: pairmsg.Normal, Wall: h.at().Wall, Echo: h.at().Wall})
		h.pass(30*time.Second - time.Microsecond)
		h.want(pairmsg.Normal, pair.Ready)
		h.dials = nil
		h.pass(time.Microsecond)
		h.want(pairmsg.Interrupted, pair.Silent)
		for _, edit := range []bool{false, true} {
			if c := h.change("a", edit); c.Outcome != pair.Done {
				t.Errorf("%s, edit %v: %d (%s)", role, edit, c.Outcome, c.Why)
			}
		}
		if h.pass(time.Second); len(h.dials) != 1 {
			t.Errorf("%s: %d attempts to connect at once", role, len(h.dials))
		}
		h.silent = false
		h.meet(elsewhere) // the listener takes the partner any time
	}
}

// H17: "Retry then back off at multiples of ha-dns-comm-timeout": at once, then after one and two times it, and so on every two
// (docs/decisions/0010).
func TestH17BackOff(t *testing.T) {
	for _, refusing := range []bool{false, true} {
		h := newHalf(t, pairmsg.Main, "a")
		h.refusing = refusing
		h.pass(5 * time.Minute)
		var gaps []string
		for i := 1; i < len(h.dials); i++ {
			gaps = append(gaps, (h.dials[i] - h.dials[i-1]).String())
		}
		if want := []string{"30s", "1m0s", "1m0s", "1m0s", "1m0s"}; !slices.Equal(gaps, want) {
			t.Errorf("refused %v: %v between attempts, want %v", refusing, gaps, want)
		}
		h.want(pairmsg.Interrupted, pair.GraceOver)
	}
}

// H10, H18, H19: the main alone leads, four zones at a time; zones that wait for their turn take updates.
func TestH18H19FourZonesAtATimeLedByTheMain(t *testing.T) {
	labels := []string{"a", "b", "c", "d", "e", "f"}
	h := newHalf(t, pairmsg.Main, labels...)
	h.meet(elsewhere)
	asks := said[pairmsg.SyncAsk](h)
	if st := h.m.Status(); len(asks) != 4 || st.Pending != 6 {
		t.Fatalf("%d zones begun, %d pending", len(asks), st.Pending)
	}
	waits := h.change("f", false)
	h.pass(time.Second)
	if waits.Outcome != pair.Done || waits.Copies != 1 {
		t.Errorf("an update of a zone in sync-pending: %d (%s), copies %d", waits.Outcome, waits.Why, waits.Copies)
	}
	h.hear(pairmsg.SyncPoints{Sync: asks[0].Sync, Here: asks[0].Main})
	next := said[pairmsg.SyncAsk](h)
	if st := h.m.Status(); len(next) != 1 || st.Complete != 1 || next[0].Zone != mustName("f.test") {
		t.Errorf("after one is done: %v begun, %d complete; the one with an update waiting comes first", next, st.Complete)
	}
	b := newHalf(t, pairmsg.Backup, labels...)
	b.meet(elsewhere)
	b.pass(10 * time.Minute)
	if asks := said[pairmsg.SyncAsk](b); len(asks) != 0 {
		t.Errorf("the backup began %d", len(asks))
	}
}

// H20, H21: synchronizing: "updates not accepted for that zone, NOTIFY disabled"; sync-complete: "updates and edits accepted, NOTIFY
// re-enabled, changes forwarded". Other zones notice nothing.
func TestH20H21Synchronizing(t *testing.T) {
	h := newHalf(t, pairmsg.Main, "a", "b")
	h.meet(pairmsg.Point{})
	h.step(pair.Lost{Session: h.session})
	h.connect()
	h.hear(h.hello())
	h.hear(pairmsg.Negotiate{Zones: []pairmsg.ZonePoint{{Zone: mustName("a.test"), Point: before}, {Zone: mustName("b.test"), Point: h.zones[mustName("b.test").Key()].Point}}}, pairmsg.NegotiateReply{})
	ask := said[pairmsg.SyncAsk](h)
	if len(ask) != 1 {
		t.Fatalf("%v", ask)
	}
	a := mustName("a.test").Key()
	h.hear(pairmsg.SyncPoints{Sync: ask[0].Sync, Here: pairmsg.ZonePoint{Zone: ask[0].Zone, Point: before}})
	if st := h.m.Status(); st.Zones[0].Sync != pair.Synchronizing || h.notify[a] {
		t.Fatalf("%s, notify %v", st.Zones[0].Sync, h.notify[a])
	}
	held, edit := h.change("a", false), h.change("a", true)
	other := h.change("b", false)
	if u := said[pairmsg.Update](h); len(u) != 1 || u[0].Zone != mustName("b.test") || held.Outcome != 0 || edit.Outcome != pair.NotAccepting || edit.Why != pair.ZoneSynchronizing {
		t.Fatalf("shipped %v; held %d, edit %d (%s)", u, held.Outcome, edit.Outcome, edit.Why)
	}
	h.hear(pairmsg.UpdateReply{Through: 1, Seq: 1})
	if other.Outcome != pair.Done || other.Copies != 2 {
		t.Errorf("the other zone: %d, copies %d", other.Outcome, other.Copies)
	}
	h.hear(pairmsg.SyncDone{Sync: ask[0].Sync, Zone: ask[0].Zone, Point: ask[0].Main.Point})
	if u := said[pairmsg.Update](h); len(u) != 1 || u[0].Zone != mustName("a.test") || !h.notify[a] {
		t.Fatalf("after it: shipped %v, notify %v", u, h.notify[a])
	}
	h.hear(pairmsg.UpdateReply{Through: 2, Seq: 2})
	if st := h.m.Status(); held.Outcome != pair.Done || held.Copies != 2 || st.Complete != 2 {
		t.Errorf("what was held: %d, copies %d; %+v", held.Outcome, held.Copies, st)
	}
}

// H22: sync-failed: "updates accepted on main and forwarded; retry after ha-dns-zonesync-failed-timeout; a manual sync or a restart also
// restarts it". They are forwarded by the synchronisation: on another content they mean nothing.
func TestH22SyncFailed(t *testing.T) {
	h := newHalf(t, pairmsg.Main, "a")
	fail := func() {
		t.Helper()
		ask := said[pairmsg.SyncAsk](h)
		if len(ask) != 1 {
			t.Fatalf("%d synchronisations begun", len(ask))
		}
		h.jobs = nil
		h.hear(pairmsg.SyncPoints{Sync: ask[0].Sync, Here: pairmsg.ZonePoint{Zone: ask[0].Zone, Point: elsewhere}})
		h.step(pair.Content{Sync: ask[0].Sync, Zone: ask[0].Zone.Key(), Err: "no"})
		end := said[pairmsg.SyncEnd](h)
		if st := h.m.Status(); st.Failed != 1 || st.Zones[0].Sync != pair.SyncFailed || st.Zones[0].Error != "no" || st.State != pairmsg.Normal || len(end) != 1 || end[0].Error != "no" {
			t.Fatalf("%+v, the backup hears %v", st, end)
		}
		if a := h.alarms(); !slices.Contains(a, "sync-failed") {
			t.Errorf("alarms %v", a)
		}
	}
	h.meet(elsewhere)
	fail()
	failed := h.now
	c := h.change("a", false)
	h.pass(time.Second)
	if c.Outcome != pair.Done || !h.notify[mustName("a.test").Key()] {
		t.Errorf("an update: %d (%s)", c.Outcome, c.Why)
	}
	h.pass(failed + 5*time.Minute - time.Microsecond - h.now)
	if n := len(said[pairmsg.SyncAsk](h)); n != 0 {
		t.Errorf("%d begun before zonesync_failed_timeout", n)
	}
	h.pass(time.Microsecond)
	fail()
	h.step(pair.Operate{ID: 1, Command: pair.SyncNow})
	fail()
	h.step(pair.Lost{Session: h.session})
	said[pairmsg.Hello](h)
	h.meet(elsewhere)
	ask := said[pairmsg.SyncAsk](h)
	if len(ask) != 1 {
		t.Fatal("not tried again when the partner has restarted")
	}
	h.hear(pairmsg.SyncPoints{Sync: ask[0].Sync, Here: ask[0].Main}) // the backup got there
	if st := h.m.Status(); st.Complete != 1 || st.Owed != 0 || len(st.Alarms) != 0 {
		t.Errorf("%+v", st)
	}
}

// H38: "HA protocol version check". With a partner that speaks no version of ours nothing begins and nobody takes updates, however long
// it lasts; one that also speaks ours is welcome.
func TestH38ProtocolVersion(t *testing.T) {
	h := newHalf(t, pairmsg.Main, "a")
	strange := h.hello()
	strange.Version, strange.Oldest = pairmsg.Version+2, pairmsg.Version+1
	for range 20 {
		h.connect()
		h.hear(strange)
		if no := said[pairmsg.Reject](h); len(no) != 1 || no[0].Reason != pairmsg.RejectVersion {
			t.Fatalf("%v", no)
		}
		h.pass(time.Minute)
	}
	st := h.m.Status()
	alarmed := slices.ContainsFunc(st.Alarms, func(a pair.Alarm) bool { return a.Name == "refused" && strings.Contains(a.Text, "version") })
	if st.State != pairmsg.Startup || st.Accepting || !alarmed {
		t.Errorf("%+v", st)
	}
	h.connect()
	newer := h.hello()
	newer.Version = pairmsg.Version + 1
	h.hear(newer, pairmsg.Negotiate{}, pairmsg.NegotiateReply{})
	h.want(pairmsg.Normal, pair.Ready)
	if a := h.alarms(); len(a) != 0 {
		t.Errorf("%v", a)
	}
}

// "Alarms with names: … nobody accepts updates": when that has lasted for comm_timeout, or at once when a disk is the reason; not at a
// backup in normal, whose main takes them, nor where the partner does.
func TestNobodyAcceptsUpdates(t *testing.T) {
	nobody := func(h *half) bool { return slices.Contains(h.alarms(), "nobody-accepts") }
	for _, role := range []pairmsg.Role{pairmsg.Main, pairmsg.Backup} {
		h := newHalf(t, role, "a")
		h.pass(29 * time.Second)
		if nobody(h) {
			t.Errorf("%s: while it looks for its partner", role)
		}
		h.meet(pairmsg.Point{})
		h.pass(time.Hour)
		if nobody(h) {
			t.Errorf("%s: in normal", role)
		}
		h.step(pair.Unfit{Why: "the disk hangs"})
		h.hear(pairmsg.Heartbeat{State: pairmsg.Interrupted, Wall: h.at().Wall})
		if nobody(h) {
			t.Errorf("%s: unfit, and its partner takes them", role)
		}
		h.hear(pairmsg.Unfit{Why: "the disk is full"})
		if !nobody(h) {
			t.Errorf("%s: both are unfit, and there is no alarm: %v", role, h.alarms())
		}
		h.step(pair.Unfit{})
		if nobody(h) || !h.m.Status().Accepting {
			t.Errorf("%s: this one is fit again: %v", role, h.alarms())
		}
	}
	h := newHalf(t, pairmsg.Main, "a")
	h.strict()
	h.pass(31 * time.Second) // alone: communication-interrupted
	h.pass(31 * time.Second)
	if h.m.Status().State != pairmsg.Interrupted || !nobody(h) {
		t.Errorf("strict, and alone: %v", h.alarms())
	}
}

// H36, H44: ha_details tells the way of every zone, ha_messages every message between the partners, on both servers; the states of the
// servers are told always.
func TestH36LogSettings(t *testing.T) {
	for _, on := range []bool{true, false} {
		d := newDuo(t, fmt.Sprintf("ha_details = %v\nha_messages = %v", on, on))
		logs := []*textlog.Buffer{{}, {}}
		d.main.log, d.backup.log = slog.New(slog.NewTextHandler(logs[0], nil)), slog.New(slog.NewTextHandler(logs[1], nil))
		d.start(t)
		d.main.mustUpdate(t, "x.example.test. 5 A 10.0.0.1")
		d.equal(t)
		for i, want := range [][]string{
			{"msg=pair_zone reason=copied zone=example.test", "msg=pair_message way=sent session=1 message=pairmsg.Update ", "msg=pair_message way=received session=1 message=pairmsg.UpdateReply "},
			{"msg=pair_message way=received session=1 message=pairmsg.Update ", "msg=pair_message way=sent session=1 message=pairmsg.UpdateReply "},
		} {
			if n := strings.Count(logs[i].String(), "msg=pair_state reason=ready from=negotiating to=normal"); n != 1 {
				t.Errorf("server %d told of normal %d times", i, n)
			}
			for _, text := range want {
				if n := strings.Count(logs[i].String(), text); n > 0 != on {
					t.Errorf("switched on %v, server %d: %q %d times", on, i, text, n)
				}
			}
		}
	}
}

// "Alarms with names", "metrics": every alarm has a line in docs/ha-dns.md that says what to do, and a series; every series that the
// document names exists. One that only the server knows of is among them.
func TestPairMetricsAndAlarmsAreDocumented(t *testing.T) {
	d := newDuo(t, "")
	d.backup.start(t)
	s := d.backup.server
	s.count.ha.register(s.count.reg)
	s.pairMetrics(s)
	now := time.Now()
	for range unheardTimes {
		s.unheard.drop(netip.MustParseAddr("192.0.2.7"), now)
	}
	s.unheard.ask(now.Add(unheardFor))
	s.unheard.answer(nil)
	rec := httptest.NewRecorder()
	s.count.reg.Handler(metrics.Health{}).ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	scrape := rec.Body.String()
	text, err := os.ReadFile(filepath.Join("..", "docs", "ha-dns.md"))
	if err != nil {
		t.Fatal(err)
	}
	alarms, _, _ := strings.Cut(strings.SplitN(string(text), "## Alarms\n", 2)[1], "\n## ")
	for _, name := range alarmNames() {
		value := 0
		if name == "client-unheard" {
			value = 1
		}
		if !strings.Contains(scrape, fmt.Sprintf("loadshare_dns_ha_alarm{name=%q,role=\"dns\"} %d\n", name, value)) {
			t.Errorf("no series, or another value than %d, of the alarm %s", value, name)
		}
		if !strings.Contains(alarms, "`"+name+"`") {
			t.Errorf("the alarm %s is not documented", name)
		}
	}
	if !strings.Contains(scrape, "loadshare_dns_ha_alarms{role=\"dns\"} 1\n") {
		t.Error("the number of alarms is another")
	}
	for _, name := range regexp.MustCompile("loadshare_[a-z_]+_[a-z]+").FindAllString(string(text), -1) {
		if !strings.Contains(scrape, "\n"+name+"{") {
			t.Errorf("docs/ha-dns.md names %s, which does not exist", name)
		}
	}
	for _, name := range []string{"state", "partner_state", "main", "accepting_updates", "copies", "unacked", "zones", "alarm", "alarms", "clock_ahead_seconds", "last_heard_seconds"} {
		if !strings.Contains(string(text), "`loadshare_dns_ha_"+name+"`") {
			t.Errorf("%s is not documented", name)
		}
	}
}
