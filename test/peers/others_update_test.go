package peers

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestPairPythonUpdaters: certbot's plugin and dnspython, at the main and, when that is killed, at the backup: TSIG of every algorithm,
// prerequisites of every kind, transfers. testdata/updates.py is the client.
func TestPairPythonUpdaters(t *testing.T) {
	t.Parallel()
	const python = "/usr/bin/python3" // Debian's, which has Debian's modules
	if err := exec.Command(python, "-c", "import dns.xfr, certbot_dns_rfc2136").Run(); err != nil {
		missing(t, "dnspython and certbot's plugin are not installed (test/peers/install.sh): "+err.Error())
	}
	p := newPair(t, nil)
	grants := []string{"key ddns"}
	keys, err := os.ReadFile(filepath.Join(p.dir, "ddns.key"))
	if err != nil {
		t.Fatal(err)
	}
	for _, algorithm := range []string{"md5", "sha1", "sha224", "sha384", "sha512"} {
		grants = append(grants, "key k-"+algorithm)
		keys = fmt.Appendf(keys, "key \"k-%s\" {\n\talgorithm hmac-%[1]s;\n\tsecret %q;\n};\n", algorithm, p.secret)
	}
	all := filepath.Join(p.dir, "all.key")
	for _, n := range p.partners() {
		text, err := os.ReadFile(n.conf)
		text = []byte(strings.Replace(string(text), `update = ["key ddns"]`, "update = "+list(grants, func(g string) string { return g }), 1))
		if err = errors.Join(err, os.WriteFile(n.conf, text, 0o600), os.WriteFile(filepath.Join(n.dir, "ddns.key"), keys, 0o600), os.WriteFile(all, keys, 0o600)); err != nil {
			t.Fatal(err)
		}
		n.up(t)
	}
	p.normal(t)
	run := func(at *partner, label, key string) {
		t.Helper()
		out := output(t, p.client.command(python, filepath.Join("testdata", "updates.py"), at.addr, all, key, label))
		want := []string{"certbot pair.test"}
		for _, name := range []string{"ddns", "k-md5", "k-sha1", "k-sha224", "k-sha384", "k-sha512"} {
			want = append(want, "tcp "+name+" NOERROR signed", "udp "+name+" NOERROR signed")
		}
		for _, l := range []string{"name is used|NXDOMAIN", "set exists|NXRRSET", "set is|NXRRSET", "name is free|YXDOMAIN", "no set|YXRRSET"} {
			what, rcode, _ := strings.Cut(l, "|")
			want = append(want, what+" NOERROR signed", what+", no "+rcode+" signed")
		}
		want = append(want, "transfer NOERROR signed", "transfer NOERROR signed", "transfer NOERROR signed", "names 8")
		if got := strings.Split(strings.TrimSpace(out), "\n"); !slices.Equal(got, want) {
			t.Errorf("at the %s:\n%s\nwant\n%s", at.name, out, strings.Join(want, "\n"))
		}
	}
	run(p.main, "one", "ddns")
	p.equal(t, "after the updates at the main")
	p.main.proc.kill9()
	p.update(t, p.backup, "taken", "192.0.2.99") // from now on it takes them
	run(p.backup, "two", "k-sha512")
	p.main.up(t)
	p.normal(t)
	records, _ := p.equal(t, "with the main again")
	for _, label := range []string{"one", "two"} {
		if n := len(slices.DeleteFunc(slices.Clone(records), func(r string) bool { return !strings.Contains(r, "."+label+".") })); n != 6+5+3+1 {
			t.Errorf("%d records of run %s are left:\n%s", n, label, strings.Join(records, "\n"))
		}
	}
}

// TestPairKea: Kea's DHCP-DDNS server updates the pair by the rules of RFC 4703: a name is its client's, by DHCID. It has both servers in its
// configuration and goes to the backup by itself.
func TestPairKea(t *testing.T) {
	t.Parallel()
	need(t, "kea-dhcp-ddns")
	p := startPair(t, nil)
	dir := openDir(t)
	servers := each(p.partners(), func(n *partner) string { return fmt.Sprintf(`,{"ip-address": %q}`, n.addr) })
	conf := write(t, dir, "d2.conf", fmt.Sprintf(`{"DhcpDdns": {"ip-address": "127.0.0.1", "port": 53001, "dns-server-timeout": 500,
"tsig-keys": [{"name": "ddns", "algorithm": "HMAC-SHA256", "secret": %q}],
"forward-ddns": {"ddns-domains": [{"name": %q, "key-name": "ddns", "dns-servers": [%s]}]}, "reverse-ddns": {},
"loggers": [{"name": "kea-dhcp-ddns", "severity": "INFO", "output_options": [{"output": "stdout"}]}]}}`, p.secret, pairZone+".", servers[1:]))
	cmd := p.client.command("kea-dhcp-ddns", "-c", conf)
	cmd.Env = append(os.Environ(), "KEA_LOCKFILE_DIR=none", "KEA_PIDFILE_DIR="+dir, "KEA_LOGGER_DESTINATION=stdout")
	d2 := start(t, "kea-dhcp-ddns", cmd)
	eventually(t, "Kea is ready", func() error {
		if !strings.Contains(d2.log.String(), "DHCP_DDNS_STARTED") {
			return errors.New("not yet")
		}
		return nil
	})
	const ours, theirs = "000101" + "abababababababababababababababababababababababababababababababab", "000101" + "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
	kea := func(change int, name, address, dhcid, outcome string) {
		t.Helper()
		before := strings.Count(d2.log.String(), outcome)
		request := map[string]any{
			"change-type": change, "forward-change": true, "reverse-change": false, "fqdn": name + "." + pairZone + ".", "ip-address": address,
			"dhcid": dhcid, "lease-expires-on": "20371231235959", "lease-length": 3600, "use-conflict-resolution": true,
		}
		body, err := json.Marshal(request)
		if err != nil {
			t.Fatal(err)
		}
		c, err := p.client.dial("udp", "127.0.0.1:53001", time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write(append([]byte{byte(len(body) >> 8), byte(len(body))}, body...)); err != nil {
			t.Fatal(err)
		}
		eventually(t, fmt.Sprintf("Kea says %s to %s", outcome, body), func() error {
			if n := strings.Count(d2.log.String(), outcome); n == before {
				return fmt.Errorf("%d times so far", n)
			}
			return nil
		})
	}
	both := func(name string, want ...string) {
		t.Helper()
		for _, n := range p.partners() {
			eventually(t, n.name+" has what Kea wrote", answer(name+"."+pairZone, "A", want, n.dnsServer))
		}
	}
	kea(0, "laptop", "192.0.2.101", ours, "DHCP_DDNS_ADD_SUCCEEDED")
	both("laptop", "192.0.2.101")
	kea(0, "laptop", "192.0.2.102", ours, "DHCP_DDNS_ADD_SUCCEEDED")
	both("laptop", "192.0.2.102")
	kea(0, "laptop", "192.0.2.103", theirs, "DHCP_DDNS_ADD_FAILED") // the name is another client's
	kea(0, "www", "192.0.2.104", ours, "DHCP_DDNS_ADD_FAILED")      // and this one nobody's: it has no DHCID
	both("laptop", "192.0.2.102")
	both("www", "192.0.2.10", "192.0.2.11")

	p.main.proc.kill9()
	p.update(t, p.backup, "taken", "192.0.2.99") // from now on it takes them
	kea(0, "phone", "192.0.2.105", theirs, "DHCP_DDNS_ADD_SUCCEEDED")
	kea(1, "laptop", "192.0.2.102", ours, "DHCP_DDNS_REMOVE_SUCCEEDED")
	p.main.up(t)
	p.normal(t)
	both("phone", "192.0.2.105")
	both("laptop")
	p.equal(t, "with the main again")
}
