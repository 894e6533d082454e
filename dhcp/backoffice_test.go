package dhcp

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"loadshare/internal/config"
	"loadshare/internal/dhcpclient"
	"loadshare/internal/freeport"
)

// Symmetrical (checklist D03): "two servers each main and backup for the other", over one address and port on each.
func TestSymmetricalPairsShareAnAddress(t *testing.T) {
	a, b := freeport.Pick(t, "127.0.0.2"), freeport.Pick(t, "127.0.0.3")
	key := config.NewKey("dhcp-pair").Text()
	text := func(own, partner fmt.Stringer, ip string, roles [2]string) string {
		out := fmt.Sprintf("listen = [\"%s:0\"]\nrelay_reply_port = \"source\"\nstate_dir = \"state\"\n[control]\nlisten = \"unix:c.sock\"\n", ip)
		for i, role := range roles {
			out += fmt.Sprintf("[[failover]]\nname = \"pair%d\"\nrole = %q\naddress = %q\npartner = %q\nkey = \"pair.key\"\n", i+1, role, own, partner)
		}
		for i := range roles {
			out += fmt.Sprintf("[[scope]]\nname = \"s%d\"\nsubnet = \"127.%d.0.0/16\"\nranges = [\"127.%d.1.1-127.%d.1.200\"]\nfailover = \"pair%d\"\nping_check = false\n", i+1, i+1, i+1, i+1, i+1)
		}
		return out
	}
	one := newSite(t, text(a, b, "127.0.0.2", [2]string{"main", "backup"}))
	two := newSite(t, text(b, a, "127.0.0.3", [2]string{"backup", "main"}))
	for _, s := range []*site{one, two} {
		if err := os.WriteFile(filepath.Join(s.dir, "pair.key"), []byte(key), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	one.start(t)
	two.start(t)
	until(t, "both pairs are in normal on both", func() bool {
		for _, s := range []*site{one, two} {
			var list PairList
			s.ask(t, "/v1/dhcp-pair/status", nil, &list)
			for _, p := range list.Pairs {
				if p.State != "normal" || p.Unacked > 0 {
					return false
				}
			}
		}
		return true
	})
	var st Status
	one.ask(t, "/v1/status", nil, &st)
	if st.Role != "main and backup" || len(st.Pairs) != 2 {
		t.Errorf("%+v", st)
	}
	if err := one.try("/v1/dhcp-pair/partner-down", nil, PairOrder{}, nil); err == nil {
		t.Error("an order for no pair in particular was carried out")
	}
	if err := one.try("/v1/dhcp-pair/partner-down", nil, PairOrder{Pair: "pair2"}, nil); err == nil {
		t.Error("a partner that is connected was declared down (checklist D35)")
	}
}

// Back office (checklist D02, D45): "two or more mains sharing one backup", with one key and one address at the backup. When one main dies
// the backup serves its clients, and stays silent for those of the other.
func TestBackOffice(t *testing.T) {
	c, ends := freeport.Pick(t, "127.0.0.4"), []fmt.Stringer{freeport.Pick(t, "127.0.0.2"), freeport.Pick(t, "127.0.0.3")}
	key := config.NewKey("dhcp-pair").Text()
	head := func(ip string) string {
		return fmt.Sprintf("listen = [\"%s:0\"]\nrelay_reply_port = \"source\"\nstate_dir = \"state\"\n[control]\nlisten = \"unix:c.sock\"\n", ip)
	}
	pair := func(i int, role string, own, partner fmt.Stringer) string {
		return fmt.Sprintf("[[failover]]\nname = \"pair%d\"\nrole = %q\naddress = %q\npartner = %q\nkey = \"pair.key\"\nmatch = [\"127.%d.0.0/16\"]\n", i, role, own, partner, i)
	}
	scope := func(i int) string {
		return fmt.Sprintf("[[scope]]\nname = \"s%d\"\nsubnet = \"127.%d.0.0/16\"\nranges = [\"127.%d.1.1-127.%d.1.200\"]\nping_check = false\n", i, i, i, i)
	}
	mains := []*site{newSite(t, head("127.0.0.2")+pair(1, "main", ends[0], c)+scope(1)), newSite(t, head("127.0.0.3")+pair(2, "main", ends[1], c)+scope(2))}
	office := newSite(t, head("127.0.0.4")+pair(1, "backup", c, ends[0])+pair(2, "backup", c, ends[1])+scope(1)+scope(2))
	for _, s := range append(mains, office) {
		if err := os.WriteFile(filepath.Join(s.dir, "pair.key"), []byte(key), 0o600); err != nil {
			t.Fatal(err)
		}
		s.start(t)
	}
	states := func(want ...string) func() bool {
		return func() bool {
			var st Status
			office.ask(t, "/v1/status", nil, &st)
			for i, p := range st.Pairs {
				if p.State != want[i] || want[i] == "normal" && (p.Unacked > 0 || st.Scopes[i].Backup == 0) {
					return false
				}
			}
			return len(st.Pairs) == len(want) && st.Role == "backup"
		}
	}
	until(t, "the backup shares with both", states("normal", "normal"))
	at := func(net int) *dhcpclient.Relay {
		r, err := dhcpclient.Listen(dhcpclient.Config{
			Local: netip.MustParseAddrPort("127.0.0.9:0"), Link: netip.MustParseAddr(fmt.Sprintf("127.%d.0.1", net)),
			Servers: []netip.AddrPort{mains[0].addr, mains[1].addr, office.addr}, Wait: 200 * time.Millisecond, Tries: 3,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(r.Close)
		return r
	}
	one, two := at(1), at(2)
	for n, r := range []*dhcpclient.Relay{one, two} {
		if l := acquire(t, r, n+1); l.Server != mains[n].addr.Addr() {
			t.Errorf("network %d is served by %s, want its main", n+1, l.Server)
		}
	}
	mains[0].stop(t)
	until(t, "one main is gone", states("communications-interrupted", "normal"))
	if l := acquire(t, one, 3); l.Server != office.addr.Addr() {
		t.Errorf("served by %s, want the backup", l.Server)
	}
	if l := acquire(t, two, 4); l.Server != mains[1].addr.Addr() {
		t.Errorf("the other network is served by %s, want its main", l.Server)
	}
}

// The operator's orders of a pair: the partner is gone, is said to be down, comes back, and both are normal again (checklist D17, D35).
func TestPartnerDownByOrder(t *testing.T) {
	main, backup := twins(t, `mclt = "1s"`) // which a server that recovers waits for
	main.start(t)
	backup.start(t)
	untilNormal(t, main, backup)
	backup.stop(t)
	until(t, "the main is interrupted", func() bool { return main.pair(t).State == "communications-interrupted" })
	if p := main.pair(t); len(p.Suggestions) != 1 || !p.Serving {
		t.Errorf("%+v", p)
	}
	var done Done
	if err := main.try("/v1/dhcp-pair/partner-down", nil, PairOrder{Reason: "test"}, &done); err != nil || !done.OK {
		t.Fatalf("%+v %v", done, err)
	}
	if p := main.pair(t); p.State != "partner-down" || p.Reason != "by operator" {
		t.Errorf("%+v", p)
	}
	acquire(t, main.relay(t), 7)
	backup.start(t)
	untilNormal(t, main, backup)
	if err := backup.try("/v1/dhcp-pair/maintenance", nil, PairOrder{}, &done); err != nil {
		t.Fatal(err)
	}
	until(t, "the main serves alone", func() bool { return main.pair(t).State == "partner-down" && backup.pair(t).State == "shutdown" })
	backup.stop(t)
	backup.start(t)
	untilNormal(t, main, backup)
}
