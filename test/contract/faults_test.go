package contract

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// blackHole is a DNS server that answers queries for what it was started with, and
// swallows updates: the worst kind of partner.
type blackHole struct {
	updates atomic.Int32
	lame    atomic.Bool // answers without authority
}

func (s *site) blackHole(last int) *blackHole {
	s.t.Helper()
	b := &blackHole{}
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, m *dns.Msg) {
		if m.Opcode == dns.OpcodeUpdate {
			b.updates.Add(1)
			return
		}
		r := new(dns.Msg)
		r.SetReply(m)
		r.Authoritative = !b.lame.Load()
		soa, err := dns.NewRR("mydomain.com. 30 IN SOA ns1.mydomain.com. root.mydomain.com. 1 28800 140 3600000 30")
		if err == nil && m.Question[0].Qtype == dns.TypeSOA {
			r.Answer = append(r.Answer, soa)
		} else if err == nil {
			r.Ns = append(r.Ns, soa)
		}
		if ts := m.IsTsig(); ts != nil {
			r.SetTsig(ts.Hdr.Name, ts.Algorithm, 300, time.Now().Unix())
		}
		_ = w.WriteMsg(r)
	})
	for _, network := range []string{"udp", "tcp"} {
		srv := &dns.Server{Addr: s.at(last, dnsPort), Net: network, Handler: handler, TsigSecret: map[string]string{"ddns.": s.tsig},
			MsgAcceptFunc: func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }}
		started := make(chan struct{})
		srv.NotifyStartedFunc = func() { close(started) }
		go func() { _ = srv.ListenAndServe() }()
		select {
		case <-started:
		case <-time.After(5 * time.Second):
			s.t.Fatal("the black hole does not listen")
		}
		s.t.Cleanup(func() { _ = srv.Shutdown() })
	}
	return b
}

// M5: "pair: the server that took it answers it; the partner's silence is a warning,
// and the update is not sent again for it."
func TestPairWithASilentPartner(t *testing.T) {
	for name, hole := range map[string]int{"backup swallows": 2, "main swallows": 1, "main without the zone": 1} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.web(11)
			w2 := s.web(12)
			living := 3 - hole
			s.dns("ns", living)
			h := s.blackHole(hole)
			h.lame.Store(strings.Contains(name, "without"))
			s.role("agent", "a1", s.agentConfig("a1", 5)+s.publish("policy = \"pair\"\ntimeout = \"500ms\"\n", 1, 2))
			s.role("monitor", "m1", s.monitorConfig("m1", s.pool("www.mydomain.com", "", 11, 12), []int{5}, []int{living}))
			at := []int{living}
			eventually(t, 15*time.Second, "published", s.answers(at, "www.mydomain.com", 11, 12))
			begun := time.Now()
			w2.down()
			eventually(t, 15*time.Second, "a member out", s.answers(at, "www.mydomain.com", 11))
			t.Logf("out after %s", time.Since(begun))
			w2.up()
			eventually(t, 15*time.Second, "a member in", s.answers(at, "www.mydomain.com", 11, 12))
			t.Log(must(t, "status", "-s", s.control("a1")))
			sent := h.updates.Load()
			if hole == 2 && sent != 0 {
				t.Errorf("%d updates were sent to the backup although the main takes them", sent)
			}
			if name == "main swallows" && sent == 0 {
				t.Error("the main was never tried")
			}
		})
	}
}

// policy "every": the living server is never held up, the dead one gets it on return.
func TestEveryWithADeadServer(t *testing.T) {
	s := newSite(t)
	s.web(11)
	w2 := s.web(12)
	s.dns("ns1", 1)
	ns2 := s.dns("ns2", 2)
	a := s.role("agent", "a1", s.agentConfig("a1", 5)+s.publish("", 1, 2))
	s.role("monitor", "m1", s.monitorConfig("m1", s.pool("www.mydomain.com", "", 11, 12), []int{5}, []int{1, 2}))
	eventually(t, 10*time.Second, "published", s.answers([]int{1, 2}, "www.mydomain.com", 11, 12))
	ns2.kill9(t)
	w2.down()
	eventually(t, 5*time.Second, "the living one", s.answers([]int{1}, "www.mydomain.com", 11))
	eventually(t, 5*time.Second, "what is owed is in status", func() error {
		if out := must(t, "status", "-s", s.control("a1")); !strings.Contains(out, s.ip(2)) || !strings.Contains(out, "refused") {
			return fmt.Errorf("%s", out)
		}
		return nil
	})
	// The agent dies, too; what it owes is on its disk.
	a.kill9(t)
	s.again("agent", "a1")
	s.again("dns", "ns2")
	eventually(t, 8*time.Second, "the returned one", s.answers([]int{1, 2}, "www.mydomain.com", 11))
}

// "stop within 5 s on SIGTERM", whatever is under way.
func TestStopInTheMiddle(t *testing.T) {
	s := newSite(t)
	s.dns("ns1", 1)
	s.role("agent", "pub", s.agentConfig("pub", 1)+s.publish("", 1))
	pid := s.path("script.pid")
	a := s.restarter("node", 2, s.execService("web", "echo $$ > "+pid+"; trap '' TERM; while :; do sleep 1; done", `grace = "500ms"`))
	pool := fmt.Sprintf("[[pool]]\nrecord = \"www.mydomain.com\"\n[pool.check]\nport = %d\n[[pool.member]]\naddress = %q\nrestart = \"web\"\nagent = %q\n", webPort, s.ip(11), s.ip(2))
	m := s.role("monitor", "m1", s.monitorConfig("m1", pool, []int{1}, []int{1}))
	eventually(t, 8*time.Second, "the script runs", func() error { _, err := os.Stat(pid); return err })
	a.signal(t, syscall.SIGTERM)
	if code := a.ended(t, 5*time.Second); code != 0 {
		t.Errorf("the agent: exit code %d\n%s", code, a.log.String())
	}
	// A start under way is not the agent's to kill: without it the service would stay down.
	var n int
	if _, err := fmt.Sscan(s.read("script.pid"), &n); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(n, syscall.SIGKILL); err != nil {
		t.Errorf("the start script did not outlive the agent: %v", err)
	}
	// The attempt counts, although the agent that made it is gone.
	a = s.again("agent", "node")
	var v struct {
		Services []struct {
			Restarts   int    `json:"restarts"`
			LastResult string `json:"last_result"`
		} `json:"services"`
	}
	if err := s.status("node", &v); err != nil || len(v.Services) != 1 || v.Services[0].Restarts < 1 {
		t.Errorf("%+v %v", v, err)
	}
	a.kill9(t)
	m.signal(t, syscall.SIGTERM)
	if code := m.ended(t, 5*time.Second); code != 0 {
		t.Errorf("the monitor: exit code %d", code)
	}
}

// A disk that fills up while a role runs: it says so, and works again afterwards.
func TestDiskFillsUp(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting a tiny tmpfs needs root")
	}
	s := newSite(t)
	for kind, config := range s.roles() {
		if kind == "monitor" {
			continue
		}
		t.Run(kind, func(t *testing.T) {
			s := &site{t: t, dir: s.dir, net: s.net, tsig: s.tsig}
			disk := s.path("disk-" + kind)
			if err := os.Mkdir(disk, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=24m"); err != nil {
				t.Skip("no tmpfs here: ", err)
			}
			t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
			config = strings.Replace(config, "state-"+kind, "disk-"+kind+"/state", 1)
			last := 1
			if kind == "agent" {
				config += s.publish("", 1)
				last = 2
			}
			config += "[metrics]\nlisten = \"" + s.at(last, 9090) + "\"\n"
			p := s.role(kind, kind, config)
			filler, err := os.Create(filepath.Join(disk, "filler"))
			if err != nil {
				t.Fatal(err)
			}
			block := make([]byte, 4096)
			for err == nil {
				_, err = filler.Write(block)
			}
			_ = filler.Close()
			if kind == "dns" {
				var refused error
				for i := range 3000 {
					if refused = s.update(1, func(m *dns.Msg) { m.Insert(rr(t, fmt.Sprintf("full%d.mydomain.com. 5 A 192.0.2.1", i))) }); refused != nil {
						break
					}
				}
				if refused == nil || !strings.Contains(refused.Error(), "SERVFAIL") {
					t.Errorf("an update that cannot be kept: %v, expected SERVFAIL", refused)
				}
				if _, err := s.ask(1, "ns1.mydomain.com", dns.TypeA); err != nil {
					t.Errorf("queries are answered from memory: %v", err)
				}
				eventually(t, 5*time.Second, "readyz says so", func() error {
					code, body, err := get("http://" + s.at(1, 9090) + "/readyz")
					if err == nil && code != 503 {
						err = fmt.Errorf("%d %s", code, body)
					}
					t.Logf("%d %s", code, body)
					return err
				})
				t.Log(must(t, "status", "-s", s.control("dns")))
			}
			p.signal(t, syscall.SIGTERM)
			p.ended(t, 5*time.Second)
			if err := os.Remove(filepath.Join(disk, "filler")); err != nil {
				t.Fatal(err)
			}
			s.again(kind, kind)
			if kind == "dns" {
				if err := s.busy(1, 1); err != nil {
					t.Errorf("with room again: %v", err)
				}
			}
		})
	}
}

// A monitor whose disk is full may promise nothing; DNS stays as it is, and it goes on when there is room.
func TestMonitorDiskFillsUp(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting a tiny tmpfs needs root")
	}
	s := newSite(t)
	s.web(11)
	w2 := s.web(12)
	s.dns("ns1", 1)
	ns := []int{1}
	s.role("agent", "a1", s.agentConfig("a1", 1)+s.publish("", 1))
	disk := s.path("disk")
	if err := os.Mkdir(disk, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=1m"); err != nil {
		t.Skip("no tmpfs here: ", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
	m := s.role("monitor", "m1", strings.Replace(s.monitorConfig("m1", s.pool("www.mydomain.com", "", 11, 12), ns, ns), "state-m1", "disk/state", 1))
	eventually(t, 10*time.Second, "published", s.answers(ns, "www.mydomain.com", 11, 12))
	filler, err := os.Create(filepath.Join(disk, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = filler.Write(make([]byte, 4096))
	}
	_ = filler.Close()
	// Members come and go until the file has to grow; then it ends and says why, or still works.
	for range 6 {
		w2.down()
		time.Sleep(900 * time.Millisecond)
		w2.up()
		time.Sleep(700 * time.Millisecond)
		select {
		case <-m.done:
			if log := m.log.String(); !strings.Contains(log, "no space left") {
				t.Errorf("it ended without saying why:\n%s", log)
			}
		default:
			continue
		}
		break
	}
	t.Logf("%s", m.log.String()[max(0, len(m.log.String())-1500):])
	if err := os.Remove(filepath.Join(disk, "filler")); err != nil {
		t.Fatal(err)
	}
	select {
	case <-m.done:
		s.again("monitor", "m1")
	default:
	}
	eventually(t, 10*time.Second, "with room again", s.answers(ns, "www.mydomain.com", 11, 12))
	w2.down()
	eventually(t, 5*time.Second, "decisions go on", s.answers(ns, "www.mydomain.com", 11))
}
