package haserver

import (
	"log/slog"
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"loadshare/haserver/message"
	"loadshare/haserver/zone"
)

// FuzzHandle: any octets, by any transport, are answered or dropped: no panic, no answer over the limit or that does
// not parse, none to an answer.
func FuzzHandle(f *testing.F) {
	s := newSite(f)
	server, err := New(s.load(f), slog.New(slog.DiscardHandler))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		for _, l := range server.sockets {
			l.close()
		}
		_ = server.loop.close()
		server.store.Close()
	})
	for _, m := range []*dns.Msg{question("www.example.test.", dns.TypeA), question("x.wild.example.test.", dns.TypeANY), question("over.example.test.", dns.TypeAAAA), question("www.sub.example.test.", dns.TypeA), ixfr("example.test.", 3)} {
		f.Add(pack(f, m, nil), false)
		m.SetEdns0(512, true)
		f.Add(pack(f, m, nil), true)
	}
	u := updateMsg(f, "example.test", "x.example.test. 1 A 192.0.2.1")
	signed("ddns.")(u)
	b, _, _ := dns.TsigGenerate(u, ddnsSecret, "", false)
	f.Add(b, false)
	from := netip.MustParseAddr("127.0.0.9") // has an update grant without a key
	f.Fuzz(func(t *testing.T, in []byte, tcp bool) {
		c := &counters{}
		w := newWorker(server, c)
		limit := maxUDP
		if tcp {
			limit = maxTCP
		}
		check := func(answer []byte) error {
			var m message.Message
			if err := m.Parse(answer); err != nil || !m.IsResponse() || len(answer) > limit {
				t.Fatalf("%x is answered by %x (%d octets): %v", in, answer, len(answer), err)
			}
			return nil
		}
		answer, later := w.handle(in, from, tcp)
		if later {
			w.slow(append([]byte{}, in...), from, tcp, check)
		} else if answer != nil {
			_ = check(answer)
		}
		if c.panics.Load()+server.count.panics.Load() > 0 {
			t.Fatal("panicked")
		}
		if len(in) > 2 && in[2]&0x80 != 0 && (answer != nil || later) {
			t.Fatal("an answer was answered")
		}
	})
}

// FuzzUpdate: whatever update a client with all rights sends, the zone stays a zone: its text reads back to the same, one SOA, the serial
// newer when it changed, and the journal's form of the change gives the same zone again.
func FuzzUpdate(f *testing.F) {
	z, problems := zone.Load(func(string) ([]byte, error) { return []byte(exampleZone), nil }, mustName("example.test"), "db")
	if err := problems.Err(); err != nil {
		f.Fatal(err)
	}
	for _, records := range [][]string{{"x.example.test. 1 A 192.0.2.1"}, {"-www.example.test. 1 A 192.0.2.11", "www.example.test. CNAME ns1.example.test."}, {"example.test. 60 SOA a. b. 100 1 1 1 1", "-example.test. 60 NS ns1.example.test."}} {
		f.Add(pack(f, updateMsg(f, "example.test", records...), nil))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var m message.Message
		if m.Parse(in) != nil {
			return
		}
		u, err := m.Update()
		if err != nil {
			return
		}
		next, d, r := apply(z, zone.NextSerial(z.Serial()), u, nil)
		if r.rcode != zone.NoError || d.IsZero() {
			if next != z {
				t.Fatal("a refused update, or one without effect, made another zone")
			}
			return
		}
		if !zone.SerialNewer(next.Serial(), z.Serial()) {
			t.Fatalf("serial %d after %d", next.Serial(), z.Serial())
		}
		data, err := d.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		back, err := zone.ParseDelta(data)
		if err != nil {
			t.Fatal(err)
		}
		again, err := z.WithDelta(back)
		if err != nil || !zone.Diff(next, again).IsZero() {
			t.Fatalf("replay gives another zone: %v", err)
		}
	})
}
