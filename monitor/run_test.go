package monitor

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"loadshare/internal/config"
	"loadshare/internal/control"
	"loadshare/internal/freeport"
	"loadshare/internal/link"
	"loadshare/internal/process"
	"loadshare/monitor/order"
)

// service is a TCP service on loopback that can be stopped and started.
type service struct {
	t    *testing.T
	addr string
	ln   net.Listener
}

func (s *service) start() {
	ln, err := net.Listen("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.addr, s.ln = ln.Addr().String(), ln
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
}

func (s *service) port() uint16 { return netip.MustParseAddrPort(s.addr).Port() }

// linkAgent is an agent behind a real link that grants and takes everything.
type linkAgent struct {
	published atomic.Pointer[order.Publish]
	addr      netip.AddrPort
}

func (a *linkAgent) serve(ctx context.Context, ln *link.Listener) {
	for {
		c, err := ln.Accept(ctx)
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			for {
				frame, err := c.Receive(ctx)
				if err != nil {
					return
				}
				e, err := order.Decode(frame)
				if err != nil {
					return
				}
				for _, m := range a.answer(e) {
					f, _ := order.Encode(m)
					if c.Send(ctx, f) != nil {
						return
					}
				}
			}
		}()
	}
}

func (a *linkAgent) answer(e order.Envelope) []order.Envelope {
	switch m := e.Body.(type) {
	case order.Hello:
		return []order.Envelope{{ID: e.ID, Body: order.Welcome{Version: order.Version, Agent: "a", Publishes: true, Boot: "1"}}}
	case order.Heartbeat:
		return []order.Envelope{{ID: e.ID, Body: order.Beat{}}}
	case order.Publish:
		a.published.Store(&m)
		now := time.Now().UTC()
		return []order.Envelope{{ID: e.ID, Body: order.Receipt{Order: m.ID}}, {Body: order.Published{Order: m.ID, Pool: m.Pool, Stamp: m.Stamp, Done: true,
			Servers: []order.ServerResult{{Server: "127.0.0.1:53", State: order.ServerAnswers, WrittenAt: &now, AnsweredAt: &now}}}}}
	}
	return nil
}

// eventually polls until ok; how long matters only when the test fails.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("not within a minute: %s", what)
}

// The whole role with real sockets, real disk and real time: it probes, orders
// over the link, answers its operator, reloads, and stops with nothing left behind.
func TestRoleRunsAndStops(t *testing.T) {
	defer goleak.VerifyNone(t)
	svc := &service{t: t, addr: freeport.Pick(t, "127.0.0.1").String()}
	svc.start()
	defer func() { svc.ln.Close() }()
	dir := t.TempDir()
	key := config.NewKey("agent")
	auth, err := link.KeyAuth(key)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ln, err := link.Listen(netip.MustParseAddrPort("127.0.0.1:0"), auth, link.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	agent := &linkAgent{addr: ln.Addr()}
	served := make(chan struct{})
	go func() { defer close(served); agent.serve(ctx, ln) }()
	defer func() { cancel(); ln.Close(); <-served }()

	text := fmt.Sprintf(`id = "m1"
state_dir = "state"
[control]
listen = "unix:m.sock"
[metrics]
listen = "127.0.0.1:0"
[agents]
port = %d
key = "agent.key"
[dns]
agents = ["127.0.0.1"]
reset_on_start = false
[defaults]
interval = "50ms"
fall = 2
rise = 1
[[pool]]
record = "www.mydomain.com"
on_all_down = "none"
[pool.check]
port = %d
[[pool.member]]
address = "127.0.0.1"
`, ln.Addr().Port(), svc.port())
	for name, data := range map[string]string{"agent.key": key.Text(), "monitor.toml": text} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, problems := LoadConfig(filepath.Join(dir, "monitor.toml"))
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	env := process.NewEnv(slog.New(slog.NewTextHandler(io.Discard, nil)), cfg.Path)
	var ready atomic.Bool
	env.Ready = func() { ready.Store(true) }
	ended := make(chan error, 1)
	mctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() { ended <- Run(mctx, cfg, env) }()

	eventually(t, "the pool is published", func() bool { p := agent.published.Load(); return p != nil && len(p.Want.Values) == 1 })
	eventually(t, "ready", ready.Load)
	svc.ln.Close()
	eventually(t, "the dead member is taken out", func() bool { return len(agent.published.Load().Want.Values) == 0 })
	if p := agent.published.Load(); !p.AllowEmpty || p.Reason != order.ReasonAllDown {
		t.Errorf("order %+v; want allow_empty and reason all-down", p)
	}
	client, err := control.Connect("unix:"+filepath.Join(dir, "m.sock"), control.TLS{})
	if err != nil {
		t.Fatal(err)
	}
	var s statusJSON
	if err := client.Get(ctx, "/v1/status", &s); err != nil {
		t.Fatal(err)
	}
	if s.Role != "monitor" || len(s.Pools) != 1 || s.Pools[0].Members[0].State != "down" || s.Pools[0].Members[0].InDNS {
		t.Errorf("status %+v", s.Pools)
	}
	if c := s.Pools[0].Members[0].Checks[0]; c.Reason != "refused" {
		t.Errorf("reason of the check %q, want refused", c.Reason)
	}
	svc.start()
	eventually(t, "it is back", func() bool { return len(agent.published.Load().Want.Values) == 1 })
	if err := client.Post(ctx, "/v1/reload", nil, nil); err != nil {
		t.Errorf("reload: %v", err)
	}
	began := time.Now()
	stop()
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("stopping took %s", took)
	}
	http.DefaultClient.CloseIdleConnections()
}
