package peers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	catalogZone = "catalog.invalid"
	youngZone   = "young.example"
)

// certificates makes an authority in the test's directory and a certificate for each host, "main,10.77.1.1".
func (p *pair) certificates(t *testing.T, nodes ...string) (pki string) {
	t.Helper()
	pki = filepath.Join(p.dir, "pki")
	output(t, exec.Command(loadshare(t), "cert", "ca", "--dir", pki))
	output(t, exec.Command(loadshare(t), append([]string{"cert", "node", "--dir", pki}, nodes...)...))
	return pki
}

// proveByCertificate replaces the shared key of the pair's link.
func (n *partner) proveByCertificate(t *testing.T, pki string) {
	t.Helper()
	text, err := os.ReadFile(n.conf)
	if err != nil {
		t.Fatal(err)
	}
	proof := fmt.Sprintf("ca = \"%[1]s/ca.pem\"\ncert = \"%[1]s/%[2]s.pem\"\ncert_key = \"%[1]s/%[2]s.key\"\n", pki, n.name)
	changed := strings.Replace(string(text), "key = \"pair.key\"\n", proof, 1)
	if changed == string(text) {
		t.Fatal("the configuration has no key of the pair")
	}
	if err := os.WriteFile(n.conf, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestPairCatalog: "catalog zone (RFC 9432) so that standard secondaries follow new zones by themselves". BIND and Knot know the catalog
// only. A zone that the main is given reaches the backup and both of them; one that is taken away leaves them. The pair's link is proved
// by certificates here.
func TestPairCatalog(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	need(t, "named", "knotd")
	pki := p.certificates(t, "main,"+p.main.addr, "backup,"+p.backup.addr)
	bind := &secondary{dnsServer: &dnsServer{host: p.host(t, "bind", 30), port: 53}, kind: "named"}
	knot := &secondary{dnsServer: &dnsServer{host: p.host(t, "knot", 31), port: 53}, kind: "knotd"}
	told := fmt.Sprintf("notify = [%q, %q]\n", bind.addr, knot.addr)
	for _, n := range p.partners() {
		n.proveByCertificate(t, pki)
	}
	p.main.appendConf(t, fmt.Sprintf("[[zone]]\nname = %q\ncatalog = true\ntransfer = [\"key ddns\"]\n%s", catalogZone, told))
	p.main.up(t)
	p.backup.up(t)
	p.normal(t)
	bind.catalogNamed(t, p)
	knot.catalogKnot(t, p)
	for _, s := range []*secondary{bind, knot} {
		waitZone(t, s.dnsServer, pairZone)
	}

	write(t, p.main.dir, "db."+youngZone, "$TTL 60\n@ SOA ns1 root 1 3600 60 86400 60\n@ NS ns1\nns1 A 192.0.2.1\n")
	before, err := os.ReadFile(p.main.conf)
	if err != nil {
		t.Fatal(err)
	}
	p.main.appendConf(t, fmt.Sprintf("[[zone]]\nname = %q\nfile = \"db.%[1]s\"\nupdate = [\"key ddns\"]\ntransfer = [\"key ddns\"]\n%s", youngZone, told))
	p.main.signal(t, syscall.SIGHUP)
	begun := time.Now()
	for _, s := range []*dnsServer{p.backup.dnsServer, bind.dnsServer, knot.dnsServer} {
		waitZone(t, s, youngZone)
	}
	t.Logf("a new zone of the main is served by the backup, BIND and Knot after %s", time.Since(begun).Round(time.Millisecond))

	if err := os.WriteFile(p.main.conf, before, 0o600); err != nil {
		t.Fatal(err)
	}
	p.main.signal(t, syscall.SIGHUP)
	for _, s := range []*dnsServer{bind.dnsServer, knot.dnsServer} {
		eventually(t, "the zone is gone from "+s.addr, func() error {
			if serial, err := s.serial(youngZone); err == nil {
				return fmt.Errorf("serial %d", serial)
			}
			return nil
		})
	}
}

// catalogNamed is BIND, which is told of the catalog only.
func (s *secondary) catalogNamed(t *testing.T, p *pair) {
	t.Helper()
	dir := openDir(t)
	from := each(p.partners(), func(n *partner) string { return n.addr + ` port 53 key "ddns"; ` })
	catalog := fmt.Sprintf(`allow-query { any; };
	catalog-zones { zone %q default-primaries { %s } in-memory yes min-update-interval 1; };`, catalogZone, from)
	conf := write(t, dir, "named.conf", fmt.Sprintf(`key "ddns" { algorithm hmac-sha256; secret %q; };
%szone %q { type secondary; file "db.catalog"; primaries { %s }; };
`, p.secret, s.namedOptions(dir, catalog), catalogZone, from))
	s.again = func() *proc {
		return start(t, "named", s.command(privateCopy(t, "named"), "-g", "-n", "1", "-c", conf))
	}
	s.proc = s.again()
}

// catalogKnot is Knot, likewise.
func (s *secondary) catalogKnot(t *testing.T, p *pair) {
	t.Helper()
	dir := openDir(t)
	conf := write(t, dir, "knot.conf", knotHead(t, dir, s.addr+"@53", p.secret)+fmt.Sprintf(`remote:
%[1]sacl:
  - id: told
    address: %[2]s0/24
    action: notify
template:
  - id: default
    storage: %[4]q
  - id: member
    storage: %[4]q
    master: [main, backup]
    acl: told
    retry-min-interval: 1
    retry-max-interval: 2
zone:
  - domain: %[3]s
    master: [main, backup]
    acl: told
    catalog-role: interpret
    catalog-template: member
    retry-min-interval: 1
    retry-max-interval: 2
`, each(p.partners(), knotRemote), p.prefix, catalogZone, dir))
	s.again = func() *proc { return start(t, "knotd", s.command("knotd", "-c", conf)) }
	s.proc = s.again()
}

// TestPairTransferOverTLS: RFC 9103. BIND and NSD show a certificate and get the zone over TLS from either server, and follow it; nobody
// gets it otherwise.
func TestPairTransferOverTLS(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	need(t, "named", "nsd")
	bind := &secondary{dnsServer: &dnsServer{host: p.host(t, "bind", 30), port: 53}, kind: "named"}
	nsd := &secondary{dnsServer: &dnsServer{host: p.host(t, "nsd", 31), port: 53}, kind: "nsd"}
	pki := p.certificates(t, "main,"+p.main.addr, "backup,"+p.backup.addr, "bind", "nsd")
	for _, n := range p.partners() {
		text, err := os.ReadFile(n.conf)
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(text), "transfer = [\"key ddns\", \""+p.prefix+"0/24\"]\nnotify = []\n",
			fmt.Sprintf("transfer = [\"cert bind\", \"cert nsd\"]\nnotify = [%q, %q]\n", bind.addr, nsd.addr), 1)
		if changed == string(text) {
			t.Fatalf("no grant to replace in\n%s", text)
		}
		changed += fmt.Sprintf("[tls]\nlisten = [\"%s:853\"]\ncert = \"%s/%s.pem\"\ncert_key = \"%[2]s/%[3]s.key\"\nca = \"%[2]s/ca.pem\"\n", n.addr, pki, n.name)
		if err := os.WriteFile(n.conf, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.main.up(t)
	p.backup.up(t)
	p.normal(t)
	bind.namedOverTLS(t, p, pki)
	nsd.nsdOverTLS(t, p, pki)
	for _, s := range []*secondary{bind, nsd} {
		waitZone(t, s.dnsServer, pairZone)
	}
	follow := func(what, name, address string, to *partner) {
		t.Helper()
		took := p.update(t, to, name, address)
		t.Logf("%s: NOERROR after %s", what, took.Round(time.Millisecond))
		eventually(t, what+": both follow", p.has(name, address, bind.dnsServer, nsd.dnsServer))
	}
	follow("in normal", "xot1", "192.0.2.101", p.main)
	p.main.proc.kill9()
	follow("from the backup alone", "xot2", "192.0.2.102", p.backup)

	if _, _, err := transferred(p.backup.dnsServer, pairZone, "hmac-sha256:ddns:"+p.secret); err == nil {
		t.Error("a zone that is granted to certificates only was transferred without TLS")
	}
}

func (s *secondary) namedOverTLS(t *testing.T, p *pair, pki string) {
	t.Helper()
	dir := openDir(t)
	tls := each(p.partners(), func(n *partner) string {
		return fmt.Sprintf("tls %[1]s { ca-file \"%[2]s/ca.pem\"; remote-hostname \"%[1]s\"; cert-file \"%[2]s/bind.pem\"; key-file \"%[2]s/bind.key\"; protocols { TLSv1.3; }; };\n", n.name, pki)
	})
	conf := write(t, dir, "named.conf", fmt.Sprintf(`%s%szone %q { type secondary; file "db.copy"; primaries { %s }; };
`, tls, s.namedOptions(dir, ""), pairZone, each(p.partners(), func(n *partner) string { return fmt.Sprintf("%s port 853 tls %s; ", n.addr, n.name) })))
	s.again = func() *proc {
		return start(t, "named", s.command(privateCopy(t, "named"), "-g", "-n", "1", "-c", conf))
	}
	s.proc = s.again()
}

func (s *secondary) nsdOverTLS(t *testing.T, p *pair, pki string) {
	t.Helper()
	dir := openDir(t)
	conf := write(t, dir, "nsd.conf", fmt.Sprintf("server:\n\ttls-cert-bundle: \"%s/ca.pem\"\n", pki)+s.nsdHead(dir)+each(p.partners(), func(n *partner) string {
		return fmt.Sprintf("tls-auth:\n\tname: %[1]q\n\tauth-domain-name: %[1]q\n\tclient-cert: \"%[2]s/nsd.pem\"\n\tclient-key: \"%[2]s/nsd.key\"\n", n.name, pki)
	})+nsdZone+each(p.partners(), func(n *partner) string {
		return fmt.Sprintf("\trequest-xfr: %s@853 NOKEY %s\n\tallow-notify: %[1]s NOKEY\n", n.addr, n.name)
	}))
	output(t, exec.Command("nsd-checkconf", conf))
	s.again = func() *proc { return start(t, "nsd", s.command("nsd", "-d", "-c", conf)) }
	s.proc = s.again()
}
