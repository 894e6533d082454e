package agent

import (
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loadshare/internal/config"
	"loadshare/internal/link"
	"loadshare/internal/process"
	"loadshare/monitor/order"
	"loadshare/probes"
)

// beats confirms the stamp until the test ends or done is closed, as a monitor does.
func (m *fakeMonitor) beats(pool order.PoolID, generation uint64, until func() bool) {
	m.t.Helper()
	poll(m.t, "the end of the wait with heartbeats", func() bool {
		m.send(order.Heartbeat{Monitor: m.id, Lease: 15 * time.Second, Interval: 5 * time.Second, Claims: []order.Claim{{Pool: pool, Current: m.stamp(generation)}}})
		time.Sleep(100 * time.Millisecond)
		return until()
	})
}

// "pair: main first, backup when the main is silent", over the wire.
func TestPairTurnsToTheBackup(t *testing.T) {
	dead, backup := startDNS(t, "example", "127.0.0.1:0"), startDNS(t, "example", "127.0.0.1:0")
	dead.halt()
	s := newSite(t, publishSection("pair", dead, backup)+"timeout = \"300ms\"\n")
	m := s.monitor("m1", s.start())
	m.claim(webPool, order.Stamp{})
	m.publish(webPool, 1, "10.0.0.1")
	p := m.published(func(p order.Published) bool { return p.Done })
	if p.Servers[1].State != order.ServerAnswers || backup.get("www.example", "A") != "10.0.0.1" {
		t.Errorf("%+v, holds %q", p, backup.get("www.example", "A"))
	}
	if st := s.status(); st.Publish.Servers[0].OK || !strings.Contains(st.Publish.Servers[0].LastError, "connection refused") || st.Publish.Policy != "pair" {
		t.Errorf("status %+v", st.Publish)
	}
}

// An owed update outlives the agent: killed with a queue, it delivers when agent,
// server and monitor are back.
func TestQueueOutlivesTheAgentOverTheWire(t *testing.T) {
	a, b := startDNS(t, "example", "127.0.0.1:0"), startDNS(t, "example", "127.0.0.1:0")
	b.halt()
	s := newSite(t, publishSection("every", a, b)+"timeout = \"300ms\"\n")
	m := s.monitor("m1", s.start())
	m.claim(webPool, order.Stamp{})
	m.publish(webPool, 1, "10.0.0.1")
	p := m.published(func(p order.Published) bool { return p.Done })
	if p.Servers[1].State != order.ServerOwed {
		t.Fatalf("%+v", p)
	}
	s.stop()
	b.listen(t, b.addr.String())
	m = s.monitor("m1", s.start())
	if st := s.status(); st.Publish.Queued == 0 {
		t.Errorf("the queue is lost: %+v", st)
	}
	m.beats(webPool, 1, func() bool { return b.get("www.example", "A") == "10.0.0.1" })
}

// A key that the server does not know is a refusal with a hint, not a silence.
func TestWrongTSIGKeyIsSaid(t *testing.T) {
	a := startDNS(t, "example", "127.0.0.1:0")
	s := newSite(t, publishSection("every", a)+"timeout = \"500ms\"\n")
	other := config.TSIGKey(ddnsKey)
	other.Secret = []byte("another secret, another secret!!")
	s.write("ddns.key", other.Text(), 0o600)
	m := s.monitor("m1", s.start())
	m.claim(webPool, order.Stamp{})
	m.publish(webPool, 1, "10.0.0.1")
	m.published(func(p order.Published) bool { return p.Servers[0].Error != "" })
	if got := a.get("www.example", "A"); got != "" {
		t.Errorf("holds %q", got)
	}
	if st := s.status(); st.Publish.Servers[0].OK || !strings.Contains(st.Publish.Servers[0].LastError, "not signed with our key") {
		t.Errorf("%+v", st.Publish)
	}
}

// M11: who has another key does not get in.
func TestAnotherLinkKeyIsRefused(t *testing.T) {
	s := newSite(t, "")
	addr := s.start()
	auth, err := link.KeyAuth(config.NewKey("monitors"))
	if err != nil {
		t.Fatal(err)
	}
	if c, err := link.Dial(t.Context(), addr, auth); err == nil {
		_ = c.Close()
		t.Error("it got in")
	}
}

// F18, F19, M5: the reset to normal-dns, one message a zone, and what it left alone.
func TestNormalDNSOverTheWire(t *testing.T) {
	a, b := startDNS(t, "example", "127.0.0.1:0"), startDNS(t, "example", "127.0.0.1:0")
	for _, srv := range []*dnsServer{a, b} {
		srv.put("www.example", "A", 9, "10.0.0.2", "10.0.0.66")
		srv.put("untouched.example", "A", 9, "10.0.0.99")
	}
	s := newSite(t, publishSection("every", a, b)+"normal_dns = \"normal-dns\"\n")
	s.write("normal-dns", "update add www.example 1 A 10.0.0.1\nupdate add www.example 1 A 10.0.0.2\nupdate add www.example 1 A 10.0.0.8\nupdate add ftp.example 7 A 10.0.0.5\nupdate add example 7 MX 10 n1.example\n\n", 0o600)
	m := s.monitor("m1", s.start())
	m.claim(webPool, order.Stamp{})
	n := order.NormalDNS{
		Action: order.NormalDNSDiff, Out: map[order.PoolID][]string{webPool: {"10.0.0.2"}}, Reason: order.ReasonResetAtStart,
		Pools: []order.Publish{{ID: "n1", Pool: webPool, Stamp: m.stamp(1), Members: []string{"10.0.0.1", "10.0.0.2"},
			Want: order.RecordSet{Name: "www.example", Type: order.A, TTL: 1, Values: []string{"10.0.0.1"}}}},
	}
	lines := []string{
		"update add example 7 MX 10 n1.example",
		"update add ftp.example 7 A 10.0.0.5",
		"update delete www.example A",
		"update add www.example 1 A 10.0.0.1",
		"update add www.example 1 A 10.0.0.8",
	}
	for _, action := range []order.NormalDNSAction{order.NormalDNSDiff, order.NormalDNSApply} {
		n.Action = action
		got := m.ask(n).(order.NormalDNSAnswer)
		if got.Refused != "" || len(got.Servers) != 2 {
			t.Fatalf("%+v", got)
		}
		for _, srv := range got.Servers {
			if d := cmp.Diff(lines, srv.Lines); d != "" || srv.Error != "" || srv.Applied != (action == order.NormalDNSApply) {
				t.Errorf("%s: %+v\n%s", action, srv, d)
			}
		}
	}
	for _, srv := range []*dnsServer{a, b} {
		got := []string{srv.get("www.example", "A"), srv.get("ftp.example", "A"), srv.get("example", "MX"), srv.get("untouched.example", "A")}
		if d := cmp.Diff([]string{"10.0.0.1 10.0.0.8", "10.0.0.5", "10 n1.example", "10.0.0.99"}, got); d != "" {
			t.Error(d)
		}
		if srv.messages() != 1 {
			t.Errorf("%d messages, want one for the zone", srv.messages())
		}
		if g := srv.get("_a._loadshare.www.example", "TXT"); g != `"loadshare epoch=1 generation=1 monitor=m1"` {
			t.Errorf("generation %q", g)
		}
	}
	n.Action = order.NormalDNSDiff
	for _, srv := range m.ask(n).(order.NormalDNSAnswer).Servers {
		if len(srv.Lines) != 0 {
			t.Errorf("afterwards still %v", srv.Lines)
		}
	}
}

func TestNormalDNSPair(t *testing.T) {
	dead, backup := startDNS(t, "example", "127.0.0.1:0"), startDNS(t, "example", "127.0.0.1:0")
	dead.halt()
	s := newSite(t, publishSection("pair", dead, backup)+"normal_dns = \"normal-dns\"\ntimeout = \"300ms\"\n")
	s.write("normal-dns", "update add ftp.example 7 A 10.0.0.5\n", 0o600)
	m := s.monitor("m1", s.start())
	got := m.ask(order.NormalDNS{Action: order.NormalDNSApply}).(order.NormalDNSAnswer)
	if got.Servers[0].Applied || got.Servers[0].Error == "" || !got.Servers[1].Applied || backup.get("ftp.example", "A") != "10.0.0.5" {
		t.Errorf("%+v", got)
	}
}

// M4: an agent's own look at a service.
func TestSecondViewOverTheWire(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := newSite(t, "")
	m := s.monitor("m1", s.start())
	port := l.Addr().(*net.TCPAddr).AddrPort().Port()
	spec, err := json.Marshal(probes.Spec{Kind: probes.TCP, Port: port, Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if got := m.ask(order.ProbeRequest{Address: "127.0.0.1", Spec: spec}).(order.ProbeAnswer); got.Outcome != "ok" {
		t.Errorf("%+v", got)
	}
	l.Close()
	if got := m.ask(order.ProbeRequest{Address: "127.0.0.1", Spec: spec}).(order.ProbeAnswer); got.Outcome != "failed" || got.Reason == "" {
		t.Errorf("%+v", got)
	}
}

// M8: hooks of the node, and a hook for a service without one.
func TestHooksOverTheWire(t *testing.T) {
	s := newSite(t, "")
	s.write("agent.toml", s.head()+fmt.Sprintf("[restart.service.web]\nmethod = \"exec\"\nstart = [\"/bin/true\"]\non_down = [\"%s/down\", \"x y\"]\n", s.dir), 0o600)
	s.write("down", "#!/bin/sh\necho \"$1 $LOADSHARE_STATE $LOADSHARE_MEMBER\"\n", 0o755)
	m := s.monitor("m1", s.start())
	m.claim(webPool, order.Stamp{})
	h := order.Hook{ID: "h1", Pool: webPool, Stamp: m.stamp(1), Service: "web", Member: "10.0.0.1", Reason: order.ReasonFell}
	if r := m.ask(h).(order.Receipt); r.Refused != order.Taken {
		t.Fatalf("%+v", r)
	}
	done := m.until("the end of the hook", func(e order.Envelope) bool { _, is := e.Body.(order.Hooked); return is }).(order.Hooked)
	if done.Outcome != order.RestartOK || done.Output != "x y down 10.0.0.1\n" {
		t.Errorf("%+v", done)
	}
}

// SIGHUP: "all or nothing, the old configuration stays on any error".
func TestReload(t *testing.T) {
	a := startDNS(t, "example", "127.0.0.1:0")
	s := newSite(t, publishSection("every", a))
	addr := s.start()
	reload := func() error {
		done := make(chan error, 1)
		s.reload <- process.Reload{Done: done}
		return <-done
	}
	old := read(t, filepath.Join(s.dir, "agent.toml"))
	s.write("agent.toml", strings.Replace(old, "\"*.example A AAAA\"", "\"*.example TXT\"", 1), 0o600)
	if err := reload(); err == nil || !strings.Contains(err.Error(), "publish.records[1]") {
		t.Errorf("a bad file: %v", err)
	}
	m := s.monitor("m1", addr)
	m.claim(webPool, order.Stamp{})
	if r := m.publish(webPool, 1, "10.0.0.1"); r.Refused != order.Taken {
		t.Errorf("the old one stays: %+v", r)
	}
	s.write("agent.toml", strings.Replace(old, "127.0.0.1:0", "127.0.0.2:0", 1), 0o600)
	if err := reload(); err == nil || !strings.Contains(err.Error(), "listen changed") {
		t.Errorf("another address: %v", err)
	}
	s.write("agent.toml", strings.Replace(old, "\"*.example A AAAA\"", "\"*.example AAAA\"", 1)+"[restart]\nscripts = \"init.d\"\n[restart.service.new]\n", 0o600)
	if err := reload(); err != nil {
		t.Fatal(err)
	}
	if r := m.publish(webPool, 2, "10.0.0.2"); r.Refused != order.RefusedNotAllowed {
		t.Errorf("the new one holds: %+v", r)
	}
	if st := s.status(); len(st.Services) != 1 || st.Services[0].Name != "new" {
		t.Errorf("%+v", st.Services)
	}
}

// The contract's fields of `status --json`, by name, null and "" when there is nothing.
func TestStatusJSON(t *testing.T) {
	s := newSite(t, "")
	s.write("agent.toml", s.head()+"[restart.service.web]\nmethod = \"exec\"\nstart = [\"/bin/true\"]\n", 0o600)
	s.start()
	b, err := json.Marshal(s.status())
	if err != nil {
		t.Fatal(err)
	}
	want := `{"name":"node1","version":"","services":[{"name":"web","restarts":0,"last_restart":null,"last_result":""}],"publish":{"policy":"","servers":[],"queued":0},"frozen_since":null,"monitors":[],"alerts":{"queued":0,"oldest":null,"sent":0,"failed":0,"given_up":0,"last_error":"","last_error_at":null,"last_sent":null},"reload":null}`
	if d := cmp.Diff(want, string(b)); d != "" {
		t.Error(d)
	}
}

func TestStateDirectoryThatCannotBe(t *testing.T) {
	s := newSite(t, "")
	s.write("state", "a file", 0o600)
	cfg, _ := LoadConfig(filepath.Join(s.dir, "agent.toml"))
	if err := Run(t.Context(), cfg, process.NewEnv(nil, "")); err == nil {
		t.Error("it ran")
	}
}

// A zone whose message would not fit 64 KiB is reset in several; sets stay whole.
func TestLargeNormalDNS(t *testing.T) {
	a := startDNS(t, "example", "127.0.0.1:0")
	s := newSite(t, publishSection("every", a)+"normal_dns = \"normal-dns\"\n")
	var text strings.Builder
	const names = 600
	for i := range names {
		fmt.Fprintf(&text, "update add host-%d.example 7 A 10.0.0.1\nupdate add host-%d.example 7 A 10.0.0.2\n", i, i)
	}
	s.write("normal-dns", text.String(), 0o600)
	m := s.monitor("m1", s.start())
	got := m.ask(order.NormalDNS{Action: order.NormalDNSApply}).(order.NormalDNSAnswer)
	if srv := got.Servers[0]; !srv.Applied || len(srv.Lines) != 2*names {
		t.Errorf("applied %v, %d lines, %s", srv.Applied, len(srv.Lines), srv.Error)
	}
	for _, i := range []int{0, names / 2, names - 1} {
		if v := a.get(fmt.Sprintf("host-%d.example", i), "A"); v != "10.0.0.1 10.0.0.2" {
			t.Errorf("host-%d holds %q", i, v)
		}
	}
	if a.messages() < 2 {
		t.Errorf("%d messages", a.messages())
	}
}

// A main that answers queries but is silent to updates is silent.
func TestPairMainThatDropsUpdates(t *testing.T) {
	main, backup := startDNS(t, "example", "127.0.0.1:0"), startDNS(t, "example", "127.0.0.1:0")
	main.silent(true)
	s := newSite(t, publishSection("pair", main, backup)+"timeout = \"300ms\"\n")
	m := s.monitor("m1", s.start())
	m.claim(webPool, order.Stamp{})
	m.publish(webPool, 1, "10.0.0.1")
	p := m.published(func(p order.Published) bool { return p.Done })
	if p.Servers[0].Attempts != 2 || p.Servers[1].State != order.ServerAnswers || backup.get("www.example", "A") != "10.0.0.1" {
		t.Errorf("%+v", p)
	}
}

// An agent that is told to stop while a service is stopped starts it, and is gone in time.
func TestAgentStopsInTheMiddleOfARestart(t *testing.T) {
	s := newSite(t, "")
	s.write("agent.toml", s.head()+fmt.Sprintf("[restart.service.web]\nmethod = \"exec\"\nstop = [\"%[1]s/stop\"]\nstart = [\"%[1]s/start\"]\n", s.dir), 0o600)
	s.write("stop", "#!/bin/sh\necho $$ > "+s.dir+"/stopping\nsleep 1000\n", 0o755)
	s.write("start", "#!/bin/sh\necho $$ > "+s.dir+"/started\n", 0o755)
	m := s.monitor("m1", s.start())
	m.claim(webPool, order.Stamp{})
	m.ask(order.Restart{ID: "r1", Pool: webPool, Stamp: m.stamp(1), Service: "web", NotAfter: time.Now().Add(time.Minute)})
	pidIn(t, s.dir+"/stopping")
	s.stop()
	pidIn(t, s.dir+"/started")
	// The next agent knows of it, and does not do it again.
	m = s.monitor("m1", s.start())
	if st := s.status(); st.Services[0].Restarts != 1 || st.Services[0].LastResult != "ok" {
		t.Errorf("%+v", st.Services)
	}
	m.claim(webPool, m.stamp(1))
	r := m.ask(order.Restart{ID: "r1", Pool: webPool, Stamp: m.stamp(1), Service: "web", NotAfter: time.Now().Add(time.Minute)}).(order.Receipt)
	if r.Refused != order.Taken {
		t.Errorf("%+v", r)
	}
}
