package peers

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// dhcpClient is a real DHCP client on a host without an address. What it tells its script is written to a file, in one form for all.
type dhcpClient struct {
	name    string
	host    host
	events  string
	proc    *proc
	renew   func() // nil: it does so by itself, at T1
	release func()
	extra   []string // its own settings: lines of a configuration, or arguments
}

// dhcpEvent is a line of it.
type dhcpEvent struct {
	what string // bound: a lease; renew: the lease goes on; gone: no lease any more
	fields
}

// fields are what the script was told of the lease.
type fields struct{ ip, server, lease, router, dns, domain string }

// dhcpClients starts a client of a kind, by its name.
var dhcpClients = map[string]func(*testing.T, *dhcpClient){"dhclient": startDhclient, "udhcpc": startUdhcpc, "dhcpcd": startDhcpcd}

func newDHCPClient(t *testing.T, kind string, h host, extra ...string) *dhcpClient {
	t.Helper()
	need(t, kind)
	c := &dhcpClient{name: kind, host: h, events: filepath.Join(openDir(t), "events"), extra: extra}
	dhcpClients[kind](t, c)
	return c
}

// script writes the client's script: which of its words mean what, and where it finds the lease.
func (c *dhcpClient) script(t *testing.T, word, bound, renew, gone, vars string, configure bool) string {
	t.Helper()
	set := ":"
	if configure {
		set = "ip addr flush dev $interface; ip addr add $ip/24 dev $interface; [ -z \"$router\" ] || ip route replace default via $router"
	}
	path := write(t, filepath.Dir(c.events), "script", fmt.Sprintf(`#!/bin/sh
case %s in
%s) what=bound ;;
%s) what=renew ;;
%s) what=gone ;;
*) ip link set $interface up; exit 0 ;;
esac
%s
case $what in
gone) ip addr flush dev $interface ;;
*) %s ;;
esac
echo "$what|$ip|$server|$lease|$router|$dns|$domain" >>%s
`, word, bound, renew, gone, vars, set, c.events))
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

const iscVars = `ip=$new_ip_address server=$new_dhcp_server_identifier lease=$new_dhcp_lease_time
router=$new_routers dns=$new_domain_name_servers domain=$new_domain_name`

func startDhclient(t *testing.T, c *dhcpClient) {
	dir := filepath.Dir(c.events)
	args := []string{"-4", "-v", "-cf", write(t, dir, "dhclient.conf", strings.Join(c.extra, "\n")), "-lf", write(t, dir, "leases", ""), "-pf", filepath.Join(dir, "pid"),
		"-sf", c.script(t, "$reason", "BOUND|REBOOT", "RENEW|REBIND", "EXPIRE|FAIL|RELEASE|STOP", iscVars, true)}
	program := privateCopy(t, "dhclient")
	c.proc = start(t, "dhclient", c.host.command(program, append(args, "-d", "eth0")...))
	c.release = func() { output(t, c.host.command(program, append(args, "-r", "eth0")...)) }
}

func startUdhcpc(t *testing.T, c *dhcpClient) {
	script := c.script(t, "$1", "bound", "renew", "deconfig|leasefail", "server=$serverid", true)
	c.proc = start(t, "udhcpc", c.host.command("udhcpc", append([]string{"-f", "-i", "eth0", "-s", script, "-t", "5", "-T", "2", "-A", "2"}, c.extra...)...))
	c.renew = func() { c.signal(t, syscall.SIGUSR1) } // it knows no T1
	c.release = func() { c.signal(t, syscall.SIGUSR2) }
}

// startDhcpcd gives it directories of its own: it knows only one place for its files and its socket.
func startDhcpcd(t *testing.T, c *dhcpClient) {
	script := c.script(t, "$reason", "BOUND|REBOOT", "RENEW|REBIND", "EXPIRE|FAIL|RELEASE|STOP", iscVars, false)
	conf := write(t, filepath.Dir(c.events), "dhcpcd.conf", "ipv4only\nnoipv4ll\nnoarp\nnodelay\nclientid\noption subnet_mask, routers, domain_name_servers, domain_name\nscript "+
		script+"\n"+strings.Join(c.extra, "\n"))
	c.proc = start(t, "dhcpcd", c.host.command("sh", "-c", "mount -t tmpfs tmpfs /run && mkdir -p /run/dhcpcd /var/lib/dhcpcd && mount -t tmpfs tmpfs /var/lib/dhcpcd && exec dhcpcd -4 -B -d -f "+conf+" eth0"))
	// While its script runs it waits for its privileged half, and a signal that comes then is lost (9.4.1): ask until it says that it heard.
	c.release = func() {
		heard := c.proc.says("received SIGALRM, releasing")
		eventually(t, "dhcpcd hears that it is to release", func() error {
			err := heard()
			if err != nil {
				c.signal(t, syscall.SIGALRM)
			}
			return err
		})
	}
}

func (c *dhcpClient) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := c.proc.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// renews waits until the client has renewed its lease, from now on.
func (c *dhcpClient) renews(t *testing.T) dhcpEvent {
	t.Helper()
	n := len(c.all())
	if c.renew != nil {
		c.renew()
	}
	return c.wait(t, n, "renew")
}

// all are the events so far, but for those before the first lease.
func (c *dhcpClient) all() []dhcpEvent {
	data, _ := os.ReadFile(c.events)
	var list []dhcpEvent
	for line := range strings.Lines(string(data)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "|")
		if len(f) != 7 || f[0] == "gone" && len(list) == 0 {
			continue
		}
		list = append(list, dhcpEvent{f[0], fields{f[1], f[2], f[3], f[4], f[5], f[6]}})
	}
	return list
}

// wait waits for the client's first event of that kind from number n on.
func (c *dhcpClient) wait(t *testing.T, n int, what string) dhcpEvent {
	t.Helper()
	var got dhcpEvent
	eventually(t, c.name+" is "+what, func() error {
		list := c.all()
		for _, e := range list[min(n, len(list)):] {
			if e.what == what {
				got = e
				return nil
			}
		}
		return fmt.Errorf("so far %+v", list)
	})
	return got
}

// iscDHCP starts ISC dhcpd on a host of a LAN.
func iscDHCP(t *testing.T, h host, conf string) *iscServer {
	t.Helper()
	need(t, "dhcpd")
	s := &iscServer{host: h, dir: openDir(t)}
	program := privateCopy(t, "dhcpd")
	file := write(t, s.dir, "dhcpd.conf", conf)
	s.leases = write(t, s.dir, "leases", "")
	s.again = func() *proc {
		return start(t, "dhcpd "+h.addr, h.command(program, "-4", "-f", "-d", "--no-pid", "-cf", file, "-lf", s.leases, "eth0"))
	}
	s.restart(t)
	return s
}

type iscServer struct {
	host
	dir, leases string
	proc        *proc
	again       func() *proc
}

func (s *iscServer) restart(t *testing.T) {
	t.Helper()
	s.proc = s.again()
	eventually(t, "dhcpd "+s.addr+" starts", s.proc.says("Server starting service"))
}

// perfdhcp runs Kea's load generator and returns what it printed.
func perfdhcp(t *testing.T, h host, args ...string) string {
	t.Helper()
	need(t, "perfdhcp")
	cmd := h.command("perfdhcp", args...)
	out, err := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); err != nil && code != 3 { // 3: some exchanges were not completed
		t.Fatalf("perfdhcp: %v\n%s", err, out)
	}
	return string(out)
}
