package importer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	dhcpconfig "loadshare/dhcp/config"
)

// What is imported is what `loadshare check` accepts, also where the old servers are less strict: pools that are whole networks, and
// dynamic BOOTP, which in a pair has a scope of its own (checklist D28).
func TestImportedIsAccepted(t *testing.T) {
	const pair = `failover peer "p" { primary; address 10.9.0.1; peer address 10.9.0.2; mclt 600; split 128; max-response-delay 60; max-unacked-updates 10; } `
	const bootp = `subnet 10.1.0.0 netmask 255.255.255.0 { range dynamic-bootp 10.1.0.10 10.1.0.20; `
	for name, c := range map[string]struct {
		read       func([]File) (Result, error)
		conf       string
		want, note string
	}{
		"dynamic BOOTP": {DHCPD, bootp + "}", "bootp = true\n", ""},
		"dynamic BOOTP beside a pair": {DHCPD, pair + bootp + `pool { failover peer "p"; range 10.1.0.100 10.1.0.200; } }`, `ranges = ["10.1.0.10-10.1.0.20", "10.1.0.100-10.1.0.200"]`,
			"scope 10.1.0.0/24: dynamic-bootp: in a pair"},
		"half a network":    {Kea, `{ "Dhcp4": { "subnet4": [ { "subnet": "10.1.0.0/24", "pools": [ { "pool": "10.1.0.0/25" } ] } ] } }`, `ranges = ["10.1.0.1-10.1.0.127"]`, ""},
		"a whole network":   {Kea, `{ "Dhcp4": { "subnet4": [ { "subnet": "10.1.0.0/24", "pools": [ { "pool": "10.1.0.0/24" } ] } ] } }`, `ranges = ["10.1.0.1-10.1.0.254"]`, ""},
		"nothing but those": {DHCPD, `subnet 10.1.0.0 netmask 255.255.255.0 { range 10.1.0.0; range 10.1.0.7; }`, `ranges = ["10.1.0.7"]`, ""},
		"two addresses":     {DHCPD, `subnet 10.1.0.0 netmask 255.255.255.254 { range 10.1.0.0 10.1.0.1; }`, `ranges = ["10.1.0.0-10.1.0.1"]`, ""},
	} {
		r, err := c.read([]File{{"c.conf", []byte(c.conf)}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var text string
		for _, f := range r.Files {
			if f.Name == "dhcp.toml" {
				text = f.Text
			}
		}
		if notes := strings.Join(r.Notes, "\n"); !strings.Contains(text, c.want) || !strings.Contains(notes, c.note) {
			t.Errorf("%s: want %q and %q in\n%s\n%s", name, c.want, c.note, text, notes)
		}
		path := filepath.Join(t.TempDir(), "dhcp.toml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, problems := dhcpconfig.Load(path); problems.Err() != nil {
			t.Errorf("%s: %v\n%s", name, problems.Err(), text)
		}
	}
}
