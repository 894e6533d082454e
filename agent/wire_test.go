package agent

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"loadshare/internal/config"
	"loadshare/internal/control"
	"loadshare/internal/link"
	"loadshare/internal/process"
	"loadshare/monitor/order"
)

// site is one agent that runs as a whole: real files, sockets, processes.
type site struct {
	t      *testing.T
	dir    string
	cfg    *Config
	cancel context.CancelFunc
	ended  chan error
	reload chan process.Reload
	key    config.TSIGKey
}

func (s *site) write(name, text string, mode os.FileMode) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// newSite writes the keys and a configuration that begins with the usual lines.
func newSite(t *testing.T, toml string) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), key: config.NewKey("monitors"), reload: make(chan process.Reload)}
	s.write("agent.key", s.key.Text(), 0o600)
	s.write("ddns.key", config.TSIGKey(ddnsKey).Text(), 0o600)
	if err := os.MkdirAll(filepath.Join(s.dir, "init.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.write("agent.toml", s.head()+toml, 0o600)
	return s
}

func (s *site) head() string {
	return "name = \"node1\"\nlisten = \"127.0.0.1:0\"\nstate_dir = \"state\"\nkey = \"agent.key\"\n[control]\nlisten = \"unix:" + filepath.Join(s.dir, "c.sock") + "\"\n"
}

// start runs the agent until stop; the listener's port is told by its log line.
func (s *site) start() netip.AddrPort {
	s.t.Helper()
	cfg, problems := LoadConfig(filepath.Join(s.dir, "agent.toml"))
	if err := problems.Err(); err != nil {
		s.t.Fatal(err)
	}
	s.cfg = cfg
	listening := make(chan string, 1)
	log := slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == "address" {
			select {
			case listening <- a.Value.String():
			default:
			}
		}
		return a
	}}))
	ctx, cancel := context.WithCancel(context.Background())
	env := process.NewEnv(log, cfg.Path)
	env.Reloads = s.reload
	s.cancel, s.ended = cancel, make(chan error, 1)
	go func() { s.ended <- Run(ctx, cfg, env) }()
	s.t.Cleanup(s.stop)
	select {
	case a := <-listening:
		return netip.MustParseAddrPort(a)
	case err := <-s.ended:
		s.t.Fatalf("the agent did not start: %v", err)
	case <-time.After(patience):
		s.t.Fatal("the agent does not listen")
	}
	panic("not reached")
}

func (s *site) stop() {
	if s.cancel == nil {
		return
	}
	s.cancel()
	s.cancel = nil
	select {
	case err := <-s.ended:
		if err != nil {
			s.t.Errorf("the agent ended: %v", err)
		}
	case <-time.After(patience):
		s.t.Error("the agent does not stop")
	}
}

func (s *site) status() statusJSON {
	s.t.Helper()
	c, err := control.Connect("unix:"+filepath.Join(s.dir, "c.sock"), control.TLS{})
	if err != nil {
		s.t.Fatal(err)
	}
	var st statusJSON
	if err := c.Get(s.t.Context(), "/v1/status", &st); err != nil {
		s.t.Fatal(err)
	}
	return st
}

// fakeMonitor talks to an agent over the real link.
type fakeMonitor struct {
	t    *testing.T
	id   string
	conn *link.Conn
	next uint64
}

func (s *site) monitor(id string, addr netip.AddrPort) *fakeMonitor {
	s.t.Helper()
	auth, err := link.KeyAuth(s.key)
	if err != nil {
		s.t.Fatal(err)
	}
	conn, err := link.Dial(s.t.Context(), addr, auth)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	m := &fakeMonitor{t: s.t, id: id, conn: conn}
	m.ask(order.Hello{Version: order.Version, Monitor: id})
	return m
}

func (m *fakeMonitor) send(msg order.Message) uint64 {
	m.t.Helper()
	m.next++
	frame, err := order.Encode(order.Envelope{ID: m.next, Body: msg})
	if err != nil {
		m.t.Fatal(err)
	}
	if err := m.conn.Send(m.t.Context(), frame); err != nil {
		m.t.Fatal(err)
	}
	return m.next
}

// patience is how long a test waits for what is to happen: it matters only when the test fails.
const patience = time.Minute

// until receives until ok says yes.
func (m *fakeMonitor) until(what string, ok func(order.Envelope) bool) order.Message {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), patience)
	defer cancel()
	for {
		frame, err := m.conn.Receive(ctx)
		if err != nil {
			m.t.Fatalf("waiting for %s: %v", what, err)
		}
		e, err := order.Decode(frame)
		if err != nil {
			m.t.Fatal(err)
		}
		if ok(e) {
			return e.Body
		}
	}
}

func (m *fakeMonitor) ask(msg order.Message) order.Message {
	m.t.Helper()
	id := m.send(msg)
	return m.until(fmt.Sprintf("the answer to %T", msg), func(e order.Envelope) bool { return e.ID == id })
}

func (m *fakeMonitor) claim(pool order.PoolID, s order.Stamp) {
	m.t.Helper()
	b := m.ask(order.Heartbeat{Monitor: m.id, Lease: 15 * time.Second, Interval: 5 * time.Second, Claims: []order.Claim{{Pool: pool, Current: s}}})
	if refused := b.(order.Beat).Refused; len(refused) > 0 {
		m.t.Fatalf("claim refused: %+v", refused)
	}
}

func (m *fakeMonitor) stamp(generation uint64) order.Stamp {
	return order.Stamp{Epoch: 1, Generation: generation, Monitor: m.id}
}

func (m *fakeMonitor) publish(pool order.PoolID, generation uint64, values ...string) order.Receipt {
	m.t.Helper()
	return m.ask(order.Publish{
		ID: fmt.Sprintf("p%d", generation), Pool: pool, Stamp: m.stamp(generation), DecidedAt: time.Now(), Reason: order.ReasonFell,
		Want:    order.RecordSet{Name: pool.Name(), Type: pool.Type(), TTL: 1, Values: values}.Normalize(),
		Members: []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"},
	}).(order.Receipt)
}

const webPool = order.PoolID("www.example/A")

func (m *fakeMonitor) published(ok func(order.Published) bool) order.Published {
	m.t.Helper()
	return m.until("a report of the order", func(e order.Envelope) bool {
		p, is := e.Body.(order.Published)
		return is && ok(p)
	}).(order.Published)
}

func publishSection(policy string, servers ...*dnsServer) string {
	var list []string
	for _, s := range servers {
		list = append(list, fmt.Sprintf("%q", s.addr))
	}
	return fmt.Sprintf("[publish]\nservers = [%s]\npolicy = %q\nkey = \"ddns.key\"\nrecords = [\"*.example A AAAA\", \"example MX\"]\nstrays = \"remove\"\n", strings.Join(list, ", "), policy)
}

// The thin line: an order over the link changes both DNS servers by signed
// updates, and the report says that they answer it.
func TestPublishOverTheWire(t *testing.T) {
	a, b := startDNS(t, "example", "127.0.0.1:0"), startDNS(t, "example", "127.0.0.1:0")
	for _, s := range []*dnsServer{a, b} {
		s.put("www.example", "A", 1, "10.0.0.1", "10.0.0.2", "10.0.0.3")
	}
	s := newSite(t, publishSection("every", a, b))
	m := s.monitor("m1", s.start())
	m.claim(webPool, order.Stamp{})
	if r := m.publish(webPool, 1, "10.0.0.1", "10.0.0.3"); r.Refused != order.Taken {
		t.Fatalf("%+v", r)
	}
	p := m.published(func(p order.Published) bool { return p.Done })
	for _, srv := range p.Servers {
		if srv.State != order.ServerAnswers || srv.WrittenAt == nil || srv.AnsweredAt == nil {
			t.Errorf("%+v", srv)
		}
	}
	for _, srv := range []*dnsServer{a, b} {
		if got := srv.get("www.example", "A"); got != "10.0.0.1 10.0.0.3" {
			t.Errorf("%s holds %q", srv.addr, got)
		}
		if got := srv.get("_a._loadshare.www.example", "TXT"); got != `"loadshare epoch=1 generation=1 monitor=m1"` {
			t.Errorf("generation record %q", got)
		}
	}
	st := s.status()
	if len(st.Publish.Servers) != 2 || !st.Publish.Servers[0].OK || st.Publish.Queued != 0 || st.FrozenSince != nil || !st.Monitors[0].Connected {
		t.Errorf("status %+v", st)
	}
}

// F04: "Restart = `<scripts_path>/<script> stop` then `start`."
func TestRestartOverTheWire(t *testing.T) {
	s := newSite(t, "[restart]\nscripts = \"init.d\"\n[restart.service.apache]\nmethod = \"script\"\n")
	s.write("init.d/apache", "#!/bin/sh\necho \"$0 $1\" >> "+s.dir+"/ran\necho \"apache: $1\"\n", 0o755)
	m := s.monitor("m1", s.start())
	m.claim(webPool, order.Stamp{})
	r := order.Restart{ID: "r1", Pool: webPool, Stamp: m.stamp(1), Service: "apache", Member: "10.0.0.1", Reason: order.ReasonFell, NotAfter: time.Now().Add(time.Minute)}
	if got := m.ask(r).(order.Receipt); got.Refused != order.Taken {
		t.Fatalf("%+v", got)
	}
	done := m.until("the end of the restart", func(e order.Envelope) bool { _, is := e.Body.(order.Restarted); return is }).(order.Restarted)
	if done.Outcome != order.RestartOK || done.Output != "apache: stop\napache: start\n" || done.Left != 2 || !strings.Contains(done.Evidence, "apache: status") {
		t.Errorf("%+v", done)
	}
	ran, err := os.ReadFile(filepath.Join(s.dir, "ran"))
	script := filepath.Join(s.dir, "init.d", "apache")
	if want := script + " status\n" + script + " stop\n" + script + " start\n"; err != nil || string(ran) != want {
		t.Errorf("ran %q, want %q", ran, want)
	}
	if st := s.status(); st.Services[0].Restarts != 1 || st.Services[0].LastResult != "ok" || st.Services[0].LastRestart == nil {
		t.Errorf("status %+v", st.Services)
	}
	r.ID, r.Service = "r2", "sshd"
	if got := m.ask(r).(order.Receipt); got.Refused != order.RefusedNotAllowed {
		t.Errorf("a service that is not listed: %+v", got)
	}
}
