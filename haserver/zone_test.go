package haserver

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"loadshare/haserver/zone"
)

// A zone of many names: served, changed by one record at a price that does not depend on its size, transferred whole, and recovered
// from the journal after entries have gathered past the snapshot.
func TestZoneOfManyNames(t *testing.T) {
	s := newSite(t)
	s.many(t, 20000)
	s.start(t)
	for i := 0; i < 20000; i += 1999 {
		if r := s.ask(t, "udp", fmt.Sprintf("host%d.example.test", i), dns.TypeA); len(r.Answer) != 1 {
			t.Fatalf("host%d: %v", i, r)
		}
	}
	before := s.transfer(t, "example.test.", "xfer.")
	if rcode := s.update(t, "udp", "ddns.", updateMsg(t, "example.test", "-host7.example.test. 60 A 10.0.0.7", "host7.example.test. 60 A 10.9.9.9")); rcode != 0 {
		t.Fatal(dns.RcodeToString[rcode])
	}
	s.stop(t)
	s.start(t)
	after := s.transfer(t, "example.test.", "xfer.")
	if len(before) != len(after) || len(after) < 40000 {
		t.Errorf("%d records, %d before", len(after), len(before))
	}
	if r := s.ask(t, "udp", "host7.example.test", dns.TypeA); len(r.Answer) != 1 || r.Answer[0].(*dns.A).A.String() != "10.9.9.9" {
		t.Errorf("%v", r)
	}
}

// A new snapshot is written when enough entries have gathered, while updates go on; after it the zone is recovered from it.
func TestSnapshotBesideUpdates(t *testing.T) {
	s := started(t)
	z := s.server.view.Load().exact(mustName("example.test"))
	text := strings.Repeat(" "+strings.Repeat("t", 250), 3)
	update := func(i int) {
		m := updateMsg(t, "example.test")
		for j := range 70 {
			m.Insert([]dns.RR{rr(t, fmt.Sprintf("b%d-%d.example.test. 1 TXT %s", i, j, text))})
		}
		if rcode := s.update(t, "tcp", "ddns.", m); rcode != 0 {
			t.Fatal(dns.RcodeToString[rcode])
		}
	}
	i := 0
	for ; !z.log.Due() && i < 400; i++ {
		update(i)
	}
	if i == 400 {
		t.Fatal("never due")
	}
	for deadline := time.Now().Add(patience); z.log.Due() && time.Now().Before(deadline); i++ {
		update(i)
	}
	if z.log.Due() {
		t.Fatal("no snapshot was written")
	}
	want := z.visible.Load()
	s.stop(t)
	s.start(t)
	got := s.server.view.Load().exact(mustName("example.test")).visible.Load()
	if !zone.Diff(want, got).IsZero() {
		t.Error("the recovered zone is another")
	}
}

// BenchmarkMillion is the times of a zone of a million addresses: read from its file, recovered from the journal, transferred; and
// the memory in use.
func BenchmarkMillion(b *testing.B) {
	for b.Loop() {
		s := newSite(b)
		var z strings.Builder
		z.WriteString("$TTL 60\n@ SOA ns1 admin 10 3600 600 86400 30\n@ NS ns1\nns1 A 192.0.2.1\n")
		for i := range 1_000_000 {
			fmt.Fprintf(&z, "h%d A 10.%d.%d.%d\n", i, i>>16&255, i>>8&255, i&255)
		}
		s.write(b, "db.example", z.String())
		z.Reset()
		begin := time.Now()
		s.start(b)
		b.ReportMetric(time.Since(begin).Seconds(), "s-from-file")
		s.stop(b)
		begin = time.Now()
		s.start(b)
		b.ReportMetric(time.Since(begin).Seconds(), "s-from-journal")
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapAlloc)/1e6, "MB-heap")
		m1 := new(dns.Msg)
		m1.SetAxfr("example.test.")
		msg, _ := sign(b, m1, "xfer.", xferSecret, nil)
		begin = time.Now()
		c := s.dial(b)
		_, _ = c.Write(append([]byte{byte(len(msg) >> 8), byte(len(msg))}, msg...))
		for records := 0; records < 1_000_004; {
			m := readFrame(b, c)
			records += int(m[6])<<8 | int(m[7])
		}
		b.ReportMetric(time.Since(begin).Seconds(), "s-axfr")
		s.stop(b)
	}
}

// The digest of a zone's file covers what it includes: an edit there is an edit of the zone.
func TestDigestCoversIncludes(t *testing.T) {
	s := newSite(t)
	s.write(t, "db.example", exampleZone+"$include part\n")
	s.write(t, "part", "p A 192.0.2.1\n")
	file := s.dir + "/db.example"
	before, err := fileDigest(file)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "part", "p A 192.0.2.2\n")
	after, err := fileDigest(file)
	if err != nil || before == after {
		t.Errorf("the digest stays, %v", err)
	}
	s.start(t)
	if r := s.ask(t, "udp", "p.example.test", dns.TypeA); len(r.Answer) != 1 {
		t.Errorf("%v", r)
	}
}
