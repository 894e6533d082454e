package peers

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// lan is a switch with one network namespace for each host, 10.77.N.0/24.
// Nothing in it reaches the machine's own network.
type lan struct {
	id     string
	prefix string
	bridge string // namespace that holds the bridge
	ports  int    // of interfaces beside those of host
}

var lans atomic.Int32

func newLAN(t *testing.T) *lan {
	t.Helper()
	if os.Getuid() != 0 {
		missing(t, "network namespaces need root")
	}
	need(t, "ip", "nft")
	n := int(lans.Add(1))
	l := &lan{id: fmt.Sprintf("ls%d-%d", os.Getpid()%100000, n), prefix: fmt.Sprintf("10.77.%d.", n)}
	l.bridge = l.id + "-sw"
	l.namespace(t, l.bridge)
	l.ip(t, l.bridge, "link", "add", "br0", "type", "bridge")
	l.ip(t, l.bridge, "link", "set", "br0", "up")
	return l
}

func (l *lan) namespace(t *testing.T, name string) {
	t.Helper()
	if out, err := exec.Command("ip", "netns", "add", name).CombinedOutput(); err != nil {
		missing(t, fmt.Sprintf("ip netns add: %v %s", err, out))
	}
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", name).Run() })
	l.ip(t, name, "link", "set", "lo", "up")
}

func (l *lan) ip(t *testing.T, ns string, args ...string) {
	t.Helper()
	output(t, exec.Command("ip", append([]string{"-n", ns}, args...)...))
}

// host adds a host with the given last octet.
func (l *lan) host(t *testing.T, name string, last int) host {
	t.Helper()
	h := host{addr: fmt.Sprintf("%s%d", l.prefix, last), netns: l.id + "-" + name}
	l.namespace(t, h.netns)
	port := fmt.Sprintf("p%d", last)
	l.ip(t, l.bridge, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", h.netns)
	l.ip(t, l.bridge, "link", "set", port, "master", "br0", "up")
	l.ip(t, h.netns, "addr", "add", h.addr+"/24", "dev", "eth0")
	l.ip(t, h.netns, "link", "set", "eth0", "up")
	return h
}

// dial connects from the host. It stays on one thread, which is in the host's network meanwhile and then back: a thread that ended there
// would take the processes with it that were started from it.
func (h host) dial(network, address string, timeout time.Duration) (c net.Conn, err error) {
	if h.netns == "" {
		return net.DialTimeout(network, address, timeout)
	}
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, err
	}
	defer home.Close()
	there, err := os.Open("/run/netns/" + h.netns)
	if err != nil {
		return nil, err
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, err
	}
	c, err = net.DialTimeout(network, address, timeout)
	if e := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); e != nil {
		panic(e) // this thread must not run anything else
	}
	runtime.UnlockOSThread()
	return c, err
}

// cut drops everything between the host and the others, silently, both ways;
// with no others it is cut off from everybody. The returned function mends it.
func (h host) cut(t *testing.T, others ...host) (mend func()) {
	t.Helper()
	rules := "add table inet cut\nadd chain inet cut in { type filter hook input priority 0; }\nadd chain inet cut out { type filter hook output priority 0; }\n"
	if len(others) == 0 {
		rules += "add rule inet cut in iifname eth0 drop\nadd rule inet cut out oifname eth0 drop\n"
	}
	for _, o := range others {
		rules += fmt.Sprintf("add rule inet cut in ip saddr %s drop\nadd rule inet cut out ip daddr %[1]s drop\n", o.addr)
	}
	cmd := h.command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	output(t, cmd)
	return func() { output(t, h.command("nft", "delete", "table", "inet", "cut")) }
}

// web is a little service of loadshare's own demo on a namespace host.
type web struct {
	host
	pid string
}

// network is one site in namespaces: two BIND primaries, two publishing agents
// on hosts of their own, two web nodes, one monitor.
type network struct {
	*site
	dns        []*dnsServer
	publishers []host
	webs       []web
	addrs      []string
}

func newNetwork(t *testing.T) *network {
	t.Helper()
	l := newLAN(t)
	n := &network{site: newSite(t, l.host(t, "mon", 100))}
	ns1, ns2 := l.host(t, "ns1", 1), l.host(t, "ns2", 2)
	n.publishers = []host{l.host(t, "pub1", 3), l.host(t, "pub2", 4)}
	var lines []string
	for i, last := range []int{11, 12, 13} {
		h := l.host(t, fmt.Sprintf("web%d", i+1), last)
		w := web{h, fmt.Sprintf("%s/web%d.pid", n.dir, i+1)}
		output(t, w.command(loadshare(t), "demo-service", "start", "http", w.addr+":8080", w.pid))
		t.Cleanup(func() { w.stop(t) })
		n.webs, n.addrs = append(n.webs, w), append(n.addrs, w.addr)
		lines = append(lines, "www 1 IN A "+w.addr)
	}
	zone := zoneText(ns1, ns2, lines...)
	n.dns = []*dnsServer{named(t, ns1, n.ddns, zone), named(t, ns2, n.ddns, zone)}
	for i, p := range n.publishers {
		n.publisher(t, fmt.Sprintf("pub%d", i+1), p, n.dns, "")
	}
	pool := "fall = 2\n[guard]\nanchors = [\"" + ns1.addr + "\", \"" + ns2.addr + "\"]\n[[pool]]\nrecord = \"" + www + "\"\nttl = 5\n[pool.check]\ntype = \"http\"\nport = 8080\npath = \"/\"\nexpect = \"is working\"\n"
	for _, a := range n.addrs {
		pool += "[[pool.member]]\naddress = \"" + a + "\"\n"
	}
	n.monitor(t, n.publishers, n.dns, nil, pool)
	eventually(t, "first verdicts", n.isUp(www, n.addrs...))
	eventually(t, "both answer every address", answer(www, "A", n.addrs, n.dns...))
	return n
}

func (w web) stop(t *testing.T) {
	t.Helper()
	output(t, w.command(loadshare(t), "demo-service", "stop", "http", w.addr+":8080", w.pid))
}

func (w web) start(t *testing.T) {
	t.Helper()
	output(t, w.command(loadshare(t), "demo-service", "start", "http", w.addr+":8080", w.pid))
}

// TestLinkToOneDNSServerCut: M5, "each living server has it and answers it; a
// dead one is owed and gets it on return".
func TestLinkToOneDNSServerCut(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	mend := n.dns[1].cut(t)
	n.webs[0].stop(t)
	eventually(t, "the reachable server changes", answer(www, "A", n.addrs[1:], n.dns[0]))
	mend()
	healed := eventually(t, "the cut-off server catches up", answer(www, "A", n.addrs[1:], n.dns...))
	n.webs[0].start(t)
	eventually(t, "and both take the return", answer(www, "A", n.addrs, n.dns...))
	t.Logf("caught up %s after the link was mended", healed.Round(time.Millisecond))
}

// TestMonitorCutOff: M4, the anchors do not answer, so it is the monitor that
// is blind: nothing is removed, and nothing after it sees again.
func TestMonitorCutOff(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	mend := n.mon.cut(t)
	stays(t, 6*time.Second, "nothing is removed while the monitor is blind", answer(www, "A", n.addrs, n.dns...))
	mend()
	stays(t, 3*time.Second, "nothing is removed when it sees again", answer(www, "A", n.addrs, n.dns...))
	eventually(t, "all are up again", n.isUp(www, n.addrs...))
	n.webs[1].stop(t)
	eventually(t, "and it still does its work", answer(www, "A", []string{n.addrs[0], n.addrs[2]}, n.dns...))
}

// TestOneAgentUnreachable: each order goes to all publishing agents; one that is away delays nobody.
func TestOneAgentUnreachable(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	mend := n.publishers[0].cut(t)
	n.webs[0].stop(t)
	took := eventually(t, "the other agent writes both servers", answer(www, "A", n.addrs[1:], n.dns...))
	n.webs[0].start(t)
	eventually(t, "and back", answer(www, "A", n.addrs, n.dns...))
	mend()
	stays(t, 5*time.Second, "the agent that returns changes nothing", answer(www, "A", n.addrs, n.dns...))
	t.Logf("out of both %s after the stop, one agent away", took.Round(time.Millisecond))
}

// TestLateWriteIsRefused: M2. One agent has an order but no way to the DNS
// servers; then it loses the monitor too; meanwhile the other publishes the
// next decision. When the first gets its way back, its old set must not win.
func TestLateWriteIsRefused(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	late := n.publishers[0]
	mend := late.cut(t, n.dns[0].host, n.dns[1].host)
	n.webs[0].stop(t)
	eventually(t, "the other agent publishes without the first node", answer(www, "A", n.addrs[1:], n.dns...))
	mend()
	mend = late.cut(t, n.dns[0].host, n.dns[1].host, n.mon)
	n.webs[0].start(t)
	eventually(t, "the other agent publishes the next decision", answer(www, "A", n.addrs, n.dns...))
	mend()
	mendMonitor := late.cut(t, n.mon)
	stays(t, 8*time.Second, "the late agent's queue is refused", answer(www, "A", n.addrs, n.dns...))
	mendMonitor()
	stays(t, 3*time.Second, "and stays refused when it hears the monitor", answer(www, "A", n.addrs, n.dns...))
}

// TestAgentFrozenBetweenReadAndWrite: the same with a process that stops (SIGSTOP) for a while and wakes up.
func TestAgentFrozenBetweenReadAndWrite(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	frozen := n.roles["pub1"]
	freeze := func(sig string) {
		output(t, exec.Command("kill", "-"+sig, "--", fmt.Sprintf("-%d", frozen.cmd.Process.Pid)))
	}
	n.webs[0].stop(t)
	eventually(t, "suspected", func() error {
		m, err := n.memberState(www, n.addrs[0])
		if err == nil && m.State == "up" {
			err = fmt.Errorf("still up")
		}
		return err
	})
	freeze("STOP")
	eventually(t, "out of both", answer(www, "A", n.addrs[1:], n.dns...))
	n.webs[0].start(t)
	eventually(t, "back in both", answer(www, "A", n.addrs, n.dns...))
	freeze("CONT")
	stays(t, 6*time.Second, "the thawed agent overwrites nothing", answer(www, "A", n.addrs, n.dns...))
}
