package peers

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"loadshare/internal/dhcpclient"
)

// joins puts a host's network namespace into the LAN, with an interface and an address; no address when last is 0.
func (l *lan) joins(t *testing.T, netns, dev string, last int) (addr string) {
	t.Helper()
	l.ports++
	port := fmt.Sprintf("x%d", l.ports)
	l.ip(t, l.bridge, "link", "add", port, "type", "veth", "peer", "name", dev, "netns", netns)
	l.ip(t, l.bridge, "link", "set", port, "master", "br0", "up")
	if last != 0 {
		addr = fmt.Sprintf("%s%d", l.prefix, last)
		l.ip(t, netns, "addr", "add", addr+"/24", "dev", dev)
	}
	l.ip(t, netns, "link", "set", dev, "up")
	return addr
}

// bare adds a host without an address on its eth0: a DHCP client.
func (l *lan) bare(t *testing.T, name string) host {
	t.Helper()
	h := host{netns: l.id + "-" + name}
	l.namespace(t, h.netns)
	l.joins(t, h.netns, "eth0", 0)
	return h
}

// dhcpRelay joins two networks by a router that relays DHCP messages from the clients' side to the servers.
func dhcpRelay(t *testing.T, servers, clients *lan, to ...host) {
	t.Helper()
	need(t, "dhcrelay")
	r := servers.host(t, "relay", 254)
	gateway := clients.joins(t, r.netns, "eth1", 254)
	output(t, r.command("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"))
	args := []string{"-4", "-d", "--no-pid", "-iu", "eth0", "-id", "eth1"}
	for _, s := range to {
		servers.ip(t, s.netns, "route", "add", clients.prefix+"0/24", "via", r.addr)
		args = append(args, s.addr)
	}
	p := start(t, "dhcrelay "+gateway, r.command(privateCopy(t, "dhcrelay"), args...))
	eventually(t, "dhcrelay listens", p.says("Sending on   Socket/fallback"))
}

// says checks that the process has printed a text.
func (p *proc) says(text string) func() error {
	return func() error {
		if !strings.Contains(p.log.String(), text) {
			return fmt.Errorf("it has not said %q", text)
		}
		return nil
	}
}

// generator is a relay agent on port 67 of the host with many clients behind it.
func (h host) generator(t *testing.T, c dhcpclient.Config) *dhcpclient.Generator {
	t.Helper()
	var g *dhcpclient.Generator
	c.Local = netip.AddrPortFrom(netip.MustParseAddr(h.addr), 67)
	h.within(t, func() (err error) {
		g, err = dhcpclient.NewGenerator(c)
		return err
	})
	t.Cleanup(g.Close)
	return g
}

// within calls f in the network of the host; what it opens stays there. See dial.
func (h host) within(t *testing.T, f func() error) {
	t.Helper()
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer home.Close()
	there, err := os.Open("/run/netns/" + h.netns)
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	err = f()
	if e := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); e != nil {
		panic(e) // this thread must not run anything else
	}
	runtime.UnlockOSThread()
	if err != nil {
		t.Fatal(err)
	}
}

// dhcpServer is one DHCP server of ours.
type dhcpServer struct {
	host
	dir, control string
	proc         *proc
	again        func() *proc
}

// ourDHCP starts loadshare dhcp on a host of a LAN: it hears eth0 and its own address. scopes is the rest of the configuration.
func ourDHCP(t *testing.T, h host, scopes string) *dhcpServer {
	t.Helper()
	s := &dhcpServer{host: h, dir: openDir(t)}
	s.control = "unix:" + filepath.Join(s.dir, "dhcp.sock")
	file := write(t, s.dir, "dhcp.toml", fmt.Sprintf("interfaces = [\"eth0\"]\nlisten = [\"%s:67\"]\nstate_dir = \"state\"\n[control]\nlisten = \"%s\"\n", h.addr, s.control)+scopes)
	output(t, exec.Command(loadshare(t), "check", file))
	s.again = func() *proc { return start(t, "loadshare dhcp "+h.addr, h.command(loadshare(t), "dhcp", "-c", file)) }
	s.restart(t)
	return s
}

// restart starts the server (again) and waits until it is ready.
func (s *dhcpServer) restart(t *testing.T) {
	t.Helper()
	s.proc = s.again()
	eventually(t, "loadshare dhcp "+s.addr+" answers its operator", func() error {
		out, err := s.ask("status")
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
}

// ask runs a command of the operator.
func (s *dhcpServer) ask(args ...string) ([]byte, error) {
	path, err := binary()
	if err != nil {
		return nil, err
	}
	return exec.Command(path, append(args, "--json", "-s", s.control)...).CombinedOutput()
}

// leaseStatus is the part of `lease show --json` that the tests look at.
type leaseStatus struct {
	Address, State string
	Hostname       string
}

// lease checks that the operator is shown an address in that state.
func (s *dhcpServer) lease(address, state string) func() error {
	return func() error {
		out, err := s.ask("lease", "show", address)
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		var l leaseStatus
		if err := json.Unmarshal(out, &l); err != nil {
			return err
		}
		if l.State != state {
			return fmt.Errorf("%s is %s, not %s", address, l.State, state)
		}
		return nil
	}
}

// dhcpScope is a scope for the addresses .100 to .200 of a LAN, and the options that clients are shown to get.
func (l *lan) dhcpScope(name, more string) string {
	return fmt.Sprintf(`
[[scope]]
name = "%[1]s"
subnet = "%[2]s0/24"
ranges = ["%[2]s100-%[2]s200"]
lease_time = "1h"
%[3]s
[scope.options]
routers = ["%[2]s254"]
domain-name-servers = ["%[2]s1", "%[2]s2"]
domain-name = "mydomain.com"
`, name, l.prefix, more)
}
