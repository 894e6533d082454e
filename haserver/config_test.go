package haserver

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"loadshare/internal/config"
	"loadshare/internal/process"
)

// contract puts a sample of the contract and the files it names into a folder.
func contract(t *testing.T, sample string) string {
	t.Helper()
	dir := t.TempDir()
	data, err := os.ReadFile(filepath.Join("testdata", "contract", sample))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{sample: string(data), "db.mydomain.com": exampleZone, "db.0.168.192": exampleZone}
	for _, name := range []string{"ddns", "xfer", "pair"} {
		files[name+".key"] = config.NewKey(name).Text()
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, sample)
}

// "The sample configurations must be accepted as they stand."
func TestContractSamples(t *testing.T) {
	for sample, role := range map[string]string{"dns-main.toml": "main", "dns-backup.toml": "backup"} {
		c, problems := LoadConfig(contract(t, sample))
		if err := problems.Err(); err != nil {
			t.Fatalf("%s: %v", sample, err)
		}
		if text := fmt.Sprint(problems.Warnings()); !strings.Contains(text, "ha.role") || role == "main" && !strings.Contains(text, "NOTIFY") {
			t.Errorf("%s: what this version does not do is not said: %s", sample, text)
		}
		if c.HA.Role != role || c.HA.Heartbeat != 12*time.Second || c.HA.CommTimeout != 30*time.Second || c.HA.ZonesyncFailedTimeout != 5*time.Minute ||
			c.HA.AckTimeout != time.Second || c.HA.UpdatesAtBackup != "drop" || c.HA.Partner.Port() != 2225 {
			t.Errorf("%+v", c.HA)
		}
		if len(c.Zones) != 2 || len(c.Zones[0].Transfer) != 2 || c.Zones[0].Notify[0].String() != "192.168.0.20:53" || !c.Rate.Enabled || len(c.Keys) != 2 {
			t.Errorf("%+v", c)
		}
	}
}

// A pair is not in this version: Run says so and starts nothing.
func TestRunRefusesAPair(t *testing.T) {
	path := contract(t, "dns-main.toml")
	c, _ := LoadConfig(path)
	err := Run(context.Background(), c, process.NewEnv(slog.New(slog.DiscardHandler), path))
	if err == nil || !strings.Contains(err.Error(), "[ha]") {
		t.Errorf("%v", err)
	}
}

// All problems at once, each with its key and what is accepted.
func TestConfigProblems(t *testing.T) {
	s := newSite(t)
	s.write(t, "dns.toml", `
listen = ["nonsense", "127.0.0.1:5300", "127.0.0.1:5300"]
keys = ["keys", "no-such-file"]
colour = "red"
[rate_limit]
slip = 99
[ha]
role = "both"
listen = "127.0.0.1:1"
partner = "127.0.0.1:1"
heartbeat = "40s"
[[zone]]
name = "example.test"
file = "no-such-zone"
update = ["key nobody", "192.0.2.0/33", "key ddns x.elsewhere.test", "key ddns A MX OPT", "10.0.0.0/8"]
transfer = ["key xfer A"]
[[zone]]
name = "EXAMPLE.test."
file = "db.other"
[[zone]]
name = "a..b"
file = "db.other"
`)
	_, problems := LoadConfig(s.conf)
	var text strings.Builder
	for _, p := range problems {
		text.WriteString(p.String() + "\n")
	}
	for _, want := range []string{
		"listen", "keys", "colour", "slip", "ha.role", "ha.partner", "ha.comm_timeout", "ha.key", "zone[1].file", "there is none called nobody",
		"192.0.2.0/33", "x.elsewhere.test", "OPT is none", "sender addresses of UDP can be forged", "a zone is transferred whole", "every zone once", "zone[3].name", "every address once",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("nothing about %q in\n%s", want, text.String())
		}
	}
}
