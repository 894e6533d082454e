// Command dhcp measures our DHCP server beside ISC dhcpd and Kea on one machine, in one run, alone and in pairs.
//
//	go run ./test/bench/dhcp [-part rate,latency,memory,away] [-quick] [-kinds ours,dhcpd] [-clients 50000]
//
// It needs root: every server has a network namespace of its own, and all are joined by a bridge to the load, which is a relay agent with
// many clients (internal/dhcpclient): every exchange is a new client's DISCOVER, OFFER, REQUEST, ACK. Servers have one core, all
// of a pair the same one, the load another. Peers that are not installed are named and left out. Only ratios travel to other machines.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"

	"loadshare/test/bench/measure"
)

func main() {
	var o options
	flag.StringVar(&o.binary, "loadshare", "bin/loadshare", "our binary")
	flag.StringVar(&o.parts, "part", "rate,latency,memory,away", "what to measure")
	flag.StringVar(&o.kinds, "kinds", "", "only these, such as ours,dhcpd,mirror")
	flag.BoolVar(&o.quick, "quick", false, "short and small: whether it works, not how fast it is")
	flag.IntVar(&o.clients, "clients", 0, "new clients of one measurement of rate (50000; quick: 1000)")
	flag.IntVar(&o.steady, "steady", 0, "new clients of one measurement of latency (10000; quick: 500)")
	flag.IntVar(&o.repeats, "repeats", 0, "how often everything is measured (3; quick: 1)")
	flag.StringVar(&o.mirror, "mirror", "", "internal: serve at -addr and sync to this file")
	flag.StringVar(&o.addr, "addr", "", "internal: of the mirror")
	flag.BoolVar(&o.inside, "inside", false, "internal: already in a network namespace")
	flag.Parse()
	if o.mirror != "" {
		fmt.Fprintln(os.Stderr, mirror(o.addr, o.mirror))
		os.Exit(1)
	}
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "dhcp benchmark:", err)
		os.Exit(1)
	}
}

type options struct {
	binary, parts, kinds, mirror, addr string
	quick, inside                      bool
	clients, steady, repeats           int
}

func run(o options) error {
	switch {
	case runtime.NumCPU() < 2:
		return errors.New("needs two cores: one for the servers, one for the load")
	case os.Getuid() != 0:
		return errors.New("needs root, for network namespaces and port 67")
	case !o.inside:
		return inNamespace()
	}
	o.repeats, o.clients, o.steady = o.pick(o.repeats, 3, 1), o.pick(o.clients, 50000, 1000), o.pick(o.steady, 10000, 500)
	b, err := newBench(o)
	if err != nil {
		return err
	}
	defer b.close()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-stop
		b.close()
		os.Exit(1)
	}()
	parts := map[string]func() error{"rate": b.rate, "latency": b.latency, "memory": b.memory, "away": b.away}
	var failed error
	for name := range strings.SplitSeq(o.parts, ",") {
		part := parts[name]
		if part == nil {
			return fmt.Errorf("-part: %q is none of rate, latency, memory, away", name)
		}
		fmt.Fprintf(b.out, "\n-- %s\n", name)
		if err := part(); err != nil {
			fmt.Fprintf(b.out, "%s: %v\n", name, err)
			failed = errors.Join(failed, fmt.Errorf("%s was not measured to its end", name))
		}
	}
	return failed
}

func (o options) pick(given, full, quick int) int {
	switch {
	case given != 0:
		return given
	case o.quick:
		return quick
	}
	return full
}

// inNamespace runs this program again in a network namespace of its own: that of the load and the bridge.
func inNamespace() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, append([]string{"-inside"}, os.Args[1:]...)...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGTERM}
	signal.Ignore(os.Interrupt) // the other one cleans up
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("in a network namespace of its own: %w", err)
	}
	return nil
}

// bench is one run.
type bench struct {
	options
	out   io.Writer
	dir   string
	net   *network
	kinds []kind
	count int
	once  sync.Once
}

func newBench(o options) (*bench, error) {
	binary, err := filepath.Abs(o.binary)
	if err != nil {
		return nil, err
	}
	b := &bench{options: o, out: os.Stdout}
	if b.dir, err = os.MkdirTemp("", "loadshare-bench-dhcp-"); err != nil {
		return nil, err
	}
	if err := os.Chmod(b.dir, 0o755); err != nil {
		return nil, err
	}
	if b.net, err = newNetwork(2); err != nil {
		b.close()
		return nil, err
	}
	if err := measure.PinSelf(loadCore); err != nil {
		b.close()
		return nil, err
	}
	runtime.GOMAXPROCS(1)
	fmt.Fprintf(b.out, "machine: %s, %d CPUs, %s, Linux %s; servers on core %d, load on core %d; files on %s\n",
		measure.CPUModel(), runtime.NumCPU(), runtime.Version(), measure.Kernel(), serverCore, loadCore, measure.Filesystem(b.dir))
	fmt.Fprintln(b.out, "durable before the client gets its ACK:")
	for _, k := range kinds(binary, o.quick) {
		if o.kinds != "" && !slices.Contains(strings.Split(o.kinds, ","), k.name) {
			continue
		}
		if err := k.here(); err != nil {
			fmt.Fprintf(b.out, "  %s: not here (%v)\n", k.name, err)
			continue
		}
		fmt.Fprintf(b.out, "  %s (%s): %s\n", k.name, k.version(), k.durable)
		b.kinds = append(b.kinds, k)
	}
	if len(b.kinds) == 0 {
		b.close()
		return nil, fmt.Errorf("no server of -kinds is there; ours is %s: make build", binary)
	}
	return b, nil
}

// close is also called when a signal ends the run.
func (b *bench) close() {
	b.once.Do(func() {
		if b.net != nil {
			b.net.close()
		}
		_ = os.RemoveAll(b.dir)
	})
}

// start starts the servers of a kind in an empty directory, with so many addresses, and waits until they serve.
func (b *bench) start(k kind, pool int) (*running, error) {
	b.count++
	r := &running{kind: k, net: b.net, dir: filepath.Join(b.dir, fmt.Sprintf("%s-%d", k.name, b.count))}
	n := 1
	if k.pair {
		n = 2
	}
	for i := range n {
		s := &server{node: b.net.nodes[i], dir: filepath.Join(r.dir, fmt.Sprint(i+1)), first: i == 0, pool: pool}
		if err := os.MkdirAll(s.dir, 0o755); err != nil {
			return nil, err
		}
		r.servers = append(r.servers, s)
	}
	if err := r.start(); err != nil {
		defer r.stop()
		return nil, fmt.Errorf("%s: %w\n%s", k.name, err, r.tails())
	}
	return r, nil
}
