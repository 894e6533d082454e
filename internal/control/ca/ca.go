package ca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"loadshare/internal/durable"
)

// How long certificates are good, unless asked otherwise.
const (
	AuthorityAge = 20 * 365 * 24 * time.Hour
	NodeAge      = 5 * 365 * 24 * time.Hour
)

// backdate allows for clocks that are behind ours.
const backdate = 24 * time.Hour

// The names of the authority's files.
const (
	CertFile = "ca.pem"
	KeyFile  = "ca.key"
)

// Issued says what was written.
type Issued struct {
	Cert    string    `json:"cert"` // file
	Key     string    `json:"key"`  // file
	Name    string    `json:"name"`
	Names   []string  `json:"names"` // what the certificate is good for
	Expires time.Time `json:"expires"`
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}\.?)*$`)

// Create makes an authority in dir, which is created if need be. It refuses where one is already.
func Create(dir string, age time.Duration, now time.Time) (Issued, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Issued{}, fmt.Errorf("certificate authority: %w", err)
	}
	key, serial, err := newKey()
	if err != nil {
		return Issued{}, err
	}
	t := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "loadshare CA " + fmt.Sprintf("%x", serial.Bytes()[:4])},
		NotBefore:    now.Add(-backdate), NotAfter: now.Add(age),
		KeyUsage: x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
	}
	return write(dir, "ca", t, t, key, key)
}

// Issue makes a certificate and key for a node with the authority in dir. names[0] names
// the files and the peer; all are what the certificate is good for: host names or addresses.
func Issue(dir string, names []string, age time.Duration, now time.Time) (Issued, error) {
	if len(names) == 0 {
		return Issued{}, errors.New("a certificate needs a name")
	}
	authority, signer, err := load(dir)
	if err != nil {
		return Issued{}, err
	}
	key, serial, err := newKey()
	if err != nil {
		return Issued{}, err
	}
	t := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: names[0]},
		NotBefore:    now.Add(-backdate), NotAfter: now.Add(age),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		// Loopback leads to this host only, whatever its name is.
		DNSNames:    []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	if t.NotAfter.After(authority.NotAfter) {
		t.NotAfter = authority.NotAfter
	}
	for _, name := range names {
		switch ip := net.ParseIP(name); {
		case ip != nil:
			t.IPAddresses = append(t.IPAddresses, ip)
		case hostName.MatchString(name) && name != "ca":
			t.DNSNames = append(t.DNSNames, name)
		default:
			return Issued{}, fmt.Errorf("%q is no host name or address that a certificate can be made for", name)
		}
	}
	is, err := write(dir, names[0], t, authority, key, signer)
	is.Names = names
	return is, err
}

func newKey() (*ecdsa.PrivateKey, *big.Int, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	if err != nil {
		return nil, nil, fmt.Errorf("make a serial number: %w", err)
	}
	return key, serial.Add(serial, new(big.Int).Lsh(big.NewInt(1), 126)), nil // positive, always 16 octets
}

// write signs t and writes NAME.key and NAME.pem.
func write(dir, name string, t, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) (Issued, error) {
	is := Issued{Cert: filepath.Join(dir, name+".pem"), Key: filepath.Join(dir, name+".key"), Name: name, Names: []string{name}, Expires: t.NotAfter.UTC()}
	for _, file := range []string{is.Cert, is.Key} {
		if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
			return Issued{}, fmt.Errorf("%s is there already and is not overwritten: remove it first if it is no longer needed", file)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, &key.PublicKey, signer)
	if err != nil {
		return Issued{}, fmt.Errorf("sign the certificate: %w", err)
	}
	priv, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Issued{}, fmt.Errorf("encode the key: %w", err)
	}
	if err := durable.WriteFile(is.Key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: priv}), 0o600); err != nil {
		return Issued{}, err
	}
	if err := durable.WriteFile(is.Cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		return Issued{}, err
	}
	return is, nil
}

// load reads the authority in dir.
func load(dir string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	certPEM, err := os.ReadFile(filepath.Join(dir, CertFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("there is no authority in %s: make one with loadshare cert ca", dir)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("certificate authority: %w", err)
	}
	keyPEM, err := os.ReadFile(filepath.Join(dir, KeyFile))
	if err != nil {
		return nil, nil, fmt.Errorf("certificate authority: %w", err)
	}
	cb, _ := pem.Decode(certPEM)
	kb, _ := pem.Decode(keyPEM)
	if cb == nil || kb == nil {
		return nil, nil, fmt.Errorf("%s or %s in %s is no PEM file", CertFile, KeyFile, dir)
	}
	cert, err := x509.ParseCertificate(cb.Bytes)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", CertFile, err)
	}
	key, err := x509.ParsePKCS8PrivateKey(kb.Bytes)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", KeyFile, err)
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok || !ec.PublicKey.Equal(cert.PublicKey) {
		return nil, nil, fmt.Errorf("%s and %s in %s do not belong together", CertFile, KeyFile, dir)
	}
	return cert, ec, nil
}
