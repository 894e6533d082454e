package etc

import (
	"os"
	"path/filepath"
	"testing"

	"loadshare/agent"
	dhcp "loadshare/dhcp/config"
	"loadshare/haserver"
	"loadshare/internal/config"
	"loadshare/monitor"
)

// TestSamplesAreAccepted: every sample of this folder is accepted as it stands,
// once the keys exist that its comments tell the operator to make.
func TestSamplesAreAccepted(t *testing.T) {
	load := map[string]func(string) config.Problems{
		"two-dns-servers/monitor.toml":    func(f string) config.Problems { _, p := monitor.LoadConfig(f); return p },
		"two-dns-servers/agent-dns.toml":  func(f string) config.Problems { _, p := agent.LoadConfig(f); return p },
		"two-dns-servers/agent-node.toml": func(f string) config.Problems { _, p := agent.LoadConfig(f); return p },
		"single-dns/dns.toml":             func(f string) config.Problems { _, p := haserver.LoadConfig(f); return p },
		"ha-dns/dns-main.toml":            func(f string) config.Problems { _, p := haserver.LoadConfig(f); return p },
		"ha-dns/dns-backup.toml":          func(f string) config.Problems { _, p := haserver.LoadConfig(f); return p },
		"single-dhcp/dhcp.toml":           func(f string) config.Problems { _, p := dhcp.Load(f); return p },
		"dhcp/dhcp-main.toml":             func(f string) config.Problems { _, p := dhcp.Load(f); return p },
		"dhcp/dhcp-backup.toml":           func(f string) config.Problems { _, p := dhcp.Load(f); return p },
		"dhcp/dhcp-isc.toml":              func(f string) config.Problems { _, p := dhcp.Load(f); return p },
	}
	seen := 0
	for _, dir := range []string{"two-dns-servers", "single-dns", "ha-dns", "single-dhcp", "dhcp"} {
		tmp := filepath.Join(t.TempDir(), dir)
		if err := os.CopyFS(tmp, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"ddns", "agent", "xfer", "pair", "dhcp-pair"} {
			if err := os.WriteFile(filepath.Join(tmp, key+".key"), []byte(config.NewKey(key).Text()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		samples, err := filepath.Glob(dir + "/*.toml")
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range samples {
			check, known := load[s]
			if !known {
				t.Errorf("%s: no test loads this sample", s)
				continue
			}
			seen++
			if err := check(filepath.Join(tmp, filepath.Base(s))).Err(); err != nil {
				t.Errorf("%s:\n%v", s, err)
			}
		}
	}
	if seen != len(load) {
		t.Errorf("%d samples loaded, %d expected", seen, len(load))
	}
}
