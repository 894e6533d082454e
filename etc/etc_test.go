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

func monitorFile(f string) config.Problems { _, p := monitor.LoadConfig(f); return p }
func agentFile(f string) config.Problems   { _, p := agent.LoadConfig(f); return p }
func dnsFile(f string) config.Problems     { _, p := haserver.LoadConfig(f); return p }
func dhcpFile(f string) config.Problems    { _, p := dhcp.Load(f); return p }

// TestSamplesAreAccepted: every sample of this folder is accepted as it stands,
// once the keys exist that its comments tell the operator to make.
func TestSamplesAreAccepted(t *testing.T) {
	load := map[string]func(string) config.Problems{
		"two-dns-servers/monitor.toml":     monitorFile,
		"two-dns-servers/agent-dns.toml":   agentFile,
		"two-dns-servers/agent-node.toml":  agentFile,
		"single-dns/dns.toml":              dnsFile,
		"ha-dns/dns-main.toml":             dnsFile,
		"ha-dns/dns-backup.toml":           dnsFile,
		"single-dhcp/dhcp.toml":            dhcpFile,
		"dhcp/dhcp-main.toml":              dhcpFile,
		"dhcp/dhcp-backup.toml":            dhcpFile,
		"dhcp/dhcp-isc.toml":               dhcpFile,
		"five-hosts/ns1/dns.toml":          dnsFile,
		"five-hosts/ns1/dhcp.toml":         dhcpFile,
		"five-hosts/ns1/agent.toml":        agentFile,
		"five-hosts/ns2/dns.toml":          dnsFile,
		"five-hosts/ns2/dhcp.toml":         dhcpFile,
		"five-hosts/ns2/agent.toml":        agentFile,
		"five-hosts/node1/agent.toml":      agentFile,
		"five-hosts/node2/agent.toml":      agentFile,
		"five-hosts/monitor1/monitor.toml": monitorFile,
	}
	seen := 0
	dirs := []string{"two-dns-servers", "single-dns", "ha-dns", "single-dhcp", "dhcp"}
	for _, host := range []string{"ns1", "ns2", "node1", "node2", "monitor1"} {
		dirs = append(dirs, "five-hosts/"+host)
	}
	for _, dir := range dirs {
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
