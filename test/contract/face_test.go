package contract

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// shape checks a JSON value against the contract: want is written as JSON whose
// strings are the types: string, number, bool, time, time?, object?; an array holds one element, the shape of all.
func shape(t *testing.T, path string, want, got any) {
	t.Helper()
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			t.Errorf("%s is %T, expected an object", path, got)
			return
		}
		for k, v := range w {
			field, there := g[k]
			if !there {
				t.Errorf("%s.%s is missing", path, k)
				continue
			}
			shape(t, path+"."+k, v, field)
		}
	case []any:
		g, ok := got.([]any)
		if !ok {
			t.Errorf("%s is %T, expected an array", path, got)
			return
		}
		for i, e := range g {
			shape(t, fmt.Sprintf("%s[%d]", path, i), w[0], e)
		}
	case string:
		ok := false
		switch w {
		case "string":
			_, ok = got.(string)
		case "number":
			_, ok = got.(float64)
		case "bool":
			_, ok = got.(bool)
		case "time", "time?":
			text, is := got.(string)
			at, err := time.Parse(time.RFC3339, text)
			ok = got == nil && w == "time?" || is && err == nil && strings.HasSuffix(text, "Z") && !at.IsZero()
		}
		if !ok {
			t.Errorf("%s is %v (%T), expected %s", path, got, got, w)
		}
	}
}

func (s *site) shaped(role, want string, args ...string) {
	s.t.Helper()
	var w, g any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		s.t.Fatal(err)
	}
	out := must(s.t, append(args, "--json", "-s", s.control(role))...)
	if err := json.Unmarshal([]byte(out), &g); err != nil {
		s.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	shape(s.t, strings.Join(args, " ")+" of "+role, w, g)
	everyTime(s.t, role, g)
}

// everyTime checks that whatever looks like a time is one in UTC, and none is the zero time.
func everyTime(t *testing.T, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			everyTime(t, path+"."+k, e)
		}
	case []any:
		for _, e := range v {
			everyTime(t, path+"[]", e)
		}
	case string:
		if at, err := time.Parse(time.RFC3339, v); err == nil && (!strings.HasSuffix(v, "Z") || at.Year() < 2000) {
			t.Errorf("%s = %q: times are in UTC, and null when never", path, v)
		}
	}
}

const memberShape = `{"address":"string","state":"string","since":"time?","reason":"string","in_dns":"bool","restarts":"number"}`
const poolShape = `{"record":"string","type":"string","zone":"string","published":["string"],"members":[` + memberShape + `]}`

// The fields of the contract, with their types; null when never, "" when there is no error.
func TestJSONFields(t *testing.T) {
	s := newSite(t)
	s.web(11)
	s.dns("ns1", 1)
	ns := []int{1, 2} // there is no second server
	s.role("agent", "a1", s.agentConfig("a1", 1)+s.publish("", 1, 2)+"[restart.service.web]\nmethod = \"exec\"\nstart = [\"/bin/true\"]\n")
	s.role("monitor", "m1", s.monitorConfig("m1", s.pool("www.mydomain.com", "", 11, 12)+s.pool("late.mydomain.com", "interval = \"1h\"", 13), []int{1}, ns))
	eventually(t, 10*time.Second, "published", s.answers([]int{1}, "www.mydomain.com", 11))
	s.shaped("ns1", `{"role":"string","state":"string","since":"time","partner":{"address":"string","state":"string","last_heard":"time?"},"accepting_updates":"bool",
"zones":[{"name":"string","serial":"number","sync":"string","records":"number"}],"zones_total":"number","zones_synchronized":"number","zones_pending":"number","zones_failed":"number"}`, "status")
	s.shaped("m1", `{"pools":[`+poolShape+`],"monitors":[{"id":"string","ok":"bool","last_error":"string"}]}`, "status")
	s.shaped("a1", `{"services":[{"name":"string","restarts":"number","last_restart":"time?","last_result":"string"}],
"publish":{"servers":[{"address":"string","ok":"bool","last_error":"string"}],"queued":"number"}}`, "status")
	s.shaped("m1", poolShape, "pool", "show", "www.mydomain.com")
	s.shaped("m1", poolShape, "pool", "why", "www.mydomain.com")
	s.shaped("m1", poolShape, "pool", "why", "www.mydomain.com", s.ip(12))
	s.shaped("m1", `{"pools":[`+poolShape+`]}`, "pool", "list")
	for _, args := range [][]string{{"zone", "list"}, {"zone", "show", "mydomain.com"}, {"ready"}} {
		must(t, append(args, "--json", "-s", s.control("ns1"))...)
	}
	for _, args := range [][]string{
		{"pool", "drain", s.ip(12), "--for", "1h", "--reason", "x"}, {"pool", "undrain", s.ip(12)}, {"normal-dns", "diff"}, {"ready"}, {"check", s.path("m1.toml")},
	} {
		r := run(t, append(args, "--json", "-s", s.control("m1"))...)
		var v any
		if err := json.Unmarshal([]byte(r.out), &v); err != nil {
			t.Errorf("%v --json printed (exit code %d) %q %q", args, r.code, r.out, r.err)
		}
	}
}

var (
	metricName = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`)
	sample     = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\.)*",?)*\})? (\S+)( \d+)?$`)
)

func get(url string) (int, string, error) {
	c := &http.Client{Timeout: 3 * time.Second}
	r, err := c.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	return r.StatusCode, string(b), err
}

// "/metrics: names begin loadshare_"; "/healthz and /readyz mean it."
func TestMetricsAndHealth(t *testing.T) {
	s := newSite(t)
	s.web(11)
	at := func(last int) string { return fmt.Sprintf("[metrics]\nlisten = \"%s:9090\"\n", s.ip(last)) }
	s.role("dns", "ns1", s.dnsConfig("ns1", 1)+at(1))
	a := s.role("agent", "a1", s.agentConfig("a1", 2)+s.publish("", 1)+at(2))
	s.role("monitor", "m1", s.monitorConfig("m1", s.pool("www.mydomain.com", "", 11), []int{2}, []int{1})+at(3))
	eventually(t, 10*time.Second, "published", s.answers([]int{1}, "www.mydomain.com", 11))
	is := func(last int, page string, want int) func() error {
		return func() error {
			code, body, err := get("http://" + net.JoinHostPort(s.ip(last), "9090") + page)
			if err == nil && code != want {
				err = fmt.Errorf("%s of %s: %d %s", page, s.ip(last), code, body)
			}
			return err
		}
	}
	// Names that nobody configured are not to become labels.
	for i := range 200 {
		_, _ = s.ask(1, fmt.Sprintf("n%d.mydomain.com", i), uint16(1+i))
	}
	for last := 1; last <= 3; last++ {
		for _, page := range []string{"/healthz", "/readyz"} {
			eventually(t, 5*time.Second, page, is(last, page, 200))
		}
		_, body, err := get("http://" + net.JoinHostPort(s.ip(last), "9090") + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for line := range strings.Lines(body) {
			line = strings.TrimRight(line, "\n")
			if f := strings.Fields(line); strings.HasPrefix(line, "#") {
				if len(f) < 3 || f[1] != "HELP" && f[1] != "TYPE" || !metricName.MatchString(f[2]) {
					t.Errorf("odd comment %q", line)
				}
				continue
			}
			m := sample.FindStringSubmatch(line)
			if m == nil {
				t.Errorf("no sample: %q", line)
				continue
			}
			if n++; !strings.HasPrefix(m[1], "loadshare_") {
				t.Errorf("%s does not begin with loadshare_", m[1])
			}
		}
		if n < 5 || n > 400 {
			t.Errorf("%d samples of %s", n, s.ip(last))
		}
	}
	for _, page := range []string{"/", "/debug/pprof/", "/metrics/../../etc/passwd", "/v1/status"} {
		if code, _, err := get("http://" + net.JoinHostPort(s.ip(1), "9090") + page); err != nil || code != 404 {
			t.Errorf("%s: %d %v", page, code, err)
		}
	}
	// Without its agent the monitor cannot do its job, but needs no restart.
	a.kill9(t)
	eventually(t, 8*time.Second, "not ready", is(3, "/readyz", 503))
	if err := is(3, "/healthz", 200)(); err != nil {
		t.Error(err)
	}
	r := run(t, "ready", "-s", s.control("m1"))
	r.expect(t, 1, s.ip(2))
	s.again("agent", "a1")
	eventually(t, 8*time.Second, "ready again", is(3, "/readyz", 200))
}

// `loadshare import phonax` on the examples of the old package's manual: what comes out passes our check.
func TestImportPhonax(t *testing.T) {
	s := newSite(t)
	to := s.path("new")
	old := []string{"failover-monitor.config", "failover.config", "normal-dns"}
	args := []string{"import", "phonax"}
	for _, f := range old {
		args = append(args, filepath.Join("testdata", "phonax", f))
	}
	run(t, append(args, "--to", to)...).expect(t, 0, "monitor.toml")
	files, err := filepath.Glob(to + "/*")
	if err != nil || len(files) < 4 {
		t.Fatalf("%v %v", files, err)
	}
	run(t, append([]string{"check"}, files...)...).expect(t, 0)
	monitor, err := os.ReadFile(filepath.Join(to, "monitor.toml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{`"192.168.0.3"`, `restart = "fasttrack"`, "GET /robots.txt HTTP/1.0", "httpd is working"} {
		if !strings.Contains(string(monitor), text) {
			t.Errorf("%s is lost", text)
		}
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), "mypasswd") {
			t.Errorf("%s: the old password is used again (M11)", f)
		}
		if info, err := os.Stat(f); err != nil || strings.HasSuffix(f, ".key") && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: mode %v %v", f, info.Mode(), err)
		}
	}
}

// cert ca, cert node: agents and control addresses with certificates.
func TestCertificatesEndToEnd(t *testing.T) {
	s := newSite(t)
	s.web(11)
	must(t, "cert", "ca", "--dir", s.dir)
	must(t, "cert", "node", "m1", "a1,"+s.ip(2), "--dir", s.dir)
	must(t, "cert", "ca", "--dir", s.path("other"))
	must(t, "cert", "node", "m1", "--dir", s.path("other"))
	s.dns("ns1", 1)
	certs := func(dir, name string) string {
		return fmt.Sprintf("ca = %q\ncert = %q\ncert_key = %q\n", filepath.Join(dir, "ca.pem"), filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key"))
	}
	agent := strings.Replace(s.agentConfig("a1", 2), "key = \"agent.key\"\n", certs("", "a1")+"peer_names = [\"m1\"]\n", 1)
	agent = strings.Replace(agent, s.controlTable("a1"), fmt.Sprintf("[control]\nlisten = \"https://%s\"\n%s", s.at(2, 8954), certs("", "a1")), 1)
	write(t, s.dir, "a1.toml", agent+s.publish("", 1))
	must(t, "check", s.path("a1.toml"))
	s.launch("agent", "a1")
	as := func(dir string) []string {
		return []string{"--ca", filepath.Join(dir, "ca.pem"), "--cert", filepath.Join(dir, "m1.pem"), "--cert-key", filepath.Join(dir, "m1.key"), "-s", "https://" + s.at(2, 8954)}
	}
	eventually(t, 5*time.Second, "control over https", func() error {
		if r := run(t, append([]string{"status", "--json"}, as(s.dir)...)...); r.code != 0 {
			return fmt.Errorf("%d %s", r.code, r.err)
		}
		return nil
	})
	run(t, append([]string{"status"}, as(s.path("other"))...)...).expect(t, 3, "https://")
	config := s.monitorConfig("m1", s.pool("www.mydomain.com", "", 11), []int{2}, []int{1})
	stranger := strings.NewReplacer("key = \"agent.key\"\n", certs("other", "m1"), "state-m1", "state-m2", "m1.sock", "m2.sock").Replace(config)
	s.role("monitor", "m2", stranger)
	s.role("monitor", "m1", strings.Replace(config, "key = \"agent.key\"\n", certs("", "m1"), 1))
	eventually(t, 10*time.Second, "published", s.answers([]int{1}, "www.mydomain.com", 11))
	var v struct {
		Agents []struct {
			Connected bool   `json:"connected"`
			LastError string `json:"last_error"`
		} `json:"agents"`
	}
	if err := s.status("m2", &v); err != nil || v.Agents[0].Connected || v.Agents[0].LastError == "" {
		t.Errorf("a monitor of another authority: %+v %v", v.Agents, err)
	}
	t.Log(v.Agents)
	eventually(t, 5*time.Second, "m1 is ready", func() error {
		if r := run(t, "ready", "-s", s.control("m1")); r.code != 0 {
			return fmt.Errorf("%d %s", r.code, r.err)
		}
		return nil
	})
}

// Those who connect and say nothing do not lock the operator out.
func TestIdleOperatorsAndScrapers(t *testing.T) {
	s := newSite(t)
	p := s.role("agent", "a1", s.agentConfig("a1", 1)+"[metrics]\nlisten = \""+s.at(1, 9090)+"\"\n")
	before := p.resident(t)
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}()
	for i := range 300 {
		for _, to := range [][2]string{{"unix", s.path("a1.sock")}, {"tcp", s.at(1, 9090)}} {
			c, err := net.DialTimeout(to[0], to[1], 2*time.Second)
			if err != nil {
				t.Fatalf("connection %d: %v", i, err)
			}
			conns = append(conns, c)
			if i%2 == 0 {
				_, _ = c.Write([]byte("GET /v1/status HTTP/1.1\r\n"))
			}
		}
	}
	begun := time.Now()
	must(t, "status", "-s", s.control("a1"))
	if code, body, err := get("http://" + s.at(1, 9090) + "/healthz"); err != nil || code != 200 {
		t.Errorf("healthz: %d %s %v", code, body, err)
	}
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("answered after %s, when the idle ones had timed out", took)
	}
	if got := p.resident(t); got > before+32<<20 {
		t.Errorf("from %d MB to %d MB", before>>20, got>>20)
	}
}
