package haserver

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// rowZone is the zone that every row of the update tables begins with; its serial is 10. It fits any origin.
const rowZone = `$TTL 300
@        SOA ns1 admin 10 3600 600 86400 30
@        NS  ns1
@        TXT "apex"
ns1      A   192.0.2.1
www      A   192.0.2.11
www      A   192.0.2.12
alias    CNAME www
*.wild   A   192.0.2.30
a.ent    A   192.0.2.20
mx       MX  10 Mail.example.com.
txt      TXT "one" "two words"
sub      NS  ns.sub
ns.sub   A   192.0.2.40
red      DNAME elsewhere.test.
`

// row is one update message and what must become of it. % is the origin, records stand one a line as NAME TTL CLASS TYPE [RDATA],
// where \# and hexadecimal digits are RDATA as octets.
type row struct {
	rule           string // with the section of RFC 2136, unless it names another
	prereq, update string
	rcode          int
	reason         Reason // of a refusal, as the client is told it
	minus, plus    string // how the zone differs afterwards, without its SOA
	serial         uint32 // 0: not moved, and then nothing else may differ
}

// record makes one record of a row, without looking whether it makes sense.
func record(t testing.TB, line string) dns.RR {
	t.Helper()
	f := strings.SplitN(strings.TrimSpace(line), " ", 5)
	var ttl uint32
	if _, err := fmt.Sscan(f[1], &ttl); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	typ, ok := dns.StringToType[f[3]]
	if !ok {
		if _, err := fmt.Sscanf(f[3], "TYPE%d", &typ); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	h := dns.RR_Header{Name: f[0], Ttl: ttl, Class: dns.StringToClass[f[2]], Rrtype: typ}
	if len(f) < 5 {
		return &dns.ANY{Hdr: h}
	}
	if octets, ok := strings.CutPrefix(f[4], `\#`); ok {
		return &dns.RFC3597{Hdr: h, Rdata: strings.TrimSpace(octets)}
	}
	r, err := dns.NewRR(fmt.Sprintf("%s %d IN %s %s", f[0], ttl, f[3], f[4]))
	if err != nil || r == nil {
		t.Fatalf("%s: %v", line, err)
	}
	*r.Header() = h
	return r
}

func records(t testing.TB, text, zone string) []dns.RR {
	var out []dns.RR
	for line := range strings.Lines(strings.ReplaceAll(text, "%", zone)) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, record(t, line))
		}
	}
	return out
}

// message is the row as a message for a zone.
func (r row) message(t testing.TB, zone string) *dns.Msg {
	m := new(dns.Msg)
	m.SetUpdate(zone)
	m.Answer, m.Ns = records(t, r.prereq, zone), records(t, r.update, zone)
	m.Compress = true
	m.SetEdns0(1232, false)
	return m
}

// rowSite serves one zone for each of n rows: r0.test., r1.test. …
func rowSite(t *testing.T, n int) *site {
	s := newSite(t)
	conf := strings.Split(confText, "[[zone]]")[0]
	for i := range n {
		conf += fmt.Sprintf("[[zone]]\nname = \"r%d.test\"\nfile = \"db.row\"\nupdate = [\"key ddns\", \"key limited *.dyn.r%[1]d.test A AAAA\"]\ntransfer = [\"key xfer\"]\n", i)
	}
	s.write(t, "dns.toml", conf)
	s.write(t, "db.row", rowZone)
	return s.start(t)
}

// content is a zone as a transfer shows it: the serial, and the other records as sorted lines.
func (s *site) content(t testing.TB, zone string) (uint32, []string) {
	t.Helper()
	all := s.transfer(t, zone, "xfer.")
	serial := all[0].(*dns.SOA).Serial
	got := lines(slices.DeleteFunc(all, func(r dns.RR) bool { return r.Header().Rrtype == dns.TypeSOA }))
	slices.Sort(got)
	return serial, got
}

// refusal is the reason that an answer gives in its Extended DNS Error; "" when there is none.
func refusal(r *dns.Msg) string {
	if o := r.IsEdns0(); o != nil {
		for _, opt := range o.Option {
			if e, ok := opt.(*dns.EDNS0_EDE); ok {
				reason, _, _ := strings.Cut(e.ExtraText, ": ")
				return reason
			}
		}
	}
	return ""
}

// runRows sends every row by UDP, and to a fresh server by TCP.
func runRows(t *testing.T, rows []row) {
	t.Helper()
	for _, network := range []string{"udp", "tcp"} {
		s := rowSite(t, len(rows))
		for i, r := range rows {
			zone := fmt.Sprintf("r%d.test.", i)
			_, before := s.content(t, zone)
			m := r.message(t, zone)
			signed("ddns.")(m)
			answer, err := s.send(network, m)
			if err != nil && !(errors.Is(err, dns.ErrAuth) && answer.Rcode == dns.RcodeNotAuth) {
				t.Errorf("%s (%s): %v", r.rule, network, err)
				continue
			}
			if answer.Rcode != r.rcode {
				t.Errorf("%s (%s): %s %s, want %s", r.rule, network, dns.RcodeToString[answer.Rcode], refusal(answer), dns.RcodeToString[r.rcode])
			}
			if why := refusal(answer); r.rcode != 0 && why != r.reason.String() || r.rcode == 0 && why != "" {
				t.Errorf("%s (%s): the reason is %q, want %q", r.rule, network, why, r.reason)
			}
			serial, after := s.content(t, zone)
			if want := max(10, r.serial); serial != want {
				t.Errorf("%s (%s): serial %d, want %d", r.rule, network, serial, want)
			}
			if d := cmp.Diff(changed(t, before, r, zone), after); d != "" {
				t.Errorf("%s (%s): zone afterwards (-want +got):\n%s", r.rule, network, d)
			}
			if r.serial == 0 && r.minus+r.plus != "" || r.serial != 0 && r.rcode != 0 {
				t.Fatalf("%s: the row makes no sense", r.rule)
			}
		}
	}
}

// changed is what the zone must be after the row.
func changed(t testing.TB, before []string, r row, zone string) []string {
	want := slices.Clone(before)
	for _, line := range lines(records(t, r.minus, zone)) {
		i := slices.Index(want, line)
		if i < 0 {
			t.Fatalf("%s: %s was not there", r.rule, line)
		}
		want = slices.Delete(want, i, i+1)
	}
	want = append(want, lines(records(t, r.plus, zone))...)
	slices.Sort(want)
	return want
}
