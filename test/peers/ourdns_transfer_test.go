package peers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// quickZone has an SOA that makes secondaries ask every second; there is no NOTIFY yet.
func quickZone() string {
	return strings.Replace(updateZone, "( 100 3600 600 864000 60 )", "( 100 1 1 864000 60 )", 1) + `unknown IN TYPE65280 \# 4 C0000201
_sip._udp IN SRV 0 5 5060 www
caa IN CAA 0 issue "ca.test"
odd IN TXT "a \"quoted\" text; with \\ and \200"
$GENERATE 1-800 host$ IN TXT number-$-of-many,so-that-the-transfer-takes-several-messages,each-of-at-most-65535-octets,which-is-what-TCP-has
`
}

// TestOurDNSTransferRights: who gets the zone by AXFR (RFC 5936, 2.2.1).
func TestOurDNSTransferRights(t *testing.T) {
	t.Parallel()
	o := startOurs(t,
		ourZone{"keyed.test", quickZone(), nil, []string{"key ddns"}},
		ourZone{"net.test", updateZone, nil, []string{"127.0.0.0/8"}},
		ourZone{"closed.test", updateZone, nil, nil},
	)
	ddns, idle := o.key(t, "ddns"), o.key(t, "idle")
	for _, c := range []struct{ rule, zone, key, want string }{
		{"a good key", "keyed.test", ddns, ""},
		{"no key", "keyed.test", "", "; Transfer failed."},
		{"a key that is not granted", "keyed.test", idle, "; Transfer failed."},
		{"a key that is not known", "keyed.test", strings.Replace(ddns, ":ddns:", ":stranger:", 1), "BADKEY"},
		{"another secret", "keyed.test", strings.Replace(idle, ":idle:", ":ddns:", 1), "BADSIG"},
		{"by network", "net.test", "", ""},
		{"nobody is named: nobody gets it", "closed.test", ddns, "; Transfer failed."},
		{"a name in a zone is no zone", "www.net.test", "", "; Transfer failed."},
		{"not ours", "elsewhere.test", ddns, "; Transfer failed."},
	} {
		args := []string{"+time=30", "+tries=1", "-p", fmt.Sprint(o.port), "@" + o.addr, c.zone, "AXFR"}
		if c.key != "" {
			args = append([]string{"-y", c.key}, args...)
		}
		out, _ := exec.Command("dig", args...).CombinedOutput()
		whole := strings.Contains(string(out), "XFR size:")
		if whole != (c.want == "") || !strings.Contains(string(out), c.want) {
			t.Errorf("%s: want %q:\n%.600s", c.rule, c.want, out)
		}
	}
	// The whole zone, in several messages, each signed: dig checks the signatures and that the SOA is first and last.
	records, _ := mustTransfer(t, o.dnsServer, "keyed.test", ddns)
	if len(records) < 800 {
		t.Errorf("%d records", len(records))
	}
	// dig's IXFR: the serial that we have is answered by one SOA, an older one by the whole zone (RFC 1995, 2 and 4).
	for serial, want := range map[int]int{100: 1, 99: len(records) + 1} {
		out := output(t, exec.Command("dig", "+noall", "+answer", "-y", ddns, "-p", fmt.Sprint(o.port), "@"+o.addr, "keyed.test", fmt.Sprintf("IXFR=%d", serial)))
		if got := len(sortedLines(out)); got != want {
			t.Errorf("IXFR=%d: %d records, want %d", serial, got, want)
		}
	}
}

// TestOurDNSSecondaries: named and Knot as ordinary secondaries with TSIG get the zone, follow its updates by the timers of its
// SOA, and have the same content as ours each time.
func TestOurDNSSecondaries(t *testing.T) {
	t.Parallel()
	need(t, "named", "knotd")
	const zone = "second.test"
	o := startOurs(t, ourZone{zone, quickZone(), []string{"key ddns"}, []string{"key ddns"}})
	key := o.key(t, "ddns")
	secret := keySecret(t, filepath.Join(o.dir, "ddns.key"))

	bindDir, bindPort := openDir(t), nextDNSPort()
	bind := startNamed(t, write(t, bindDir, "named.conf", fmt.Sprintf(`key "ddns" { algorithm hmac-sha256; secret %[1]q; };
options {
	directory %[2]q; pid-file "named.pid"; session-keyfile "session.key"; managed-keys-directory %[2]q;
	listen-on port %[3]d { 127.0.0.1; }; listen-on-v6 { none; };
	recursion no; dnssec-validation no; notify no; allow-transfer { any; }; min-refresh-time 1; min-retry-time 1;
};
controls { };
zone %[4]q { type secondary; masterfile-format text; file "db.copy"; primaries { 127.0.0.1 port %[5]d key "ddns"; }; };
`, secret, bindDir, bindPort, zone, o.port)), bindPort, zone)

	knotDir, knotPort := openDir(t), nextDNSPort()
	write(t, knotDir, "db/README", "Knot keeps its journal here\n")
	conf := write(t, knotDir, "knot.conf", fmt.Sprintf(`server:
  rundir: "%[1]s"
  listen: 127.0.0.1@%[2]d
database:
  storage: "%[1]s/db"
key:
  - id: ddns
    algorithm: hmac-sha256
    secret: %[3]s
remote:
  - id: ours
    address: 127.0.0.1@%[4]d
    key: ddns
acl:
  - id: all
    address: 127.0.0.1
    action: transfer
template:
  - id: default
    storage: "%[1]s"
zone:
  - domain: %[5]s
    master: ours
    acl: all
    refresh-min-interval: 2
    retry-min-interval: 2
`, knotDir, knotPort, secret, o.port, zone))
	knot := &dnsServer{host: local, port: knotPort}
	knot.again = func() *proc { return start(t, "knotd", exec.Command("knotd", "-c", conf)) }
	knot.proc = knot.again()
	waitZone(t, knot, zone)

	secondaries := map[string]*dnsServer{"named": bind, "knotd": knot}
	equal := func(when string) {
		t.Helper()
		want, serial := mustTransfer(t, o.dnsServer, zone, key)
		for name, s := range secondaries {
			eventually(t, name+" has the zone "+when, func() error {
				if n, err := s.serial(zone); err != nil || fmt.Sprint(n) != serial {
					return fmt.Errorf("serial %d, ours is %s: %v", n, serial, err)
				}
				return nil
			})
			got, _ := mustTransfer(t, s, zone, "")
			if d := gocmp.Diff(want, got); d != "" {
				t.Errorf("%s %s (-ours +secondary):\n%s", name, when, d)
			}
		}
	}
	equal("first")
	u := updater{"nsupdate", false}
	for i, text := range []string{"update add new.% 60 A 192.0.2.20\nupdate delete host17.%", "update delete www.% A 192.0.2.10", "update add % 60 TXT \"apex\""} {
		if got := u.mustSend(t, o.dnsServer, zone, key, text)[0]; got != "NOERROR" {
			t.Fatal(got)
		}
		equal(fmt.Sprintf("after update %d", i+1))
	}
	// A secondary that was away catches up when it is back.
	bind.proc.kill9()
	u.mustSend(t, o.dnsServer, zone, key, "update add while.away.% 60 A 192.0.2.21", "update delete child.%")
	bind.proc = bind.again()
	waitZone(t, bind, zone)
	equal("after it was away")
	if _, err := os.Stat(filepath.Join(bindDir, "db.copy")); err != nil {
		t.Errorf("named's copy of the zone: %v", err)
	}
}
