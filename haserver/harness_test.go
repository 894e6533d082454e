package haserver

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"loadshare/haserver/zone"
	"loadshare/internal/durable"
)

const (
	ddnsSecret = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA=="
	xferSecret = "dHJhbnNmZXItdHJhbnNmZXItdHJhbnNmZXItdHJhbnNmZXI="
)

const exampleZone = `$TTL 60
@        SOA ns1 admin 10 3600 600 86400 30
@        NS  ns1
@        MX  10 mail
ns1      A   192.0.2.1
mail     A   192.0.2.2
www      1 A 192.0.2.11
www      1 A 192.0.2.12
www      1 A 192.0.2.13
alias    CNAME www
out      CNAME www.elsewhere.test.
over     CNAME host.other.test.
loop1    CNAME loop2
loop2    CNAME loop1
a.ent    A   192.0.2.20
*.wild   A   192.0.2.30
sub      NS  ns.sub
sub      NS  ns2.sub
ns.sub   A   192.0.2.40
ns2.sub  AAAA 2001:db8::40
sub      DS  1 8 2 AA00000000000000000000000000000000000000000000000000000000000000
MiXed    TXT "case"
srv      SRV 1 2 80 www
big      TXT "0123456789012345678901234567890123456789012345678901234567890123456789"
`

// bigSet is a set that fits into no UDP answer.
func bigSet() string {
	var b strings.Builder
	for i := range 100 {
		b.WriteString("huge TXT \"" + strings.Repeat("x", 20) + string(rune('a'+i%26)) + string(rune('a'+i/26)) + "\"\n")
	}
	return b.String()
}

const otherZone = `$TTL 60
@     SOA ns1.example.test. admin 7 3600 600 86400 30
@     NS  ns1.example.test.
host  A   198.51.100.1
back  CNAME www.example.test.
`

// patience is how long a test waits for what is to happen: it matters only when the test fails.
const patience = time.Minute

// site is a running server with its files.
type site struct {
	dir, conf, addr string
	server          *Server
	cancel          context.CancelFunc
	done            chan error
	log             *slog.Logger // nil: none
	reloads         chan func()
	disk            *disk                             // where the journal lies; nil is the real one
	wrap            func(durable.Store) durable.Store // what lies over it; nil: nothing
	before          func(*Server)                     // called before the server runs
	halt            func()                            // of a whole role
}

// disk is where the journal lies: the zero value is the real disk.
type disk struct{ *durable.Crashable }

func (d *disk) open(dir string, o durable.PebbleOptions) (durable.Store, error) {
	if d.Crashable == nil {
		return durable.OpenPebble(dir, o)
	}
	return d.OpenPebble("journal", o)
}

// write puts a file into the site's folder.
func (s *site) write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const confText = `
listen = ["127.0.0.1:0"]
state_dir = "state"
keys = ["keys"]
nsid = "ns1"
[control]
listen = "unix:ctl.sock"
[[zone]]
name = "example.test"
file = "db.example"
update = ["key ddns", "key limited *.dyn.example.test A AAAA", "127.0.0.9"]
transfer = ["key xfer"]
[[zone]]
name = "other.test"
file = "db.other"
update = ["key ddns"]
`

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{dir: t.TempDir()}
	s.conf = filepath.Join(s.dir, "dns.toml")
	s.write(t, "dns.toml", confText)
	s.write(t, "keys", `key "ddns" { algorithm hmac-sha256; secret "`+ddnsSecret+`"; };
key "xfer" { algorithm hmac-sha512; secret "`+xferSecret+`"; };
key "limited" { algorithm hmac-sha256; secret "`+ddnsSecret+`"; };
`)
	s.write(t, "db.example", exampleZone+bigSet())
	s.write(t, "db.other", otherZone)
	return s
}

func (s *site) load(t testing.TB) *Config {
	t.Helper()
	conf, problems := LoadConfig(s.conf)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return conf
}

// start runs the server until the test ends.
func (s *site) start(t testing.TB) *site {
	t.Helper()
	server, err := newServer(s.load(t), cmp.Or(s.log, slog.New(slog.DiscardHandler)), func(dir string, o durable.PebbleOptions) (durable.Store, error) {
		store, err := cmp.Or(s.disk, new(disk)).open(dir, o)
		if err == nil && s.wrap != nil {
			store = s.wrap(store)
		}
		return store, err
	})
	if err != nil {
		t.Fatal(err)
	}
	s.server = server
	if s.before != nil {
		s.before(server)
	}
	s.addr = server.Addrs()[0].String()
	var ctx context.Context
	ctx, s.cancel = context.WithCancel(context.Background())
	s.done, s.reloads = make(chan error, 1), make(chan func())
	go func() { s.done <- server.Serve(ctx, s.reloads) }()
	t.Cleanup(func() { s.stop(t) })
	return s
}

// stop ends the server in order; calling it twice does nothing.
func (s *site) stop(t testing.TB) {
	if s.cancel == nil {
		return
	}
	s.cancel()
	s.cancel = nil
	select {
	case err := <-s.done:
		if err != nil {
			t.Errorf("Serve: %v", err)
		}
	case <-time.After(patience):
		t.Error("the server does not stop")
	}
}

func started(t testing.TB) *site { return newSite(t).start(t) }

// ask sends one question.
func (s *site) ask(t testing.TB, network, name string, qtype uint16, edit ...func(*dns.Msg)) *dns.Msg {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(name), qtype)
	for _, f := range edit {
		f(m)
	}
	r, err := s.send(network, m)
	if err != nil {
		t.Fatalf("%s %s: %v", name, dns.TypeToString[qtype], err)
	}
	return r
}

func (s *site) send(network string, m *dns.Msg) (*dns.Msg, error) {
	c := &dns.Client{Net: network, Timeout: patience, TsigSecret: secrets, UDPSize: 4096}
	r, _, err := c.Exchange(m, s.addr)
	return r, err
}

var secrets = map[string]string{"ddns.": ddnsSecret, "limited.": ddnsSecret, "xfer.": xferSecret}

// signed signs with a key.
func signed(key string) func(*dns.Msg) {
	return func(m *dns.Msg) {
		algorithm := dns.HmacSHA256
		if key == "xfer." {
			algorithm = dns.HmacSHA512
		}
		m.SetTsig(key, algorithm, 300, time.Now().Unix())
	}
}

func edns(m *dns.Msg) { m.SetEdns0(1232, false) }

// records are the lines of a section, in order.
func lines(section []dns.RR) []string {
	out := []string{}
	for _, rr := range section {
		out = append(out, strings.Join(strings.Fields(rr.String()), " "))
	}
	return out
}

// updateMsg makes an update message: lines that begin with "-" are deletions of records, the others additions.
func updateMsg(t testing.TB, zoneName string, records ...string) *dns.Msg {
	t.Helper()
	m := new(dns.Msg)
	m.SetUpdate(dns.Fqdn(zoneName))
	for _, text := range records {
		rest, remove := strings.CutPrefix(text, "-")
		rr, err := dns.NewRR(rest)
		if err != nil {
			t.Fatal(err)
		}
		if remove {
			m.Remove([]dns.RR{rr})
		} else {
			m.Insert([]dns.RR{rr})
		}
	}
	return m
}

// update sends an update and returns the rcode.
func (s *site) update(t testing.TB, network, key string, m *dns.Msg) int {
	t.Helper()
	if key != "" {
		signed(key)(m)
	}
	r, err := s.send(network, m)
	if err != nil && !(errors.Is(err, dns.ErrAuth) && r.Rcode == dns.RcodeNotAuth) { // the library calls any NOTAUTH that
		t.Fatal(err)
	}
	return r.Rcode
}

// reload changes the configuration of a running server.
func (s *site) reload(t testing.TB, conf *Config) {
	t.Helper()
	done := make(chan error)
	s.reloads <- func() { done <- s.server.Reload(conf) }
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func mustAddr(text string) netip.AddrPort { return netip.MustParseAddrPort(text) }

func nopLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

func zoneType(t uint16) zone.Type { return zone.Type(t) }

func mustName(text string) zone.Name {
	n, err := zone.ParseName(text)
	if err != nil {
		panic(err)
	}
	return n
}
