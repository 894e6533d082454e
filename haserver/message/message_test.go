package message

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"loadshare/haserver/zone"
)

func packed(t testing.TB, m *dns.Msg) []byte {
	t.Helper()
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func name(t testing.TB, text string) zone.Name {
	t.Helper()
	n, err := zone.ParseName(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Parse remembers what a request says and points into its octets.
func TestParse(t *testing.T) {
	m := new(dns.Msg)
	m.SetIxfr("Example.Test.", 77, "ns.example.test.", "admin.example.test.")
	m.SetEdns0(4096, true)
	m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_LOCAL{Code: 65001, Data: []byte("abc")}}
	wire := packed(t, m)
	var got Message
	if err := got.Parse(wire); err != nil {
		t.Fatal(err)
	}
	if got.ID != m.Id || got.Opcode() != Query || got.IsResponse() || string(got.QName) != "\x07Example\x04Test\x00" || got.QType != zone.TypeIXFR || got.QClass != zone.ClassIN ||
		!got.HasSerial || got.Serial != 77 || !got.HasOPT || got.OPT.Size != 4096 || !got.OPT.DO || got.HasTSIG {
		t.Errorf("%+v", got)
	}
	if data, ok := got.OPT.Option(65001); !ok || string(data) != "abc" {
		t.Errorf("option %q", data)
	}
	if _, ok := got.OPT.Option(3); ok {
		t.Error("an option that is not there")
	}
}

// RFC 2136 2.4, 2.5: records of an update, RDATA names uncompressed (RFC 3597, 4), empty RDATA as "".
func TestUpdateRecords(t *testing.T) {
	m := new(dns.Msg)
	m.SetUpdate("example.test.")
	rr := func(text string) dns.RR {
		r, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	m.NameUsed([]dns.RR{rr("a.example.test. A 192.0.2.1")})
	m.RRsetNotUsed([]dns.RR{rr("a.example.test. A 192.0.2.1")})
	m.Insert([]dns.RR{rr("a.example.test. 5 MX 10 mail.example.test."), rr("a.example.test. 5 SRV 1 2 3 srv.example.test."), rr("a.example.test. 5 NAPTR 1 2 \"s\" \"\" \"\" n.example.test.")})
	m.RemoveRRset([]dns.RR{rr("b.example.test. A 192.0.2.1")})
	m.Remove([]dns.RR{rr("b.example.test. NS ns.example.test.")})
	m.RemoveName([]dns.RR{rr("c.example.test. A 192.0.2.1")})
	m.Compress = true
	var parsed Message
	if err := parsed.Parse(packed(t, m)); err != nil {
		t.Fatal(err)
	}
	u, err := parsed.Update()
	if err != nil {
		t.Fatal(err)
	}
	n := func(label string) zone.Name { return name(t, label+".example.test.") }
	want := zone.Update{
		Prereq: []zone.Record{
			{Name: n("a"), Type: zone.TypeANY, Class: zone.ClassANY},
			{Name: n("a"), Type: zone.TypeA, Class: zone.ClassNONE},
		},
		Updates: []zone.Record{
			{Name: n("a"), Type: zone.TypeMX, Class: zone.ClassIN, TTL: 5, Data: "\x00\x0a" + string(n("mail"))},
			{Name: n("a"), Type: zone.TypeSRV, Class: zone.ClassIN, TTL: 5, Data: "\x00\x01\x00\x02\x00\x03" + string(n("srv"))},
			{Name: n("a"), Type: 35, Class: zone.ClassIN, TTL: 5, Data: "\x00\x01\x00\x02\x01s\x00\x00" + string(n("n"))},
			{Name: n("b"), Type: zone.TypeA, Class: zone.ClassANY},
			{Name: n("b"), Type: zone.TypeNS, Class: zone.ClassNONE, Data: string(n("ns"))},
			{Name: n("c"), Type: zone.TypeANY, Class: zone.ClassANY},
		},
	}
	if d := cmp.Diff(want, u); d != "" {
		t.Error(d)
	}
}

// Malformed RDATA is told apart from what does not parse at all.
func TestUpdateMalformedRdata(t *testing.T) {
	for rdata, t16 := range map[string]uint16{"c00002": dns.TypeA, "": dns.TypeA, "00": dns.TypeAAAA, "05616263": dns.TypeTXT, "c0ff": dns.TypeNS, "0161": dns.TypeCNAME, "000a": dns.TypeMX, "0161000000": dns.TypeNS} {
		m := new(dns.Msg)
		m.SetUpdate("example.test.")
		m.Ns = []dns.RR{&dns.RFC3597{Hdr: dns.RR_Header{Name: "x.example.test.", Rrtype: t16, Class: dns.ClassINET, Ttl: 1}, Rdata: rdata}}
		var parsed Message
		if err := parsed.Parse(packed(t, m)); err != nil {
			t.Fatal(err)
		}
		if _, err := parsed.Update(); !errors.Is(err, ErrRdata) {
			t.Errorf("%s %s: %v", dns.TypeToString[t16], rdata, err)
		}
	}
}

// What Builder writes another library reads back, compressed or not, in the case it was given.
func TestBuilderRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		label := rapid.StringMatching(`[a-cA-C]{1,3}`)
		fqdn := rapid.Custom(func(rt *rapid.T) string {
			out := ""
			for _, l := range rapid.SliceOfN(label, 0, 5).Draw(rt, "labels") {
				out += l + "."
			}
			return out + "example.test."
		})
		q := new(dns.Msg)
		q.SetQuestion(fqdn.Draw(rt, "question"), dns.TypeA)
		wire := packed(t, q)
		var m Message
		if err := m.Parse(wire); err != nil {
			rt.Fatal(err)
		}
		limit := rapid.IntRange(300, 65535).Draw(rt, "limit")
		var b Builder
		buf := make([]byte, 0, 512)
		var want []string
		for range 2 { // the second message must not remember names of the first
			b.Start(buf, m.ID, FlagQR, limit)
			b.Question(&m)
			want = nil
			for i := range rapid.IntRange(0, 30).Draw(rt, "records") {
				owner := fqdn.Draw(rt, "owner")
				var set zone.RRset
				if i%2 == 0 {
					target := fqdn.Draw(rt, "target")
					set = zone.RRset{Name: name(t, owner), Type: zone.TypeMX, TTL: 9, Data: []string{"\x00\x05" + string(name(t, target)), "\x00\x06" + string(name(t, target))}}
					if b.Add(Answer, &set, 1) {
						want = append(want, owner+" 9 IN MX 6 "+target, owner+" 9 IN MX 5 "+target)
					}
					continue
				}
				set = zone.RRset{Name: name(t, owner), Type: zone.TypeA, TTL: 9, Data: []string{"\x01\x02\x03\x04"}}
				if b.Add(Answer, &set, 0) {
					want = append(want, owner+" 9 IN A 1.2.3.4")
				}
			}
		}
		out := b.Finish()
		if len(out) > limit {
			rt.Fatalf("%d octets over the limit of %d", len(out), limit)
		}
		r := new(dns.Msg)
		if err := r.Unpack(out); err != nil {
			rt.Fatalf("%v\n%s", err, hex.Dump(out))
		}
		var got []string
		for _, rr := range r.Answer {
			text := fmt.Sprintf("%s 9 IN A 1.2.3.4", rr.Header().Name)
			if mx, ok := rr.(*dns.MX); ok {
				text = fmt.Sprintf("%s 9 IN MX %d %s", rr.Header().Name, mx.Preference, mx.Mx)
			}
			got = append(got, text)
		}
		if d := cmp.Diff(want, got); d != "" {
			rt.Fatal(d)
		}
		var again Message
		flags := again.Parse(out)
		if flags != nil {
			rt.Fatal(flags)
		}
	})
}

// Large messages hold more names than pointers can reach; they still read back.
func TestBuilderBeyondThePointers(t *testing.T) {
	var m Message
	q := new(dns.Msg)
	q.SetQuestion("example.test.", dns.TypeAXFR)
	if err := m.Parse(packed(t, q)); err != nil {
		t.Fatal(err)
	}
	var b Builder
	b.Start(nil, 1, FlagQR, 65535)
	b.Question(&m)
	n := 0
	for ; ; n++ {
		set := zone.RRset{Name: name(t, fmt.Sprintf("host%d.sub%d.example.test.", n, n%7)), Type: zone.TypeNS, TTL: 1, Data: []string{string(name(t, fmt.Sprintf("ns%d.example.test.", n)))}}
		if !b.Add(Answer, &set, 0) {
			break
		}
	}
	r := new(dns.Msg)
	if err := r.Unpack(b.Finish()); err != nil {
		t.Fatal(err)
	}
	if len(r.Answer) != n || n < 1500 {
		t.Fatalf("%d records of %d", len(r.Answer), n)
	}
	for i, rr := range r.Answer {
		if rr.Header().Name != fmt.Sprintf("host%d.sub%d.example.test.", i, i%7) || rr.(*dns.NS).Ns != fmt.Sprintf("ns%d.example.test.", i) {
			t.Fatalf("record %d is %s", i, rr)
		}
	}
}

// A Signer's chain of messages is what RFC 8945 5.3.1 says, judged by another implementation.
func TestSignerChain(t *testing.T) {
	secret := "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA=="
	raw := []byte("secret-secret-secret-secret-secret")
	for algorithm, text := range map[string]string{"hmac-sha256": dns.HmacSHA256, "hmac-sha1": dns.HmacSHA1, "hmac-sha224": dns.HmacSHA224, "hmac-sha384": dns.HmacSHA384, "hmac-sha512": dns.HmacSHA512} {
		key, err := NewKey("Transfer.Key", algorithm, raw)
		if err != nil {
			t.Fatal(err)
		}
		keys := Keys{string(key.Name): key}
		q := new(dns.Msg)
		q.SetAxfr("example.test.")
		q.SetTsig("transfer.key.", text, 300, time.Now().Unix())
		wire, mac, err := dns.TsigGenerate(q, secret, "", false)
		if err != nil {
			t.Fatal(err)
		}
		var m Message
		if err := m.Parse(wire); err != nil {
			t.Fatal(err)
		}
		s, rcode, e := keys.Verify(&m, time.Now())
		if rcode != zone.NoError || e != 0 || s.KeyName() != key.Name {
			t.Fatalf("%s: %s %s", algorithm, rcode, e)
		}
		for i := range 3 {
			var b Builder
			b.Start(nil, m.ID, FlagQR, 65535)
			b.Question(&m)
			before := b.Len()
			out := s.Sign(b.Finish(), time.Now())
			if len(out)-before != s.Len() {
				t.Errorf("%s: Len says %d, Sign added %d", algorithm, s.Len(), len(out)-before)
			}
			r := new(dns.Msg)
			if err := r.Unpack(out); err != nil {
				t.Fatal(err)
			}
			if err := dns.TsigVerify(bytes.Clone(out), secret, mac, i > 0); err != nil {
				t.Fatalf("%s, message %d: %v", algorithm, i, err)
			}
			mac = r.IsTsig().MAC
		}
	}
	if _, err := NewKey("k", "hmac-sha3", raw); err == nil {
		t.Error("an unknown algorithm was taken")
	}
}

// FuzzParse: any octets are parsed or refused; what is accepted can be decoded, and nothing points outside.
func FuzzParse(f *testing.F) {
	q := new(dns.Msg)
	q.SetQuestion("www.example.test.", dns.TypeA)
	q.SetEdns0(1232, true)
	f.Add(packed(f, q))
	u := new(dns.Msg)
	u.SetUpdate("example.test.")
	rr, _ := dns.NewRR("a.example.test. 5 SOA ns.example.test. a.example.test. 1 2 3 4 5")
	u.Insert([]dns.RR{rr})
	u.RemoveRRset([]dns.RR{rr})
	u.SetTsig("key.", dns.HmacSHA256, 300, 1)
	b, _, _ := dns.TsigGenerate(u, "c2VjcmV0", "", false)
	f.Add(b)
	f.Add([]byte("\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x0c\x00\x01\x00\x01"))
	key, _ := NewKey("key", "hmac-sha256", []byte("secret"))
	keys := Keys{string(key.Name): key}
	f.Fuzz(func(t *testing.T, wire []byte) {
		var m Message
		asked := Asked(wire)
		if err := m.Parse(wire); err != nil {
			return
		}
		if m.Counts[0] > 0 && !bytes.Equal(asked, m.NameAndType()) {
			t.Fatalf("%x is asked, and Parse reads %x", asked, m.NameAndType())
		}
		if m.Counts[0] > 0 && !m.Name().Valid() {
			t.Fatalf("name %x", m.QName)
		}
		m.OPT.Option(10)
		if u, err := m.Update(); err == nil {
			for _, r := range append(u.Prereq, u.Updates...) {
				if !r.Name.Valid() {
					t.Fatalf("owner %x", string(r.Name))
				}
				if r.Class == zone.ClassIN && !r.Type.IsMeta() && zone.ValidRdata(r.Type, []byte(r.Data)) != nil {
					t.Fatalf("%v", r)
				}
			}
		}
		if m.HasTSIG {
			s, _, _ := keys.Verify(&m, time.Unix(0, 0))
			var b Builder
			b.Start(nil, m.ID, 0, 65535)
			before := b.Len()
			if out := s.Sign(b.Finish(), time.Unix(0, 0)); len(out)-before != s.Len() {
				t.Fatal("Len is wrong")
			}
		}
	})
}
