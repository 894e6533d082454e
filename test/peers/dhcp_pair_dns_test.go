package peers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestDHCPPairDNSAway: "DNS pair away: new clients and renewals are served; never a name change (durable queue) lost; price: names late". The
// server that had the changes to make is killed before DNS is there again.
func TestDHCPPairDNSAway(t *testing.T) {
	t.Parallel()
	p := newLeasePair(t, pairPlan{lease: "60s", mclt: "60s"})
	key := filepath.Join(p.main.dir, "ddns.key")
	text := output(t, exec.Command(loadshare(t), "key", "ddns"))
	for _, n := range []*leasePartner{p.main, p.backup} {
		if err := os.WriteFile(filepath.Join(n.dir, "ddns.key"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h := p.lan.host(t, "dns", 20)
	dns := named(t, h, key, zoneText(h, h))
	dns.proc.kill9()
	for _, n := range []*leasePartner{p.main, p.backup} {
		conf, err := os.ReadFile(n.conf)
		if err != nil {
			t.Fatal(err)
		}
		n.write(t, string(conf)+fmt.Sprintf("[ddns]\nservers = [\"%s\"]\nkey = \"ddns.key\"\nforward_zone = \"mydomain.com\"\n", dns.endpoint()))
		n.up(t)
	}
	p.normal(t)
	want := map[string]string{}
	for n := range 3 {
		l, took := p.crowd.newcomer(t, n)
		want[fmt.Sprintf("host%d.mydomain.com", n)] = l.IP.String()
		t.Logf("client %d served after %s without DNS", n, took.Round(time.Millisecond))
	}
	eventually(t, "the names wait", func() error {
		s, err := p.main.status()
		if err == nil && s.DNS.Queued < len(want) {
			err = fmt.Errorf("%d changes wait", s.DNS.Queued)
		}
		return err
	})
	p.main.proc.kill9()
	p.main.up(t)
	dns.restart(t)
	took := eventually(t, "all names are in DNS", func() error {
		for name, address := range want {
			got, err := dig(h, dns.addr, dns.port, name, "A")
			if err != nil || !slices.Equal(got, []string{address}) {
				return fmt.Errorf("%s is %v, not %s: %w", name, got, address, err)
			}
		}
		return nil
	})
	t.Logf("all names in DNS %s after it was back", took.Round(time.Millisecond))
	eventually(t, "nothing waits any more", func() error {
		s, err := p.main.status()
		if err == nil && s.DNS.Queued > 0 {
			err = fmt.Errorf("%d changes wait: %s", s.DNS.Queued, s.DNS.LastError)
		}
		return err
	})
}
