package link

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"loadshare/internal/config"
)

// ca makes certificates in a directory.
type ca struct {
	dir  string
	name string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newCA(t *testing.T, dir, name string) *ca {
	t.Helper()
	c := &ca{dir: dir, name: name}
	c.cert, c.key = c.sign(t, name, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotAfter: time.Now().Add(time.Hour),
	})
	return c
}

func (c *ca) sign(t *testing.T, file string, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore = time.Now().Add(-time.Hour)
	parent, parentKey := c.cert, c.key
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{".pem": {Type: "CERTIFICATE", Bytes: der}, ".key": {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(filepath.Join(c.dir, file+name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// node makes a certificate of a node and returns the Auth of its files.
func (c *ca) node(t *testing.T, name string, change func(*x509.Certificate)) (Auth, error) {
	t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(template)
	}
	c.sign(t, name, template)
	return CertAuth(filepath.Join(c.dir, c.name+".pem"), filepath.Join(c.dir, name+".pem"), filepath.Join(c.dir, name+".key"))
}

func mustNode(t *testing.T, c *ca, name string) Auth {
	t.Helper()
	a, err := c.node(t, name, nil)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestCertificates(t *testing.T) {
	c := newCA(t, t.TempDir(), "site-ca")
	agent, monitor := mustNode(t, c, "agent1"), mustNode(t, c, "monitor1")
	ln, refused := listen(t, agent, Limits{})
	client, server := pair(t, ln, monitor, defaultPace)
	if client.Peer() != "agent1" || server.Peer() != "monitor1" {
		t.Errorf("peers %q and %q, want the certificates' names", client.Peer(), server.Peer())
	}

	// Of another CA, in both directions.
	other := newCA(t, t.TempDir(), "site-ca") // the same name, another key
	stranger := mustNode(t, other, "agent1")
	if _, err := Dial(ctxOf(t), ln.Addr(), stranger); !errors.Is(err, ErrNotProved) {
		t.Errorf("the client meets another CA: %v", err)
	}
	raw := stranger
	raw.ca = c.pool() // it would take our server, so the server is the one to refuse
	if _, err := Dial(ctxOf(t), ln.Addr(), raw); !errors.Is(err, ErrRefused) {
		t.Errorf("the server meets another CA: %v", err)
	}
	soon(t, "the server has refused both", func() bool { return len(refused.all()) == 2 })

	// Expected names.
	if _, err := Dial(ctxOf(t), ln.Addr(), monitor.Expect("agent2", "10.0.0.2")); !errors.Is(err, ErrNotProved) || !strings.Contains(err.Error(), "agent2, 10.0.0.2") {
		t.Errorf("another name than expected: %v", err)
	}
	if err := ln.SetAuth(agent.Expect("monitor2")); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(ctxOf(t), ln.Addr(), monitor); !errors.Is(err, ErrRefused) {
		t.Errorf("the server expects another name: %v", err)
	}
	if err := ln.SetAuth(agent.Expect("MONITOR1.")); err != nil {
		t.Fatal(err)
	}
	pair(t, ln, monitor.Expect("x", "Agent1"), defaultPace)
}

func (c *ca) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(c.cert)
	return p
}

// TestKeyMeetsCertificate: the two kinds of proof do not mix, and both ends hear why.
func TestKeyMeetsCertificate(t *testing.T) {
	cert := mustNode(t, newCA(t, t.TempDir(), "ca"), "n")
	key := keyAuth(t, "k")
	for _, ends := range [][2]Auth{{cert, key}, {key, cert}} {
		ln, _ := listen(t, ends[0], Limits{})
		_, err := Dial(ctxOf(t), ln.Addr(), ends[1])
		if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "one end has a shared key, the other certificates") {
			t.Errorf("%v dials %v: %v", ends[1], ends[0], err)
		}
		soon(t, "the server refuses", func() bool { return ln.Stats().Refused == 1 })
	}
}

// TestCertAuthChecks: what is wrong with the files is said when they are read.
func TestCertAuthChecks(t *testing.T) {
	dir := t.TempDir()
	c := newCA(t, dir, "ca")
	if _, err := c.node(t, "old", func(x *x509.Certificate) { x.NotAfter = time.Now().Add(-time.Minute) }); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("expired: %v", err)
	}
	a, err := c.node(t, "addr", func(x *x509.Certificate) { x.DNSNames, x.IPAddresses = nil, []net.IP{net.ParseIP("10.0.0.9")} })
	if err != nil || a.String() != "certificate 10.0.0.9" {
		t.Errorf("%v, %v", a, err)
	}
	mustNode(t, c, "n1")
	mustNode(t, c, "n2")
	newCA(t, dir, "other")
	f := func(n string) string { return filepath.Join(dir, n) }
	for name, files := range map[string][3]string{
		"key of another":  {"ca.pem", "n1.pem", "n2.key"},
		"another ca":      {"other.pem", "n1.pem", "n1.key"},
		"no certificate":  {"n1.key", "n1.pem", "n1.key"},
		"no such file":    {"ca.pem", "none.pem", "n1.key"},
		"no such ca file": {"none.pem", "n1.pem", "n1.key"},
	} {
		if _, err := CertAuth(f(files[0]), f(files[1]), f(files[2])); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestAuthFrom: "reads key | ca+cert+cert_key of a section, records problems
// (none, both, weak)".
func TestAuthFrom(t *testing.T) {
	dir := t.TempDir()
	c := newCA(t, dir, "ca")
	mustNode(t, c, "n1")
	weak := config.NewKey("weak")
	weak.Secret = weak.Secret[:8]
	for name, text := range map[string]string{
		"good.key": config.NewKey("good").Text(), "weak.key": weak.Text(), "bad.key": "nothing",
		"two.key": config.NewKey("a").Text() + config.NewKey("b").Text(),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "open.key"), []byte(config.NewKey("open").Text()), 0o644); err != nil {
		t.Fatal(err)
	}
	certs := "ca = 'ca.pem'\ncert = 'n1.pem'\ncert_key = 'n1.key'\n"
	for text, want := range map[string]string{
		"key = 'good.key'":                     "",
		"key = 'open.key'":                     "m.toml:1: warning: key = ",
		certs:                                  "",
		certs + "peer_names = ['a']":           "",
		"":                                     "m.toml:1: key is missing",
		"key = 'good.key'\n" + certs:           "m.toml:1: key = \"good.key\": accepted: either",
		"ca = 'ca.pem'":                        "m.toml:1: cert is missing",
		"key = 'weak.key'":                     "128 bits",
		"key = 'bad.key'":                      "BIND's syntax",
		"key = 'two.key'":                      "exactly one key",
		"key = 'none.key'":                     "no such file",
		"key = 'good.key'\npeer_names = ['a']": "peer_names",
		"ca = 'ca.pem'\ncert = 'n1.pem'\ncert_key = 'ca.key'": "a certificate that fits",
	} {
		doc, err := config.Parse(filepath.Join(dir, "m.toml"), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		a, ok := AuthFrom(doc.Root())
		problems := doc.Problems()
		if ok != (a.valid() == nil) {
			t.Errorf("%q: ok %v, but %v", text, ok, a)
		}
		if want == "" {
			if !ok || len(problems) != 0 {
				t.Errorf("%q: %v, %v", text, ok, problems)
			}
			continue
		}
		if len(problems) == 0 || !strings.Contains(problems[0].String(), want) {
			t.Errorf("%q: %v, want %q", text, problems, want)
		}
		if strings.Contains(want, "is missing") && ok || strings.Contains(want, "128") && ok {
			t.Errorf("%q: usable", text)
		}
	}
}

// A key with another secret is another proof, whatever its name.
func TestSameAuth(t *testing.T) {
	one, other := config.NewKey("pair"), config.NewKey("pair")
	a, err := KeyAuth(one)
	if err != nil {
		t.Fatal(err)
	}
	b, err := KeyAuth(other)
	if err != nil {
		t.Fatal(err)
	}
	if !a.Same(a) || a.Same(b) || a.Same(Auth{}) || !a.Expect("x").Same(a.Expect("x")) || a.Expect("x").Same(a) {
		t.Error("Same is wrong")
	}
}
