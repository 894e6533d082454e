package layering

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// packages asks the go command for the module's packages.
func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=Dir,ImportPath,Doc,Imports,GoFiles,IgnoredGoFiles", module+"/...")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// TestModule holds the whole module to the policy.
func TestModule(t *testing.T) {
	all := packages(t)
	found := map[string]bool{}
	for _, p := range all {
		found[p.name()] = true
		for _, bad := range checkImports(p) {
			t.Error(bad)
		}
		if p.Doc == "" {
			t.Errorf("%s has no package comment: its manual is missing", p.name())
		}
		for _, name := range slices.Concat(p.GoFiles, p.IgnoredGoFiles) {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			src, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			for _, bad := range checkFile(p, name, src) {
				t.Error(bad)
			}
		}
	}
	if !found["internal/layering"] || !found["ddns"] {
		t.Errorf("the list of packages is not that of the module: %v", found)
	}
	for name := range policy {
		if !found[name] {
			t.Errorf("policy.go names %s, which does not exist", name)
		}
	}
}

// TestPolicyIsConsistent: nothing that must never happen is allowed, and pure
// packages may only import pure ones.
func TestPolicyIsConsistent(t *testing.T) {
	for from, r := range policy {
		for _, to := range r.may {
			target, known := policy[to]
			if !known {
				t.Errorf("%s may import %s, which is not in the policy", from, to)
			}
			if r.pure && !target.pure {
				t.Errorf("%s is pure and may import %s, which is not", from, to)
			}
			if bad := checkOwn(from, to, r); bad != nil {
				t.Errorf("allowed, but: %v", bad)
			}
			if strings.HasPrefix(to, "cmd/") || to == "internal/sim" || to == "internal/dnstest" {
				t.Errorf("%s may import %s", from, to)
			}
		}
	}
}

func TestImportsAreChecked(t *testing.T) {
	for _, c := range []struct {
		from, imported, want string
	}{
		{"agent", "loadshare/monitor", "agent imports monitor: it obeys orders"},
		{"agent", "loadshare/monitor/decide", "agent imports monitor/decide: it obeys orders"},
		{"agent", "loadshare/monitor/order", ""},
		{"agent", "loadshare/probes", ""}, // decision M4
		{"agent/plan", "loadshare/probes", "agent/plan imports probes, which policy.go does not allow it"},
		{"haserver", "loadshare/ddns/send", "its only door is the DNS protocol"},
		{"haserver", "loadshare/monitor/order", "its only door is the DNS protocol"},
		{"monitor", "loadshare/haserver/zone", "the DNS protocol"},
		{"monitor", "loadshare/internal/sim", "does not allow"},
		{"monitor", "github.com/miekg/dns", "which only probes"},
		{"internal/ask", "github.com/miekg/dns", ""},
		{"internal/durable", "github.com/cockroachdb/pebble/v2/vfs", ""},
		{"monitor", "github.com/new/thing", "not in the table of libraries"},
		{"monitor/decide", "sync", "is pure and imports sync"},
		{"monitor/decide", "net", "is pure and imports net"},
		{"monitor/decide", "net/netip", ""},
		{"monitor", "sync", ""},
		{"test/any", "loadshare/internal/sim", ""},
		{"monitor", "loadshare/test/any", "does not allow"},
		{"nowhere", "fmt", "nowhere: not in policy.go"},
	} {
		got := strings.Join(checkImports(pkg{ImportPath: module + "/" + c.from, Imports: []string{c.imported}}), "\n")
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s imports %s: %q, want %q", c.from, c.imported, got, c.want)
		}
	}
}

func TestFilesAreChecked(t *testing.T) {
	for _, c := range []struct {
		in, src, want string
	}{
		{"ddns", "import \"time\"\nvar x = time.Now()", "x.go:3:9: time.Now in a pure package"},
		{"ddns", "import t \"time\"\nfunc f() { <-t.After(1) }", "time.After in a pure package"},
		{"ddns", "import \"time\"\nvar x = time.Second", ""},
		{"ddns", "type clock struct{}\nfunc (clock) Now() {}\nfunc f(time clock) { time.Now() }", ""},
		{"ddns", "import \"math/rand/v2\"\nvar x = rand.IntN(3)", "rand.IntN in a pure package"},
		{"ddns", "import \"math/rand/v2\"\nfunc f(r *rand.Rand) int { return r.IntN(3) }", ""},
		{"monitor", "import \"time\"\nvar x = time.Now()", ""},
		{"monitor", "func init() {}", "init function"},
		{"monitor", "type t struct{}\nfunc (t) init() {}", ""},
		{"monitor", "import _ \"net/http/pprof\"", "blank import"},
		{"monitor", "import _ \"embed\"", ""},
		{"monitor", strings.Repeat("\n", 599), ""},
		{"monitor", strings.Repeat("\n", 600), "has 601 lines"},
		{"monitor", "func {", "expected"},
	} {
		got := strings.Join(checkFile(pkg{ImportPath: module + "/" + c.in}, "x.go", []byte("package x\n"+c.src)), "\n")
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s, %q: %q, want %q", c.in, c.src, got, c.want)
		}
	}
}
