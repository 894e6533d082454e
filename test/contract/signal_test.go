package contract

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// reloadView is the part of every role's status that tells of the last reload.
type reloadView struct {
	Reload *struct {
		At    string `json:"at"`
		OK    bool   `json:"ok"`
		Error string `json:"error"`
	} `json:"reload"`
}

// reload sends SIGHUP and waits for its result in status.
func (s *site) reload(p *proc, role string) reloadView {
	s.t.Helper()
	var before, v reloadView
	if err := s.status(role, &before); err != nil {
		s.t.Fatal(err)
	}
	p.signal(s.t, syscall.SIGHUP)
	eventually(s.t, 5*time.Second, "the reload's result in status", func() error {
		v = reloadView{}
		if err := s.status(role, &v); err != nil {
			return err
		}
		if v.Reload == nil || before.Reload != nil && v.Reload.At == before.Reload.At {
			return errors.New("no new result")
		}
		return nil
	})
	return v
}

// "Roles reload on SIGHUP (all or nothing, old configuration stays on any error, result
// visible in status)."
func TestReloadBrokenFile(t *testing.T) {
	s := newSite(t)
	for kind, config := range s.roles() {
		t.Run(kind, func(t *testing.T) {
			s := &site{t: t, dir: s.dir, net: s.net, tsig: s.tsig}
			p := s.role(kind, kind, config)
			var never reloadView
			if err := s.status(kind, &never); err != nil || never.Reload != nil {
				t.Errorf("before any reload: %+v, %v", never.Reload, err)
			}
			for what, broken := range map[string]string{
				"unknown key":     "colour = \"red\"\n" + config,
				"no toml":         "[[[",
				"empty":           "",
				"other directory": strings.Replace(config, "state-"+kind, "state-elsewhere", 1),
				"other socket":    strings.Replace(config, kind+".sock", "elsewhere.sock", 1),
			} {
				file := write(t, s.dir, kind+".toml", broken)
				v := s.reload(p, kind)
				if v.Reload.OK || v.Reload.Error == "" {
					t.Errorf("%s: %+v", what, v.Reload)
				}
				text := must(t, "status", "-s", s.control(kind))
				if !strings.Contains(text, "reload failed") {
					t.Errorf("%s: status does not say that the reload failed:\n%s", what, text)
				}
				if strings.HasPrefix(what, "un") && !strings.Contains(v.Reload.Error, file+":1: unknown key colour") {
					t.Errorf("%s: %s", what, v.Reload.Error)
				}
				t.Logf("%s: %s", what, v.Reload.Error)
			}
			if err := os.Remove(s.path(kind + ".toml")); err != nil {
				t.Fatal(err)
			}
			if v := s.reload(p, kind); v.Reload.OK || !strings.Contains(v.Reload.Error, "no such file") {
				t.Errorf("without a file: %+v", v.Reload)
			}
			write(t, s.dir, kind+".toml", config)
			if v := s.reload(p, kind); !v.Reload.OK || v.Reload.Error != "" {
				t.Errorf("the good file: %+v", v.Reload)
			}
		})
	}
}

func TestReloadPools(t *testing.T) {
	s := newSite(t)
	s.web(11)
	s.web(12)
	s.dns("ns1", 1)
	s.role("agent", "a1", s.agentConfig("a1", 1)+s.publish("", 1))
	ns := []int{1}
	m := s.role("monitor", "m1", s.monitorConfig("m1", s.pool("www.mydomain.com", "", 11), ns, ns))
	eventually(t, 10*time.Second, "published", s.answers(ns, "www.mydomain.com", 11))

	write(t, s.dir, "m1.toml", s.monitorConfig("m1", s.pool("www.mydomain.com", "", 11, 12)+s.pool("two.mydomain.com", "", 12), ns, ns))
	if v := s.reload(m, "m1"); !v.Reload.OK {
		t.Fatal(v.Reload.Error)
	}
	eventually(t, 5*time.Second, "a member more", s.answers(ns, "www.mydomain.com", 11, 12))
	eventually(t, 5*time.Second, "a pool more", s.answers(ns, "two.mydomain.com", 12))

	write(t, s.dir, "m1.toml", s.monitorConfig("m1", s.pool("www.mydomain.com", "", 12), ns, ns))
	if v := s.reload(m, "m1"); !v.Reload.OK {
		t.Fatal(v.Reload.Error)
	}
	eventually(t, 5*time.Second, "a member less", s.answers(ns, "www.mydomain.com", 12))
	stays(t, 500*time.Millisecond, "the record of a pool that went stays as it is", s.answers(ns, "two.mydomain.com", 12))
	if _, err := s.viewPool("m1", "two.mydomain.com"); err == nil {
		t.Error("the pool that went is still in status")
	}
}

func TestReloadZonesAndServices(t *testing.T) {
	s := newSite(t)
	p := s.dns("ns1", 1, "www A 192.0.2.1")
	one := s.dnsConfig("ns1", 1, "www A 192.0.2.1")
	write(t, s.dir, "db.other", "$TTL 30\n@ IN SOA ns1.mydomain.com. root.mydomain.com. 1 28800 140 3600000 30\n IN NS ns1.mydomain.com.\nwww IN A 192.0.2.7\n")
	soa := func(zone string, rcode int) func() error {
		return func() error {
			q := new(dns.Msg)
			q.SetQuestion(dns.Fqdn(zone), dns.TypeSOA)
			r, _, err := (&dns.Client{Timeout: time.Second}).Exchange(q, fmt.Sprintf("%s:%d", s.ip(1), dnsPort))
			if err == nil && r.Rcode != rcode {
				err = fmt.Errorf("%s", dns.RcodeToString[r.Rcode])
			}
			return err
		}
	}
	if err := soa("other.test", dns.RcodeRefused)(); err != nil {
		t.Fatal(err)
	}
	write(t, s.dir, "ns1.toml", one+"[[zone]]\nname = \"other.test\"\nfile = \"db.other\"\n")
	if v := s.reload(p, "ns1"); !v.Reload.OK {
		t.Fatal(v.Reload.Error)
	}
	eventually(t, 5*time.Second, "the new zone", soa("other.test", dns.RcodeSuccess))
	write(t, s.dir, "ns1.toml", one)
	if v := s.reload(p, "ns1"); !v.Reload.OK {
		t.Fatal(v.Reload.Error)
	}
	eventually(t, 5*time.Second, "the zone is gone", soa("other.test", dns.RcodeRefused))
	if err := s.update(1, func(m *dns.Msg) { m.Insert(rr(t, "new.mydomain.com. 5 A 192.0.2.9")) }); err != nil {
		t.Error("the kept zone takes updates: ", err)
	}

	a := s.role("agent", "a1", s.agentConfig("a1", 2)+"[restart.service.web]\nmethod=\"exec\"\nstart=[\"/bin/true\"]\n")
	write(t, s.dir, "a1.toml", s.agentConfig("a1", 2)+"[restart.service.mail]\nmethod=\"exec\"\nstart=[\"/bin/true\"]\n")
	if v := s.reload(a, "a1"); !v.Reload.OK {
		t.Fatal(v.Reload.Error)
	}
	var v struct {
		Services []struct {
			Name string `json:"name"`
		} `json:"services"`
	}
	if err := s.status("a1", &v); err != nil || len(v.Services) != 1 || v.Services[0].Name != "mail" {
		t.Errorf("services after the reload: %+v, %v", v, err)
	}
}

// systemd is a notification socket as systemd offers one.
func systemd(t *testing.T, s *site, name string) (path string, heard func() []string) {
	t.Helper()
	path = s.path(name + ".notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	lines := []string{}
	return path, func() []string {
		buf := make([]byte, 4096)
		for {
			_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
			n, err := c.Read(buf)
			if err != nil {
				return lines
			}
			lines = append(lines, strings.Split(string(buf[:n]), "\n")...)
		}
	}
}

func TestSystemdIsTold(t *testing.T) {
	s := newSite(t)
	for kind, config := range s.roles() {
		t.Run(kind, func(t *testing.T) {
			s := &site{t: t, dir: s.dir, net: s.net, tsig: s.tsig}
			path, heard := systemd(t, s, kind)
			write(t, s.dir, kind+".toml", config)
			p := s.again(kind, kind, "NOTIFY_SOCKET="+path, "WATCHDOG_USEC=800000")
			says := func(want string) {
				t.Helper()
				eventually(t, 5*time.Second, want, func() error {
					if got := heard(); !slices.Contains(got, want) {
						return fmt.Errorf("systemd heard %q", got)
					}
					return nil
				})
			}
			says("READY=1")
			says("WATCHDOG=1")
			s.reload(p, kind)
			says("RELOADING=1")
			got := heard()
			if !slices.ContainsFunc(got, func(l string) bool { return strings.HasPrefix(l, "MONOTONIC_USEC=") }) {
				t.Errorf("RELOADING without MONOTONIC_USEC: %q", got)
			}
			ready := 0
			for _, l := range got {
				if l == "READY=1" {
					ready++
				}
			}
			if ready != 2 {
				t.Errorf("READY=1 %d times after a reload, expected 2: %q", ready, got)
			}
			p.signal(t, syscall.SIGTERM)
			says("STOPPING=1")
			if code := p.ended(t, 5*time.Second); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}
