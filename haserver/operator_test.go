package haserver

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"loadshare/internal/control"
	"loadshare/internal/process"
	"loadshare/internal/textlog"
)

// role runs the whole role, operator's door included, until the test ends.
func role(t *testing.T, s *site) (*control.Client, process.Env, *textlog.Buffer) {
	t.Helper()
	logs := &textlog.Buffer{}
	env := process.NewEnv(slog.New(slog.NewTextHandler(logs, nil)), s.conf)
	ready := make(chan struct{})
	env.Ready = func() { close(ready) }
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	conf := s.load(t)
	go func() { done <- Run(ctx, conf, env) }()
	stop := sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			t.Error("Run does not return")
		}
	})
	t.Cleanup(stop)
	s.cancel, s.done = nil, nil
	s.halt = stop
	select {
	case <-ready:
	case err := <-done:
		t.Fatalf("Run: %v", err)
	case <-time.After(patience):
		t.Fatal("not ready")
	}
	client, err := control.Connect("unix:"+filepath.Join(s.dir, "ctl.sock"), control.TLS{})
	if err != nil {
		t.Fatal(err)
	}
	var st Status
	if err := client.Get(context.Background(), "/v1/status", &st); err != nil {
		t.Fatal(err)
	}
	s.addr = st.Listen[0]
	return client, env, logs
}

// The contract: the fields of `status --json` of a single server.
func TestStatusHasTheContractsFields(t *testing.T) {
	c, _, _ := role(t, newSite(t))
	var raw map[string]json.RawMessage
	if err := c.Get(context.Background(), "/v1/status", &raw); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"role": `"single"`, "state": `"single"`, "copies": "1", "owed": "0", "alarms": "[]", "zones_synchronized_percent": "100",
		"accepting_updates": "true",
		"zones_total":       "2", "zones_synchronized": "2", "zones_pending": "0", "zones_failed": "0", "reload": "null",
	}
	for key, value := range want {
		if string(raw[key]) != value {
			t.Errorf("%s: %s, want %s", key, raw[key], value)
		}
	}
	if p := string(raw["partner"]); !strings.HasPrefix(p, `{"address":"","state":"","last_heard":null`) {
		t.Errorf("partner: %s", p)
	}
	var st Status
	_ = c.Get(context.Background(), "/v1/status", &st)
	if z := st.Zones[0]; z.Name != "example.test" || z.Serial != 10 || z.Sync != "sync-complete" || z.Records < 100 {
		t.Errorf("%+v", z)
	}
	if st.Since.IsZero() || st.Since.Location() != time.UTC {
		t.Errorf("since %v", st.Since)
	}
	var ready struct {
		Ready bool
		Why   string
	}
	if err := c.Get(context.Background(), "/v1/ready", &ready); err != nil || !ready.Ready || ready.Why != "" {
		t.Errorf("%+v %v", ready, err)
	}
}

// zone export reads back as the same zone; zone show has every record; what is not here is refused with the reason.
func TestZoneShowAndExport(t *testing.T) {
	c, _, _ := role(t, newSite(t))
	var out struct {
		Serial uint32
		Text   string
	}
	if err := c.Get(context.Background(), "/v1/zone/export?name=example.test", &out); err != nil {
		t.Fatal(err)
	}
	var reply LoadReply
	if err := c.Post(context.Background(), "/v1/zone/load", LoadRequest{Name: "example.test", Text: out.Text, Report: true}, &reply); err != nil {
		t.Fatal(err)
	}
	if len(reply.Added)+len(reply.Deleted) > 0 || out.Serial != 10 {
		t.Errorf("%+v", reply)
	}
	var shown struct {
		Records []ShownRecord
	}
	if err := c.Get(context.Background(), "/v1/zone?"+url.Values{"name": {"Other.TEST."}}.Encode(), &shown); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(shown.Records, ShownRecord{"host.other.test.", 60, "A", "198.51.100.1"}) || len(shown.Records) != 4 {
		t.Errorf("%v", shown.Records)
	}
	if err := c.Get(context.Background(), "/v1/zone?name=nix.test", nil); err == nil || !strings.Contains(err.Error(), "no zone nix.test") {
		t.Errorf("%v", err)
	}
}

// Decision H-c: `zone load` applies a file as one update; with a serial that is not newer the zone takes its own plus one and says so; --report
// changes nothing.
func TestZoneLoad(t *testing.T) {
	s := newSite(t)
	c, _, _ := role(t, s)
	steps := []struct {
		serial         string
		change         string
		report         bool
		want           uint32
		added, deleted int
		note           string
	}{
		{"10", "new A 192.0.2.77\n", true, 11, 2, 1, "takes 11"},
		{"10", "new A 192.0.2.77\n", false, 11, 2, 1, "takes 11"},
		{"10", "new A 192.0.2.77\n", false, 11, 0, 0, "nothing differs"},
		{"2024010101", "new A 192.0.2.78\n", false, 2024010101, 2, 2, ""},
		{"2024010101", "", false, 2024010102, 1, 2, "takes 2024010102"},
	}
	for i, st := range steps {
		text := strings.Replace(exampleZone, "admin 10 ", "admin "+st.serial+" ", 1) + bigSet() + st.change
		var reply LoadReply
		if err := c.Post(context.Background(), "/v1/zone/load", LoadRequest{Name: "example.test", Text: text, Report: st.report}, &reply); err != nil {
			t.Fatal(err)
		}
		if reply.Serial != st.want || len(reply.Added) != st.added || len(reply.Deleted) != st.deleted || reply.Applied == st.report || !strings.Contains(strings.Join(reply.Notes, "\n"), st.note) {
			t.Errorf("step %d: %+v", i, reply)
		}
		want := st.want
		if st.report {
			want = 10
		}
		if n := s.serial(t, "example.test"); n != want {
			t.Errorf("step %d: serial %d, want %d", i, n, want)
		}
	}
	err := c.Post(context.Background(), "/v1/zone/load", LoadRequest{Name: "example.test", Text: "www A nonsense\n"}, nil)
	if err == nil || !strings.Contains(err.Error(), "no zone") {
		t.Errorf("%v", err)
	}
	err = c.Post(context.Background(), "/v1/zone/load", LoadRequest{Name: "example.test", Text: exampleZone + "$INCLUDE /etc/passwd\n"}, nil)
	if err == nil || !strings.Contains(err.Error(), "$INCLUDE") {
		t.Errorf("a file outside the zone's folder: %v", err)
	}
}

// Decision H-j: an edited file is not read again; the log says which line to type, at start and at reload; after that line it is quiet.
func TestEditedZoneFile(t *testing.T) {
	s := newSite(t)
	c, env, logs := role(t, s)
	edited := exampleZone + bigSet() + "new A 192.0.2.77\n"
	s.write(t, "db.example", edited)
	if err := env.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	line := "loadshare zone load example.test " + filepath.Join(s.dir, "db.example")
	if !strings.Contains(logs.String(), line) {
		t.Errorf("no line to type in\n%s", logs)
	}
	changed := func() string {
		var zones []ZoneStatus
		if err := c.Get(context.Background(), "/v1/zones", &zones); err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(zones, func(z ZoneStatus) bool { return z.Name == "example.test" })
		return zones[i].FileChanged
	}
	if got := changed(); got != filepath.Join(s.dir, "db.example") {
		t.Errorf("status says %q", got)
	}
	if r := s.ask(t, "udp", "new.example.test", dns.TypeA); r.Rcode != dns.RcodeNameError {
		t.Error("the file was read although the zone is not new")
	}
	if err := c.Post(context.Background(), "/v1/zone/load", LoadRequest{Name: "example.test", Text: edited}, nil); err != nil {
		t.Fatal(err)
	}
	if got := changed(); got != "" {
		t.Errorf("status says %q after it was loaded", got)
	}
	before := logs.String()
	if err := env.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	if after := logs.String()[len(before):]; strings.Contains(after, "zone_file_changed") {
		t.Errorf("still warned:\n%s", after)
	}

	// Another text was loaded: the file is as it was read, and nobody is told to undo the load. Once it is edited it is news again, also when
	// something else is loaded then.
	other := exampleZone + bigSet() + "other A 192.0.2.78\n"
	for i, warned := range []bool{false, true, true} {
		if i == 1 {
			s.write(t, "db.example", edited+"newer A 192.0.2.79\n")
		}
		if i != 1 {
			if err := c.Post(context.Background(), "/v1/zone/load", LoadRequest{Name: "example.test", Text: other + strings.Repeat("more A 192.0.2.80\n", i)}, nil); err != nil {
				t.Fatal(err)
			}
		}
		before := logs.String()
		if err := env.Reload(context.Background()); err != nil {
			t.Fatal(err)
		}
		if after := logs.String()[len(before):]; strings.Contains(after, "zone_file_changed") != warned {
			t.Errorf("step %d: warned %v, want %v", i, !warned, warned)
		}
	}
}

// SIGHUP: zones added and removed, grants and keys swapped, all or nothing.
func TestReload(t *testing.T) {
	s := newSite(t)
	_, env, _ := role(t, s)
	ctx := context.Background()
	if rcode := s.update(t, "udp", "ddns.", updateMsg(t, "other.test", "kept.other.test. 1 A 192.0.2.1")); rcode != 0 {
		t.Fatal(dns.RcodeToString[rcode])
	}

	// An error anywhere: nothing changes.
	third := "[[zone]]\nname = \"third.test\"\nfile = \"db.third\"\n"
	s.write(t, "db.third", "no zone at all\n")
	s.write(t, "dns.toml", strings.Replace(confText, `"ns1"`, `"ns9"`, 1)+third)
	if err := env.Reload(ctx); err == nil {
		t.Error("a broken zone file was accepted")
	}
	r := s.ask(t, "udp", "www.example.test", dns.TypeA, edns, func(m *dns.Msg) {
		m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_NSID{Code: dns.EDNS0NSID}}
	})
	if r.IsEdns0().Option[0].String() != "6e7331" {
		t.Errorf("NSID %v", r.IsEdns0().Option[0])
	}
	if res := env.LastReload(); res == nil || res.OK || res.Error == "" {
		t.Errorf("%+v", res)
	}

	// A zone comes, one goes, a grant goes.
	s.write(t, "db.third", otherZone)
	text := confText[:strings.Index(confText, "[[zone]]\nname = \"other.test\"")]
	s.write(t, "dns.toml", strings.Replace(text, `"key ddns", `, "", 1)+third)
	if err := env.Reload(ctx); err != nil {
		t.Fatal(err)
	}
	if r := s.ask(t, "udp", "host.third.test", dns.TypeA); len(r.Answer) != 1 {
		t.Errorf("%v", r)
	}
	if r := s.ask(t, "udp", "host.other.test", dns.TypeA); r.Rcode != dns.RcodeRefused {
		t.Errorf("%v", r)
	}
	if rcode := s.update(t, "udp", "ddns.", updateMsg(t, "example.test", "x.example.test. 1 A 192.0.2.1")); rcode != dns.RcodeRefused {
		t.Errorf("%s", dns.RcodeToString[rcode])
	}

	// The zone that went comes back as it was, not from its file.
	s.write(t, "dns.toml", confText)
	if err := env.Reload(ctx); err != nil {
		t.Fatal(err)
	}
	if r := s.ask(t, "udp", "kept.other.test", dns.TypeA); len(r.Answer) != 1 {
		t.Errorf("%v", r)
	}

	s.write(t, "dns.toml", strings.Replace(confText, `"state"`, `"elsewhere"`, 1))
	if err := env.Reload(ctx); err == nil || !strings.Contains(err.Error(), "state_dir") {
		t.Errorf("%v", err)
	}
}

// Addresses come and go with a reload.
func TestReloadOfListen(t *testing.T) {
	s := started(t)
	conf := s.load(t)
	conf.Listen = append(conf.Listen, conf.Listen[0])
	conf.Listen[1] = mustAddr("127.0.0.3:0")
	s.reload(t, conf)
	addrs := s.server.Addrs()
	if len(addrs) != 2 || addrs[0].String() != s.addr {
		t.Fatalf("%v", addrs)
	}
	old := s.addr
	s.addr = addrs[1].String()
	if r := s.ask(t, "tcp", "www.example.test", dns.TypeA); len(r.Answer) != 3 {
		t.Errorf("%v", r)
	}
	conf = s.load(t)
	conf.Listen = conf.Listen[:0:0]
	conf.Listen = append(conf.Listen, mustAddr("127.0.0.3:0"))
	s.reload(t, conf)
	if r := s.ask(t, "udp", "www.example.test", dns.TypeA); len(r.Answer) != 3 {
		t.Errorf("%v", r)
	}
	s.addr = old
	if _, err := s.send("tcp", question("www.example.test.", dns.TypeA)); err == nil {
		t.Error("the old address answers")
	}
}

// A damaged journal stops the start, with the ways out.
func TestDamagedJournalIsRefusedWithTheWayOut(t *testing.T) {
	s := started(t)
	s.stop(t)
	logs, err := filepath.Glob(filepath.Join(s.dir, "state", "journal", "*"))
	if err != nil || len(logs) == 0 {
		t.Fatal(err)
	}
	damaged := 0
	for _, f := range logs {
		data, err := os.ReadFile(f)
		if err != nil || len(data) < 200 {
			continue
		}
		for i := 20; i < len(data)-20; i += 7 {
			data[i] ^= 0x55
		}
		if err := os.WriteFile(f, data, 0o600); err != nil {
			t.Fatal(err)
		}
		damaged++
	}
	if damaged == 0 {
		t.Fatal("nothing to damage")
	}
	_, err = New(s.load(t), slog.New(slog.DiscardHandler))
	if err == nil {
		t.Fatal("started on a damaged journal")
	}
	if text := err.Error(); !strings.Contains(text, "damaged") || !strings.Contains(text, "put back a copy") {
		t.Errorf("no way out in %q", text)
	}
}

// Grants: who, which names, which types.
func TestGrants(t *testing.T) {
	s := newSite(t)
	conf := s.load(t)
	gs := conf.Zones[0].Update
	got := map[string]bool{}
	for _, c := range []struct {
		what string
		c    Client
		name string
		t    uint16
	}{
		{"whole key", Client{Key: "\x04ddns\x00"}, "x.example.test", 16},
		{"limited, A below", Client{Key: "\x07limited\x00"}, "x.DYN.example.test", 1},
		{"limited, TXT below", Client{Key: "\x07limited\x00"}, "x.dyn.example.test", 16},
		{"limited, delete the name", Client{Key: "\x07limited\x00"}, "x.dyn.example.test", 255},
		{"limited, the name itself", Client{Key: "\x07limited\x00"}, "dyn.example.test", 1},
		{"limited, a name that ends alike", Client{Key: "\x07limited\x00"}, "xdyn.example.test", 1},
		{"no key", Client{Addr: mustAddr("127.0.0.8:1").Addr()}, "x.example.test", 1},
		{"the address", Client{Addr: mustAddr("127.0.0.9:1").Addr()}, "x.example.test", 1},
		{"another key from the address", Client{Addr: mustAddr("127.0.0.9:1").Addr(), Key: "\x04xfer\x00"}, "x.example.test", 1},
	} {
		got[c.what] = gs.AllowSet(c.c, mustName(c.name), zoneType(c.t))
	}
	want := map[string]bool{
		"whole key": true, "limited, A below": true, "limited, TXT below": false, "limited, delete the name": false, "limited, the name itself": false,
		"limited, a name that ends alike": false, "no key": false, "the address": true, "another key from the address": true,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
