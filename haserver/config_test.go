package haserver

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"loadshare/haserver/pairmsg"
	"loadshare/internal/config"
	"loadshare/internal/link"
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
	for sample, role := range map[string]pairmsg.Role{"dns-main.toml": pairmsg.Main, "dns-backup.toml": pairmsg.Backup} {
		c, problems := LoadConfig(contract(t, sample))
		if len(problems) > 0 {
			t.Fatalf("%s: %v", sample, problems)
		}
		if c.HA.Role != role || c.HA.Heartbeat != 12*time.Second || c.HA.CommTimeout != 30*time.Second || c.HA.ZonesyncFailedTimeout != 5*time.Minute ||
			c.HA.AckTimeout != time.Second || c.HA.Forward || c.HA.Strict || c.HA.Partner.Port() != 2225 || c.HA.Details || c.HA.Messages {
			t.Errorf("%+v", c.HA)
		}
		if len(c.Zones) != 2 || len(c.Zones[0].Transfer) != 2 || c.Zones[0].Notify[0].String() != "192.168.0.20:53" || !c.Rate.Enabled || len(c.Keys) != 2 {
			t.Errorf("%+v", c)
		}
	}
}

// pairConfig is a configuration with the given lines in [ha] and zones after it.
func pairConfig(t *testing.T, ha, zones string) (*Config, string) {
	t.Helper()
	s := newSite(t)
	s.write(t, "pair.key", config.NewKey("pair").Text())
	s.write(t, "dns.toml", "listen = [\"127.0.0.1:0\"]\n[ha]\n"+ha+"\n"+zones)
	c, problems := LoadConfig(s.conf)
	var text strings.Builder
	for _, p := range problems {
		text.WriteString(p.String() + "\n")
	}
	return c, text.String()
}

// H31, H35, H36 and "all timers down to 100 ms".
func TestPairConfig(t *testing.T) {
	ends := "key = \"pair.key\"\nlisten = \"127.0.0.1:2225\"\npartner = \"127.0.0.2:2225\"\n"
	c, text := pairConfig(t, "role = \"backup\"\n"+ends+`heartbeat = "100ms"
comm_timeout = "101ms"
zonesync_failed_timeout = "100ms"
ack_timeout = "100ms"
ack = "strict"
updates_at_backup = "forward"
ha_details = true
ha_messages = true`, "")
	if text != "" {
		t.Fatal(text)
	}
	h := *c.HA
	if h.Auth.String() == (link.Auth{}).String() {
		t.Error("no proof")
	}
	h.Auth = link.Auth{}
	if diff := cmp.Diff(HA{
		Role: pairmsg.Backup, Listen: netip.MustParseAddrPort("127.0.0.1:2225"), Partner: netip.MustParseAddrPort("127.0.0.2:2225"),
		Heartbeat: 100 * time.Millisecond, CommTimeout: 101 * time.Millisecond, ZonesyncFailedTimeout: 100 * time.Millisecond, AckTimeout: 100 * time.Millisecond,
		Strict: true, Forward: true, Details: true, Messages: true,
	}, h, cmpopts.EquateComparable(netip.AddrPort{}), cmpopts.IgnoreFields(HA{}, "Auth")); diff != "" {
		t.Error(diff)
	}
	for _, c := range []struct{ what, ha, zones, want string }{
		{"the same server twice", "role = \"main\"\nkey = \"pair.key\"\nlisten = \"127.0.0.1:2225\"\npartner = \"127.0.0.1:2225\"", "", "ha.partner"},
		{"the same server by another name", "role = \"main\"\nkey = \"pair.key\"\nlisten = \"0.0.0.0:2225\"\npartner = \"127.0.0.1:2225\"", "", "ha.partner"},
		{"two ports of one host", "role = \"main\"\nkey = \"pair.key\"\nlisten = \"127.0.0.1:2225\"\npartner = \"127.0.0.1:2226\"", "", ""},
		{"no address", "role = \"main\"\nkey = \"pair.key\"\nlisten = \"127.0.0.1:2225\"\npartner = \"0.0.0.0:2226\"", "", "ha.partner"},
		{"a partner that cannot come back", "role = \"main\"\nkey = \"pair.key\"\nlisten = \"127.0.0.1:2225\"\npartner = \"192.0.2.1:2225\"", "", "warning: ha.listen"},
		{"no key", "role = \"main\"\nlisten = \"127.0.0.1:1\"\npartner = \"127.0.0.2:1\"", "", "ha.key is missing"},
		{"a timer below 100 ms", "role = \"main\"\n" + ends + "ack_timeout = \"99ms\"", "", "ha.ack_timeout"},
		{"the main without a zone's file", "role = \"main\"\n" + ends, "[[zone]]\nname = \"example.test\"", "zone[1].file is missing"},
		{"the backup without a zone's file", "role = \"backup\"\n" + ends, "[[zone]]\nname = \"example.test\"", ""},
		{"no role", ends, "", "ha.role"},
	} {
		_, text := pairConfig(t, c.ha, c.zones)
		if c.want == "" && text != "" || !strings.Contains(text, c.want) || strings.Count(text, "\n") > 1 {
			t.Errorf("%s: %q, want only %q", c.what, text, c.want)
		}
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
