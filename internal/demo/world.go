package demo

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"loadshare/internal/config"
)

// Ports of the demo, all above 1024.
const (
	dnsPort   = 5300
	agentPort = 5324
	pairPort  = 5325
	httpPort  = 8080
	smtpPort  = 2525
)

const domain = "demo.test"

// node is one pretended host: a loopback address of its own.
type node struct {
	name string
	addr netip.Addr
}

// world is everything the demo made: where its files are and who lives at which address.
type world struct {
	dir     string
	binary  string
	dns     []node // the HA DNS pair: main, backup
	webs    []node // nodes of www
	mails   []node // nodes of smtp, the first of webs
	dhcp    []node // the DHCP failover pair: main, backup, on the hosts of the DNS servers
	relay   node   // a DHCP relay agent with all clients behind it
	mailbox netip.AddrPort
}

// newWorld chooses a free loopback network and writes all files.
func newWorld(binary string) (*world, error) {
	base, err := freeNetwork()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "loadshare-demo-")
	if err != nil {
		return nil, fmt.Errorf("make the demo's directory: %w", err)
	}
	at := func(last byte) netip.Addr {
		b := base.As4()
		b[3] = last
		return netip.AddrFrom4(b)
	}
	w := &world{
		dir: dir, binary: binary,
		dns:     []node{{"ns1", at(1)}, {"ns2", at(2)}},
		webs:    []node{{"node1", at(11)}, {"node2", at(12)}, {"node3", at(13)}},
		dhcp:    []node{{"dhcp1", at(1)}, {"dhcp2", at(2)}},
		relay:   node{"relay", at(31)},
		mailbox: netip.AddrPortFrom(at(22), smtpPort),
	}
	w.mails = w.webs[:2]
	if err := w.write(); err != nil {
		return nil, err
	}
	return w, nil
}

// freeNetwork returns the first 127.0.N.0 on which nothing uses the demo's ports.
func freeNetwork() (netip.Addr, error) {
	var last error
	for n := byte(77); n < 97; n++ {
		net24 := netip.AddrFrom4([4]byte{127, 0, n, 0})
		if last = portsFree(net24); last == nil {
			return net24, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("no free loopback network for the demo from 127.0.77.0 to 127.0.96.0: %w", last)
}

func portsFree(net24 netip.Addr) error {
	for _, p := range []struct {
		last byte
		port uint16
	}{{1, dnsPort}, {2, dnsPort}, {1, pairPort}, {2, pairPort}, {1, agentPort}, {2, agentPort}, {11, agentPort}, {12, agentPort}, {13, agentPort},
		{11, httpPort}, {12, httpPort}, {13, httpPort}, {11, smtpPort}, {12, smtpPort}, {22, smtpPort}, {1, failoverPort}, {2, failoverPort}} {
		b := net24.As4()
		b[3] = p.last
		l, err := net.Listen("tcp", netip.AddrPortFrom(netip.AddrFrom4(b), p.port).String())
		if err != nil {
			return err
		}
		_ = l.Close() // only asked whether it is free
	}
	return nil
}

func (w *world) path(name string) string     { return filepath.Join(w.dir, name) }
func (w *world) control(role string) string  { return "unix:" + w.path(role+".sock") }
func (w *world) dnsAt(n node) netip.AddrPort { return netip.AddrPortFrom(n.addr, dnsPort) }
func (w *world) addresses(nodes []node) []string {
	return each(nodes, func(n node) string { return n.addr.String() })
}

func each(nodes []node, f func(node) string) []string {
	out := make([]string, 0, len(nodes))
	for _, n := range nodes {
		out = append(out, f(n))
	}
	return out
}

func quoted(list []string) string { return `["` + strings.Join(list, `", "`) + `"]` }

// write makes every file that the roles read.
func (w *world) write() error {
	files := map[string]string{
		"ddns.key":          config.NewKey("ddns").Text(),
		"agent.key":         config.NewKey("agent").Text(),
		"pair.key":          config.NewKey("pair").Text(),
		"dhcp-pair.key":     config.NewKey("dhcp-pair").Text(),
		"db." + domain:      w.zoneFile(),
		"db." + reverseZone: fmt.Sprintf("$TTL 30\n@ IN SOA ns1.%[1]s. root.%[1]s. 1 28800 140 3600000 1\n  IN NS ns1.%[1]s.\n  IN NS ns2.%[1]s.\n", domain),
		"normal-dns":        w.normalDNS(),
		"monitor.toml":      w.monitorToml(),
	}
	for i, n := range w.dns {
		files[n.name+".toml"] = w.dnsToml(i)
		files["agent-"+n.name+".toml"] = w.publisherToml(n)
	}
	for i, n := range w.dhcp {
		files[n.name+".toml"] = w.dhcpToml(i)
	}
	for i, n := range w.webs {
		files["agent-"+n.name+".toml"] = w.nodeToml(n, w.services(i))
	}
	for name, text := range files {
		if err := os.WriteFile(w.path(name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("write the demo's %s: %w", name, err)
		}
	}
	return nil
}

func (w *world) zoneFile() string {
	var b strings.Builder
	fmt.Fprintf(&b, "$TTL 30\n@ IN SOA ns1.%[1]s. root.%[1]s. 1 28800 140 3600000 1\n  IN NS ns1.%[1]s.\n  IN NS ns2.%[1]s.\n", domain)
	for _, list := range [][]node{w.dns, w.webs} {
		for _, n := range list {
			fmt.Fprintf(&b, "%s IN A %s\n", n.name, n.addr)
		}
	}
	for _, n := range w.webs {
		fmt.Fprintf(&b, "www 5 IN A %s\n", n.addr)
	}
	for _, n := range w.mails {
		fmt.Fprintf(&b, "smtp 5 IN A %s\n", n.addr)
	}
	return b.String()
}

func (w *world) normalDNS() string {
	var b strings.Builder
	for _, n := range w.webs {
		fmt.Fprintf(&b, "update add www.%s 5 A %s\n", domain, n.addr)
	}
	for _, n := range w.mails {
		fmt.Fprintf(&b, "update add smtp.%s 5 A %s\n", domain, n.addr)
	}
	return b.String() + "\n\n"
}

func (w *world) dnsToml(i int) string {
	n, partner, role := w.dns[i], w.dns[1-i], [...]string{"main", "backup"}[i]
	return fmt.Sprintf(`listen = ["%s"]
state_dir = "state-%s"
keys = ["ddns.key"]
nsid = "%[2]s"
[control]
listen = "%s"
[ha]
role = "%s"
listen = "%s"
partner = "%s"
key = "pair.key"
heartbeat = "500ms"
comm_timeout = "2s"
[[zone]]
name = "%[7]s"
file = "db.%[7]s"
update = ["key ddns"]
transfer = ["127.0.0.0/8"]
[[zone]]
name = "%[8]s"
file = "db.%[8]s"
update = ["key ddns"]
`, w.dnsAt(n), n.name, w.control(n.name), role, netip.AddrPortFrom(n.addr, pairPort), netip.AddrPortFrom(partner.addr, pairPort), domain, reverseZone)
}

func (w *world) publisherToml(n node) string {
	return w.agentHead(n) + fmt.Sprintf(`[publish]
servers = %s
policy = "pair"
key = "ddns.key"
records = ["*.%s A AAAA"]
strays = "remove"
fence = true
normal_dns = "normal-dns"
`, quoted(each(w.dns, func(d node) string { return w.dnsAt(d).String() })), domain)
}

func (w *world) agentHead(n node) string {
	return fmt.Sprintf(`listen = "%s"
state_dir = "state-agent-%s"
key = "agent.key"
[control]
listen = "%s"
`, netip.AddrPortFrom(n.addr, agentPort), n.name, w.control("agent-"+n.name))
}

func (w *world) nodeToml(n node, services []service) string {
	text := w.agentHead(n) + "[restart]\nbudget = \"5/10m\"\ntimeout = \"10s\"\n"
	for _, s := range services {
		text += fmt.Sprintf("[restart.service.%s]\nmethod = \"exec\"\nstop = %s\nstart = %s\n", s.kind, quoted(s.command("stop")), quoted(s.command("start")))
	}
	return text
}

func (w *world) monitorToml() string {
	var b strings.Builder
	fmt.Fprintf(&b, `state_dir = "state-monitor"
id = "demo"
[control]
listen = "%s"
[alerts]
smtp = "smtp://%s"
from = "loadshare@%s"
to = ["you@%[3]s"]
[agents]
port = %d
key = "agent.key"
[dns]
agents = %s
servers = %s
reset_on_start = true
[defaults]
interval = "500ms"
timeout = "400ms"
fall = 3
rise = 2
grace = "5s"
flap = "20/10m"
`, w.control("monitor"), w.mailbox, domain, agentPort, quoted(w.addresses(w.dns)), quoted(each(w.dns, func(d node) string { return w.dnsAt(d).String() })))
	pool := func(name, check, service string, members []node) {
		fmt.Fprintf(&b, "[[pool]]\nrecord = \"%s.%s\"\nttl = 5\n[pool.check]\n%s", name, domain, check)
		for _, n := range members {
			fmt.Fprintf(&b, "[[pool.member]]\naddress = \"%s\"\nrestart = \"%s\"\n", n.addr, service)
		}
	}
	pool("www", fmt.Sprintf("type = \"http\"\nport = %d\npath = \"/health\"\nhost = \"www.%s\"\nexpect = \"is working\"\n", httpPort, domain), "http", w.webs)
	pool("smtp", fmt.Sprintf("port = %d\nbanner = true\nsend = \"QUIT\"\nexpect = \"220\"\n", smtpPort), "smtp", w.mails)
	return b.String()
}
