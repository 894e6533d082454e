package importer

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"loadshare/agent"
	"loadshare/internal/config"
	"loadshare/monitor"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

var key = config.TSIGKey{Name: "agent", Algorithm: "hmac-sha256", Secret: []byte("0123456789abcdef0123456789abcdef")}

// sample is one file of the old document, as it stands there.
func sample(t testing.TB, name string) File {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return File{Name: name, Data: data}
}

func samples(t testing.TB) []File {
	return []File{sample(t, "failover-monitor.config"), sample(t, "failover.config"), sample(t, "normal-dns")}
}

func (r Result) file(name string) string {
	for _, f := range r.Files {
		if f.Name == name {
			return f.Text
		}
	}
	return ""
}

func (r Result) noted(part string) bool {
	return slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, part) })
}

// load writes the files out and reads monitor.toml as the monitor would.
func load(t testing.TB, r Result) *monitor.Config {
	t.Helper()
	dir := t.TempDir()
	for _, f := range r.Files {
		if err := os.WriteFile(filepath.Join(dir, f.Name), []byte(f.Text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, problems := monitor.LoadConfig(filepath.Join(dir, "monitor.toml"))
	if err := problems.Err(); err != nil {
		t.Fatalf("the monitor refuses what was imported:\n%v\n%s", err, r.file("monitor.toml"))
	}
	if _, problems := agent.LoadConfig(filepath.Join(dir, "agent.toml")); problems.Err() != nil {
		t.Fatalf("the agent refuses what was imported:\n%v\n%s", problems.Err(), r.file("agent.toml"))
	}
	if keys, err := config.ReadKeys(filepath.Join(dir, "ddns.key")); err != nil || len(keys) != 1 {
		t.Fatalf("ddns.key: %v", err)
	}
	return c
}

var secret = regexp.MustCompile(`secret "[^"]*"`)

// F07 to F18: the examples of the old document, exactly as printed there.
func TestTheDocumentsOwnExamples(t *testing.T) {
	r, err := Phonax(samples(t), key)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, f := range r.Files {
		b.WriteString("== " + f.Name + "\n" + secret.ReplaceAllString(f.Text, `secret "…"`))
	}
	b.WriteString("== notes\n" + strings.Join(r.Notes, "\n") + "\n")
	golden := filepath.Join("testdata", "phonax.golden")
	if *rewrite {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("(-want +got), go test -rewrite writes it anew:\n%s", diff)
	}
	c := load(t, r)
	if len(c.Pools) != 3 || len(c.Pools[0].Members) != 3 || c.Pools[0].TTL != 1 || c.AgentPort != 2224 {
		t.Errorf("read back: %d pools, %d members of www, ttl %d, port %d", len(c.Pools), len(c.Pools[0].Members), c.Pools[0].TTL, c.AgentPort)
	}
	if k := c.Pools[0].Checks[0].Spec; k.Service != "http" || k.Steps[0].Send != "GET /robots.txt HTTP/1.0" || k.Steps[0].Expect.Text != "httpd is working" {
		t.Errorf("F13: the http check is %+v", k)
	}
	if k := c.Pools[2].Checks[0].Spec; k.Service != "pop3" || k.Steps[0].Send != "QUIT" || k.Steps[0].Expect.Text != "OK" {
		t.Errorf("F13: the pop3 check is %+v", k)
	}
}

// M11: "import phonax never reuses a password".
func TestThePasswordIsNowhere(t *testing.T) {
	files := samples(t)
	for i := range files {
		files[i].Data = []byte(strings.ReplaceAll(string(files[i].Data), "mypasswd", "s3cr3tW0rd"))
	}
	r, err := Phonax(files, key)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Files {
		if strings.Contains(f.Text, "s3cr3tW0rd") {
			t.Errorf("%s holds the old password", f.Name)
		}
	}
	for _, n := range r.Notes {
		if strings.Contains(n, "s3cr3tW0rd") {
			t.Errorf("a note shows the old password: %s", n)
		}
	}
	if !r.noted("agent.key is a new random key") {
		t.Error("no note says that the key is new")
	}
}

// Files are told apart by what is in them.
func TestFilesAreToldByContent(t *testing.T) {
	files := samples(t)
	for i, name := range []string{"c.txt", "a.txt", "b.txt"} {
		files[i].Name = name
	}
	slices.Reverse(files)
	r, err := Phonax(files, key)
	if err != nil {
		t.Fatal(err)
	}
	if len(load(t, r).Pools) != 3 || !strings.Contains(r.file("normal-dns"), "update add pop.mydomain.com 1 A 192.168.0.5") {
		t.Errorf("not read as three files:\n%s\n%s", r.file("monitor.toml"), r.file("normal-dns"))
	}
}

const head = "clusternode_server_port = 2224\nemail = root@mydomain.com\nbind8_dns_server1 = 192.168.0.10\n"

// What a check line may hold, and what is said about the rest.
func TestCheckLines(t *testing.T) {
	for name, c := range map[string]struct {
		lines string
		want  string // in monitor.toml
		not   string
		note  string
	}{
		"a numeric port":          {"check_server1 = 192.168.0.1|www.mydomain.com|8080|apache|GET / HTTP/1.0|ok", "port = 8080", "service", ""},
		"an empty script":         {"check_server1 = 192.168.0.1|www.mydomain.com|http||GET / HTTP/1.0|ok", `address = "192.168.0.1"`, "restart =", ""},
		"a pipe in the fragment":  {"check_server1 = 192.168.0.1|www.mydomain.com|http|apache|GET / HTTP/1.0|a|b", `expect = "a|b"`, "", ""},
		"five fields":             {"check_server1 = 192.168.0.1|www.mydomain.com|http|apache|GET / HTTP/1.0", `send = "GET / HTTP/1.0"`, "expect", "only 5 of 6 fields"},
		"quotes and backslashes":  {`check_server1 = 192.168.0.1|www.mydomain.com|http|apache|say "a\b"|ok`, `send = "say \"a\\b\""`, "", ""},
		"another software":        {"check_server1 = 192.168.0.1|www.mydomain.com|http|apache|A|x\ncheck_server2 = 192.168.0.2|www.mydomain.com|http|apache|A|x\ncheck_server3 = 192.168.0.3|www.mydomain.com|8080|thttpd|B|y", "[pool.member.check]\nport = 8080\nsend = \"B\"\nexpect = \"y\"", "", ""},
		"two checks of a member":  {"check_server1 = 192.168.0.1|www.mydomain.com|http|apache|A|x\ncheck_server2 = 192.168.0.1|www.mydomain.com|https|apache||", "[[pool.check]]\nservice = \"https\"", "", ""},
		"two scripts of a member": {"check_server1 = 192.168.0.1|www.mydomain.com|http|apache|A|x\ncheck_server2 = 192.168.0.1|www.mydomain.com|8080|tomcat|A|x", `restart = "apache"`, "restart = \"tomcat\"", "a member has one service to restart, tomcat is left out"},
		"the same twice":          {"check_server1 = 192.168.0.1|www.mydomain.com|http|apache|A|x\ncheck_server2 = 192.168.0.1|www.mydomain.com|http|apache|A|x", "[pool.check]", "[[pool.check]]", "the same check is there twice"},
		"no number":               {"check_server = 192.168.0.1|www.mydomain.com|http|apache|A|x", "[pool.check]", "", "check_server without a number"},
		"numbers out of order":    {"check_server7 = 192.168.0.1|www.mydomain.com|http|apache|A|x\ncheck_server3 = 192.168.0.2|www.mydomain.com|http|apache|A|x", "[pool.check]", "", "check_server3 follows check_server7"},
		"a name for an address":   {"check_server1 = node1|www.mydomain.com|http|apache|A|x", "[dns]", "[[pool]]", `"node1" is not an address`},
		"no host name":            {"check_server1 = 192.168.0.1|www mydomain|http|apache|A|x", "[dns]", "[[pool]]", `"www mydomain" is not a host name`},
		"an unknown service":      {"check_server1 = 192.168.0.1|www.mydomain.com|gopherd|apache|A|x", "[dns]", "[[pool]]", `service "gopherd" is not in the services file`},
		"a port too great":        {"check_server1 = 192.168.0.1|www.mydomain.com|70000|apache|A|x", "[dns]", "[[pool]]", `port "70000" is not from 1 to 65535`},
		"a script with a path":    {"check_server1 = 192.168.0.1|www.mydomain.com|http|/tmp/x|A|x", "[[pool]]", "restart =", "is not the plain name of a file"},
		"an IPv6 member":          {"check_server1 = 2001:db8::1|www.mydomain.com|http|apache|A|x", `address = "2001:db8::1"`, "", ""},
		"too few fields":          {"check_server1 = 192.168.0.1|www.mydomain.com", "[dns]", "[[pool]]", "this one has 2 fields"},
		"an unknown setting":      {"retries = 5", "[dns]", "", `setting "retries" is not known`},
		"no setting at all":       {"hello", "[dns]", "", `not understood and left out: "hello"`},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Phonax([]File{{"old", []byte(head + c.lines + "\n")}}, key)
			if err != nil {
				t.Fatal(err)
			}
			load(t, r)
			text := r.file("monitor.toml")
			var lines []string
			for l := range strings.Lines(text) {
				if !strings.HasPrefix(l, "#") {
					lines = append(lines, l)
				}
			}
			text = strings.Join(lines, "")
			if !strings.Contains(text, c.want) {
				t.Errorf("monitor.toml has no %q:\n%s", c.want, text)
			}
			if c.not != "" && strings.Contains(text, c.not) {
				t.Errorf("monitor.toml has %q:\n%s", c.not, text)
			}
			if c.note != "" && !r.noted(c.note) {
				t.Errorf("no note says %q: %q", c.note, r.Notes)
			}
		})
	}
}

// What normal-dns may hold.
func TestNormalLines(t *testing.T) {
	const one = head + "check_server1 = 192.168.0.1|www.mydomain.com|http|apache|A|x\n"
	for name, c := range map[string]struct{ lines, want, note string }{
		"a record with class":     {"update add www.mydomain.com 60 IN A 192.168.0.1", "update add www.mydomain.com 60 A 192.168.0.1\n", ""},
		"an MX record":            {"update add mydomain.com 60 MX 10 node1.mydomain.com.", "update add mydomain.com 60 MX 10 node1.mydomain.com.\n", "mydomain.com is in normal-dns but no check is for it"},
		"another domain, same":    {"update add www.domainname.com 1 A 192.168.0.1", "update add www.mydomain.com 1 A 192.168.0.1\n", "normal-dns says www.domainname.com, the checks say www.mydomain.com"},
		"another domain, other":   {"update add www.domainname.com 1 A 192.168.0.9", "update add www.domainname.com 1 A 192.168.0.9\n", "no check is for it"},
		"a deletion":              {"update delete www.mydomain.com A", "", "only `update add` lines map"},
		"a record twice":          {"update add www.mydomain.com 1 A 192.168.0.1\nupdate add WWW.mydomain.com. 1 A 192.168.0.1", "update add www.mydomain.com 1 A 192.168.0.1\n", "this record is there twice"},
		"no address":              {"update add www.mydomain.com 1 A 192.168.0", "", "not an address for type A"},
		"a type that is not ours": {"update add www.mydomain.com 1 TXT hello", "", "only A, AAAA, MX and SRV"},
		"no ttl":                  {"update add www.mydomain.com A 192.168.0.1", "", "a record needs NAME TTL TYPE VALUE"},
		"a ttl with a unit":       {"update add www.mydomain.com 1h A 192.168.0.1", "", "the TTL is not a number of seconds"},
		"comments and send":       {"; hello\n\nsend\nupdate add www.mydomain.com 1 A 192.168.0.1 ; why", "update add www.mydomain.com 1 A 192.168.0.1\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Phonax([]File{{"old", []byte(one)}, {"normal", []byte(c.lines + "\n")}}, key)
			if err != nil {
				t.Fatal(err)
			}
			_, text, _ := strings.Cut(r.file("normal-dns"), "\n")
			if text != c.want {
				t.Errorf("normal-dns is %q, want %q", text, c.want)
			}
			if c.note != "" && !r.noted(c.note) {
				t.Errorf("no note says %q: %q", c.note, r.Notes)
			}
		})
	}
}

// F18: normal-dns "may be empty".
func TestEmptyNormalDNS(t *testing.T) {
	r, err := Phonax([]File{{"normal-dns", []byte("\n\n")}, {"m", []byte(head)}}, key)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(r.file("normal-dns"), "update") {
		t.Errorf("normal-dns:\n%s", r.file("normal-dns"))
	}
}

func TestWhatCannotBeImported(t *testing.T) {
	for name, c := range map[string]struct {
		files []File
		want  string
	}{
		"nothing":          {nil, "no file to import"},
		"a binary":         {[]File{{"x", []byte("a\x00b")}}, "x: not a text file"},
		"another program":  {[]File{{"named.conf", []byte("options { directory \"/var/named\"; };\n")}}, "named.conf: neither failover-monitor.config, failover.config nor normal-dns"},
		"another settings": {[]File{{"my.cnf", []byte("a = b\n")}}, "my.cnf: no setting of failover-monitor.config or failover.config in it"},
		"no DNS server":    {[]File{{"m", []byte("check_server1 = 192.168.0.1|www.mydomain.com|http|apache|A|x\n")}}, "m: no usable bind8_dns_server1"},
		"too large":        {[]File{{"m", make([]byte, MaxInput+1)}}, "m: 1048577 bytes: at most 1048576 are read"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Phonax(c.files, key)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func FuzzPhonax(f *testing.F) {
	for _, s := range samples(f) {
		f.Add(s.Data, []byte("update add www.mydomain.com 1 A 192.168.0.1\n"))
	}
	f.Add([]byte(head+"check_server1=::1|a.b|25|\"|\t\\|\xff\n"), []byte("update add a.c 1 AAAA ::1\n"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if len(a) > 1<<14 || len(b) > 1<<14 {
			return
		}
		r, err := Phonax([]File{{"a", a}, {"b", b}}, key)
		if err != nil {
			return
		}
		if r.file("monitor.toml") != "" {
			load(t, r) // whatever comes out is accepted
		}
	})
}
