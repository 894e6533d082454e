// Command dns measures our DNS server beside BIND, Knot, NSD, gdnsd and CoreDNS on one machine, in one run.
//
//	go run ./test/bench/dns [-part answers,rate,updates,tail,big,pair] [-quick] [-servers knot,nsd] [-load tcp/1,udp/32] [-before OLDER]
//
// Servers have one core, the load another. As root it moves into a network namespace of its own first, so that our server is asked
// from an address that its rate limit is for (loopback is exempt); otherwise 127.0.0.1 is used, and that is said.
// Peers that are not installed are named and left out. Every figure is repeated, the servers in turn. Only ratios travel to
// other machines.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"loadshare/internal/config"
	"loadshare/test/bench/measure"
)

func main() {
	var o options
	flag.StringVar(&o.binary, "loadshare", "bin/loadshare", "our binary")
	flag.StringVar(&o.coredns, "coredns", "bin/bench-coredns", "CoreDNS, as install.sh builds it")
	flag.StringVar(&o.before, "before", "", "an older binary of ours to compare with")
	flag.StringVar(&o.parts, "part", "answers,rate,updates,pair,tail,big", "what to measure")
	flag.StringVar(&o.servers, "servers", "", "only these beside ours")
	flag.StringVar(&o.load, "load", "tcp/1,tcp/32,tcp/64,udp/1,udp/32,udp/64", "updates: transports and numbers of clients")
	flag.BoolVar(&o.quick, "quick", false, "short and small: whether it works, not how fast it is")
	flag.IntVar(&o.repeats, "repeats", 0, "how often everything is measured (5; quick: 2)")
	flag.StringVar(&o.addr, "addr", "", "internal: address of the servers")
	flag.StringVar(&o.mirror, "mirror", "", "internal: serve at -addr and sync to this file")
	flag.Parse()
	if o.mirror != "" {
		fmt.Fprintln(os.Stderr, mirror(o.addr, o.mirror))
		os.Exit(1)
	}
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "dns benchmark:", err)
		os.Exit(1)
	}
}

type options struct {
	binary, before, coredns, parts, servers, load, addr, mirror string
	quick                                                       bool
	repeats                                                     int
}

func run(o options) error {
	if runtime.NumCPU() < 2 {
		return fmt.Errorf("needs two cores: one for the servers, one for the load")
	}
	if o.addr == "" && os.Getuid() == 0 {
		return inNamespace()
	}
	if o.addr == "" {
		fmt.Println("not root: asked over 127.0.0.1, which our rate limit does not count")
		o.addr = "127.0.0.1"
	}
	if o.repeats == 0 {
		o.repeats = 5
		if o.quick {
			o.repeats = 2
		}
	}
	b, err := newBench(o)
	if err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	parts := map[string]func() error{"answers": b.answers, "rate": b.rate, "updates": b.updates, "pair": b.pair, "tail": b.tail, "big": b.big}
	var failed error
	for name := range strings.SplitSeq(o.parts, ",") {
		part := parts[name]
		if part == nil {
			return fmt.Errorf("-part: %q is none of answers, rate, updates, pair, tail, big", name)
		}
		fmt.Fprintf(b.out, "\n-- %s\n", name)
		if err := part(); err != nil {
			fmt.Fprintf(b.out, "%s: %v\n", name, err)
			failed = errors.Join(failed, fmt.Errorf("%s was not measured to its end", name))
		}
	}
	return failed
}

// inNamespace runs this program again in a network namespace of its own, where 198.18.0.1 (RFC 2544) is ours.
func inNamespace() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	args := append([]string{"-c", `ip link set lo up && ip addr add 198.18.0.1/32 dev lo && exec "$0" "$@"`, self, "-addr", "198.18.0.1"}, os.Args[1:]...)
	cmd := exec.Command("/bin/sh", args...)
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
	addr  netip.Addr
	key   config.TSIGKey
	kinds []kind // ours first
	count int
}

func newBench(o options) (*bench, error) {
	addr, err := netip.ParseAddr(o.addr)
	if err != nil {
		return nil, err
	}
	binary, err := filepath.Abs(o.binary)
	if err != nil {
		return nil, err
	}
	coredns, err := filepath.Abs(o.coredns)
	if err != nil {
		return nil, err
	}
	b := &bench{options: o, out: os.Stdout, addr: addr, key: config.NewKey("ddns")}
	if err := measure.PinSelf(loadCore); err != nil {
		return nil, err
	}
	runtime.GOMAXPROCS(1)
	fmt.Fprintf(b.out, "machine: %s, %d CPUs, %s, Linux %s; servers on core %d at %s, load on core %d\n",
		measure.CPUModel(), runtime.NumCPU(), runtime.Version(), measure.Kernel(), serverCore, addr, loadCore)
	all := kinds(binary, coredns)
	if o.before != "" {
		older := all[0]
		if older.program, err = filepath.Abs(o.before); err != nil {
			return nil, err
		}
		older.name = "before"
		all = slices.Insert(all, 1, older)
	}
	for _, k := range all {
		if k.name != ours && k.name != "before" && o.servers != "" && !slices.Contains(strings.Split(o.servers, ","), k.name) {
			continue
		}
		if _, err := exec.LookPath(k.program); err != nil {
			fmt.Fprintf(b.out, "  %s: not here (%v)\n", k.name, err)
			continue
		}
		fmt.Fprintf(b.out, "  %s: %s\n", k.name, k.versionOf())
		b.kinds = append(b.kinds, k)
	}
	if len(b.kinds) == 0 || b.kinds[0].name != ours {
		return nil, fmt.Errorf("%s is not there: make build", binary)
	}
	b.dir, err = os.MkdirTemp("", "loadshare-bench-dns-")
	return b, err
}

func (b *bench) pick(full, quick time.Duration) time.Duration {
	if b.quick {
		return quick
	}
	return full
}

func (b *bench) pickInt(full, quick int) int {
	if b.quick {
		return quick
	}
	return full
}

func (b *bench) next() int {
	b.count++
	return b.count
}

// address is one that no server had yet.
func (b *bench) address() netip.AddrPort {
	return netip.AddrPortFrom(b.addr, uint16(15300+b.next()))
}

// running is a server that is measured.
type running struct {
	kind
	*site
	proc   *measure.Process
	others []*measure.Process // of a pair
	took   time.Duration
}

func (r *running) procs() []*measure.Process {
	if r.proc == nil {
		return nil
	}
	return append([]*measure.Process{r.proc}, r.others...)
}

func (r *running) used() (d time.Duration) {
	for _, p := range r.procs() {
		d += p.Used()
	}
	return d
}

func (r *running) stop() {
	for _, p := range r.procs() {
		p.Stop(syscall.SIGTERM)
	}
	r.proc, r.others = nil, nil
}

func (b *bench) start(k kind, zoneFile string) (*running, error) {
	s := &site{dir: filepath.Join(b.dir, fmt.Sprintf("%s-%d", k.name, b.next())), addr: b.address(), key: b.key}
	if err := k.prepare(s, zoneFile); err != nil {
		return nil, err
	}
	return b.restart(&running{kind: k, site: s})
}

// restart starts a server again that was stopped, in its directory.
func (b *bench) restart(r *running) (*running, error) {
	p, took, err := r.kind.run(r.site)
	if err != nil {
		return &running{}, err
	}
	return &running{kind: r.kind, site: r.site, proc: p, took: took}, nil
}

// startAll starts ours and the peers named, or all.
func (b *bench) startAll(zoneFile string, peers ...string) (list []*running, err error) {
	for _, k := range b.kinds {
		if k.name != ours && k.name != "before" && len(peers) > 0 && !slices.Contains(peers, k.name) {
			continue
		}
		r, err := b.start(k, zoneFile)
		if err != nil {
			stopAll(list)
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}

func stopAll(list []*running) {
	for _, r := range list {
		r.stop()
	}
}

// writeZone writes a zone of so many hosts, every third with three addresses when three is set.
func (b *bench) writeZone(name string, hosts int, three bool) (string, error) {
	var z strings.Builder
	z.WriteString("$TTL 60\n@ SOA ns1." + zoneName + ". admin." + zoneName + ". 10 3600 600 86400 30\n@ NS ns1." + zoneName + ".\nns1 A 192.0.2.1\n")
	for i := range hosts {
		fmt.Fprintf(&z, "h%d A 10.%d.%d.%d\n", i, i>>16&255, i>>8&255, i&255)
		if three && i%3 == 0 {
			fmt.Fprintf(&z, "h%d A 11.%d.%d.%d\nh%d A 12.%d.%d.%d\n", i, i>>16&255, i>>8&255, i&255, i, i>>16&255, i>>8&255, i&255)
		}
	}
	file := filepath.Join(b.dir, name)
	return file, os.WriteFile(file, []byte(z.String()), 0o600)
}
