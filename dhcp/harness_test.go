package dhcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"loadshare/dhcp/config"
	"loadshare/internal/control"
	"loadshare/internal/dhcpclient"
	"loadshare/internal/durable"
	"loadshare/internal/process"
	"loadshare/internal/textlog"
)

// site is one server of a test, run as the role is.
type site struct {
	dir    string
	text   string // configuration
	disk   *durable.Crashable
	open   func(dir string) (durable.Store, error)
	pace   watchPace
	ntp    func() bool
	server *Server
	addr   netip.AddrPort
	cancel context.CancelFunc
	ended  chan error
	env    process.Env
	logs   *textlog.Buffer
}

const single = `
listen = ["127.0.0.1:0"]
relay_reply_port = "source"
state_dir = "state"
[control]
listen = "unix:c.sock"
[[scope]]
name = "cluster"
subnet = "127.0.0.0/8"
ranges = ["127.1.0.1-127.1.3.254"]
lease_time = "1h"
ping_check = false
[scope.options]
routers = ["127.0.0.1"]
`

func newSite(t testing.TB, text string) *site {
	t.Helper()
	dir, err := os.MkdirTemp("", "dhcp") // short: a socket's path has 107 octets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &site{dir: dir, text: text}
	t.Cleanup(func() { s.stop(t) })
	return s
}

func (s *site) path() string { return filepath.Join(s.dir, "dhcp.toml") }

func (s *site) config(t testing.TB) *config.Config {
	t.Helper()
	if err := os.WriteFile(s.path(), []byte(s.text), 0o600); err != nil {
		t.Fatal(err)
	}
	conf, problems := config.Load(s.path())
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return conf
}

// start runs the server; begin does what New does.
func (s *site) start(t testing.TB) {
	t.Helper()
	s.logs = &textlog.Buffer{}
	log := slog.New(slog.NewTextHandler(s.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if testing.Short() || os.Getenv("DHCP_TEST_QUIET") != "" {
		log = slog.New(slog.DiscardHandler)
	}
	s.env = process.NewEnv(log, s.path())
	open := s.open
	if s.disk != nil {
		open = func(dir string) (durable.Store, error) {
			return s.disk.OpenPebble(filepath.Base(dir), durable.PebbleOptions{})
		}
	}
	conf := s.config(t)
	server, err := newServer(conf, log, open)
	if err != nil {
		t.Fatal(err)
	}
	if s.pace != (watchPace{}) {
		server.pace = s.pace
	}
	if s.ntp != nil {
		server.ntp = s.ntp
	}
	s.server = server
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel, s.ended = cancel, make(chan error, 1)
	ready := make(chan struct{})
	s.env.Ready = sync.OnceFunc(func() { close(ready) })
	go func() { s.ended <- server.run(ctx, s.env) }()
	select {
	case <-ready:
	case err := <-s.ended:
		t.Fatalf("%v\n%s", err, s.logs)
	}
	s.addr = server.Addrs()[0]
}

// stop ends the server as SIGTERM does.
func (s *site) stop(t testing.TB) {
	if s.cancel == nil {
		return
	}
	s.cancel()
	s.cancel = nil
	select {
	case err := <-s.ended:
		if err != nil {
			t.Errorf("stop: %v", err)
		}
	case <-time.After(patience):
		t.Error("the server does not stop")
	}
}

// relay is a relay with an address of its own.
func (s *site) relay(t testing.TB, servers ...*site) *dhcpclient.Relay {
	t.Helper()
	c := dhcpclient.Config{Local: netip.MustParseAddrPort("127.0.0.9:0"), Servers: []netip.AddrPort{s.addr}, Wait: 200 * time.Millisecond, Tries: 3}
	for _, o := range servers {
		c.Servers = append(c.Servers, o.addr)
	}
	r, err := dhcpclient.Listen(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func client(n int) dhcpclient.Client {
	return dhcpclient.Client{MAC: net.HardwareAddr{2, 0, 0, 0, byte(n >> 8), byte(n)}, Hostname: fmt.Sprintf("host%d", n)}
}

func acquire(t testing.TB, r *dhcpclient.Relay, n int) dhcpclient.Lease {
	t.Helper()
	return answered(t, fmt.Sprint("client ", n), func(ctx context.Context) (dhcpclient.Lease, error) { return r.Acquire(ctx, client(n)) })
}

// renew renews a lease; a NAK is the end of the test.
func renew(t testing.TB, r *dhcpclient.Relay, n int, l dhcpclient.Lease) dhcpclient.Lease {
	t.Helper()
	return answered(t, fmt.Sprint("client ", n, " renews ", l.IP), func(ctx context.Context) (dhcpclient.Lease, error) { return r.Renew(ctx, client(n), l) })
}

// answered asks until there is an answer: who gets none begins anew, as clients do.
func answered(t testing.TB, what string, ask func(context.Context) (dhcpclient.Lease, error)) dhcpclient.Lease {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		l, err := ask(ctx)
		if err == nil {
			return l
		}
		if ctx.Err() != nil || !errors.Is(err, dhcpclient.ErrNoAnswer) {
			t.Fatalf("%s: %v", what, err)
		}
	}
}

// ask asks what the operator asks.
func (s *site) ask(t testing.TB, path string, query url.Values, into any) {
	t.Helper()
	if err := s.try(path, query, nil, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func (s *site) try(path string, query url.Values, body, into any) error {
	c, err := control.Connect("unix:"+filepath.Join(s.dir, "c.sock"), control.TLS{})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var raw json.RawMessage
	if body != nil {
		err = c.Post(ctx, path, body, &raw)
	} else {
		if len(query) > 0 {
			path += "?" + query.Encode()
		}
		err = c.Get(ctx, path, &raw)
	}
	if err != nil || into == nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

// patience is how long a test waits for what happens by itself: it matters only when the test fails.
const patience = time.Minute

// until polls; what is waited for happens by itself.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
