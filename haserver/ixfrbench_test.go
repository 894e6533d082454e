package haserver

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/miekg/dns"
)

// BenchmarkIXFR is a secondary that is so many updates of one record behind, in a zone of 100,000 names: all steps read from
// the journal, signed, and sent.
func BenchmarkIXFR(b *testing.B) {
	s := newSite(b)
	s.hosts(b, 100_000)
	s.start(b)
	const behind = 5000
	for i := range behind {
		m := updateMsg(b, "example.test", fmt.Sprintf("u%d.example.test. 5 A 192.0.2.1", i%100), fmt.Sprintf("-u%d.example.test. 0 A 192.0.2.1", (i+50)%100))
		if rcode := s.update(b, "udp", "ddns.", m); rcode != 0 {
			b.Fatal(dns.RcodeToString[rcode])
		}
	}
	for _, steps := range []int{1, 100, behind} {
		b.Run(fmt.Sprintf("steps=%d", steps), func(b *testing.B) {
			var octets, records int
			for b.Loop() {
				octets, records = 0, 0
				msg, _ := sign(b, ixfr("example.test.", uint32(10+behind-steps)), "xfer.", xferSecret, nil)
				c := s.dial(b)
				if _, err := c.Write(append([]byte{byte(len(msg) >> 8), byte(len(msg))}, msg...)); err != nil {
					b.Fatal(err)
				}
				want := 2 + 4*steps
				if steps == behind {
					want -= 50 // the first 50 had nothing to delete
				}
				for records < want {
					m := readFrame(b, c)
					octets += len(m)
					records += int(binary.BigEndian.Uint16(m[6:]))
				}
				c.Close()
				if records > want {
					b.Fatalf("%d records, want %d", records, want)
				}
			}
			b.ReportMetric(float64(octets)/float64(steps), "octets/step")
		})
	}
}
