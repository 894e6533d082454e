package link

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
)

// The protocol names keep ends with different kinds of proof apart: TLS itself
// refuses the session (RFC 7301).
const (
	protoKey  = "loadshare-key-1"
	protoCert = "loadshare-cert-1"
)

// errNoAuth is the zero Auth in use.
var errNoAuth = errors.New("neither a key nor certificates are set")

func (a Auth) valid() error {
	if a.key == nil && a.ca == nil {
		return errNoAuth
	}
	return nil
}

func (a Auth) base() *tls.Config {
	proto := protoKey
	if a.ca != nil {
		proto = protoCert
	}
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		MaxVersion:             tls.VersionTLS13,
		SessionTicketsDisabled: true,
		NextProtos:             []string{proto},
	}
}

func (a Auth) server() *tls.Config {
	c := a.base()
	c.Certificates = []tls.Certificate{a.cert}
	if a.ca != nil {
		c.ClientAuth = tls.RequireAnyClientCert // verified below
		c.VerifyConnection = a.verifier(x509.ExtKeyUsageClientAuth)
	}
	return c
}

func (a Auth) client() *tls.Config {
	c := a.base()
	// Servers are dialled by address; what they must prove is not a host name
	// but the key, or a certificate of our CA, which VerifyConnection checks.
	c.InsecureSkipVerify = true
	if a.ca != nil {
		c.Certificates = []tls.Certificate{a.cert}
		c.VerifyConnection = a.verifier(x509.ExtKeyUsageServerAuth)
	}
	return c
}

func (a Auth) verifier(usage x509.ExtKeyUsage) func(tls.ConnectionState) error {
	return func(cs tls.ConnectionState) error {
		if len(cs.PeerCertificates) == 0 {
			return errors.New("the other end has no certificate")
		}
		if err := a.verify(cs.PeerCertificates, usage); err != nil {
			return err
		}
		if len(a.peers) > 0 && !carries(cs.PeerCertificates[0], a.peers) {
			return fmt.Errorf("the certificate of %s carries none of the names expected here: %s", certName(cs.PeerCertificates[0]), strings.Join(a.peers, ", "))
		}
		return nil
	}
}

// verify checks a chain, leaf first, against the CA.
func (a Auth) verify(chain []*x509.Certificate, usage x509.ExtKeyUsage) error {
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots: a.ca, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{usage},
	})
	return err
}

// names are those a certificate carries; the common name counts only when there
// are no others.
func names(c *x509.Certificate) []string {
	out := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		out = append(out, ip.String())
	}
	if len(out) == 0 && c.Subject.CommonName != "" {
		out = []string{c.Subject.CommonName}
	}
	return out
}

func certName(c *x509.Certificate) string {
	if c == nil {
		return "nobody"
	}
	if n := names(c); len(n) > 0 {
		return n[0]
	}
	return c.Subject.String()
}

func carries(c *x509.Certificate, expected []string) bool {
	for _, n := range names(c) {
		if slices.ContainsFunc(expected, func(e string) bool { return sameName(n, e) }) {
			return true
		}
	}
	return false
}

func sameName(a, b string) bool {
	if ipA, ipB := net.ParseIP(a), net.ParseIP(b); ipA != nil && ipB != nil {
		return ipA.Equal(ipB)
	}
	return strings.EqualFold(strings.TrimSuffix(a, "."), strings.TrimSuffix(b, "."))
}
