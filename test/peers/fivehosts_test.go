package peers

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// block is what the README has the reader type on some hosts.
type block struct {
	hosts  []string
	script string
}

var fiveHosts = []string{"ns1", "ns2", "node1", "node2", "monitor1"}

// quickStart reads the blocks of the README's quick start: indented lines after a blank one, of which the first says where.
func quickStart(t *testing.T) []block {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text2, found := strings.Cut(string(text), "\n## Quick start: five hosts\n")
	section, _, ended := strings.Cut(text2, "\n## ")
	if !found || !ended {
		t.Fatal("README.md has no quick start for five hosts")
	}
	var blocks []block
	for _, b := range regexp.MustCompile(`(?m)(?:^ {4,}\S.*\n)+`).FindAllString(section, -1) {
		var lines []string
		for line := range strings.Lines(b) {
			lines = append(lines, strings.TrimSpace(line))
		}
		on, tagged := strings.CutPrefix(lines[0], "# on ")
		if !tagged {
			continue // the rest of a list's paragraph, or what is typed before there are hosts
		}
		hosts := strings.Split(on, ", ")
		if on == "every host" {
			hosts = fiveHosts
		}
		for _, h := range hosts {
			if !slices.Contains(fiveHosts, h) {
				t.Fatalf("README.md: %q is none of the five hosts", lines[0])
			}
		}
		blocks = append(blocks, block{hosts, strings.Join(lines[1:], "\n")})
	}
	return blocks
}

// machine is a host with a file system of its own over this one's: /etc, /var, /run, /usr/local.
type machine struct {
	host
	dir string // where its commands are typed: a checkout with bin and etc
	net string // what scp carries to a host is below its address
	pid string // of its first process
}

const bootMachine = `set -e
mount -t tmpfs -o mode=755 tmpfs "$1"
for d in etc var; do
	mkdir "$1/$d" "$1/$d.work"
	mount -t overlay -o "lowerdir=/$d,upperdir=$1/$d,workdir=$1/$d.work" overlay "/$d"
done
mount -t tmpfs -o mode=755 tmpfs /usr/local
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /usr/local/bin
hostname "$2"
echo up
exec sleep infinity`

func newMachine(t *testing.T, l *lan, checkout, name string, last int) *machine {
	t.Helper()
	m := &machine{host: l.host(t, name, last), dir: checkout, net: filepath.Join(checkout, "scp")}
	p := start(t, name, m.host.command("unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", bootMachine, "sh", t.TempDir(), name))
	eventually(t, name+" is up", func() error {
		select {
		case <-p.done:
			missing(t, "a file system of its own for a host: "+p.log.String())
		default:
		}
		if p.log.String() != "up\n" {
			return errors.New(p.log.String())
		}
		return nil
	})
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	m.pid = strings.TrimSpace(string(children))
	return m
}

// sh is a script as root of the machine types it.
func (m *machine) sh(script string) *exec.Cmd {
	cmd := exec.Command("timeout", "120", "nsenter", "-t", m.pid, "-m", "-u", "-p", "-n", "--", "sh", "-e", "-c", "cd "+m.dir+"\n"+script)
	stubs, _ := filepath.Abs("testdata/fivehosts") // fails only without a working directory
	cmd.Env = append(os.Environ(), "PATH="+stubs+":/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "SCP="+m.net)
	cmd.WaitDelay = time.Second // what it started in the background may keep its output open
	return cmd
}

// play types the script and returns what it printed.
func (m *machine) play(t *testing.T, script string) string {
	t.Helper()
	out, err := m.sh(script).CombinedOutput()
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		t.Fatalf("%s: %v\n%s\n--\n%s", m.netns, err, script, out)
	}
	return string(out)
}

// TestREADMEQuickStart: what the README has the reader type is typed, line by line, on five hosts that have nothing but a checkout, and every
// promise beside it holds. The one thing that is not the README's is how often the monitor looks.
func TestREADMEQuickStart(t *testing.T) {
	t.Parallel()
	need(t, "unshare", "nsenter", "setpriv", "useradd", "udhcpc", "dig")
	checkout := openDir(t)
	output(t, exec.Command("install", "-D", loadshare(t), checkout+"/bin/loadshare"))
	begun := time.Now()
	l := newLAN(t)
	l.prefix = "192.168.0."
	output(t, exec.Command("cp", "-r", "../../etc", checkout+"/etc"))
	hosts := map[string]*machine{}
	for name, last := range map[string]int{"ns1": 10, "ns2": 11, "node1": 1, "node2": 2, "monitor1": 100} {
		hosts[name] = newMachine(t, l, checkout, name, last)
	}
	for _, n := range []string{"node1", "node2"} {
		hosts[n].play(t, "install -D "+must(filepath.Abs("testdata/fivehosts/apache2"))+" /etc/init.d/apache2")
	}
	five := &five{hosts: hosts, laptop: l.host(t, "laptop", 250)}
	for _, b := range quickStart(t) {
		for _, name := range b.hosts {
			out := hosts[name].play(t, b.script)
			for _, bad := range []string{"ALARM", "not ready", "failing", "warning"} {
				if strings.Contains(out, bad) && strings.Contains(b.script, "status") && !five.apart {
					t.Errorf("%s:\n%s\n--\n%s", name, b.script, out)
				}
			}
		}
		five.after(t, b.script)
	}
	t.Logf("played in %s", time.Since(begun).Round(time.Millisecond))
	want := []string{"installed", "carried", "all serve", "one address is out", "it is back", "ns2 is alone", "both again"}
	if !slices.Equal(five.seen, want) {
		t.Errorf("the README was played, and these of its steps were seen: %q, expected %q", five.seen, want)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// five is the site while the README is played on it.
type five struct {
	hosts  map[string]*machine
	laptop host
	apart  bool     // a name server is stopped
	seen   []string // the promises that held
}

// after waits for what the README promises of a step, before the next one is typed.
func (f *five) after(t *testing.T, script string) {
	t.Helper()
	both := []string{"192.168.0.1", "192.168.0.2"}
	has := func(line string) bool { return strings.Contains(script, line) }
	switch {
	case has("useradd"):
		for _, n := range []string{"node1", "node2"} {
			f.hosts[n].play(t, "systemctl start apache2")
		}
		f.hosts["monitor1"].play(t, `printf '[defaults]\ninterval = "500ms"\ntimeout = "400ms"\n' >>/etc/loadshare/monitor.toml`)
		f.seen = append(f.seen, "installed")
	case has("scp"):
		for _, m := range f.hosts {
			m.play(t, `if [ -d "$SCP/`+m.addr+`" ]; then cp -r --preserve=mode "$SCP/`+m.addr+`"/. /; fi`)
		}
		f.seen = append(f.seen, "carried")
	case has("enable --now loadshare-monitor"):
		eventually(t, "both pairs are in normal", f.pairs("normal"))
		eventually(t, "both name servers have both addresses", f.answer(both, "ns1", "ns2"))
		output(t, f.laptop.command("udhcpc", "-i", "eth0", "-f", "-q", "-n", "-t", "60", "-T", "1", "-x", "hostname:laptop", "-s", "/bin/true"))
		eventually(t, "a client has its name", func() error {
			out, err := dig(f.laptop, "192.168.0.11", 53, "laptop.mydomain.com", "A")
			if err == nil && len(out) != 1 {
				err = fmt.Errorf("laptop.mydomain.com: %q", out)
			}
			return err
		})
		f.seen = append(f.seen, "all serve")
	case has("mask --now apache2"):
		eventually(t, "the address leaves both name servers", f.answer(both[:1], "ns1", "ns2"))
		f.seen = append(f.seen, "one address is out")
	case has("start apache2"):
		eventually(t, "it returns when it answers again", f.answer(both, "ns1", "ns2"))
		f.seen = append(f.seen, "it is back")
	case has("stop loadshare-dns"):
		f.apart = true
		eventually(t, "ns2 takes the updates", func() error {
			var s struct {
				Accepting bool `json:"accepting_updates"`
			}
			if err := f.status("ns2", "dns", &s); err != nil || s.Accepting {
				return err
			}
			return errors.New("ns2 takes no updates")
		})
		eventually(t, "and answers", f.answer(both, "ns2"))
		f.seen = append(f.seen, "ns2 is alone")
	case has("start loadshare-dns"):
		eventually(t, "both are in normal again", f.pairs("normal"))
		f.seen = append(f.seen, "both again")
	}
}

func (f *five) status(name, role string, into any) error {
	out, err := f.hosts[name].sh("loadshare status --json -s unix:/run/loadshare/" + role + ".sock").Output()
	if err != nil {
		return fmt.Errorf("%s of %s: %w", role, name, err)
	}
	return json.Unmarshal(out, into)
}

// pairs is a check that both pairs, on both name servers, are in a state.
func (f *five) pairs(state string) func() error {
	return func() error {
		for _, name := range []string{"ns1", "ns2"} {
			var dns struct{ State string }
			var dhcp struct{ Pairs []struct{ State string } }
			if err := errors.Join(f.status(name, "dns", &dns), f.status(name, "dhcp", &dhcp)); err != nil {
				return err
			}
			if dns.State != state || len(dhcp.Pairs) != 1 || dhcp.Pairs[0].State != state {
				return fmt.Errorf("%s: dns %q, dhcp %v", name, dns.State, dhcp.Pairs)
			}
		}
		return nil
	}
}

// answer is a check of what name servers say www is.
func (f *five) answer(want []string, servers ...string) func() error {
	return func() error {
		for _, name := range servers {
			got, err := dig(f.laptop, f.hosts[name].addr, 53, "www.mydomain.com", "A")
			if err != nil {
				return err
			}
			if !slices.Equal(got, want) {
				return fmt.Errorf("%s answers %q, expected %q", name, got, want)
			}
		}
		return nil
	}
}
