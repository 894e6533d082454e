package monitor

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loadshare/internal/config"
	"loadshare/monitor/decide"
)

// writeConfig puts a configuration and the key it names into a directory.
func writeConfig(t testing.TB, text string) string {
	t.Helper()
	dir := t.TempDir()
	key := config.TSIGKey{Name: "agent", Algorithm: "hmac-sha256", Secret: []byte("0123456789abcdef0123456789abcdef")}
	for name, data := range map[string]string{"agent.key": key.Text(), "monitor.toml": text} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "monitor.toml")
}

func mustLoad(t testing.TB, text string) *Config {
	t.Helper()
	c, problems := LoadConfig(writeConfig(t, text))
	if err := problems.Err(); err != nil {
		t.Fatalf("configuration not accepted:\n%v", err)
	}
	return c
}

// The contract: "the sample configurations must be accepted as they stand (paths and addresses replaced)".
func TestContractSampleIsAccepted(t *testing.T) {
	text, err := os.ReadFile("testdata/contract.toml")
	if err != nil {
		t.Fatal(err)
	}
	c := mustLoad(t, string(text))
	p := build(c, nil)
	var ids []string
	for _, pool := range p.decide.Pools {
		ids = append(ids, string(pool.ID))
	}
	want := []string{"www.mydomain.com/A", "smtp.mydomain.com/A", "secure.mydomain.com/A", "secure.mydomain.com/AAAA", "mydomain.com/MX"}
	if diff := cmp.Diff(want, ids); diff != "" {
		t.Errorf("pools (-want +got):\n%s", diff)
	}
	if err := p.decide.Validate(); err != nil {
		t.Errorf("the machine refuses it: %v", err)
	}
	www := p.decide.Pools[0]
	if www.TTL != 1 || www.Members[2].Service != "fasttrack" || www.Members[2].Agent != "192.168.0.3:2224" {
		t.Errorf("www: ttl %d, third member %+v", www.TTL, www.Members[2])
	}
	if got := p.decide.Pools[4].Members[0].Value; got != "10 clusternode1.mydomain.com" {
		t.Errorf("MX value %q", got)
	}
	if d := c.Pools[2]; d.TTL != 30 || d.Grace != 30*time.Second || d.Flap != (decide.Flap{Downs: 5, Window: 10 * time.Minute, Hold: 2 * time.Minute}) {
		t.Errorf("defaults not as in the contract: %+v", d)
	}
}

// The contract: "Every value in a sample's [defaults] is also the default when the key is absent."
func TestDefaultsAreTheSamplesOwn(t *testing.T) {
	text, _ := os.ReadFile("testdata/contract.toml")
	with := mustLoad(t, string(text))
	head, rest, _ := strings.Cut(string(text), "[defaults]")
	_, rest, _ = strings.Cut(rest, "[guard]")
	_, rest, _ = strings.Cut(rest, "[[pool]]")
	without := mustLoad(t, head+"[[pool]]"+rest)
	if diff := cmp.Diff(with.Pools, without.Pools, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("with [defaults] and without differ:\n%s", diff)
	}
	if diff := cmp.Diff(with.Guard, without.Guard); diff != "" {
		t.Errorf("guard differs:\n%s", diff)
	}
}
