package peers

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"loadshare/ddns/send"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/names"
	question "loadshare/internal/ask"
)

// lessor gives and takes back leases, and tells DNS servers of their names as `loadshare dhcp` does.
type lessor struct {
	c       names.Config
	q       *names.Queue
	sender  *send.Sender
	servers []netip.AddrPort
	leases  map[lease.IP]*lease.Lease
	id      uint64
	ends    []string
}

func newLessor(t *testing.T, o *ours, servers ...*dnsServer) *lessor {
	t.Helper()
	secret, err := base64.StdEncoding.DecodeString(keySecret(t, filepath.Join(o.dir, "ddns.key")))
	if err != nil {
		t.Fatal(err)
	}
	l := &lessor{
		c:      names.Config{On: true, ForwardZones: []string{"lab.test"}, ReverseZones: []string{"2.0.192.in-addr.arpa"}},
		sender: &send.Sender{Client: question.Client{Timeout: 2 * time.Second, Key: question.Key{Name: "ddns", Algorithm: "hmac-sha256", Secret: secret}}},
		leases: map[lease.IP]*lease.Lease{},
	}
	for _, s := range servers {
		l.servers = append(l.servers, netip.MustParseAddrPort(s.endpoint()))
	}
	l.q = l.c.NewQueue(len(servers), names.Limits{}, nil)
	return l
}

// becomes changes a lease; what DNS must learn of it is queued.
func (l *lessor) becomes(last int, change func(lease.Lease) lease.Lease) {
	ip := lease.IPOf(netip.AddrFrom4([4]byte{192, 0, 2, byte(last)}))
	before := l.leases[ip]
	if before == nil {
		before = &lease.Lease{IP: ip, State: lease.Free}
	}
	after := change(*before)
	for _, j := range l.c.Change(before, &after, true) {
		l.id++
		j.ID = l.id
		l.q.Add(j)
	}
	l.leases[ip] = &after
}

func (l *lessor) grant(last int, c lease.Client, host string, at int64) {
	l.becomes(last, func(b lease.Lease) lease.Lease {
		a, _ := b.Grant(c, at, at+5400)
		names.Name{Hostname: host, FQDN: host + ".lab.test", Forward: true}.Put(&a)
		return a
	})
}

func (l *lessor) release(last int, at int64) {
	l.becomes(last, func(b lease.Lease) lease.Lease {
		a, _ := b.Release(b.Client, at)
		return a
	})
	l.becomes(last, func(b lease.Lease) lease.Lease {
		a, _ := b.Confirm(at)
		return a
	})
}

// run sends what is due until nothing waits.
func (l *lessor) run(t *testing.T) {
	t.Helper()
	take := func(over []names.Finished) {
		for _, f := range over {
			l.ends = append(l.ends, fmt.Sprintf("%s %s %s", f.Job.Kind, f.Job.FQDN, f.Outcome))
		}
	}
	for range 1000 {
		if l.q.Len() == 0 {
			return
		}
		a, over, ok := l.q.Next(time.Now(), func(j names.Job) names.Check { return j.Check(l.leases[j.IP], true) })
		take(over)
		if !ok {
			at, _ := l.q.Wake(time.Now())
			time.Sleep(min(time.Until(at), 4*time.Second))
			continue
		}
		r := l.sender.Send(t.Context(), l.servers[a.Server], a.Change)
		what := map[send.Kind]names.Answer{send.Done: names.Answered, send.PrereqFailed: names.Answered, send.Refused: names.No, send.Retry: names.Later}[r.Kind]
		if r.Kind == send.Retry && r.Rcode == "" {
			what = names.Silence
		}
		take(l.q.Took(time.Now(), a.ID, what, r.Rcode))
	}
	t.Fatalf("no end: %d changes wait, %v", l.q.Len(), l.ends)
}

var leaseZones = []ourZone{
	{name: "lab.test", text: "$TTL 300\n@ IN SOA ns1 root ( 1 3600 600 864000 60 )\n  IN NS ns1\nns1 IN A 192.0.2.1\nwww IN A 192.0.2.2\nsix IN AAAA 2001:db8::6\n" +
		"dual IN AAAA 2001:db8::7\ndual IN DHCID AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=\n", update: []string{"key ddns"}, transfer: []string{local.addr + "/32"}},
	{name: "2.0.192.in-addr.arpa", text: "$TTL 300\n@ IN SOA ns1.lab.test. root.lab.test. ( 1 3600 600 864000 60 )\n  IN NS ns1.lab.test.\n", update: []string{"key ddns"}, transfer: []string{local.addr + "/32"}},
}

// RFC 4703 against our server, BIND and Knot: names are made, moved, contested and removed; all three end with the same zones.
func TestNamesOfLeasesAtRealServers(t *testing.T) {
	o := startOurs(t, leaseZones...)
	servers := map[string]*dnsServer{
		"ours": o.dnsServer,
		"BIND": o.peer(t, func(string) string { return "allow-update { key ddns; };" }),
		"Knot": o.knot(t),
	}
	hw := func(n byte) lease.Client { return lease.ClientOf(nil, 1, []byte{2, 0, 0, 0, 0, n}) }
	duid := lease.ClientOf([]byte("\xff\x00\x00\x00\x01\x00\x01\x00\x01\x02\x03"), 1, []byte{2, 0, 0, 0, 0, 9})
	for who, s := range servers {
		l := newLessor(t, o, s)
		now := time.Now().Unix()
		l.grant(10, hw(1), "a", now)
		l.grant(11, hw(2), "b", now)
		l.grant(12, duid, "c", now)
		l.grant(13, hw(3), "www", now)  // an operator's name
		l.grant(14, hw(4), "six", now)  // an operator's AAAA
		l.grant(15, hw(5), "dual", now) // a name that the DHCPv6 server has
		l.grant(16, hw(6), "a", now)    // another client's name
		l.run(t)
		want := []string{"add a.lab.test done", "add a.lab.test name-is-another's", "add b.lab.test done", "add c.lab.test done",
			"add dual.lab.test done", "add six.lab.test name-is-another's", "add www.lab.test name-is-another's"}
		slices.Sort(l.ends)
		if d := gocmp.Diff(want, l.ends); d != "" {
			t.Errorf("%s: (-want +got)\n%s", who, d)
		}
		l.ends = nil
		l.release(10, now+10)
		l.grant(20, hw(1), "a", now+20) // moves
		l.grant(11, hw(2), "bb", now+20)
		l.release(12, now+30)
		l.release(15, now+30)
		l.run(t)
		for _, e := range l.ends {
			if !strings.HasSuffix(e, " done") {
				t.Errorf("%s: %s", who, e)
			}
		}
		forward, _ := mustTransfer(t, s, "lab.test", "")
		reverse, _ := mustTransfer(t, s, "2.0.192.in-addr.arpa", "")
		var got []string
		for _, r := range append(forward, reverse...) {
			if f := strings.Fields(r); f[3] == "A" || f[3] == "AAAA" || f[3] == "PTR" || f[3] == "DHCID" {
				got = append(got, strings.Join(append(f[:1], f[3:min(len(f), 5)]...), " "))
			}
		}
		slices.Sort(got)
		wantZone := []string{
			"11.2.0.192.in-addr.arpa. PTR bb.lab.test.",
			"20.2.0.192.in-addr.arpa. PTR a.lab.test.",
			"a.lab.test. A 192.0.2.20",
			"a.lab.test. DHCID " + base64.StdEncoding.EncodeToString(names.DHCID(hw(1), "a.lab.test")),
			"bb.lab.test. A 192.0.2.11",
			"bb.lab.test. DHCID " + base64.StdEncoding.EncodeToString(names.DHCID(hw(2), "bb.lab.test")),
			"dual.lab.test. AAAA 2001:db8::7",
			"dual.lab.test. DHCID AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=",
			"ns1.lab.test. A 192.0.2.1",
			"six.lab.test. AAAA 2001:db8::6",
			"www.lab.test. A 192.0.2.2",
		}
		if d := gocmp.Diff(wantZone, got); d != "" {
			t.Errorf("%s: zones (-want +got)\n%s", who, d)
		}
	}
}

// H26: the main is dead; the backup takes the names.
func TestNamesOfLeasesGoToTheBackup(t *testing.T) {
	o := startOurs(t, leaseZones...)
	l := newLessor(t, o, &dnsServer{host: local, port: nextDNSPort()}, o.dnsServer)
	for n := range 20 {
		l.grant(100+n, lease.ClientOf(nil, 1, []byte{2, 0, 0, 0, 1, byte(n)}), fmt.Sprint("h", n), time.Now().Unix())
	}
	l.run(t)
	for _, e := range l.ends {
		if !strings.HasSuffix(e, " done") {
			t.Error(e)
		}
	}
	got, err := dig(local, local.addr, o.port, "h19.lab.test", "A")
	if err != nil || len(got) != 1 || got[0] != "192.0.2.119" {
		t.Errorf("h19.lab.test: %v %v", got, err)
	}
}
