package peers

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"loadshare/internal/textlog"
)

// binary builds loadshare, once for all tests.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "loadshare-peers-")
	if err != nil {
		return "", err
	}
	// The peers drop privileges and must still reach it.
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "loadshare")
	if out, err := exec.Command("go", "build", "-o", path, "loadshare/cmd/loadshare").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build loadshare: %w\n%s", err, out)
	}
	return path, nil
})

// loadshare is the path of the binary under test.
func loadshare(t *testing.T) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// atOnce is how many tests run beside each other: they wait for clocks and clients, and take little processor time.
const atOnce = 4

func TestMain(m *testing.M) {
	flag.Parse()
	if n := flag.Lookup("test.parallel"); n.Value.String() == n.DefValue {
		_ = flag.Set("test.parallel", strconv.Itoa(max(atOnce, runtime.GOMAXPROCS(0))))
	}
	code := m.Run()
	if path, err := binary(); err == nil && path != "" {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// quiet says that the machine does nothing else:
//
//	go test ./test/peers -run 'HostVanishes|ZoneSynchronises' -v -args -quiet
var quiet = flag.Bool("quiet", false, "check what is promised in seconds too: on a machine that does nothing else")

// need finds the programs a test uses, or skips it; PEERS=required makes that a failure.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			missing(t, p+" is not installed (test/peers/install.sh)")
		}
	}
}

func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("PEERS") == "required" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// host is where a process of a test runs: plain loopback, or a network namespace.
type host struct {
	addr  string
	netns string // "" is the test's own network
}

// local is plain loopback.
var local = host{addr: "127.0.0.1"}

// command runs a program on the host.
func (h host) command(name string, args ...string) *exec.Cmd {
	if h.netns != "" {
		args = append([]string{"netns", "exec", h.netns, name}, args...)
		name = "ip"
	}
	return exec.Command(name, args...)
}

// subnet gives every test a loopback network of its own: 127.0.N.0/24.
var subnet atomic.Int32

// loopbackHosts returns a function from the last octet to a host.
func loopbackHosts() func(last int) host {
	n := 100 + int(subnet.Add(1))
	return func(last int) host { return host{addr: fmt.Sprintf("127.0.%d.%d", n, last)} }
}

// proc is one running process of a test.
type proc struct {
	name string
	cmd  *exec.Cmd
	log  *textlog.Buffer
	done chan struct{}
	err  error
}

// start runs a process until the test ends; its output is shown when the test fails.
func start(t *testing.T, name string, cmd *exec.Cmd) *proc {
	t.Helper()
	p := &proc{name: name, cmd: cmd, log: &textlog.Buffer{}, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.log, p.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = 2 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	go func() { p.err = cmd.Wait(); close(p.done) }()
	t.Cleanup(func() {
		p.stop(syscall.SIGTERM)
		if t.Failed() {
			t.Logf("--- log of %s\n%s", name, tail(p.log, 6000))
		}
	})
	return p
}

// stop signals the process's group and waits; a process that does not end is killed.
func (p *proc) stop(sig syscall.Signal) {
	select {
	case <-p.done:
		return
	default:
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, sig)
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.done
	}
}

// kill9 ends it as a crash would.
func (p *proc) kill9() { p.stop(syscall.SIGKILL) }

func tail(s *textlog.Buffer, n int) string {
	text := s.String()
	return text[max(0, len(text)-n):]
}

// giveUp is how long a test waits for what is to happen. It says nothing of how fast that is: other things run on the machine too, and
// what is promised in seconds the benchmarks measure.
const giveUp = 2 * time.Minute

// eventually polls check until it is nil, and says how long that took.
func eventually(t *testing.T, what string, check func() error) time.Duration {
	t.Helper()
	limit := giveUp
	if *long > 0 { // both of a pair may have to wait for two times comm_timeout until they try to connect
		limit = 3 * time.Minute
	}
	begun := time.Now()
	for {
		err := check()
		took := time.Since(begun)
		if err == nil {
			return took
		}
		if took > limit {
			t.Fatalf("%s: not within %s: %v", what, limit, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// stays checks that something keeps holding for a while.
func stays(t *testing.T, while time.Duration, what string, check func() error) {
	t.Helper()
	for begun := time.Now(); time.Since(begun) < while; time.Sleep(50 * time.Millisecond) {
		if err := check(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
}

// output runs a program to its end and returns what it printed.
func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return string(out)
}

// write puts a file into the test's directory, readable for peers that drop privileges.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
	return path
}

// openDir is a temporary directory that every user may enter.
func openDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// dig asks one server with BIND's dig and returns the sorted short answers.
func dig(h host, server string, port int, name, typ string) ([]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c := h.command("dig", "+short", "+time=2", "+tries=3", "-p", fmt.Sprint(port), "@"+server, name, typ)
	cmd := exec.CommandContext(ctx, c.Path, c.Args[1:]...)
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("dig @%s %s %s: %w %s", server, name, typ, err, out)
	}
	return sortedLines(string(out)), nil
}
