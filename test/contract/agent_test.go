package contract

import (
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"
)

// restarter is an agent whose service "web" is restarted by a script.
func (s *site) restarter(name string, last int, tables string) *proc {
	s.t.Helper()
	return s.role("agent", name, s.agentConfig(name, last)+"[restart]\n"+tables)
}

// execService is a service with a start script.
func (s *site) execService(name, body string, more ...string) string {
	path := s.script(name+".sh", body)
	return fmt.Sprintf("[restart.service.%s]\nmethod = \"exec\"\nstart = [%q]\n%s\n", name, path, strings.Join(more, "\n"))
}

// why is what an operator reads about a member.
func (s *site) why(monitor, record string, last int) string {
	r := run(s.t, "pool", "why", record, s.ip(last), "-s", s.control(monitor))
	return r.out + r.err
}

func (s *site) whySays(monitor, record string, last int, texts ...string) {
	s.t.Helper()
	eventually(s.t, 12*time.Second, "pool why", func() error {
		got := s.why(monitor, record, last)
		for _, text := range texts {
			if !strings.Contains(got, text) {
				return fmt.Errorf("%q is not in\n%s", text, got)
			}
		}
		return nil
	})
}

// "Restart: an allow-list in the agent's own configuration; never a command from the
// wire; output and exit code captured." Scripts as operators write them.
func TestRestartScriptsAsTheyAre(t *testing.T) {
	s := newSite(t)
	cases := []struct {
		name, body string
		more       []string
		says       []string
	}{
		{"exits3", "echo 'port 80 is taken by pid 4711' >&2; exit 3", nil, []string{"exit code 3", "port 80 is taken by pid 4711"}},
		{"hangs", "echo waiting for the lock; sleep 100", []string{`timeout = "1s"`}, []string{"waiting for the lock"}},
		{"stubborn", "trap '' TERM; echo I stay; while :; do sleep 1; done", []string{`timeout = "1s"`, `grace = "200ms"`}, []string{"I stay"}},
		{"daemon", "echo started; (sleep 100) &\nexit 0", []string{`timeout = "5s"`}, []string{"started"}},
		{"noisy", "head -c 10485760 /dev/zero | tr '\\0' 'x'; echo; echo the last line; exit 1", nil, []string{"exit code 1", "the last line"}},
		{"binary", "head -c 3000 /dev/urandom; printf '\\033[2J\\033]0;owned\\007 bell'; exit 1", nil, []string{"exit code 1"}},
		{"gone", "exit 0", []string{`stop = ["/nonexistent/stop"]`}, []string{"/nonexistent/stop"}},
		{"unknown", "", nil, []string{"unknown"}},
	}
	s.dns("ns1", 1)
	s.role("agent", "pub", s.agentConfig("pub", 1)+s.publish("", 1))
	var tables, services strings.Builder
	for i, c := range cases {
		last := 11 + i
		if c.body != "" {
			services.WriteString(s.execService(c.name, c.body, c.more...))
		}
		fmt.Fprintf(&tables, "[[pool]]\nrecord = \"%s.mydomain.com\"\n[pool.check]\nport = %d\n[[pool.member]]\naddress = %q\nrestart = %q\nagent = %q\n", c.name, webPort, s.ip(last), c.name, s.ip(2))
	}
	node := s.restarter("node", 2, "budget = \"20/10m\"\n"+services.String())
	begun := time.Now()
	s.role("monitor", "m1", s.monitorConfig("m1", tables.String(), []int{1}, []int{1}))
	for i, c := range cases {
		s.whySays("m1", c.name+".mydomain.com", 11+i, c.says...)
		text := s.why("m1", c.name+".mydomain.com", 11+i)
		if strings.ContainsAny(text, "\x1b\x07") {
			t.Errorf("%s: terminal escapes of a script reach the operator's terminal", c.name)
		}
		if len(text) > 20000 {
			t.Errorf("%s: pool why prints %d bytes", c.name, len(text))
		}
		t.Logf("--- %s after %s\n%.1500s", c.name, time.Since(begun).Round(time.Millisecond), text)
	}
	if got := node.resident(t); got > 120<<20 {
		t.Errorf("the agent holds %d MB", got>>20)
	}
	t.Log(must(t, "status", "-s", s.control("node")))
	// A restart under way does not keep the agent from stopping in time.
	must(t, "status", "--json", "-s", s.control("node"))
}

// M9: "A member that stays down is tried again no sooner than the grace after the last
// try, until the budget is used up; then it is left alone."
func TestBudgetEnds(t *testing.T) {
	s := newSite(t)
	s.dns("ns1", 1)
	s.role("agent", "pub", s.agentConfig("pub", 1)+s.publish("", 1))
	s.restarter("node", 2, "budget = \"2/10m\"\n"+s.execService("web", "echo x >> "+s.path("tries")+"; exit 1"))
	config := s.monitorConfig("m1", fmt.Sprintf("[[pool]]\nrecord = \"www.mydomain.com\"\n[pool.check]\nport = %d\n[[pool.member]]\naddress = %q\nrestart = \"web\"\nagent = %q\n", webPort, s.ip(11), s.ip(2)), []int{1}, []int{1})
	s.role("monitor", "m1", config)
	s.whySays("m1", "www.mydomain.com", 11, "budget")
	time.Sleep(1500 * time.Millisecond) // more than the grace: a third try would be made now
	if got := strings.Count(s.read("tries"), "x"); got != 2 {
		t.Errorf("%d tries, the budget is 2", got)
	}
	t.Log(s.why("m1", "www.mydomain.com", 11))
}

func TestAgentRefusesStrangers(t *testing.T) {
	s := newSite(t)
	s.web(11)
	s.dns("ns1", 1)
	a := s.role("agent", "a1", s.agentConfig("a1", 1)+s.publish("", 1))
	ns := []int{1}
	s.role("monitor", "m1", s.monitorConfig("m1", s.pool("www.mydomain.com", "", 11), ns, ns))
	eventually(t, 10*time.Second, "published", s.answers(ns, "www.mydomain.com", 11))
	addr := s.at(1, agentPort)

	// A monitor with another key.
	write(t, s.dir, "other.key", must(t, "key", "agent"))
	s.role("monitor", "m2", strings.Replace(s.monitorConfig("m2", s.pool("www.mydomain.com", "", 12), ns, ns), `key = "agent.key"`, `key = "other.key"`, 1))
	var v struct {
		Agents []struct {
			Connected bool   `json:"connected"`
			LastError string `json:"last_error"`
		} `json:"agents"`
	}
	eventually(t, 5*time.Second, "m2 says that the key is wrong", func() error {
		if err := s.status("m2", &v); err != nil {
			return err
		}
		if v.Agents[0].Connected || !strings.Contains(v.Agents[0].LastError, "key") {
			return fmt.Errorf("%+v", v.Agents)
		}
		return nil
	})
	t.Log(v.Agents[0].LastError)
	r := run(t, "ready", "-s", s.control("m2"))
	r.expect(t, 1)
	t.Log(r.out + r.err)

	// TLS 1.2 is too old.
	if c, err := tls.DialWithDialer(&net.Dialer{Timeout: 2 * time.Second}, "tcp", addr, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}); err == nil {
		_ = c.Close()
		t.Error("the agent speaks TLS 1.2")
	}
	// Garbage, before and inside TLS.
	random := rand.NewChaCha8([32]byte{1})
	for i := range 50 {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 1+i*97)
		_, _ = random.Read(b)
		if i%3 == 0 {
			copy(b, []byte{22, 3, 1, 255, 255})
		}
		_, _ = c.Write(b)
		_ = c.Close()
	}
	for i := range 20 {
		c, err := tls.DialWithDialer(&net.Dialer{Timeout: 2 * time.Second}, "tcp", addr, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, NextProtos: []string{"loadshare-agent/1", "loadshare/1", "h2"}})
		if err != nil {
			continue
		}
		b := make([]byte, 1+i*997)
		_, _ = random.Read(b)
		_, _ = c.Write(b)
		_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		_, _ = c.Read(b)
		_ = c.Close()
	}
	select {
	case <-a.done:
		t.Fatal("the agent died")
	default:
	}
	if err := s.answers(ns, "www.mydomain.com", 11)(); err != nil {
		t.Error(err)
	}
}

// "slow and half-open peers are cut off"; M11: "Unauthenticated connections are bounded
// in total, get 5 s, and make room oldest first; never at the cost of an authenticated one."
func TestIdleConnectionsDoNotHinderTheMonitor(t *testing.T) {
	s := newSite(t)
	s.web(11)
	w2 := s.web(12)
	s.dns("ns1", 1)
	a := s.role("agent", "a1", s.agentConfig("a1", 1)+s.publish("", 1))
	ns := []int{1}
	m := s.role("monitor", "m1", s.monitorConfig("m1", s.pool("www.mydomain.com", "", 11, 12), ns, ns))
	eventually(t, 10*time.Second, "published", s.answers(ns, "www.mydomain.com", 11, 12))
	before := a.resident(t)
	addr := s.at(1, agentPort)
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}()
	for range 2000 {
		c, err := net.DialTimeout("tcp", addr, 2*time.Second)
		if err != nil {
			t.Fatalf("after %d connections: %v", len(conns), err)
		}
		conns = append(conns, c)
	}
	w2.down()
	eventually(t, 5*time.Second, "the monitor's orders go on", s.answers(ns, "www.mydomain.com", 11))
	if got := a.resident(t); got > before+64<<20 {
		t.Errorf("from %d MB to %d MB", before>>20, got>>20)
	}
	// A monitor that connects now gets in, too.
	m.kill9(t)
	s.again("monitor", "m1")
	w2.up()
	eventually(t, 8*time.Second, "a new session among the idle ones", s.answers(ns, "www.mydomain.com", 11, 12))
	eventually(t, 8*time.Second, "the idle ones are cut off", func() error {
		_ = conns[len(conns)-1].SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		_, err := conns[len(conns)-1].Read(make([]byte, 1))
		if ne, ok := err.(net.Error); err == nil || ok && ne.Timeout() {
			return fmt.Errorf("still open: %v", err)
		}
		return nil
	})
}
