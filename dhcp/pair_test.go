package dhcp

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"loadshare/internal/config"
	"loadshare/internal/freeport"
)

// twins are the main and the backup of a pair, not started yet. extra is put into [[failover]].
func twins(t testing.TB, extra string) (main, backup *site) {
	t.Helper()
	a, b := freeport.Pick(t, "127.0.0.2"), freeport.Pick(t, "127.0.0.3")
	key := config.NewKey("dhcp-pair").Text()
	text := func(role string, own, partner netip.AddrPort) string {
		head, scopes, _ := strings.Cut(single, "[[scope]]")
		head = strings.Replace(head, "127.0.0.1:0", own.Addr().String()+":0", 1)
		proof := `key = "pair.key"`
		if strings.Contains(extra, "draft") {
			proof = ""
		}
		return fmt.Sprintf("%s[[failover]]\nname = \"pair1\"\nrole = %q\naddress = %q\npartner = %q\n%s\n%s\n[[scope]]\nfailover = \"pair1\"%s",
			head, role, own, partner, proof, extra, scopes)
	}
	main, backup = newSite(t, text("main", a, b)), newSite(t, text("backup", b, a))
	for _, s := range []*site{main, backup} {
		if err := os.WriteFile(filepath.Join(s.dir, "pair.key"), []byte(key), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return main, backup
}

func (s *site) pair(t testing.TB) PairStatus {
	t.Helper()
	var list PairList
	s.ask(t, "/v1/dhcp-pair/status", nil, &list)
	if len(list.Pairs) != 1 {
		t.Fatalf("%+v", list)
	}
	return list.Pairs[0]
}

func untilNormal(t testing.TB, sites ...*site) {
	t.Helper()
	defer func() {
		if t.Failed() {
			for _, s := range sites {
				t.Logf("%+v\n%s", s.pair(t), s.logs)
			}
		}
	}()
	until(t, "both are in normal, and owe nothing", func() bool {
		for _, s := range sites {
			if p := s.pair(t); p.State != "normal" || !p.Connected || p.Unacked > 0 {
				return false
			}
		}
		return true
	})
}

// Two empty servers reach normal by themselves; what one of them leases the other knows; the backup hears and stays silent.
func TestPairReachesNormalAndSharesLeases(t *testing.T) {
	for _, link := range []string{"ours", "draft"} {
		t.Run(link, func(t *testing.T) {
			extra := ""
			if link == "draft" {
				extra = `link = "draft"`
			}
			main, backup := twins(t, extra)
			main.start(t)
			backup.start(t)
			untilNormal(t, main, backup)
			r := main.relay(t, backup)
			l := acquire(t, r, 1)
			var at [2]LeaseStatus
			until(t, "the backup knows the lease", func() bool {
				return backup.try("/v1/lease/show", map[string][]string{"address": {l.IP.String()}}, nil, &at[1]) == nil && at[1].State == "active"
			})
			main.ask(t, "/v1/lease/show", map[string][]string{"address": {l.IP.String()}}, &at[0])
			if at[0].Hardware != at[1].Hardware || at[1].Hardware != "02:00:00:00:00:01" {
				t.Errorf("main: %+v\nbackup: %+v", at[0], at[1])
			}
			if l.Server.String() != "127.0.0.2" {
				t.Errorf("served by %s, not by the main", l.Server)
			}
			for _, want := range []string{"failover is enabled", "mclt=3600", "backup-pct=10", "use-safe-period=disabled", "to=NORMAL", "DHCPBNDUPD", "DHCPBNDACK"} {
				if !strings.Contains(main.logs.String(), want) {
					t.Errorf("the main's log has no %q", want)
				}
			}
			until(t, "the backup says that it drops requests", func() bool {
				return strings.Contains(backup.logs.String(), "dropping requests because failover is in NORMAL state")
			})
			main.stop(t)
			other := acquire(t, r, 2)
			if other.Server.String() != "127.0.0.3" || other.IP == l.IP {
				t.Errorf("after the main stopped: %+v", other)
			}
			main.start(t)
			backup.pair(t)
			untilNormal(t, main, backup)
			until(t, "the main knows the lease of the backup", func() bool {
				return main.try("/v1/lease/show", map[string][]string{"address": {other.IP.String()}}, nil, &at[0]) == nil && at[0].State == "active"
			})
		})
	}
}
