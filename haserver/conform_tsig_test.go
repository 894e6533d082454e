package haserver

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func dialerFrom(addr string) *net.Dialer {
	return &net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(addr)}}
}

// sign makes the octets of a signed message and its MAC, after edit has seen the TSIG record.
func sign(t testing.TB, m *dns.Msg, key, secret string, edit func(*dns.TSIG)) (msg []byte, mac string) {
	t.Helper()
	signed(key)(m)
	if edit != nil {
		edit(m.IsTsig())
	}
	msg, mac, err := dns.TsigGenerate(m, secret, "", false)
	if err != nil {
		t.Fatal(err)
	}
	return msg, mac
}

// RFC 8945 5.2: key, MAC, time, truncation, in this order; the table of RCODE, error, and whether the answer is signed.
func TestRFC8945Errors(t *testing.T) {
	s := started(t)
	now := uint64(time.Now().Unix())
	otherSecret := xferSecret
	fresh := func() *dns.Msg { return question("ns1.example.test.", dns.TypeA) }
	cases := []struct {
		rule        string
		key, secret string
		edit        func(*dns.TSIG)
		after       func([]byte) []byte
		rcode       int
		tsigError   uint16
		signed      bool
	}{
		{"all good", "ddns.", ddnsSecret, nil, nil, dns.RcodeSuccess, 0, true},
		{"names compare without case and enter the digest in lower case", "DDns.", ddnsSecret, nil, nil, dns.RcodeSuccess, 0, true},
		{"unknown key name: NOTAUTH, BADKEY, unsigned", "nobody.", ddnsSecret, nil, nil, dns.RcodeNotAuth, dns.RcodeBadKey, false},
		{"known name with another algorithm: BADKEY", "ddns.", ddnsSecret, func(ts *dns.TSIG) { ts.Algorithm = dns.HmacSHA512 }, nil, dns.RcodeNotAuth, dns.RcodeBadKey, false},
		{"MAC does not match: BADSIG, unsigned", "ddns.", otherSecret, nil, nil, dns.RcodeNotAuth, dns.RcodeBadSig, false},
		{"the message was changed: BADSIG", "ddns.", ddnsSecret, nil, func(b []byte) []byte { b[13] ^= 0x20; return b }, dns.RcodeNotAuth, dns.RcodeBadSig, false},
		{"MAC right, time past the fudge: BADTIME, signed, with our time", "ddns.", ddnsSecret, func(ts *dns.TSIG) { ts.TimeSigned = now - 1000 }, nil, dns.RcodeNotAuth, dns.RcodeBadTime, true},
		{"time before: BADTIME", "ddns.", ddnsSecret, func(ts *dns.TSIG) { ts.TimeSigned = now + 1000 }, nil, dns.RcodeNotAuth, dns.RcodeBadTime, true},
		{"the fudge is the request's", "ddns.", ddnsSecret, func(ts *dns.TSIG) { ts.TimeSigned, ts.Fudge = now-1000, 2000 }, nil, dns.RcodeSuccess, 0, true},
		{"BADSIG before BADTIME: unauthenticated time is not judged", "ddns.", otherSecret, func(ts *dns.TSIG) { ts.TimeSigned = now - 1000 }, nil, dns.RcodeNotAuth, dns.RcodeBadSig, false},
		{"Original ID: the digest is over it, the header may differ", "ddns.", ddnsSecret, nil, func(b []byte) []byte { b[0] ^= 0xFF; return b }, dns.RcodeSuccess, 0, true},
		{"MAC truncated but of legal length: NOTAUTH, BADTRUNC, signed", "ddns.", ddnsSecret, nil, func(b []byte) []byte { return shorten(b, 16) }, dns.RcodeNotAuth, dns.RcodeBadTrunc, true},
		{"a wrong truncated MAC is BADSIG", "ddns.", otherSecret, nil, func(b []byte) []byte { return shorten(b, 16) }, dns.RcodeNotAuth, dns.RcodeBadSig, false},
	}
	for _, c := range cases {
		msg, mac := sign(t, fresh(), c.key, c.secret, c.edit)
		if c.after != nil {
			msg = c.after(msg)
		}
		if c.tsigError == dns.RcodeBadTrunc {
			mac = mac[:32]
		}
		answer := s.raw(t, msg)
		if answer == nil {
			t.Errorf("%s: dropped", c.rule)
			continue
		}
		r := new(dns.Msg)
		if err := r.Unpack(answer); err != nil {
			t.Fatal(err)
		}
		ts := r.IsTsig()
		if r.Rcode != c.rcode || ts == nil || ts.Error != c.tsigError || (ts.MACSize > 0) != c.signed || r.Id != binary.BigEndian.Uint16(msg) {
			t.Errorf("%s: %s %v", c.rule, dns.RcodeToString[r.Rcode], ts)
			continue
		}
		if c.rcode != 0 && len(r.Answer) > 0 {
			t.Errorf("%s: there are records in the answer", c.rule)
		}
		if c.tsigError == dns.RcodeBadTime {
			data, _ := hex.DecodeString(ts.OtherData)
			our := binary.BigEndian.Uint64(append([]byte{0, 0}, data...))
			if ts.OtherLen != 6 || max(our, now)-min(our, now) > 60 {
				t.Errorf("%s: other data %q", c.rule, ts.OtherData)
			}
			if sent := now - 1000; ts.TimeSigned != sent && ts.TimeSigned != now+1000 {
				t.Errorf("%s: time signed %d is not the request's", c.rule, ts.TimeSigned)
			}
		}
		if !c.signed {
			continue
		}
		if want := answerMAC(t, answer, mac, ts); want != ts.MAC {
			t.Errorf("%s: the MAC of the answer is %s, want %s", c.rule, ts.MAC, want)
		}
	}
}

// answerMAC is the MAC that an answer to a request signed with hmac-sha256 should have, made here from RFC 8945 4.3 alone.
func answerMAC(t testing.TB, answer []byte, requestMAC string, ts *dns.TSIG) string {
	t.Helper()
	name, alg := "\x04ddns\x00", "\x0bhmac-sha256\x00"
	end := strings.LastIndex(string(answer), name+"\x00\xfa")
	if end < 0 {
		t.Fatal("no TSIG record")
	}
	mac, _ := hex.DecodeString(requestMAC)
	in := append([]byte{0, byte(len(mac))}, mac...)
	msg := append([]byte{}, answer[:end]...)
	msg[11]--
	in = append(in, msg...)
	in = append(in, name+"\x00\xff\x00\x00\x00\x00"+alg...)
	in = append(in, binary.BigEndian.AppendUint64(nil, ts.TimeSigned)[2:]...)
	in = binary.BigEndian.AppendUint16(in, ts.Fudge)
	in = binary.BigEndian.AppendUint16(in, ts.Error)
	in = binary.BigEndian.AppendUint16(in, ts.OtherLen)
	other, _ := hex.DecodeString(ts.OtherData)
	secret, _ := base64.StdEncoding.DecodeString(ddnsSecret)
	h := hmac.New(sha256.New, secret)
	h.Write(append(in, other...))
	return hex.EncodeToString(h.Sum(nil))
}

// shorten cuts the MAC of a message that ends in a TSIG record without other data.
func shorten(b []byte, size int) []byte {
	const macLen, rest = 32, 6
	at := len(b) - rest - macLen
	out := append(append([]byte{}, b[:at+size]...), b[len(b)-rest:]...)
	binary.BigEndian.PutUint16(out[at-2:], uint16(size))
	// RDLENGTH stands before the algorithm name, 10 octets of time, fudge and size before the MAC.
	rdlen := at - 10 - len("\x0bhmac-sha256\x00") - 2
	binary.BigEndian.PutUint16(out[rdlen:], uint16(len(out)-rdlen-2))
	return out
}

// RFC 8945 5.2: a TSIG that is not last, twice, in another section, of another class, or cut: FORMERR without TSIG; a MAC longer than the hash
// or shorter than the larger of 10 and half of it: FORMERR.
func TestRFC8945Form(t *testing.T) {
	s := started(t)
	good, _ := sign(t, question("ns1.example.test.", dns.TypeA), "ddns.", ddnsSecret, nil)
	q := len(pack(t, question("ns1.example.test.", dns.TypeA), nil))
	record := string(good[q:])
	with := func(section int, records ...string) []byte {
		b := append([]byte{}, good[:q]...)
		b[11] = 0
		b[5+2*section] = byte(len(records))
		return append(b, strings.Join(records, "")...)
	}
	class := []byte(record)
	class[len("\x04ddns\x00")+3] = 1
	a := "\x00\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04\x01\x02\x03\x04"
	long := strings.Replace(record, "\x00\x20", "\x00\x21", 1)
	cases := map[string][]byte{
		"not last":             with(3, record, a),
		"twice":                with(3, record, record),
		"in answer":            with(1, record),
		"in authority":         with(2, record),
		"class not ANY":        with(3, string(class)),
		"RDATA cut":            append(with(3, record)[:len(good)-4], 0, 0, 0, 0)[:len(good)-1],
		"size over RDATA":      with(3, long),
		"MAC under 16 octets":  shorten(good, 15),
		"MAC of zero octets":   shorten(good, 0),
		"MAC under ten octets": shorten(good, 9),
	}
	for rule, msg := range cases {
		answer := s.raw(t, msg)
		if answer == nil {
			t.Errorf("%s: dropped", rule)
			continue
		}
		if _, rcode := header(answer); rcode != dns.RcodeFormatError || answer[11] != 0 {
			t.Errorf("%s: %s, ARCOUNT %d", rule, dns.RcodeToString[rcode], answer[11])
		}
	}
}

// dns-standards 4: "a truncated UDP answer must be signed inside the limit (make room first)".
func TestRFC8945TruncatedAnswerIsSigned(t *testing.T) {
	s := started(t)
	msg, mac := sign(t, question("huge.example.test.", dns.TypeTXT), "ddns.", ddnsSecret, nil)
	answer := s.raw(t, msg)
	r := new(dns.Msg)
	if err := r.Unpack(answer); err != nil {
		t.Fatal(err)
	}
	if len(answer) > 512 || !r.Truncated || r.IsTsig() == nil {
		t.Fatalf("%d octets, TC %v", len(answer), r.Truncated)
	}
	if err := dns.TsigVerify(answer, ddnsSecret, mac, false); err != nil {
		t.Error(err)
	}
}

// An update with a bad TSIG is NOTAUTH even from an address that needs no key: checks add up.
func TestBadTSIGFromAGrantedAddress(t *testing.T) {
	s := started(t)
	m := updateMsg(t, "example.test", "x.example.test. 1 A 192.0.2.1")
	msg, _ := sign(t, m, "ddns.", xferSecret, nil)
	c, err := dialerFrom("127.0.0.9").Dial("udp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write(msg); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1000)
	if _, err := c.Read(buf); err != nil {
		t.Fatal(err)
	}
	if _, rcode := header(buf); rcode != dns.RcodeNotAuth {
		t.Errorf("%s", dns.RcodeToString[rcode])
	}
	if s.count(BadTSIG) != 1 {
		t.Error("not counted as bad-tsig")
	}
}

// RFC 8945, 5.2: an update whose signature is bad in any way changes nothing, is NOTAUTH or FORMERR, and is counted as such.
func TestRFC8945Section5_2BadUpdatesChangeNothing(t *testing.T) {
	s := started(t)
	now := uint64(time.Now().Unix())
	_, before := s.content(t, "example.test.")
	i := 0
	for _, c := range []struct {
		rule, key, secret string
		edit              func(*dns.TSIG)
		after             func([]byte) []byte
		rcode             int
		tsigError         uint16
	}{
		{"BADKEY", "nobody.", ddnsSecret, nil, nil, dns.RcodeNotAuth, dns.RcodeBadKey},
		{"an algorithm nobody knows: BADKEY", "ddns.", ddnsSecret, nil, func(b []byte) []byte {
			return []byte(strings.Replace(string(b), "hmac-sha256", "hmac-sha999", 1))
		}, dns.RcodeNotAuth, dns.RcodeBadKey},
		{"BADSIG", "ddns.", xferSecret, nil, nil, dns.RcodeNotAuth, dns.RcodeBadSig},
		{"one octet of the data was changed", "ddns.", ddnsSecret, nil, func(b []byte) []byte {
			return []byte(strings.Replace(string(b), "\xc0\x00\x02\x01", "\xc0\x00\x02\x02", 1))
		}, dns.RcodeNotAuth, dns.RcodeBadSig},
		{"BADTIME", "ddns.", ddnsSecret, func(ts *dns.TSIG) { ts.TimeSigned = now - 1000 }, nil, dns.RcodeNotAuth, dns.RcodeBadTime},
		{"BADTRUNC", "ddns.", ddnsSecret, nil, func(b []byte) []byte { return shorten(b, 16) }, dns.RcodeNotAuth, dns.RcodeBadTrunc},
		{"a MAC that is too short", "ddns.", ddnsSecret, nil, func(b []byte) []byte { return shorten(b, 8) }, dns.RcodeFormatError, 0},
	} {
		for _, network := range []string{"udp", "tcp"} {
			i++
			msg, _ := sign(t, updateMsg(t, "example.test", "x.example.test. 1 A 192.0.2.1"), c.key, c.secret, c.edit)
			if c.after != nil {
				msg = c.after(msg)
			}
			var answer []byte
			if network == "udp" {
				answer = s.raw(t, msg)
			} else {
				answer = s.exchange(t, msg)
			}
			r := new(dns.Msg)
			if err := r.Unpack(answer); err != nil {
				t.Fatalf("%s (%s): %v", c.rule, network, err)
			}
			ts := r.IsTsig()
			if r.Rcode != c.rcode || c.tsigError != 0 && (ts == nil || ts.Error != c.tsigError) || c.tsigError == 0 && ts != nil {
				t.Errorf("%s (%s): %s, TSIG %v", c.rule, network, dns.RcodeToString[r.Rcode], ts)
			}
			if n := s.count(BadTSIG); n != uint64(i) {
				t.Errorf("%s (%s): counted %d times as %s, want %d", c.rule, network, n, BadTSIG, i)
			}
		}
	}
	if serial, after := s.content(t, "example.test."); serial != 10 || strings.Join(before, "\n") != strings.Join(after, "\n") {
		t.Errorf("serial %d; the zone has changed", serial)
	}
}

// RFC 8945, 6: hmac-sha256 must, the others of the SHA family should work; hmac-md5 only for a key that says so. The answer is signed
// with the algorithm of the request.
func TestRFC8945Section6Algorithms(t *testing.T) {
	s := newSite(t)
	algorithms := []string{dns.HmacSHA1, dns.HmacSHA224, dns.HmacSHA256, dns.HmacSHA384, dns.HmacSHA512}
	file, grants := "", []string{}
	for _, a := range algorithms {
		name := "key-" + strings.TrimSuffix(a, ".")
		file += `key "` + name + `" { algorithm ` + strings.TrimSuffix(a, ".") + `; secret "` + ddnsSecret + "\"; };\n"
		grants = append(grants, `"key `+name+`"`)
	}
	s.write(t, "keys", file)
	s.write(t, "dns.toml", strings.Split(confText, "[[zone]]")[0]+"[[zone]]\nname = \"example.test\"\nfile = \"db.example\"\nupdate = ["+strings.Join(grants, ", ")+"]\n")
	s.start(t)
	for i, a := range algorithms {
		m := updateMsg(t, "example.test", "x.example.test. 1 A 192.0.2."+string(rune('1'+i)))
		key := "key-" + a
		m.SetTsig(key, a, 300, time.Now().Unix())
		c := &dns.Client{Net: "udp", Timeout: patience, TsigSecret: map[string]string{key: ddnsSecret}} // it checks the answer's MAC
		r, _, err := c.Exchange(m, s.addr)
		if err != nil || r.Rcode != 0 || r.IsTsig() == nil || r.IsTsig().Algorithm != a {
			t.Errorf("%s: %v %v", a, err, r)
		}
		if n := s.serial(t, "example.test"); n != 11+uint32(i) {
			t.Errorf("%s: serial %d", a, n)
		}
	}
	m := updateMsg(t, "example.test", "y.example.test. 1 A 192.0.2.1")
	m.SetTsig("key-hmac-sha256.", dns.HmacMD5, 300, time.Now().Unix()) // what an old client sends
	msg, _, err := dns.TsigGenerateWithProvider(m, md5Provider{}, "", false)
	if err != nil {
		t.Fatal(err)
	}
	r := new(dns.Msg)
	if err := r.Unpack(s.raw(t, msg)); err != nil {
		t.Fatal(err)
	}
	if r.Rcode != dns.RcodeNotAuth || r.IsTsig().Error != dns.RcodeBadKey {
		t.Errorf("hmac-md5 with a key of hmac-sha256: %v", r)
	}
}

// md5Provider signs as a client with hmac-md5 does.
type md5Provider struct{}

func (md5Provider) Generate(msg []byte, _ *dns.TSIG) ([]byte, error) {
	secret, err := base64.StdEncoding.DecodeString(ddnsSecret)
	h := hmac.New(md5.New, secret)
	h.Write(msg)
	return h.Sum(nil), err
}
func (md5Provider) Verify([]byte, *dns.TSIG) error { return nil }

// RFC 8945, 5.2.3: "time signed within the fudge": to the second, either way; fudge 300 is in our answers (4.2).
func TestRFC8945Section5_2_3Fudge(t *testing.T) {
	s := started(t)
	now := time.Now()
	w := newWorker(s.server, &counters{})
	w.now = func() time.Time { return now }
	for _, c := range []struct {
		offset int64
		good   bool
	}{{0, true}, {300, true}, {-300, true}, {301, false}, {-301, false}} {
		msg, _ := sign(t, question("ns1.example.test.", dns.TypeA), "ddns.", ddnsSecret, func(ts *dns.TSIG) { ts.TimeSigned = uint64(now.Unix() + c.offset) })
		answer, _ := w.handle(msg, mustAddr("127.0.0.1:1").Addr(), false)
		r := new(dns.Msg)
		if err := r.Unpack(answer); err != nil {
			t.Fatal(err)
		}
		if (r.Rcode == 0) != c.good || r.IsTsig() == nil || r.IsTsig().Fudge != 300 {
			t.Errorf("%d s away: %s %v", c.offset, dns.RcodeToString[r.Rcode], r.IsTsig())
		}
	}
}

// RFC 8945, 5.2: "class ANY, TTL 0": a TSIG record with another TTL is malformed.
func TestRFC8945Section4_2TTL(t *testing.T) {
	s := started(t)
	msg, _ := sign(t, question("ns1.example.test.", dns.TypeA), "ddns.", ddnsSecret, nil)
	at := strings.LastIndex(string(msg), "\x04ddns\x00\x00\xfa\x00\xff") + len("\x04ddns\x00\x00\xfa\x00\xff")
	msg[at+3] = 1
	if _, rcode := header(s.raw(t, msg)); rcode != dns.RcodeFormatError {
		t.Errorf("%s", dns.RcodeToString[rcode])
	}
}
