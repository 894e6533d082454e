package haserver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// authority makes certificates for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	a.key, a.cert = makeCert(t, nil, "test authority")
	return a
}

// makeCert makes a certificate: of an authority itself when by is nil.
func makeCert(t *testing.T, by *authority, name string) (*ecdsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	parent, signer := c, key
	if by == nil {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	} else {
		parent, signer = by.cert, by.key
		c.DNSNames = []string{name}
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, cert
}

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// issue writes NAME.pem and NAME.key into the site's folder.
func (a *authority) issue(t *testing.T, s *site, file, name string) {
	t.Helper()
	key, cert := makeCert(t, a, name)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, file+".pem", pemOf("CERTIFICATE", cert.Raw))
	s.write(t, file+".key", pemOf("PRIVATE KEY", der))
	s.write(t, "ca.pem", pemOf("CERTIFICATE", a.cert.Raw))
}

const tlsText = `
[tls]
listen = ["127.0.0.1:0"]
cert = "server.pem"
cert_key = "server.key"
ca = "ca.pem"
`

// overTLS is a server with TLS.
func overTLS(t *testing.T, a *authority) *site {
	t.Helper()
	s := newSite(t)
	a.issue(t, s, "server", "ns1.example.test")
	a.issue(t, s, "client", "NS2.example.test")
	s.write(t, "dns.toml", strings.Replace(confText, "[control]", tlsText+"[control]", 1))
	return s.start(t)
}

func (a *authority) client() *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	return &tls.Config{RootCAs: roots, ServerName: "ns1.example.test", NextProtos: []string{"dot"}, MinVersion: tls.VersionTLS13}
}

// dialTLS connects; edit may change what the client offers.
func (s *site) dialTLS(t testing.TB, a *authority, edit func(*tls.Config)) *tls.Conn {
	t.Helper()
	conf := a.client()
	if edit != nil {
		edit(conf)
	}
	c, err := tls.Dial("tcp", s.server.TLSAddrs()[0].String(), conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c
}

func writeFrame(t testing.TB, c net.Conn, msg []byte) {
	t.Helper()
	if _, err := c.Write(append([]byte{byte(len(msg) >> 8), byte(len(msg))}, msg...)); err != nil {
		t.Fatal(err)
	}
}

// exchange sends a message and reads one.
func exchange(t testing.TB, c net.Conn, m *dns.Msg) (*dns.Msg, int) {
	t.Helper()
	writeFrame(t, c, pack(t, m, nil))
	b := readFrame(t, c)
	r := new(dns.Msg)
	if err := r.Unpack(b); err != nil {
		t.Fatal(err)
	}
	return r, len(b)
}

// RFC 7858, RFC 9103 7: queries are answered over TLS, several on one connection; TLS 1.3, ALPN dot.
func TestRFC7858QueriesOverTLS(t *testing.T) {
	a := newAuthority(t)
	s := overTLS(t, a)
	c := s.dialTLS(t, a, nil)
	if st := c.ConnectionState(); st.Version != tls.VersionTLS13 || st.NegotiatedProtocol != "dot" {
		t.Errorf("version %x, ALPN %q", st.Version, st.NegotiatedProtocol)
	}
	for range 3 {
		if r, _ := exchange(t, c, question("ns1.example.test.", dns.TypeA)); len(r.Answer) != 1 || !r.Authoritative {
			t.Errorf("%v", r)
		}
	}
	if r, n := exchange(t, c, question("huge.example.test.", dns.TypeTXT)); len(r.Answer) != 100 || n < 2000 {
		t.Errorf("%d records in %d octets", len(r.Answer), n)
	}
}

// RFC 9103 7: TLS 1.3 or later; another ALPN than dot is refused.
func TestRFC9103Section7Handshake(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	s := overTLS(t, a)
	for what, edit := range map[string]func(*tls.Config){
		"TLS 1.2":      func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 },
		"ALPN h2":      func(c *tls.Config) { c.NextProtos = []string{"h2"} },
		"another name": func(c *tls.Config) { c.ServerName = "ns9.example.test" },
		"another CA":   func(c *tls.Config) { c.RootCAs = other.client().RootCAs },
	} {
		conf := a.client()
		edit(conf)
		if c, err := tls.Dial("tcp", s.server.TLSAddrs()[0].String(), conf); err == nil {
			c.Close()
			t.Errorf("%s: connected", what)
		}
	}
	plain, err := net.Dial("tcp", s.server.TLSAddrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	_ = plain.SetDeadline(time.Now().Add(patience))
	writeFrame(t, plain, pack(t, question("ns1.example.test.", dns.TypeA), nil))
	if b, _ := io.ReadAll(plain); len(b) > 12 && binary.BigEndian.Uint16(b[2:]) == 4711 {
		t.Error("a plain question is answered at the port of TLS")
	}
	if r, _ := exchange(t, s.dialTLS(t, a, nil), question("ns1.example.test.", dns.TypeA)); len(r.Answer) != 1 {
		t.Error("not answered after all that")
	}
}

// xfr asks for a zone on an open connection and counts its records; rcode when it is refused.
func xfr(t testing.TB, c net.Conn, m *dns.Msg, key string) (records int, rcode int) {
	t.Helper()
	if key == "" {
		writeFrame(t, c, pack(t, m, nil))
	} else {
		signed(key)(m)
		msg, _, err := dns.TsigGenerate(m, xferSecret, "", false)
		if err != nil {
			t.Fatal(err)
		}
		writeFrame(t, c, msg)
	}
	for soas := 0; soas < 2; {
		r := new(dns.Msg)
		if err := r.Unpack(readFrame(t, c)); err != nil {
			t.Fatal(err)
		}
		if r.Rcode != 0 {
			return 0, r.Rcode
		}
		for _, rr := range r.Answer {
			records++
			if rr.Header().Rrtype == dns.TypeSOA {
				soas++
			}
		}
	}
	return records, 0
}

func axfrOf(name string) *dns.Msg {
	m := new(dns.Msg)
	m.SetAxfr(name)
	return m
}

// RFC 9103 7: AXFR and IXFR by TSIG, several on one connection, with queries between them.
func TestRFC9103Section7Transfers(t *testing.T) {
	a := newAuthority(t)
	s := overTLS(t, a)
	c := s.dialTLS(t, a, nil)
	want := len(s.transfer(t, "example.test.", "xfer."))
	for range 2 {
		if n, rcode := xfr(t, c, axfrOf("example.test."), "xfer."); n != want || rcode != 0 {
			t.Errorf("AXFR: %d records, %d; want %d", n, rcode, want)
		}
		if r, _ := exchange(t, c, question("ns1.example.test.", dns.TypeA)); len(r.Answer) != 1 {
			t.Errorf("%v", r)
		}
	}
	s.change(t, "x.example.test. 5 IN A 192.0.2.99")
	ixfr := new(dns.Msg)
	ixfr.SetIxfr("example.test.", 10, ".", ".")
	if n, rcode := xfr(t, c, ixfr, "xfer."); n == 0 || rcode != 0 {
		t.Errorf("IXFR: %d records, %d", n, rcode)
	}
	if n, rcode := xfr(t, c, axfrOf("example.test."), ""); rcode != dns.RcodeRefused {
		t.Errorf("AXFR without a right: %d records, %d", n, rcode)
	}
}

// RFC 9103 7: the token dot is agreed on, or there is no transfer; a query is answered.
func TestRFC9103Section7NoALPN(t *testing.T) {
	a := newAuthority(t)
	s := overTLS(t, a)
	c := s.dialTLS(t, a, func(c *tls.Config) { c.NextProtos = nil })
	if n, rcode := xfr(t, c, axfrOf("example.test."), "xfer."); rcode != dns.RcodeRefused {
		t.Errorf("%d records, rcode %d", n, rcode)
	}
	if r, _ := exchange(t, c, question("ns1.example.test.", dns.TypeA)); len(r.Answer) != 1 {
		t.Errorf("%v", r)
	}
}

// RFC 9103 9.3.2 ff., mutual TLS: a certificate of our authority gives the rights of its name, and of no other.
func TestRFC9103MutualTLS(t *testing.T) {
	a, stranger := newAuthority(t), newAuthority(t)
	s := newSite(t)
	a.issue(t, s, "server", "ns1.example.test")
	a.issue(t, s, "ns2", "NS2.example.test")
	a.issue(t, s, "ns3", "ns3.example.test")
	stranger.issue(t, s, "stranger", "ns2.example.test")
	s.write(t, "ca.pem", pemOf("CERTIFICATE", a.cert.Raw))
	conf := strings.Replace(confText, `transfer = ["key xfer"]`, `transfer = ["cert ns2.Example.test"]`, 1)
	s.write(t, "dns.toml", strings.Replace(conf, "[control]", tlsText+"[control]", 1))
	s.start(t)
	with := func(name string) func(*tls.Config) {
		return func(c *tls.Config) {
			pair, err := tls.LoadX509KeyPair(filepath.Join(s.dir, name+".pem"), filepath.Join(s.dir, name+".key"))
			if err != nil {
				t.Fatal(err)
			}
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		}
	}
	c := s.dialTLS(t, a, with("ns2"))
	if n, rcode := xfr(t, c, axfrOf("example.test."), ""); n < 100 || rcode != 0 {
		t.Errorf("ns2: %d records, rcode %d", n, rcode)
	}
	if n, rcode := xfr(t, c, axfrOf("other.test."), ""); rcode != dns.RcodeRefused {
		t.Errorf("ns2 and a zone that is not for it: %d records, rcode %d", n, rcode)
	}
	if n, rcode := xfr(t, s.dialTLS(t, a, with("ns3")), axfrOf("example.test."), ""); rcode != dns.RcodeRefused {
		t.Errorf("ns3: %d records, rcode %d", n, rcode)
	}
	if n, rcode := xfr(t, s.dialTLS(t, a, nil), axfrOf("example.test."), ""); rcode != dns.RcodeRefused {
		t.Errorf("no certificate: %d records, rcode %d", n, rcode)
	}
	if n, rcode := xfr(t, s.dial(t), axfrOf("example.test."), ""); rcode != dns.RcodeRefused {
		t.Errorf("plain TCP, by a worker that served TLS before: %d records, rcode %d", n, rcode)
	}
	bad := s.dialTLS(t, a, with("stranger")) // the server says no after the client thinks it is connected (TLS 1.3)
	if _, err := bad.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("a certificate of another authority: %v, want an alert", err)
	}
}

// RFC 7830 4, RFC 8467 4.1: padded in blocks of 468 octets when the client pads, over TLS only, signed ones too.
func TestRFC8467Section4_1Padding(t *testing.T) {
	a := newAuthority(t)
	s := overTLS(t, a)
	c := s.dialTLS(t, a, nil)
	padded := func(name string, qtype uint16) *dns.Msg {
		m := question(name, qtype)
		m.SetEdns0(4096, false)
		m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_PADDING{Padding: make([]byte, 30)})
		return m
	}
	for _, m := range []*dns.Msg{padded("ns1.example.test.", dns.TypeA), padded("no.example.test.", dns.TypeA), padded("huge.example.test.", dns.TypeTXT), padded("elsewhere.test.", dns.TypeA)} {
		r, n := exchange(t, c, m)
		if n%468 != 0 {
			t.Errorf("%s: %d octets", m.Question[0].Name, n)
		}
		for _, o := range r.IsEdns0().Option {
			if p, ok := o.(*dns.EDNS0_PADDING); ok && strings.Trim(string(p.Padding), "\x00") != "" {
				t.Error("padding that is not zero (RFC 7830, 3)")
			}
		}
	}
	m := padded("ns1.example.test.", dns.TypeA)
	signed("xfer.")(m)
	msg, mac, err := dns.TsigGenerate(m, xferSecret, "", false)
	if err != nil {
		t.Fatal(err)
	}
	writeFrame(t, c, msg)
	b := readFrame(t, c)
	if len(b)%468 != 0 {
		t.Errorf("signed: %d octets", len(b))
	}
	if err := dns.TsigVerify(b, xferSecret, mac, false); err != nil {
		t.Error(err)
	}
	plain := question("ns1.example.test.", dns.TypeA)
	plain.SetEdns0(4096, false)
	if _, n := exchange(t, c, plain); n >= 468 {
		t.Errorf("%d octets though the client does not pad", n)
	}
	if _, n := exchange(t, s.dial(t), padded("ns1.example.test.", dns.TypeA)); n >= 468 {
		t.Errorf("%d octets over plain TCP", n)
	}
}

// A reload takes over a new certificate for new connections, opens and closes the port; a bad one changes nothing.
func TestTLSReload(t *testing.T) {
	a := newAuthority(t)
	s := overTLS(t, a)
	old := s.dialTLS(t, a, nil)
	first := old.ConnectionState().PeerCertificates[0].SerialNumber
	a.issue(t, s, "server", "ns1.example.test")
	s.reload(t, s.load(t))
	if again := s.dialTLS(t, a, nil).ConnectionState().PeerCertificates[0].SerialNumber; again.Cmp(first) == 0 {
		t.Error("the old certificate after the reload")
	}
	if r, _ := exchange(t, old, question("ns1.example.test.", dns.TypeA)); len(r.Answer) != 1 {
		t.Error("a connection of before the reload is not answered")
	}
	addr := s.server.TLSAddrs()[0].String()
	conf := s.load(t)
	tlsConf := conf.TLS
	conf.TLS = nil
	s.reload(t, conf)
	if c, err := tls.Dial("tcp", addr, a.client()); err == nil {
		c.Close()
		t.Error("the port is open though [tls] is gone")
	}
	if n := len(s.server.TLSAddrs()); n != 0 {
		t.Errorf("%d addresses", n)
	}
	conf = s.load(t)
	conf.TLS = tlsConf
	s.reload(t, conf)
	if r, _ := exchange(t, s.dialTLS(t, a, nil), question("ns1.example.test.", dns.TypeA)); len(r.Answer) != 1 {
		t.Error("not answered when it is back")
	}
}

// A client that begins no handshake is let go, and one that is idle; stopping does not wait for either.
func TestTLSIdleAndStop(t *testing.T) {
	a := newAuthority(t)
	s := newSite(t)
	s.before = func(server *Server) { server.tcp.message = 2 * time.Second }
	a.issue(t, s, "server", "ns1.example.test")
	s.write(t, "dns.toml", strings.Replace(confText, "[control]", tlsText+"[tcp]\nidle = \"2s\"\n[control]", 1))
	s.start(t)
	silent, err := net.Dial("tcp", s.server.TLSAddrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	_ = silent.SetDeadline(time.Now().Add(patience))
	if _, err := io.ReadAll(silent); errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	idle := s.dialTLS(t, a, nil)
	if _, err := idle.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("%v, want the end with a close_notify", err)
	}
	s.stop(t)
}

// What is wrong with [tls] and with grants of certificates is said where it stands.
func TestTLSConfigProblems(t *testing.T) {
	a := newAuthority(t)
	good := strings.Replace(confText, "[control]", tlsText+"[control]", 1)
	for _, c := range []struct{ change, to, want string }{
		{`cert = "server.pem"`, ``, "tls.cert"},
		{`cert_key = "server.key"`, `cert_key = "other.key"`, "that cert_key belongs to"},
		{`ca = "ca.pem"`, `ca = "keys"`, "certificates of authorities"},
		{`[tls]` + "\n" + `listen = ["127.0.0.1:0"]`, "[tls]\nlisten = []", "at least one address"},
		{`[tls]` + "\n" + `listen = ["127.0.0.1:0"]`, "[tls]\nlisten = [\"127.0.0.1:853\", \"127.0.0.1:853\"]", "every address once"},
		{`update = ["key ddns"]`, `update = ["cert ns2.example.test"]`, "only in `transfer`"},
		{`transfer = ["key xfer"]`, `transfer = ["cert"]`, "a name after the word cert"},
		{`transfer = ["key xfer"]`, `transfer = ["cert ns2.example.test www"]`, "nothing after it"},
		{tlsText, "\n", ""},
		{"ca = \"ca.pem\"\n[control]", "[control]", "`ca` in [tls]"},
	} {
		s := newSite(t)
		a.issue(t, s, "server", "ns1.example.test")
		a.issue(t, s, "other", "ns1.example.test")
		text := good
		if strings.Contains(c.want, "`ca`") {
			text = strings.Replace(text, `transfer = ["key xfer"]`, `transfer = ["cert ns2.example.test"]`, 1)
		}
		if !strings.Contains(text, c.change) {
			t.Fatalf("%q is not in the configuration", c.change)
		}
		s.write(t, "dns.toml", strings.Replace(text, c.change, c.to, 1))
		_, problems := LoadConfig(s.conf)
		err := problems.Err()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s -> %s: %v, want %q", c.change, c.to, err, c.want)
		}
	}
}
