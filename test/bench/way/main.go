// Command way measures the whole way on loopback with our own DNS servers: from
// the decision (the result of the deciding probe is in the monitor's hands) to
// both servers answering without the address, asked here by UDP every 0.2 ms.
//
// Every role is a process of its own; the clock is the same for all. Any error ends it.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"loadshare/internal/config"
	"loadshare/internal/control"
)

const (
	record = "www.bench.test"
	alive  = "127.0.98.11" // a member that stays
	dying  = "127.0.98.12" // the member whose service is closed and opened again
	port   = "8480"
)

func main() {
	rounds := flag.Int("rounds", 60, "how often the service dies")
	binary := flag.String("loadshare", "bin/loadshare", "the binary to measure")
	flag.Parse()
	if err := run(*binary, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "way:", err)
		os.Exit(1)
	}
}

type bench struct {
	dir   string
	procs []*exec.Cmd
	dns   []netip.AddrPort
}

func run(binary string, rounds int) (err error) {
	binary, err = filepath.Abs(binary)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "loadshare-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{dir: dir, dns: []netip.AddrPort{netip.MustParseAddrPort("127.0.98.1:5398"), netip.MustParseAddrPort("127.0.98.2:5398")}}
	defer b.stop()
	if err := b.start(binary); err != nil {
		return err
	}
	stay, err := serve(alive)
	if err != nil {
		return err
	}
	defer stay.Close()
	var took []time.Duration
	for range rounds {
		d, err := b.round()
		if err != nil {
			return fmt.Errorf("round %d: %w\n%s", len(took)+1, err, b.logs())
		}
		took = append(took, d)
	}
	slices.Sort(took)
	at := func(q float64) time.Duration { return took[min(len(took)-1, int(q*float64(len(took))))] }
	fmt.Printf("decision to both servers answering without the address, %d rounds, %s, %d CPUs:\n", rounds, runtime.Version(), runtime.NumCPU())
	fmt.Printf("  min %v  median %v  p90 %v  p99 %v  max %v   (goal: p99 under 10ms)\n", took[0], at(.5), at(.9), at(.99), took[len(took)-1])
	return nil
}

// serve answers every connection on an address with the greeting that the check expects.
func serve(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(addr, port))
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("220 ready\r\n")) // a probe that left is no error here
			_ = conn.Close()
		}
	}()
	return l, nil
}

// round opens the service, waits until it is published, closes it and measures.
func (b *bench) round() (time.Duration, error) {
	l, err := serve(dying)
	if err != nil {
		return 0, err
	}
	if err := b.until(2); err != nil {
		_ = l.Close()
		return 0, err
	}
	if err := l.Close(); err != nil {
		return 0, err
	}
	if err := b.until(1); err != nil {
		return 0, err
	}
	gone := time.Now()
	decided, err := b.decidedAt()
	if err != nil {
		return 0, err
	}
	return gone.Sub(decided), nil
}

// until asks both servers, one question after the other, until both answer n addresses.
func (b *bench) until(n int) error {
	limit := time.Now().Add(20 * time.Second)
	for _, server := range b.dns {
		conn, err := net.Dial("udp", server.String())
		if err != nil {
			return err
		}
		defer conn.Close()
		for {
			got, err := addresses(conn)
			if err == nil && got == n {
				break
			}
			time.Sleep(200 * time.Microsecond) // leaves the cores to what is measured
			if time.Now().After(limit) {
				return fmt.Errorf("%s answers %d addresses, expected %d: %w", server, got, n, errors.Join(err))
			}
		}
	}
	return nil
}

// addresses asks for the record's A set and returns how many there are.
func addresses(conn net.Conn) (int, error) {
	q := []byte{0x4c, 0x53, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}
	for label := range strings.SplitSeq(record, ".") {
		q = append(append(q, byte(len(label))), label...)
	}
	q = append(q, 0, 0, 1, 0, 1)
	if err := conn.SetDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		return 0, err
	}
	if _, err := conn.Write(q); err != nil {
		return 0, err
	}
	buf := make([]byte, 512)
	n, err := conn.Read(buf)
	if err != nil {
		return 0, err
	}
	if n < 12 || !bytes.Equal(buf[:2], q[:2]) || buf[3]&0x0f != 0 {
		return 0, errors.New("not the answer")
	}
	return int(buf[6])<<8 | int(buf[7]), nil
}

// decidedAt is when the monitor decided what is published now.
func (b *bench) decidedAt() (time.Time, error) {
	client, err := control.Connect("unix:"+filepath.Join(b.dir, "monitor.sock"), control.TLS{})
	if err != nil {
		return time.Time{}, err
	}
	var s struct {
		Pools []struct {
			Published []string `json:"published"`
			Receipt   struct {
				DecidedAt time.Time `json:"decided_at"`
			} `json:"receipt"`
		} `json:"pools"`
	}
	if err := client.Get(context.Background(), "/v1/status", &s); err != nil {
		return time.Time{}, err
	}
	if len(s.Pools) != 1 || !slices.Equal(s.Pools[0].Published, []string{alive}) {
		return time.Time{}, fmt.Errorf("the monitor's status does not show the change: %+v", s)
	}
	return s.Pools[0].Receipt.DecidedAt, nil
}

func (b *bench) start(binary string) error {
	servers := fmt.Sprintf(`["%s", "%s"]`, b.dns[0], b.dns[1])
	files := map[string]string{
		"ddns.key": config.NewKey("ddns").Text(), "agent.key": config.NewKey("agent").Text(),
		"db":         "@ 3600 IN SOA ns1 root 1 3600 600 86400 5\n@ 3600 IN NS ns1\nns1 3600 IN A 127.0.98.1\nwww 5 IN A " + alive + "\n",
		"normal-dns": "\n",
		"monitor.toml": fmt.Sprintf(`state_dir = "monitor"
id = "bench"
[control]
listen = "unix:monitor.sock"
[agents]
port = 5399
key = "agent.key"
[dns]
agents = ["127.0.98.1", "127.0.98.2"]
servers = %s
[defaults]
interval = "100ms"
timeout = "90ms"
fall = 2
rise = 2
flap = "1000000/1m"
[[pool]]
record = "%s"
ttl = 5
[pool.check]
port = %s
banner = true
expect = "220"
[[pool.member]]
address = "%s"
[[pool.member]]
address = "%s"
`, servers, record, port, alive, dying)}
	var roles [][]string
	for i, s := range b.dns {
		dns, agent := fmt.Sprintf("dns%d", i+1), fmt.Sprintf("agent%d", i+1)
		files[dns+".toml"] = fmt.Sprintf("listen = [\"%s\"]\nstate_dir = \"%s\"\nkeys = [\"ddns.key\"]\n[control]\nlisten = \"unix:%[2]s.sock\"\n[[zone]]\nname = \"bench.test\"\nfile = \"db\"\nupdate = [\"key ddns\"]\n", s, dns)
		files[agent+".toml"] = fmt.Sprintf("listen = \"%s:5399\"\nstate_dir = \"%s\"\nkey = \"agent.key\"\n[control]\nlisten = \"unix:%[2]s.sock\"\n[publish]\nservers = %[3]s\npolicy = \"every\"\nkey = \"ddns.key\"\nrecords = [\"*.bench.test A\"]\nnormal_dns = \"normal-dns\"\n", s.Addr(), agent, servers)
		roles = append(roles, []string{"dns", dns}, []string{"agent", agent})
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	for _, r := range append(roles, []string{"monitor", "monitor"}) {
		log, err := os.Create(filepath.Join(b.dir, r[1]+".log"))
		if err != nil {
			return err
		}
		cmd := exec.Command(binary, r[0], "-c", filepath.Join(b.dir, r[1]+".toml"))
		cmd.Dir, cmd.Stdout, cmd.Stderr = b.dir, log, log
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			return err
		}
		b.procs = append(b.procs, cmd)
	}
	return nil
}

func (b *bench) stop() {
	for _, p := range b.procs {
		_ = p.Process.Signal(syscall.SIGTERM)
		_ = p.Wait() // its exit code says nothing here
	}
}

func (b *bench) logs() string {
	var out strings.Builder
	files, _ := filepath.Glob(filepath.Join(b.dir, "*.log"))
	for _, f := range files {
		data, _ := os.ReadFile(f)
		fmt.Fprintf(&out, "--- %s\n%s", filepath.Base(f), data[max(0, len(data)-2000):])
	}
	return out.String()
}
