package agent

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loadshare/agent/plan"
	"loadshare/ddns"
	"loadshare/internal/config"
)

func sampleDir(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// "the sample configurations must be accepted as they stand (paths and
// addresses replaced)"
func TestContractSample(t *testing.T) {
	dir := sampleDir(t, map[string]string{
		"agent.key": config.NewKey("agent").Text(), "ddns.key": config.TSIGKey(ddnsKey).Text(),
		"normal-dns": read(t, "testdata/normal-dns"),
	})
	if err := os.Mkdir(filepath.Join(dir, "init.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(read(t, "testdata/contract-agent.toml"), "/etc/init.d", "init.d", 1)
	c, problems := ParseConfig(filepath.Join(dir, "agent.toml"), []byte(text))
	if errs := problems.Errors(); len(errs) > 0 {
		t.Fatalf("%v", errs)
	}
	if c.Listen != netip.MustParseAddrPort("0.0.0.0:2224") || c.StateDir != "/var/lib/loadshare/agent" || !c.Alerts.Enabled() {
		t.Errorf("%+v", c)
	}
	script := filepath.Join(dir, "init.d", "apache")
	budget := config.Rate{Count: 3, Per: 10 * time.Minute}
	want := map[string]Service{
		"apache": {Name: "apache", Method: Script, Stop: []string{script, "stop"}, Start: []string{script, "start"}, Status: []string{script, "status"},
			Timeout: time.Minute, Grace: 2 * time.Second, Budget: budget},
		"postfix": {Name: "postfix", Method: Systemd, Unit: "postfix.service", Timeout: time.Minute, Grace: 2 * time.Second, Budget: budget},
		"fasttrack": {Name: "fasttrack", Method: Exec, Stop: []string{"/opt/fasttrack/bin/stop"}, Start: []string{"/opt/fasttrack/bin/start"},
			Timeout: time.Minute, Grace: 2 * time.Second, Budget: budget},
	}
	if d := cmp.Diff(want, c.Services); d != "" {
		t.Errorf("services (-want +got)\n%s", d)
	}
	p := c.Publish
	if p.Policy != plan.Pair || p.Strays != plan.StraysRemove || !p.Fence || p.UDP || p.Key.Name != "ddns" || len(p.Normal.Sets) != 2 {
		t.Errorf("publish %+v", p)
	}
	if d := cmp.Diff([]string{"192.168.0.10:53", "192.168.0.11:53"}, c.plan().Servers); d != "" {
		t.Error(d)
	}
	if !p.Records.Allow(ddns.Key{Name: "a.b.mydomain.com", Type: "AAAA"}) || !p.Records.Allow(ddns.Key{Name: "mydomain.com", Type: "MX"}) {
		t.Errorf("records %v", p.Records)
	}
}

// An agent without [publish], with little said: the defaults.
func TestDefaults(t *testing.T) {
	dir := sampleDir(t, map[string]string{"a.key": config.NewKey("a").Text(), "d.key": config.TSIGKey(ddnsKey).Text()})
	c, problems := ParseConfig(filepath.Join(dir, "agent.toml"), []byte("key = \"a.key\"\n[publish]\nservers = [\"10.0.0.1\"]\nkey = \"d.key\"\nrecords = [\"*.example A\"]\n"))
	if len(problems) > 0 {
		t.Errorf("%v", problems)
	}
	p := c.Publish
	if p.Servers[0] != netip.MustParseAddrPort("10.0.0.1:53") || p.Policy != plan.Every || p.Strays != plan.StraysDefault || !p.Fence || p.Timeout != 2*time.Second {
		t.Errorf("%+v", p)
	}
	if c.Listen != netip.MustParseAddrPort("0.0.0.0:2224") || c.Name == "" {
		t.Errorf("%+v", c)
	}
}

// "an error that names file, line, key, value and what is accepted; all problems
// are reported at once"
func TestEveryProblemAtOnce(t *testing.T) {
	dir := sampleDir(t, map[string]string{"normal-dns": "update add www.example 1 A 10.0.0.1\nupdate add www.example 1 TXT x\nupdate add ftp.example 1 A 10.0.0.1\n", "two.key": config.NewKey("a").Text() + config.NewKey("b").Text()})
	text := `name = "a b"
listen = "nowhere"
[restart]
scripts = "no-such-dir"
budget = "often"
timeout = "1ms"
[restart.service.one]
script = "../sh"
[restart.service.two]
method = "systemd"
unit = "two"
[restart.service.three]
method = "exec"
stop = ["bin/stop"]
on_down = []
[restart.service.four]
method = "magic"
[publish]
servers = ["10.0.0.1", "10.0.0.1"]
policy = "both"
key = "two.key"
records = ["www.example A", "www.example TXT"]
normal_dns = "normal-dns"
colour = "blue"
`
	_, problems := ParseConfig(filepath.Join(dir, "agent.toml"), []byte(text))
	var got []string
	for _, p := range problems.Errors() {
		got = append(got, strings.ReplaceAll(p.String(), dir+"/", ""))
	}
	want := []string{
		`agent.toml:1: name = "a b"`, `agent.toml:2: listen = "nowhere"`, `agent.toml:4: restart.scripts = "no-such-dir"`,
		`agent.toml:5: restart.budget = "often"`, `agent.toml:6: restart.timeout = "1ms"`,
		`agent.toml:8: restart.service.one.script = "../sh"`, `agent.toml:11: restart.service.two.unit = "two"`,
		`agent.toml:14: restart.service.three.stop[1]`, `agent.toml:15: restart.service.three.on_down`,
		`agent.toml:17: restart.service.four.method = "magic"`,
		`agent.toml:19: publish.servers[2]`, `agent.toml:20: publish.policy = "both"`, `agent.toml:21: publish.key = "two.key"`,
		`agent.toml:22: publish.records[2]`, `agent.toml:24: unknown key publish.colour`, `normal-dns:2: "TXT"`,
		`restart.service.three.start is missing`, `key is missing`,
	}
	all := strings.Join(got, "\n")
	for _, w := range want {
		if !strings.Contains(all, w) {
			t.Errorf("not reported: %s", w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d problems, want %d", len(got), len(want))
	}
	if t.Failed() {
		t.Logf("got\n%s", all)
	}
	warned := false
	for _, p := range problems.Warnings() {
		warned = warned || strings.Contains(p.String(), "ftp.example A: not in publish.records")
	}
	if !warned {
		t.Errorf("no warning of a name that will not be touched: %v", problems.Warnings())
	}
}

// M11: "A shared secret has at least 128 bits, else it is refused". An agent
// without key or certificate does not start.
func TestNoProofNoAgent(t *testing.T) {
	weak := config.TSIGKey{Name: "w", Algorithm: "hmac-sha256", Secret: []byte("short")}
	dir := sampleDir(t, map[string]string{"weak.key": weak.Text()})
	for _, text := range []string{"", "key = \"weak.key\"\n"} {
		if _, problems := ParseConfig(filepath.Join(dir, "agent.toml"), []byte(text)); problems.Err() == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add("key = \"x\"\n[restart.service.a]\nmethod = \"exec\"\nstart = [\"/bin/true\"]\n[publish]\nservers = [\"10.0.0.1\"]\nrecords = [\"*.x A\"]\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, problems := ParseConfig("/nonexistent/agent.toml", []byte(text))
		if c == nil && problems.Err() == nil {
			t.Fatal("no configuration and no problem")
		}
	})
}
