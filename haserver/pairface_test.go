package haserver

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loadshare/haserver/merge"
	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
	"loadshare/internal/control"
	"loadshare/internal/durable"
)

// fakeFace is a loop that says what the test wants.
type fakeFace struct {
	status  pair.Status
	refuse  string
	orders  []pair.Operate
	failure error
}

func (f *fakeFace) operate(_ context.Context, o pair.Operate) (string, error) {
	f.orders = append(f.orders, o)
	return f.refuse, f.failure
}
func (f *fakeFace) pairStatus() pair.Status { return f.status }

func body(v any) control.Request {
	b, _ := json.Marshal(v)
	return control.NewRequest(nil, "root", strings.NewReader(string(b)))
}

func doorSays(err error) string {
	var r *control.Refused
	if errors.As(err, &r) {
		return r.Reason
	}
	return ""
}

// The contract's fields of a pair, with what is wrong and since when (H23, H24).
func TestPairStatus(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC)
	st := Status{Zones: []ZoneStatus{{Name: "example.test"}, {Name: "other.test"}, {Name: "unknown.test"}}, Total: 3}
	key := func(text string) string { n, _ := zone.ParseName(text); return n.Key() }
	st.fillPair(pair.Status{
		Role: pairmsg.Main, Configured: pairmsg.Backup, RoleSince: at.UnixMicro(), State: pairmsg.Normal, Reason: pair.Ready, Since: at.UnixMicro(),
		Partner: pairmsg.Normal, Connected: true, LastHeard: at.UnixMicro(), Skew: 2 * time.Second, PartnerUnfit: "disk",
		Accepting: true, Copies: 1, Owed: 7, Behind: at.UnixMicro(), Complete: 1, Failed: 1,
		Zones:  []pair.ZoneStatus{{Zone: key("other.test"), Sync: pair.SyncFailed, Why: pair.SyncTimeout, Error: "late", Unseen: pair.ZoneStale}, {Zone: key("example.test"), Sync: pair.SyncComplete, Why: pair.SyncMerged}},
		Alarms: []pair.Alarm{{Name: "copies-1", Since: at.UnixMicro(), Text: "one"}, {Name: "clock-skew", Text: "two"}},
	}, "192.0.2.2:2225")
	want := Status{
		Role: "main", RoleConfigured: "backup", RoleSince: &at, State: "normal", Since: at, Reason: "ready",
		Partner:          PartnerStatus{Address: "192.0.2.2:2225", State: "normal", LastHeard: &at, Connected: true, ClockAhead: 2, Unfit: "disk"},
		AcceptingUpdates: true, Copies: 1, Owed: 7, BehindSince: &at, Total: 3, Synchronized: 1, Pending: 1, Failed: 1,
		Zones: []ZoneStatus{
			{Name: "example.test", Sync: "sync-complete", SyncReason: "merged"},
			{Name: "other.test", Sync: "sync-failed", SyncReason: "timeout", SyncError: "late", Withheld: "stale"}, {Name: "unknown.test", Sync: "ha-server-pending", Withheld: "new"},
		},
		Alarms: []AlarmStatus{{"copies-1", &at, "one"}, {"clock-skew", nil, "two"}},
	}
	if diff := cmp.Diff(want, st); diff != "" {
		t.Error(diff)
	}
	backup := Status{}
	backup.fillPair(pair.Status{Role: pairmsg.Backup, State: pairmsg.Normal}, "192.0.2.1:2225")
	if backup.AcceptingUpdates || backup.Why != "the main takes them" || backup.Partner.State != "" || backup.Partner.LastHeard != nil {
		t.Errorf("%+v", backup)
	}
	for of, p := range map[[2]int]int{{0, 0}: 100, {1, 3}: 33, {999, 1000}: 99, {7, 7}: 100} {
		if got := percent(of[0], of[1]); got != p {
			t.Errorf("%v: %d", of, got)
		}
	}
}

// "partner-down outside communication-interrupted" and the like: what the machine refuses is refused with its reason (exit code 4).
func TestPairCommands(t *testing.T) {
	s := newSite(t).start(t).server
	f := &fakeFace{refuse: "the state is normal"}
	ctx := context.Background()
	if _, err := s.command(f, "partner-down", pair.SetPartnerDown)(ctx, body(nil)); doorSays(err) != "the state is normal" {
		t.Errorf("%v", err)
	}
	for word, c := range map[string]pair.Command{"swap": pair.Swap, "serve-alone": pair.ServeAlone} {
		n := len(f.orders)
		if _, err := s.command(f, word, c)(ctx, body(CommandRequest{})); !strings.Contains(doorSays(err), "--reason") || len(f.orders) != n {
			t.Errorf("%s without a reason: %v", word, err)
		}
	}
	f.refuse, f.status = "", pair.Status{State: pairmsg.PartnerDown, Accepting: true}
	got, err := s.command(f, "swap", pair.Swap)(ctx, body(CommandRequest{Reason: "new disk"}))
	if diff := cmp.Diff(map[string]any{"role": "single", "state": "partner-down", "accepting_updates": true}, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	f.failure = errors.New("stopped")
	if _, err := s.command(f, "swap", pair.Swap)(ctx, body(CommandRequest{Reason: "x"})); err == nil || doorSays(err) != "" {
		t.Errorf("a failure is no refusal: %v", err)
	}
	f.failure, f.orders = nil, nil
	sync := s.zoneSync(f)
	for _, c := range []struct {
		in     SyncRequest
		source pairmsg.Source
		zones  int
		refuse string
	}{
		{SyncRequest{}, pairmsg.Both, 0, ""},
		{SyncRequest{Zones: []string{"Example.TEST"}, From: "backup"}, pairmsg.FromBackup, 1, ""},
		{SyncRequest{From: "main"}, pairmsg.FromMain, 0, ""},
		{SyncRequest{From: "left"}, 0, 0, "accepted: main or backup"},
		{SyncRequest{Zones: []string{"nix.test"}}, 0, 0, "there is no zone nix.test"},
	} {
		f.orders = nil
		_, err := sync(ctx, body(c.in))
		if c.refuse != "" {
			if !strings.Contains(doorSays(err), c.refuse) || len(f.orders) != 0 {
				t.Errorf("%+v: %v", c.in, err)
			}
			continue
		}
		if err != nil || len(f.orders) != 1 || f.orders[0].Command != pair.SyncNow || f.orders[0].Source != c.source || len(f.orders[0].Zones) != c.zones {
			t.Errorf("%+v: %v, %+v", c.in, err, f.orders)
		}
	}
}

// H37: names, totals and the sample come through the door.
func TestHAStatsReply(t *testing.T) {
	s := newSite(t).start(t).server
	s.count.ha.sent(pairmsg.Heartbeat{}, 10)
	s.count.ha.roll(time.Now())
	s.count.ha.sent(pairmsg.Heartbeat{}, 10)
	for query, want := range map[string]uint64{"": 2, "1": 1} {
		r := control.NewRequest(map[string][]string{"sample": {query}}, "root", nil)
		got, err := s.haStatistics(context.Background(), r)
		if err != nil {
			t.Fatal(err)
		}
		reply := got.(StatsReply)
		if c := reply.Counters[haMsgHeartbeat]; c.Name != "ha-msg-heartbeat-sent" || c.Value != want || c.Help == "" {
			t.Errorf("sample=%q: %+v", query, c)
		}
		if len(reply.Max) != int(haMaxes) || reply.Current["ha-state-current"] == "" || reply.From.After(reply.To) {
			t.Errorf("%+v", reply)
		}
	}
}

// conflicts: what lost is listed with both sides, survives its codec whatever the octets, and comes back by one change.
func TestConflicts(t *testing.T) {
	s := newSite(t).start(t).server
	name := func(text string) zone.Name { n, _ := zone.ParseName(text); return n }
	rec := func(owner, data string) zone.Record {
		return zone.Record{Name: name(owner), Type: zone.TypeTXT, Class: zone.ClassIN, TTL: 60, Data: string(rune(len(data))) + data}
	}
	kept := merge.Conflict{
		ID: "0123456789ab", Name: name("note.example.test"), Type: zone.TypeTXT, At: 5_000_000, Winner: pairmsg.Backup, Reason: merge.ReasonSingle,
		Lost: []zone.Record{rec("note.example.test", "lost\xff\x00"), rec("note.example.test", "two")}, Removed: []zone.Record{rec("mixed.example.test", "case")},
	}
	later := merge.Conflict{ID: "01ff", Name: name("b\\255.other.test"), At: 6_000_000, Winner: pairmsg.Main, Reason: merge.ReasonAlias, Kept: []zone.Record{rec("x.other.test", "kept")}}
	var b durable.Batch
	putConflict(&b, s.journal, name("example.test"), kept)
	putConflict(&b, s.journal, name("other.test"), later)
	if err := s.store.Commit(&b); err != nil {
		t.Fatal(err)
	}
	list, err := s.conflicts()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]merge.Conflict{later, kept}, []merge.Conflict{list[0].Conflict, list[1].Conflict}); diff != "" {
		t.Fatal(diff)
	}
	if st := s.status(); st.Conflicts != 2 {
		t.Errorf("%d in status", st.Conflicts)
	}
	shown := list[1].shown()
	if shown.Zone != "example.test" || shown.Type != "TXT" || len(shown.Lost) != 2 || shown.Winner != "backup" || !strings.Contains(shown.Removed[0], "case") {
		t.Errorf("%+v", shown)
	}
	ctx := context.Background()
	for in, want := range map[RestoreRequest]string{
		{ID: "0123"}:                     "--reason",
		{Reason: "x"}:                    "which conflict?",
		{ID: "01", Reason: "x"}:          "2 conflicts begin with 01",
		{ID: "ab", Reason: "x"}:          "there is no conflict ab",
		{ID: "01ff", Reason: "no thing"}: "already",
	} {
		if _, err := s.conflictRestore(ctx, body(in)); !strings.Contains(doorSays(err), want) {
			t.Errorf("%+v: %v", in, err)
		}
	}
	got, err := s.conflictRestore(ctx, body(RestoreRequest{ID: "0123", Reason: "it was right"}))
	if err != nil {
		t.Fatal(err)
	}
	if r := got.(LoadReply); !r.Applied || r.Serial != 11 || len(r.Added) != 3 || len(r.Deleted) != 2 { // with the SOAs
		t.Errorf("%+v", r)
	}
	if set, _ := s.view.Load().exact(name("example.test")).visible.Load().Get(kept.Name, zone.TypeTXT); len(set.Data) != 2 {
		t.Errorf("%+v", set)
	}
	if list, err = s.conflicts(); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
}

// A lost SOA comes back with a serial that is newer than the zone's: otherwise RFC 2136 3.4.2.2 ignores it.
func TestRestoredSOA(t *testing.T) {
	z, problems := zone.Load(func(string) ([]byte, error) {
		return []byte("$TTL 60\n@ SOA ns1 admin 10 3600 600 86400 30\n NS ns1\nns1 A 192.0.2.1\n"), nil
	}, "\x04test\x00", "x")
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	data, err := zone.ParseRdata(zone.TypeSOA, "ns2.test. admin.test. 3 1 2 3 4", zone.Root)
	if err != nil {
		t.Fatal(err)
	}
	c := merge.Conflict{Lost: []zone.Record{{Name: z.Origin(), Type: zone.TypeSOA, Class: zone.ClassIN, TTL: 60, Data: data}}}
	next, _, rcode, why := z.Apply(zone.Update{Updates: restoring(c, zone.NextSerial(z.Serial()))})
	if rcode != zone.NoError || next.Serial() != 11 || !strings.HasPrefix(next.SOA().Data[0], "\x03ns2") {
		t.Errorf("%v %s %d", rcode, why, next.Serial())
	}
}
