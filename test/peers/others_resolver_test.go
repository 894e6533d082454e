package peers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestPairBehindResolvers: what stands between us and those who ask. Unbound asks with names in mixed case (0x20) and one label more at a
// time (RFC 9156), once over UDP and once over TLS; BIND with cookies; the C library A and AAAA at once from one socket. All have the same
// answers as from the main itself, and go on with the backup when the main is killed.
func TestPairBehindResolvers(t *testing.T) {
	t.Parallel()
	need(t, "unbound", "named", "getent")
	p := newPair(t, nil)
	pki := p.certificates(t, "main,"+p.main.addr, "backup,"+p.backup.addr)
	for _, n := range p.partners() {
		n.appendConf(t, fmt.Sprintf("[tls]\nlisten = [\"%s:853\"]\ncert = \"%s/%s.pem\"\ncert_key = \"%[2]s/%[3]s.key\"\n", n.addr, pki, n.name))
	}
	p.main.up(t)
	p.backup.up(t)
	p.normal(t)
	for i, name := range []string{"a", "b", "c", "deep.er.down"} {
		p.update(t, p.main, name, fmt.Sprintf("192.0.2.%d", 50+i))
	}
	resolvers := map[string]*dnsServer{
		"Unbound":          unboundResolver(t, p, 41, "\tstub-addr: %s@53\n", "use-caps-for-id: yes\n\tqname-minimisation-strict: yes"),
		"Unbound over TLS": unboundResolver(t, p, 42, "\tstub-addr: %s@853#%s\n", "tls-cert-bundle: \""+pki+"/ca.pem\""),
		"BIND":             namedResolver(t, p, 43),
	}
	questions := []string{"www A", "www MX", "a A", "deep.er.down A", "er.down A", "nothing.here A", "WWW A", "@ NS", "@ SOA"}
	for name, r := range resolvers {
		waitZone(t, r, pairZone)
		for _, q := range questions {
			label, typ, _ := strings.Cut(q, " ")
			label = strings.TrimPrefix(label+"."+pairZone, "@.")
			want, err := status(p.client, p.main.dnsServer, label, typ)
			if err != nil {
				t.Fatal(err)
			}
			got, err := status(p.client, r, label, typ)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: %s is %v %v, the main says %v", name, q, got, err, want)
			}
		}
	}
	conf := write(t, openDir(t), "resolv.conf", fmt.Sprintf("nameserver %s\nnameserver %s\noptions timeout:1 attempts:2\n", p.main.addr, p.backup.addr))
	if got := libc(t, p.client, conf, "www."+pairZone); !slices.Equal(got, []string{"192.0.2.10", "192.0.2.11"}) {
		t.Errorf("the C library has %v", got)
	}

	p.main.proc.kill9()
	p.update(t, p.backup, "late", "192.0.2.60")
	for name, r := range resolvers {
		took := eventually(t, name+" goes on with the backup", p.has("late", "192.0.2.60", r))
		t.Logf("%s has the backup's answer after %s", name, took.Round(time.Millisecond))
	}
	if got := libc(t, p.client, conf, "late."+pairZone); !slices.Equal(got, []string{"192.0.2.60"}) {
		t.Errorf("the C library has %v without the main", got)
	}
}

// status is the RCODE and the sorted answer to one question.
func status(from host, s *dnsServer, name, typ string) ([]string, error) {
	out, err := from.command("dig", "+noall", "+comments", "+answer", "+nottlid", "+time=3", "+tries=2", "-p", fmt.Sprint(s.port), "@"+s.addr, name, typ).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("dig @%s %s %s: %w: %s", s.addr, name, typ, err, out)
	}
	_, rest, _ := strings.Cut(string(out), "status: ")
	rcode, _, _ := strings.Cut(rest, ",")
	lines := append(answerLines(strings.ToLower(string(out))), rcode)
	slices.Sort(lines)
	return lines, nil
}

// libc asks the C library as a program would whose /etc/resolv.conf is this one.
func libc(t *testing.T, h host, conf, name string) []string {
	t.Helper()
	cmd := h.command("unshare", "--mount", "sh", "-c", `mount --bind "$0" /etc/resolv.conf && exec getent ahosts "$1"`, conf, name)
	var got []string
	for line := range strings.Lines(output(t, cmd)) {
		got = append(got, strings.Fields(line)[0])
	}
	slices.Sort(got)
	return slices.Compact(got)
}

// unboundResolver is Unbound that asks the pair; address is how each partner is written, with its address and name.
func unboundResolver(t *testing.T, p *pair, last int, address, options string) *dnsServer {
	t.Helper()
	dir := openDir(t)
	s := &dnsServer{host: p.host(t, fmt.Sprintf("res%d", last), last), port: 53}
	stub := each(p.partners(), func(n *partner) string {
		if strings.Count(address, "%") == 1 {
			return fmt.Sprintf(address, n.addr)
		}
		return fmt.Sprintf(address, n.addr, n.name)
	})
	if strings.Contains(address, "#") {
		stub += "\tstub-tls-upstream: yes\n"
	}
	head := strings.Replace(unboundHead(dir, s.addr), "remote-control:", "\t"+options+"\nremote-control:", 1)
	conf := write(t, dir, "unbound.conf", head+fmt.Sprintf("stub-zone:\n\tname: %q\n%s", pairZone, stub))
	s.proc = start(t, "unbound "+s.addr, s.command(privateCopy(t, "unbound"), "-d", "-c", conf))
	return s
}

// namedResolver is BIND that asks the pair.
func namedResolver(t *testing.T, p *pair, last int) *dnsServer {
	t.Helper()
	dir := openDir(t)
	s := &dnsServer{host: p.host(t, fmt.Sprintf("res%d", last), last), port: 53}
	conf := write(t, dir, "named.conf", fmt.Sprintf(`options {
	directory %[1]q; pid-file "named.pid"; session-keyfile "session.key"; managed-keys-directory %[1]q;
	listen-on port 53 { %[2]s; }; listen-on-v6 { none; };
	recursion yes; allow-recursion { any; }; dnssec-validation no; send-cookie yes; max-cache-ttl 1; max-ncache-ttl 1;
};
controls { };
zone %[3]q { type static-stub; server-addresses { %[4]s }; };
`, dir, s.addr, pairZone, each(p.partners(), func(n *partner) string { return n.addr + "; " })))
	s.proc = start(t, "named "+s.addr, s.command(privateCopy(t, "named"), "-g", "-n", "1", "-c", conf))
	return s
}
