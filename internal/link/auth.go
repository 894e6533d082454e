package link

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"os"
	"slices"
	"time"

	"loadshare/internal/config"
)

// minKeyBytes is the least length of a shared secret: 128 bits.
const minKeyBytes = 16

// ErrWeakKey is returned for a shared secret below 128 bits.
var ErrWeakKey = errors.New("the secret has less than 128 bits: make a new key with `loadshare key NAME`")

// Auth is how one end proves itself and what it accepts: a shared key, or a
// certificate and its CA. The zero Auth accepts and proves nothing. It is
// immutable and may be shared.
type Auth struct {
	key   *config.TSIGKey // exactly one of key and ca is set
	ca    *x509.CertPool
	cert  tls.Certificate
	peers []string
}

// Same says whether b proves the same and accepts the same as a. Certificates are the same when they are octet for octet.
func (a Auth) Same(b Auth) bool {
	if (a.key == nil) != (b.key == nil) || !slices.Equal(a.peers, b.peers) {
		return false
	}
	if a.key != nil {
		return a.key.Name == b.key.Name && bytes.Equal(a.key.Secret, b.key.Secret)
	}
	return slices.EqualFunc(a.cert.Certificate, b.cert.Certificate, bytes.Equal) && (a.ca == nil) == (b.ca == nil) && (a.ca == nil || a.ca.Equal(b.ca))
}

// String says the kind of proof without secrets.
func (a Auth) String() string {
	switch {
	case a.key != nil:
		return "key " + a.key.Name
	case a.ca != nil:
		return "certificate " + certName(a.cert.Leaf)
	}
	return "none"
}

// KeyAuth proves with a shared key, whatever its algorithm, by HMAC-SHA256.
func KeyAuth(k config.TSIGKey) (Auth, error) {
	if len(k.Secret) < minKeyBytes {
		return Auth{}, fmt.Errorf("key %q: %w", k.Name, ErrWeakKey)
	}
	cert, err := occasional()
	if err != nil {
		return Auth{}, fmt.Errorf("make a certificate: %w", err)
	}
	k.Secret = slices.Clone(k.Secret)
	return Auth{key: &k, cert: cert}, nil
}

// CertAuth proves with the certificate in the file cert (with its chain, PEM)
// and its private key in certKey, and accepts certificates of the CAs in ca.
func CertAuth(ca, cert, certKey string) (Auth, error) {
	pem, err := os.ReadFile(ca)
	if err != nil {
		return Auth{}, fmt.Errorf("read ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return Auth{}, fmt.Errorf("read ca %s: no certificate in it", ca)
	}
	pair, err := tls.LoadX509KeyPair(cert, certKey)
	if err != nil {
		return Auth{}, fmt.Errorf("read certificate %s and key %s: %w", cert, certKey, err)
	}
	a := Auth{ca: pool, cert: pair}
	chain := []*x509.Certificate{pair.Leaf}
	for _, der := range pair.Certificate[1:] {
		if c, err := x509.ParseCertificate(der); err == nil {
			chain = append(chain, c)
		}
	}
	if err := a.verify(chain, x509.ExtKeyUsageAny); err != nil {
		return Auth{}, fmt.Errorf("certificate %s does not fit ca %s: %w", cert, ca, err)
	}
	return a, nil
}

// Expect returns a copy that accepts only certificates that carry one of these
// names (DNS names, addresses, or the common name of one without either). It
// changes nothing with a shared key. No names accept any certificate of the CA.
func (a Auth) Expect(names ...string) Auth {
	a.peers = slices.Clone(names)
	return a
}

// AuthFrom reads `key`, or `ca`, `cert` and `cert_key` with the optional
// `peer_names`, of a section and records what is wrong with them: neither,
// both, not all three, unreadable, weak. It is false when there is nothing to
// use.
func AuthFrom(s *config.Section) (Auth, bool) {
	key, ca, cert, certKey := s.File("key"), s.File("ca"), s.File("cert"), s.File("cert_key")
	peers := s.Strings("peer_names")
	hasCert := s.Has("ca") || s.Has("cert") || s.Has("cert_key")
	switch {
	case s.Has("key") && hasCert:
		s.Fail("key", "either key, or ca, cert and cert_key, not both")
		return Auth{}, false
	case s.Has("key"):
		if len(peers) > 0 {
			s.Fail("peer_names", "only with ca, cert and cert_key; a shared key has one name")
		}
		return keyFrom(s, key)
	case !hasCert:
		s.Fail("key", "the name of a key file (loadshare key NAME makes one), or else ca, cert and cert_key")
		return Auth{}, false
	}
	for _, k := range []string{"ca", "cert", "cert_key"} {
		if !s.Has(k) {
			s.Fail(k, "the name of a PEM file; ca, cert and cert_key go together")
		}
	}
	if ca == "" || cert == "" || certKey == "" {
		return Auth{}, false
	}
	a, err := CertAuth(ca, cert, certKey)
	if err != nil {
		s.Fail("cert", "a certificate that fits: "+err.Error())
		return Auth{}, false
	}
	return a.Expect(peers...), true
}

func keyFrom(s *config.Section, path string) (Auth, bool) {
	if path == "" {
		return Auth{}, false
	}
	keys, err := config.ReadKeys(path)
	if err != nil {
		s.Fail("key", "a file with one key in BIND's syntax: "+err.Error())
		return Auth{}, false
	}
	if len(keys) != 1 {
		s.Fail("key", fmt.Sprintf("a file with exactly one key, this one has %d", len(keys)))
		return Auth{}, false
	}
	a, err := KeyAuth(keys[0])
	if err != nil {
		s.Fail("key", "a key of at least 128 bits: "+err.Error())
		return Auth{}, false
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o004 != 0 {
		s.Warn("key", "every user of this machine can read this file: chmod o-r "+path)
	}
	return a, true
}

// occasional makes a certificate that proves nothing, for key mode.
func occasional() (tls.Certificate, error) {
	priv, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "loadshare"},
		NotBefore:    now.Add(-24 * time.Hour),
		NotAfter:     now.AddDate(100, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, priv.Public(), priv)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: priv}, nil
}
