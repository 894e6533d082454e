package peers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// dnsPorts gives every DNS server a port of its own: BIND only listens on
// addresses that an interface has, so on loopback all share 127.0.0.1.
var dnsPorts atomic.Int32

func nextDNSPort() int { return 5300 + int(dnsPorts.Add(1)) }

// zoneText is the zone of the source document's example, with the addresses of the test.
func zoneText(ns1, ns2 host, lines ...string) string {
	return fmt.Sprintf(`$TTL 86400
@ IN SOA ns1.mydomain.com. root.ns1.mydomain.com. ( 2000030101 28800 140 3600000 86400 )
  IN NS ns1.mydomain.com.
  IN NS ns2.mydomain.com.
ns1 IN A %s
ns2 IN A %s
%s
`, ns1.addr, ns2.addr, strings.Join(lines, "\n"))
}

// dnsServer is one real authoritative server that takes signed updates.
type dnsServer struct {
	host
	port  int
	proc  *proc
	again func() *proc
}

// named starts BIND as an independent primary of mydomain.com.
func named(t *testing.T, h host, keyFile, zone string) *dnsServer {
	t.Helper()
	need(t, "named", "dig")
	dir, port := openDir(t), nextDNSPort()
	key, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "db.mydomain.com", zone)
	conf := write(t, dir, "named.conf", fmt.Sprintf(`%s
options {
	directory "%s"; pid-file "named.pid"; session-keyfile "session.key"; managed-keys-directory "%[2]s";
	listen-on port %d { %s; }; listen-on-v6 { none; };
	recursion no; dnssec-validation no; notify no; allow-query { any; }; allow-transfer { any; };
};
controls { };
zone "mydomain.com" { type master; file "db.mydomain.com"; allow-update { key ddns; }; };
`, key, dir, port, h.addr))
	// BIND replaces its journal and zone file: the whole directory is its own.
	s := &dnsServer{host: h, port: port}
	s.again = func() *proc {
		return start(t, "named "+h.addr, h.command(privateCopy(t, "named"), "-g", "-n", "1", "-c", conf))
	}
	s.proc = s.again()
	s.waitReady(t)
	return s
}

// knotd starts Knot as an independent primary of mydomain.com.
func knotd(t *testing.T, h host, keyFile, zone string) *dnsServer {
	t.Helper()
	need(t, "knotd")
	dir, port := openDir(t), nextDNSPort()
	write(t, dir, "mydomain.com.zone", zone)
	conf := write(t, dir, "knot.conf", knotHead(t, dir, fmt.Sprintf("%s@%d", h.addr, port), keySecret(t, keyFile))+fmt.Sprintf(`acl:
  - id: update
    key: ddns
    action: update
template:
  - id: default
    storage: %q
zone:
  - domain: mydomain.com
    acl: update
`, dir))
	s := &dnsServer{host: h, port: port}
	s.again = func() *proc { return start(t, "knotd "+h.addr, h.command("knotd", "-c", conf)) }
	s.proc = s.again()
	s.waitReady(t)
	return s
}

// knotHead is what the configurations of Knot begin with; it makes the folder for the journal. The key is named ddns.
func knotHead(t *testing.T, dir, listen, secret string) string {
	t.Helper()
	write(t, dir, "db/README", "Knot keeps its journal here\n")
	return fmt.Sprintf(`server:
  rundir: "%[1]s"
  listen: %[2]s
  background-workers: 2
  udp-workers: 1
  tcp-workers: 2
database:
  storage: "%[1]s/db"
key:
  - id: ddns
    algorithm: hmac-sha256
    secret: %[3]s
`, dir, listen, secret)
}

// endpoint is address:port, as configurations name it.
func (s *dnsServer) endpoint() string { return fmt.Sprintf("%s:%d", s.addr, s.port) }

// restart starts the server again after it was killed.
func (s *dnsServer) restart(t *testing.T) {
	t.Helper()
	s.proc = s.again()
	s.waitReady(t)
}

func (s *dnsServer) waitReady(t *testing.T) {
	t.Helper()
	eventually(t, "DNS server "+s.addr+" answers", func() error {
		got, err := dig(s.host, s.addr, s.port, "mydomain.com", "SOA")
		if err == nil && len(got) != 1 {
			return fmt.Errorf("SOA answer %v", got)
		}
		return err
	})
}

// privateCopy returns a copy of a program outside the paths that AppArmor profiles attach to.
func privateCopy(t *testing.T, program string) string {
	t.Helper()
	from, err := exec.LookPath(program)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), program)
	if err := os.WriteFile(to, data, 0o755); err != nil {
		t.Fatal(err)
	}
	return to
}

// keySecret reads the secret of a key file as BIND writes it.
func keySecret(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), "secret \"")
	secret, _, ok := strings.Cut(rest, "\"")
	if !ok {
		t.Fatalf("no secret in %s", file)
	}
	return secret
}

func sortedLines(text string) []string {
	out := []string{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, ";") {
			out = append(out, line)
		}
	}
	slices.Sort(out)
	return out
}

// answer is a check that each server answers exactly want.
func answer(name, typ string, want []string, servers ...*dnsServer) func() error {
	want = slices.Sorted(slices.Values(want))
	return func() error {
		for _, s := range servers {
			got, err := dig(s.host, s.addr, s.port, name, typ)
			if err != nil {
				return err
			}
			if !slices.Equal(got, want) {
				return fmt.Errorf("%s answers %v for %s %s, expected %v", s.addr, got, name, typ, want)
			}
		}
		return nil
	}
}

// nsupdate sends one update with BIND's own client.
func nsupdate(t *testing.T, s *dnsServer, keyFile string, lines ...string) {
	t.Helper()
	cmd := s.command("nsupdate", "-k", keyFile)
	cmd.Stdin = strings.NewReader(fmt.Sprintf("server %s %d\nzone mydomain.com\n%s\nsend\n", s.addr, s.port, strings.Join(lines, "\n")))
	output(t, cmd)
}

// nginx is a real web server, started and stopped by Debian's own init script.
type nginx struct {
	host
	script string // in the agent's scripts directory
	pid    string
}

const httpPort = 8080

// newNginx writes a configuration and Debian's init script for it, and starts it by that script.
func newNginx(t *testing.T, h host, scripts string) *nginx {
	t.Helper()
	need(t, "nginx", "start-stop-daemon")
	dir := openDir(t)
	write(t, dir, "www/robots.txt", "httpd is working\n")
	pid := filepath.Join(dir, "nginx.pid")
	conf := write(t, dir, "nginx.conf", fmt.Sprintf(`worker_processes 1; pid %s; error_log %s/error.log;
events { worker_connections 64; }
http { access_log off; client_body_temp_path %[2]s/b; proxy_temp_path %[2]s/p; fastcgi_temp_path %[2]s/f; uwsgi_temp_path %[2]s/u; scgi_temp_path %[2]s/s;
  server { listen %[3]s:%[4]d; root %[2]s/www; } }
`, pid, dir, h.addr, httpPort))
	debian, err := os.ReadFile("/etc/init.d/nginx")
	if err != nil {
		missing(t, "Debian's /etc/init.d/nginx: "+err.Error())
	}
	text := strings.ReplaceAll(string(debian), "/etc/nginx/nginx.conf", conf)
	text = strings.Replace(text, "DAEMON=/usr/sbin/nginx\n", "DAEMON=/usr/sbin/nginx\nDAEMON_OPTS='-c "+conf+"'\n", 1)
	script := write(t, scripts, "nginx", text)
	if err := os.Chmod(script, 0o755); err != nil {
		t.Fatal(err)
	}
	n := &nginx{host: h, script: script, pid: pid}
	output(t, h.command(script, "start"))
	t.Cleanup(func() { _ = h.command(script, "stop").Run() })
	return n
}

// kill9 kills the master and its workers at once.
func (n *nginx) kill9(t *testing.T) {
	t.Helper()
	data, err := os.ReadFile(n.pid)
	if err != nil {
		t.Fatal(err)
	}
	master := strings.TrimSpace(string(data))
	workers, err := exec.Command("pgrep", "-P", master).Output()
	if err != nil {
		t.Fatalf("the workers of nginx %s: %v", master, err)
	}
	output(t, exec.Command("kill", append([]string{"-9", master}, strings.Fields(string(workers))...)...))
}

// breakIt makes every start fail until mended.
func (n *nginx) breakIt(t *testing.T) (mend func()) {
	t.Helper()
	good, err := os.ReadFile(n.script)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Dir(n.script), "nginx", "#!/bin/sh\necho 'nginx: [emerg] bind() failed' >&2\nexit 1\n")
	return func() { write(t, filepath.Dir(n.script), "nginx", string(good)) }
}

// exim is a real mail server: a member of the smtp pool and the operator's mailbox.
type exim struct {
	host
	proc *proc
	mbox string
	port int
}

// newExim starts Debian's Exim in the foreground; every message is appended to one mbox file.
func newExim(t *testing.T, h host, port int) *exim {
	t.Helper()
	need(t, "exim4")
	dir := openDir(t)
	e := &exim{host: h, mbox: filepath.Join(dir, "mbox"), port: port}
	conf := write(t, dir, "exim.conf", fmt.Sprintf(`primary_hostname = mail.mydomain.com
spool_directory = %[1]s/spool
log_file_path = %[1]s/log-%%s
local_interfaces = %[2]s
daemon_smtp_ports = %[3]d
domainlist local = *
acl_smtp_rcpt = accept
acl_smtp_data = accept
never_users =
tls_advertise_hosts =
begin routers
all:
  driver = accept
  transport = file
begin transports
file:
  driver = appendfile
  file = %[4]s
  user = Debian-exim
  group = Debian-exim
  mode = 0644
  return_path_add
  envelope_to_add
begin retry
* * F,1h,5s
`, dir, h.addr, port, e.mbox))
	output(t, exec.Command("chown", "-R", "Debian-exim:Debian-exim", dir))
	output(t, exec.Command("chown", "root:root", conf))
	e.proc = start(t, "exim "+h.addr, h.command("exim4", "-C", conf, "-bdf", "-q5s"))
	return e
}

// messages returns the mailbox, one string a message.
func (e *exim) messages() []string {
	data, err := os.ReadFile(e.mbox)
	if err != nil {
		return nil
	}
	parts := strings.Split("\n"+string(data), "\nFrom ")
	return parts[1:]
}
