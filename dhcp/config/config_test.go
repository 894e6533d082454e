package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loadshare/dhcp/failover"
	"loadshare/internal/config"
)

// inDir makes a directory with key files and the files of testdata.
func inDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"dhcp-pair", "ddns"} {
		if err := os.WriteFile(filepath.Join(dir, name+".key"), []byte(config.NewKey(name).Text()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// "The sample configurations must be accepted as they stand" (contract); checklist D22 to D41: the values in them are the defaults.
func TestSamplesOfTheContract(t *testing.T) {
	dir := inDir(t)
	for file, role := range map[string]failover.Role{"dhcp-main.toml": failover.Main, "dhcp-backup.toml": failover.Backup} {
		c, problems := Load(filepath.Join(dir, file))
		if len(problems) > 0 {
			t.Fatalf("%s: %v", file, problems)
		}
		want := failover.Config{Name: "pair1", Role: role, MCLT: 3600, PollInterval: 10 * time.Second, PollTimeout: time.Minute, Fast: time.Second, MaxUnacked: 10}
		if diff := cmp.Diff([]failover.Config{want}, c.Engine.Pairs); diff != "" {
			t.Errorf("%s: %s", file, diff)
		}
		p := c.Pairs[0]
		if p.Role != role || p.Draft || p.Auth.String() != "key dhcp-pair" || p.BackupPct != 10 || p.Address.Port() != 647 || p.Address.Addr() == p.Partner.Addr() {
			t.Errorf("%s: %+v", file, p)
		}
		if c.StateDir != "/var/lib/loadshare/dhcp" || c.Control.Listen.String() != "unix:/run/loadshare/dhcp.sock" || !cmp.Equal(c.Interfaces, []string{"eth1"}) || c.RelayReplySource {
			t.Errorf("%s: %+v", file, c)
		}
		sc := c.Scopes.Scopes[0]
		if sc.Name != "cluster" || sc.Failover != "pair1" || *sc.Policy.LeaseTime != 3*86400 || *sc.BackupPct != 10 || len(sc.Reservations) != 1 || len(sc.Policy.Options) != 3 {
			t.Errorf("%s: %+v", file, sc)
		}
		if c.DDNS == nil || c.DDNS.Key.Name != "ddns" || len(c.DDNS.Servers) != 2 || !c.Engine.Names.On || !cmp.Equal(c.Engine.Names.ReverseZones, []string{"0.168.192.in-addr.arpa"}) {
			t.Errorf("%s: %+v %+v", file, c.DDNS, c.Engine.Names)
		}
		if want := netip.MustParseAddrPort("192.168.0.10:67"); role == failover.Main && !cmp.Equal(c.Listen, []netip.AddrPort{want}, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })) {
			t.Errorf("%s: listens at %v", file, c.Listen)
		}
	}
}
