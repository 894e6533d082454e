package contract

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

const (
	agentPort = 5324
	dnsPort   = 5300
	webPort   = 8080
)

// networks gives every test a loopback network of its own.
var networks atomic.Int32

// site is one installation of a test: its directory, keys, network and roles.
type site struct {
	t    *testing.T
	dir  string
	net  string // "127.1.N."
	tsig string // the secret of ddns.key
}

func newSite(t *testing.T) *site {
	t.Helper()
	t.Parallel()
	// Socket paths are short: the test's name is not in them.
	dir, err := os.MkdirTemp("", "lsc")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &site{t: t, dir: dir, net: fmt.Sprintf("127.1.%d.", networks.Add(1))}
	for _, k := range []string{"ddns", "agent"} {
		write(t, dir, k+".key", must(t, "key", k))
	}
	_, rest, _ := strings.Cut(s.read("ddns.key"), "secret \"")
	s.tsig, _, _ = strings.Cut(rest, "\"")
	return s
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

func (s *site) read(name string) string {
	s.t.Helper()
	data, err := os.ReadFile(s.path(name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(data)
}

// ip is an address of the site's network.
func (s *site) ip(last int) string { return s.net + fmt.Sprint(last) }

// control is where a role listens for its operator.
func (s *site) control(role string) string { return "unix:" + s.path(role+".sock") }

// role writes a configuration, checks it as an operator would, and starts it.
func (s *site) role(kind, name, config string, env ...string) *proc {
	s.t.Helper()
	file := write(s.t, s.dir, name+".toml", config)
	must(s.t, "check", file)
	return s.again(kind, name, env...)
}

// again starts a role with the configuration it has, and waits until it answers its operator.
func (s *site) again(kind, name string, env ...string) *proc {
	s.t.Helper()
	p := s.launch(kind, name, env...)
	eventually(s.t, 10*time.Second, name+" answers its operator", func() error {
		if r := run(s.t, "status", "-s", s.control(name)); r.code != 0 {
			return fmt.Errorf("exit code %d: %s", r.code, r.err)
		}
		return nil
	})
	return p
}

// launch starts a role and does not wait.
func (s *site) launch(kind, name string, env ...string) *proc {
	s.t.Helper()
	cmd := exec.Command(program, kind, "-c", s.path(name+".toml"))
	cmd.Env = append(os.Environ(), env...)
	return start(s.t, name, cmd)
}

// head is what configurations of all roles begin with.
func (s *site) head(name string) string {
	return fmt.Sprintf("state_dir = \"state-%s\"\n", name)
}

func (s *site) controlTable(name string) string {
	return fmt.Sprintf("[control]\nlisten = %q\n", s.control(name))
}

// dns starts a single DNS server for mydomain.com.
func (s *site) dns(name string, last int, lines ...string) *proc {
	s.t.Helper()
	return s.role("dns", name, s.dnsConfig(name, last, lines...))
}

func (s *site) dnsConfig(name string, last int, lines ...string) string {
	write(s.t, s.dir, "db."+name, "$TTL 30\n@ IN SOA ns1 root 1 28800 140 3600000 30\n IN NS ns1\nns1 IN A "+s.ip(1)+"\n"+strings.Join(lines, "\n")+"\n")
	return fmt.Sprintf("listen = [\"%s:%d\"]\n%skeys = [\"ddns.key\"]\n%s[[zone]]\nname = \"mydomain.com\"\nfile = \"db.%s\"\nupdate = [\"key ddns\"]\ntransfer = [\"127.0.0.0/8\"]\n",
		s.ip(last), dnsPort, s.head(name), s.controlTable(name), name)
}

func (s *site) agentConfig(name string, last int) string {
	return fmt.Sprintf("listen = \"%s:%d\"\nkey = \"agent.key\"\nname = %q\n%s%s", s.ip(last), agentPort, name, s.head(name), s.controlTable(name))
}

// publish is an agent's [publish] for these servers.
func (s *site) publish(extra string, servers ...int) string {
	return fmt.Sprintf("[publish]\nservers = %s\nkey = \"ddns.key\"\nrecords = [\"*.mydomain.com A AAAA\", \"mydomain.com MX\"]\n%s\n", s.list(servers, dnsPort), extra)
}

func (s *site) list(hosts []int, port int) string {
	var out []string
	for _, h := range hosts {
		out = append(out, fmt.Sprintf("\"%s:%d\"", s.ip(h), port))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// monitorConfig is a quick monitor's configuration.
func (s *site) monitorConfig(name, tables string, agents, servers []int) string {
	return fmt.Sprintf("id = %q\n%s%s[agents]\nport = %d\nkey = \"agent.key\"\n[dns]\nagents = %s\nservers = %s\n[defaults]\ninterval = \"200ms\"\ntimeout = \"150ms\"\ngrace = \"1s\"\nttl = 5\n%s",
		name, s.head(name), s.controlTable(name), agentPort, s.list(agents, agentPort), s.list(servers, dnsPort), tables)
}

// pool is one pool of web servers.
func (s *site) pool(record, extra string, members ...int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[[pool]]\nrecord = %q\n%s\n[pool.check]\nport = %d\nsend = \"GET / HTTP/1.0\"\nexpect = \"is working\"\n", record, extra, webPort)
	for _, m := range members {
		fmt.Fprintf(&b, "[[pool.member]]\naddress = %q\nrestart = \"web\"\n", s.ip(m))
	}
	return b.String()
}

// web is a service that can be stopped and started.
type web struct {
	t    *testing.T
	addr string
	mu   sync.Mutex // up and down are called by the test and by scripts' watchers
	srv  *http.Server
}

func (s *site) web(last int) *web {
	s.t.Helper()
	w := &web{t: s.t, addr: fmt.Sprintf("%s:%d", s.ip(last), webPort)}
	w.up()
	s.t.Cleanup(w.down)
	return w
}

func (w *web) up() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.srv != nil {
		return
	}
	l, err := net.Listen("tcp", w.addr)
	if err != nil {
		w.t.Errorf("web: %v", err)
		return
	}
	w.srv = &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprintln(rw, "httpd is working") })}
	go func(srv *http.Server) { _ = srv.Serve(l) }(w.srv)
}

func (w *web) down() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.srv != nil {
		_ = w.srv.Close()
		w.srv = nil
	}
}

// ask sends one query over UDP and returns the sorted data of the answer.
func (s *site) ask(last int, name string, typ uint16) ([]string, error) {
	q := new(dns.Msg)
	q.SetQuestion(dns.Fqdn(name), typ)
	c := &dns.Client{Timeout: time.Second}
	r, _, err := c.Exchange(q, fmt.Sprintf("%s:%d", s.ip(last), dnsPort))
	if err != nil {
		return nil, err
	}
	out := []string{}
	for _, rr := range r.Answer {
		out = append(out, strings.TrimPrefix(rr.String(), rr.Header().String()))
	}
	slices.Sort(out)
	return out, nil
}

// answers is a check that servers answer exactly these members' addresses.
func (s *site) answers(servers []int, name string, members ...int) func() error {
	want := []string{}
	for _, m := range members {
		want = append(want, s.ip(m))
	}
	slices.Sort(want)
	return func() error {
		for _, ns := range servers {
			got, err := s.ask(ns, name, dns.TypeA)
			if err != nil {
				return err
			}
			if !slices.Equal(got, want) {
				return fmt.Errorf("%s answers %v for %s, expected %v", s.ip(ns), got, name, want)
			}
		}
		return nil
	}
}

// update sends a signed update, as somebody else with the key would.
func (s *site) update(last int, change func(*dns.Msg)) error {
	m := new(dns.Msg)
	m.SetUpdate("mydomain.com.")
	change(m)
	m.SetTsig("ddns.", dns.HmacSHA256, 300, time.Now().Unix())
	c := &dns.Client{Net: "tcp", Timeout: 2 * time.Second, TsigSecret: map[string]string{"ddns.": s.tsig}}
	r, _, err := c.Exchange(m, fmt.Sprintf("%s:%d", s.ip(last), dnsPort))
	if err != nil {
		return err
	}
	if r.Rcode != dns.RcodeSuccess {
		return fmt.Errorf("update: %s", dns.RcodeToString[r.Rcode])
	}
	return nil
}

func rr(t *testing.T, text string) []dns.RR {
	t.Helper()
	r, err := dns.NewRR(text)
	if err != nil {
		t.Fatal(err)
	}
	return []dns.RR{r}
}

// poolView and memberView are what the tests read of the monitor's status.
type poolView struct {
	Record    string       `json:"record"`
	State     string       `json:"state"`
	Published []string     `json:"published"`
	Strays    []string     `json:"strays"`
	Members   []memberView `json:"members"`
}

type memberView struct {
	Address  string `json:"address"`
	State    string `json:"state"`
	Reason   string `json:"reason"`
	InDNS    bool   `json:"in_dns"`
	Restarts int    `json:"restarts"`
}

// status decodes a role's status into v.
func (s *site) status(role string, v any) error {
	r := run(s.t, "status", "--json", "-s", s.control(role))
	if r.code != 0 {
		return fmt.Errorf("status of %s: exit code %d: %s", role, r.code, r.err)
	}
	return json.Unmarshal([]byte(r.out), v)
}

// viewPool reads one pool of a monitor's status.
func (s *site) viewPool(monitor, record string) (poolView, error) {
	var v struct {
		Pools []poolView `json:"pools"`
	}
	if err := s.status(monitor, &v); err != nil {
		return poolView{}, err
	}
	for _, p := range v.Pools {
		if strings.TrimSuffix(p.Record, ".") == record {
			return p, nil
		}
	}
	return poolView{}, fmt.Errorf("no pool %s in the status of %s", record, monitor)
}

// poolState is a check of a pool's state at one monitor: holder, standby, ...
func (s *site) poolState(monitor, record, want string) func() error {
	return func() error {
		p, err := s.viewPool(monitor, record)
		if err == nil && p.State != want {
			err = fmt.Errorf("%s of %s is %q, expected %q", record, monitor, p.State, want)
		}
		return err
	}
}

// script writes an executable shell script.
func (s *site) script(name, body string) string {
	s.t.Helper()
	path := write(s.t, s.dir, name, "#!/bin/sh\n"+body+"\n")
	if err := os.Chmod(path, 0o755); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// at is a port of a host of the site.
func (s *site) at(last, port int) string { return net.JoinHostPort(s.ip(last), fmt.Sprint(port)) }
