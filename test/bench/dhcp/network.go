package main

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// The addresses: servers in the network for benchmarks (RFC 2544), leases of a /15 that is only inside.
const (
	serverNet = "198.18.0."
	gateway   = "198.18.0.254"
	relayAddr = "10.64.0.1"
	leaseNet  = "10.64.0.0/15"
	leaseFrom = "10.64.1.0"
	leaseMask = "255.254.0.0"
)

// leases is a range of so many addresses from leaseFrom: the end of its first half, the next address, its end.
func leases(n int) (half, next, end string) {
	at := func(i int) string {
		i += 256
		return fmt.Sprintf("10.%d.%d.%d", 64+i>>16, i>>8&255, i&255)
	}
	return at(n/2 - 1), at(n / 2), at(n - 1)
}

// network is a bridge in this process's namespace, and a namespace for each server on it.
type network struct{ nodes []node }

type node struct {
	netns string
	addr  netip.Addr
}

func newNetwork(servers int) (*network, error) {
	n := &network{}
	if err := ip("link set lo up", "link add br0 type bridge", "link set br0 up", "addr add "+gateway+"/24 dev br0", "addr add "+relayAddr+"/15 dev br0"); err != nil {
		return n, err
	}
	for i := range servers {
		s := node{fmt.Sprintf("ls-bench-%d-%d", os.Getpid(), i+1), netip.MustParseAddr(fmt.Sprint(serverNet, i+1))}
		if err := ip("netns add " + s.netns); err != nil {
			return n, err
		}
		n.nodes = append(n.nodes, s)
		port := fmt.Sprintf("p%d", i+1)
		in := "-n " + s.netns + " "
		if err := ip("link add "+port+" type veth peer name eth0 netns "+s.netns, "link set "+port+" master br0 up", in+"link set lo up", in+"link set eth0 up",
			in+"addr add "+s.addr.String()+"/24 dev eth0", in+"route add default via "+gateway); err != nil {
			return n, err
		}
	}
	return n, nil
}

func (n *network) close() {
	for _, s := range n.nodes {
		cmd := exec.Command("ip", "netns", "del", s.netns)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a signal to the group must not end it
		if out, err := cmd.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "ip netns del %s: %v: %s", s.netns, err, out)
		}
	}
}

func ip(commands ...string) error {
	for _, c := range commands {
		if out, err := exec.Command("ip", strings.Fields(c)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", c, err, out)
		}
	}
	return nil
}
