package peers

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"testing"
	"time"
)

const networkdPath = "/lib/systemd/systemd-networkd"

// networkd starts systemd's DHCP client on a host, with a /run of its own. It is its own witness: it has no script, but gives its
// interface the address.
func networkd(t *testing.T, h host) *proc {
	t.Helper()
	need(t, networkdPath)
	conf := write(t, openDir(t), "eth0.network", "[Match]\nName=eth0\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n[DHCPv4]\nSendRelease=yes\n")
	// With /sys read-only it does not wait for udev, as in a container.
	return start(t, "systemd-networkd", h.command("sh", "-c", "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/network /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp && "+
		"chmod -R 777 /run/systemd/netif && cp "+conf+" /run/systemd/network/ && mount -o remount,ro /sys && SYSTEMD_LOG_LEVEL=debug exec "+networkdPath))
}

// leased is the address that a DHCP client gave to eth0, with its end.
func (h host) leased(t *testing.T) (ip netip.Addr, err error) {
	t.Helper()
	var list []struct {
		AddrInfo []struct {
			Local   netip.Addr `json:"local"`
			Dynamic bool       `json:"dynamic"`
		} `json:"addr_info"`
	}
	if err := json.Unmarshal([]byte(output(t, h.command("ip", "-j", "-4", "addr", "show", "dev", "eth0"))), &list); err != nil {
		return ip, err
	}
	for _, dev := range list {
		for _, a := range dev.AddrInfo {
			if a.Dynamic {
				return a.Local, nil
			}
		}
	}
	return ip, errors.New("eth0 has no address from a lease")
}

// TestDHCPPairNetworkd: systemd's client gets a lease, renews it, rebinds it at the survivor when its server is dead, keeping its address,
// and gives it back when it stops.
func TestDHCPPairNetworkd(t *testing.T) {
	t.Parallel()
	p := newLeasePair(t, pairPlan{mclt: "60s", lease: "60s", more: "t1 = \"3s\"\nt2 = \"6s\""})
	p.hears(t)
	p.main.up(t)
	p.backup.up(t)
	p.normal(t)
	h := p.bare(t, "networkd")
	client := networkd(t, h)
	var had netip.Addr
	eventually(t, "systemd-networkd has a lease", func() (err error) {
		had, err = h.leased(t)
		return err
	})
	// since waits until a server has promised the address again, at least a second from now: what is on its way counts no more.
	since := func(n *leasePartner, what string) {
		t.Helper()
		now := time.Now()
		eventually(t, what, func() error {
			if end := n.times(t, had).ToldEnd; end == nil || end.Before(now.Add(61*time.Second)) {
				return fmt.Errorf("the end of %s is %v", had, end)
			}
			if ip, err := h.leased(t); ip != had {
				return fmt.Errorf("it has %s, not %s: %w", ip, had, err)
			}
			return nil
		})
	}
	since(p.main, "the main renews it")
	p.normal(t)
	p.main.proc.kill9()
	since(p.backup, "the survivor renews it when it rebinds")
	client.stop(syscall.SIGTERM)
	eventually(t, "it has given the address back", func() error {
		if l := p.backup.times(t, had); l.State != "released" && l.State != "free" && l.State != "backup" {
			return fmt.Errorf("%s is %s", had, l.State)
		}
		return nil
	})
}
