package contract

import (
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// roles are the configurations of one of each role, none of which needs another.
func (s *site) roles() map[string]string {
	return map[string]string{
		"dns":     s.dnsConfig("dns", 1),
		"agent":   s.agentConfig("agent", 2),
		"monitor": s.monitorConfig("monitor", s.pool("www.mydomain.com", "", 11), []int{2}, []int{1}),
	}
}

// fails starts a role that cannot start, and expects it to say why.
func (s *site) fails(kind, name string, code int, texts ...string) {
	s.t.Helper()
	p := s.launch(kind, name)
	if got := p.ended(s.t, 10*time.Second); got != code {
		s.t.Errorf("%s: exit code %d, expected %d", kind, got, code)
	}
	for _, text := range texts {
		if !strings.Contains(p.log.String(), text) {
			s.t.Errorf("%s does not say %q:\n%s", kind, text, p.log.String())
		}
	}
	s.t.Logf("%s", p.log.String())
}

func TestWhatCannotStartSaysWhy(t *testing.T) {
	s := newSite(t)
	for kind, config := range s.roles() {
		t.Run(kind, func(t *testing.T) {
			s := &site{t: t, dir: s.dir, net: s.net, tsig: s.tsig}
			write(t, s.dir, kind+".toml", config)
			state, sock := s.path("state-"+kind), s.path(kind+".sock")

			write(t, s.dir, "state-"+kind, "a file where the directory should be")
			s.fails(kind, kind, 1, state)
			if err := os.Remove(state); err != nil {
				t.Fatal(err)
			}

			// A dead process's socket is no obstacle.
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: sock})
			if err != nil {
				t.Fatal(err)
			}
			l.SetUnlinkOnClose(false)
			_ = l.Close()
			p := s.again(kind, kind)

			// The same again: the state directory, or the socket, belongs to a living process.
			s.fails(kind, kind, 1, s.dir)

			// Another state directory, the same socket.
			other := strings.Replace(config, "state-"+kind, "state-other-"+kind, 1)
			other = strings.NewReplacer(s.ip(1)+":", s.ip(201)+":", s.ip(2)+":", s.ip(202)+":").Replace(other)
			write(t, s.dir, "other-"+kind+".toml", other)
			s.fails(kind, "other-"+kind, 1, sock)
			must(t, "status", "-s", s.control(kind)) // the living one's socket is still there

			// Another socket, the same state directory.
			write(t, s.dir, "twin-"+kind+".toml", strings.NewReplacer(sock, s.path("twin.sock"), s.ip(1)+":", s.ip(201)+":", s.ip(2)+":", s.ip(202)+":").Replace(config))
			s.fails(kind, "twin-"+kind, 1, state)

			// Only the port is taken.
			if kind != "monitor" {
				write(t, s.dir, "port-"+kind+".toml", strings.NewReplacer(sock, s.path("port.sock"), "state-"+kind, "state-port-"+kind).Replace(config))
				s.fails(kind, "port-"+kind, 1, "address already in use")
			}
			p.signal(t, syscall.SIGTERM)
			if code := p.ended(t, 5*time.Second); code != 0 {
				t.Errorf("exit code %d after SIGTERM", code)
			}
			if _, err := os.Stat(sock); !os.IsNotExist(err) {
				t.Errorf("the socket is left behind: %v", err)
			}
		})
	}
}

// A full disk at start is said at once; a role does not sit there half alive.
func TestFullDiskAtStart(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting a tiny tmpfs needs root")
	}
	s := newSite(t)
	for kind, config := range s.roles() {
		t.Run(kind, func(t *testing.T) {
			s := &site{t: t, dir: s.dir, net: s.net, tsig: s.tsig}
			full := s.path("full-" + kind)
			if err := os.Mkdir(full, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mount("tmpfs", full, "tmpfs", 0, "size=16k"); err != nil {
				t.Skip("no tmpfs here: ", err)
			}
			t.Cleanup(func() { _ = syscall.Unmount(full, syscall.MNT_DETACH) })
			write(t, s.dir, kind+".toml", strings.Replace(config, "state-"+kind, "full-"+kind+"/state", 1))
			s.fails(kind, kind, 1, "no space left on device", full)
		})
	}
}

func TestExitCodes(t *testing.T) {
	s := newSite(t)
	run(t, "status", "-s", "unix:"+s.path("nobody.sock")).expect(t, 3, s.path("nobody.sock"))
	run(t, "ready", "-s", "https://127.0.0.1:1").expect(t, 2)
	run(t, "pool", "drain", "192.168.0.1", "--for", "soon", "--reason", "x", "-s", "unix:"+s.path("nobody.sock")).expect(t, 2, "soon")
	run(t, "pool", "drain", "192.168.0.1", "--for", "1h", "-s", "unix:"+s.path("nobody.sock")).expect(t, 2, "--reason")
	run(t, "agent", "-c", s.path("missing.toml")).expect(t, 2, "missing.toml")
	run(t, "agent").expect(t, 2, "-c FILE")
	run(t, "nonsense").expect(t, 2)
	run(t, "status", "--nonsense").expect(t, 2)
	// A socket that answers as something else.
	path := s.path("odd.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		if c, err := l.Accept(); err == nil {
			_, _ = c.Write([]byte("SSH-2.0-OpenSSH_9.9\r\n"))
			_ = c.Close()
		}
	}()
	run(t, "status", "-s", "unix:"+path).expect(t, 3, path)
}

// "Every configuration mistake gets file, line, key, value, what is accepted, all at once."
func TestEveryMistakeAtOnce(t *testing.T) {
	s := newSite(t)
	file := write(t, s.dir, "agent.toml", `listen = "127.0.0.1"
key = "nowhere.key"
[control]
listen = "tcp://1.2.3.4"
[restart]
budget = "many"
[restart.service.web]
method = "exec"
start = ["bin/start"]
[restart.service."../../etc/passwd"]
method = "script"
[restart.service.cron]
script = "../../bin/sh"
[publish]
servers = ["ns1.mydomain.com"]
records = ["mydomain.com TXT"]
polices = "pair"
`)
	for _, args := range [][]string{{"check", file}, {"agent", "-c", file}} {
		run(t, args...).expect(t, 2,
			file+":2: key = \"nowhere.key\"",
			file+":4: control.listen = \"tcp://1.2.3.4\"",
			file+":6: restart.budget = \"many\"",
			file+":9: restart.service.web.start[1] = \"bin/start\"",
			file+":13: restart.service.cron.script = \"../../bin/sh\"",
			file+":15: publish.servers[1] = \"ns1.mydomain.com\"",
			file+":16: publish.records[1] = \"mydomain.com TXT\"",
			file+":17: unknown key publish.polices", "did you mean policy")
	}
	r := run(t, "check", file)
	t.Log(r.out + r.err)
	// A key that is missing is no open door.
	r = run(t, "check", write(t, s.dir, "agent2.toml", "listen = \"127.0.0.1:1\"\n"))
	r.expect(t, 2, "key")
	t.Log(r.out + r.err)
	// Bytes that are no configuration.
	for _, text := range []string{"\x00\xff\xfe", "listen = ", strings.Repeat("[a", 10000), strings.Repeat("x", 5<<20), "[publish", "a = \"\\uD800\"\n"} {
		r := run(t, "agent", "-c", write(t, s.dir, "garbage.toml", text))
		if r.code != 2 || len(r.err) > 2000 || !strings.Contains(r.err, "garbage.toml") {
			t.Errorf("garbage %.20q: exit code %d, %d bytes: %.300s", text, r.code, len(r.err), r.err)
		}
	}
}
