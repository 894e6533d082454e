package haserver

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"loadshare/haserver/journal"
)

// edits makes an update that must be taken.
func (s *site) edits(t testing.TB, records ...string) {
	t.Helper()
	if rcode := s.update(t, "tcp", "ddns.", updateMsg(t, "example.test", records...)); rcode != 0 {
		t.Fatalf("%s: %v", dns.RcodeToString[rcode], records)
	}
}

// steps asks for IXFR and returns the text of all records, whatever they are.
func (s *site) steps(t testing.TB, zone string, serial uint32) (list []string, question dns.Question) {
	t.Helper()
	x := s.begin(t, ixfr(zone, serial))
	now := ""
	for i := 0; ; i++ {
		r := x.message(t)
		if i == 0 {
			question = r.Question[0]
		}
		list = append(list, lines(r.Answer)...)
		if now == "" {
			now = list[0]
		}
		// In the first message the SOA alone is an answer; else the SOA comes at the end, in steps a third time.
		n := 0
		for _, text := range list {
			if text == now {
				n++
			}
		}
		incremental := len(list) > 1 && strings.Contains(list[1], " SOA ")
		if len(list) == 1 || n == 2 && !incremental || n == 3 {
			return list, question
		}
	}
}

const soaText = "example.test. 60 IN SOA ns1.example.test. admin.example.test. %d 3600 600 86400 30"

func soaAt(serial int) string { return fmt.Sprintf(soaText, serial) }

// RFC 1995 4: "the first RR is the SOA of the newest version; each difference is the old SOA, the deleted records, the new SOA, the
// added records; the last RR is the SOA of the newest version", oldest difference first. From every serial of the history.
func TestRFC1995Section4Steps(t *testing.T) {
	s := started(t)
	s.edits(t, "a.example.test. 5 A 192.0.2.101", "a.example.test. 5 A 192.0.2.102")
	s.edits(t, "-a.example.test. 0 A 192.0.2.101", "b.example.test. 5 TXT b")
	s.edits(t, "-b.example.test. 0 TXT b")
	want := []string{
		soaAt(10), soaAt(11), "a.example.test. 5 IN A 192.0.2.101", "a.example.test. 5 IN A 192.0.2.102",
		soaAt(11), "a.example.test. 5 IN A 192.0.2.101", soaAt(12), `b.example.test. 5 IN TXT "b"`,
		soaAt(12), `b.example.test. 5 IN TXT "b"`, soaAt(13),
	}
	for from, skip := range map[uint32]int{10: 0, 11: 4, 12: 8} {
		got, question := s.steps(t, "example.test.", from)
		whole := append(append([]string{soaAt(13)}, want[skip:]...), soaAt(13))
		if d := cmp.Diff(whole, got); d != "" {
			t.Errorf("from %d:\n%s", from, d)
		}
		if question.Qtype != dns.TypeIXFR {
			t.Errorf("QTYPE %d", question.Qtype)
		}
	}
}

// RFC 1995 7: the example, with another primary name and more records in the zone.
func TestRFC1995Section7Example(t *testing.T) {
	s := newSite(t)
	s.write(t, "db.example", `$TTL 60
@ SOA ns1 admin 1 600 600 3600000 604800
@ NS ns1
ns1 A 133.69.136.1
nezu A 133.69.136.5
`)
	s.start(t)
	s.edits(t, "-nezu.example.test. 0 A 133.69.136.5", "jain-bb.example.test. 60 A 133.69.136.4", "jain-bb.example.test. 60 A 192.41.197.2")
	s.edits(t, "-jain-bb.example.test. 0 A 133.69.136.4", "jain-bb.example.test. 60 A 133.69.136.3")
	soa := func(n int) string {
		return fmt.Sprintf("example.test. 60 IN SOA ns1.example.test. admin.example.test. %d 600 600 3600000 604800", n)
	}
	want := []string{
		soa(3),
		soa(1), "nezu.example.test. 60 IN A 133.69.136.5",
		soa(2), "jain-bb.example.test. 60 IN A 133.69.136.4", "jain-bb.example.test. 60 IN A 192.41.197.2",
		soa(2), "jain-bb.example.test. 60 IN A 133.69.136.4",
		soa(3), "jain-bb.example.test. 60 IN A 133.69.136.3",
		soa(3),
	}
	got, _ := s.steps(t, "example.test.", 1)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// RFC 1995 2 and RFC 1982: "the serial is the same as ours or newer: one SOA, ours", with a history too.
func TestRFC1995Section2UpToDate(t *testing.T) {
	s := started(t)
	s.edits(t, "a.example.test. 5 A 192.0.2.101")
	for _, serial := range []uint32{11, 12, 11 + 1<<31 - 1} {
		if got, _ := s.steps(t, "example.test.", serial); cmp.Diff([]string{soaAt(11)}, got) != "" {
			t.Errorf("serial %d: %v", serial, got)
		}
	}
}

// RFC 1995 3: the authority section of the question has the client's SOA; without it FORMERR.
func TestRFC1995Section3NoSOA(t *testing.T) {
	s := started(t)
	s.edits(t, "a.example.test. 5 A 192.0.2.101")
	m := ixfr("example.test.", 10)
	m.Ns = nil
	if r := s.begin(t, m).message(t); r.Rcode != dns.RcodeFormatError {
		t.Errorf("%v", r)
	}
}

// RFC 1995 4: "not in the history: the whole zone in the form of AXFR" (the second record is no SOA), with QTYPE IXFR. So too a serial 2^31
// away, which is neither newer nor older (RFC 1982, 3.2): a secondary that has it would never get another.
func TestRFC1995Section4NotInTheHistory(t *testing.T) {
	s := started(t)
	s.edits(t, "a.example.test. 5 A 192.0.2.101")
	for _, serial := range []uint32{9, 0, 11 + 3<<30, 11 + 1<<31} {
		got, question := s.steps(t, "example.test.", serial)
		if len(got) < 20 || strings.Contains(got[1], " SOA ") || question.Qtype != dns.TypeIXFR {
			t.Errorf("serial %d: %d records, QTYPE %d", serial, len(got), question.Qtype)
		}
		if whole := lines(s.transfer(t, "example.test.", "xfer.")); cmp.Diff(whole, got) != "" {
			t.Errorf("serial %d: not what AXFR gives", serial)
		}
	}
}

// RFC 1995 4: "the difference is larger than the zone: the whole zone". What fits into a message or two goes out as steps all the same.
func TestRFC1995Section4LargerThanTheZone(t *testing.T) {
	s := started(t)
	c := newSecondary("example.test.")
	if f := c.follow(t, s); f != formWhole {
		t.Fatal(f)
	}
	late := c.copy()
	s.edits(t, "x.example.test. 5 A 192.0.2.1")
	if f := c.follow(t, s); f != formSteps {
		t.Errorf("one record: %s", f)
	}
	for i := range fewRecords / 4 {
		if i%2 == 0 {
			s.edits(t, "y.example.test. 5 A 192.0.2.1", "y.example.test. 5 A 192.0.2.2")
		} else {
			s.edits(t, "-y.example.test. 0 A 192.0.2.1", "-y.example.test. 0 A 192.0.2.2")
		}
	}
	if f := late.follow(t, s); f != formWhole {
		t.Errorf("%d changes of a zone of %d records: %s", fewRecords/4+1, len(late.records), f)
	}
	late.compare(t, s)
}

// RFC 1995 4, dns-standards 5: "an update that only sets a SOA is a step with just SOA records".
func TestRFC1995Section4SOAOnly(t *testing.T) {
	s := started(t)
	s.edits(t, "example.test. 60 SOA ns1.example.test. other.example.test. 77 3600 600 86400 30")
	want := strings.Replace(soaAt(77), "admin", "other", 1)
	got, _ := s.steps(t, "example.test.", 10)
	if d := cmp.Diff([]string{want, soaAt(10), want, want}, got); d != "" {
		t.Error(d)
	}
}

// dns-standards 3: a change of TTL is the whole set deleted with the old TTL and added with the new one.
func TestRFC1995Section4TTL(t *testing.T) {
	s := started(t)
	s.edits(t, "www.example.test. 7 A 192.0.2.11")
	want := []string{soaAt(11), soaAt(10)}
	for _, ttl := range []string{"1", "7"} {
		for _, host := range []string{"11", "12", "13"} {
			want = append(want, "www.example.test. "+ttl+" IN A 192.0.2."+host)
		}
		want = append(want, soaAt(11))
	}
	got, _ := s.steps(t, "example.test.", 10)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// RFC 1995 2: the rights, and what is no zone of ours, as with AXFR (RFC 5936, 2.2.1).
func TestRFC1995Section2Rights(t *testing.T) {
	s := started(t)
	s.edits(t, "a.example.test. 5 A 192.0.2.101")
	for _, c := range []struct {
		zone, key string
		rcode     int
	}{
		{"example.test.", "", dns.RcodeRefused},
		{"example.test.", "ddns.", dns.RcodeRefused},
		{"other.test.", "xfer.", dns.RcodeRefused},
		{"elsewhere.test.", "xfer.", dns.RcodeNotAuth},
		{"www.example.test.", "xfer.", dns.RcodeNotAuth},
	} {
		for _, network := range []string{"tcp", "udp"} {
			m := ixfr(c.zone, 10)
			if c.key != "" {
				signed(c.key)(m)
			}
			r, _ := s.send(network, m) // the library calls a signed NOTAUTH an error
			if r == nil || r.Rcode != c.rcode || len(r.Answer) != 0 {
				t.Errorf("%s %s by %q: %v", network, c.zone, c.key, r)
			}
		}
	}
}

// RFC 1982 and 1995: the serial wraps round from 4294967295 to 1 and the steps go on over it.
func TestRFC1995SerialWrapsRound(t *testing.T) {
	s := newSite(t)
	s.write(t, "db.example", strings.Replace(exampleZone, " 10 3600", " 4294967294 3600", 1))
	s.start(t)
	c := newSecondary("example.test.")
	c.follow(t, s)
	late := c.copy()
	for i, want := range []uint32{4294967295, 1, 2} {
		s.edits(t, fmt.Sprintf("w%d.example.test. 5 A 192.0.2.1", i))
		if f := c.follow(t, s); f != formSteps || c.serial != want {
			t.Errorf("%s to %d, want %d", f, c.serial, want)
		}
		c.compare(t, s)
	}
	if f := late.follow(t, s); f != formSteps {
		t.Errorf("over the wrap: %s", f)
	}
	late.compare(t, s)
}

// Promise: "a secondary fed by IXFR never ends different from the zone". Random changes, restarts and snapshots; several secondaries that
// come at random, so that some have to take many steps and some find their serial gone. Each applies what it gets
// strictly and has afterwards what the zone has.
func TestRFC1995SecondariesNeverDiffer(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { neverDiffer(t, rand.New(rand.NewPCG(seed, 5))) })
	}
}

func neverDiffer(t *testing.T, rng *rand.Rand) {
	t.Helper()
	s := newSite(t)
	s.many(t, 100)
	s.start(t)
	secondaries := []*secondary{newSecondary("example.test."), newSecondary("example.test."), newSecondary("example.test.")}
	seen := map[form]int{}
	for range 250 {
		switch n := rng.IntN(100); {
		case n < 60:
			s.edits(t, randomChange(rng)...)
		case n < 62:
			s.stop(t)
			s.start(t)
		case n < 66:
			z := s.server.view.Load().exact(mustName("example.test"))
			if err := z.log.Snapshot(z.visible.Load(), z.log.Seq(), journal.Keep{}); err != nil {
				t.Fatal(err)
			}
		case n < 68: // one was switched off for a long time: its serial is of another age
			i := rng.IntN(len(secondaries))
			secondaries[i].serial -= 1000 + rng.Uint32N(1000)
		default:
			c := secondaries[rng.IntN(len(secondaries))]
			seen[c.follow(t, s)]++
			c.compare(t, s)
		}
	}
	for _, c := range secondaries {
		c.follow(t, s)
		c.compare(t, s)
	}
	t.Logf("%v", seen)
	if seen[formSteps] < 10 || seen[formWhole] < 3 {
		t.Errorf("%v: every form is to be seen", seen)
	}
}

// randomChange is an update of some of few names, so that records come back and go often.
func randomChange(rng *rand.Rand) (list []string) {
	for range 1 + rng.IntN(4) {
		host := fmt.Sprintf("r%d.example.test.", rng.IntN(6))
		switch rng.IntN(8) {
		case 0, 1, 2:
			list = append(list, fmt.Sprintf("%s 5 A 10.0.0.%d", host, rng.IntN(5)))
		case 3:
			list = append(list, fmt.Sprintf("-%s 0 A 10.0.0.%d", host, rng.IntN(5)))
		case 4:
			list = append(list, fmt.Sprintf("%s %d A 10.0.0.%d", host, 5+rng.IntN(3), rng.IntN(5)))
		case 5:
			list = append(list, fmt.Sprintf("%s 5 TXT \"%s\"", strings.ToUpper(host), strings.Repeat("x", rng.IntN(200))))
		case 6:
			list = append(list, fmt.Sprintf("%s 5 MX %d Mail.Example.test.", host, rng.IntN(3)), fmt.Sprintf("-%s 0 MX %d mail.example.TEST.", host, rng.IntN(3)))
		case 7:
			list = append(list, fmt.Sprintf("c%d.example.test. 5 CNAME r%d.example.test.", rng.IntN(2), rng.IntN(6)))
		}
	}
	return list
}
