package haserver

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"os"
	"slices"
	"time"

	"loadshare/internal/config"
)

// TLS is [tls]: transfers and queries over TLS.
type TLS struct {
	Listen []netip.AddrPort // port 0: the system chooses
	config *tls.Config
}

// asks says that clients are asked for certificates.
func (t *TLS) asks() bool { return t.config != nil && t.config.ClientCAs != nil }

// readTLS reads [tls] and the files that it names; nil: there is none, or it is no good.
func readTLS(s *config.Section) *TLS {
	if !s.Present() {
		return nil
	}
	t := &TLS{Listen: s.AddrPorts("listen", 853)}
	if len(t.Listen) == 0 {
		s.Fail("listen", "at least one address, such as [\"192.168.0.10:853\"]")
	}
	for i, a := range t.Listen {
		if a.Port() != 0 && slices.Contains(t.Listen[:i], a) {
			s.FailItem("listen", i, "every address once")
		}
	}
	cert, key, ca := s.File("cert"), s.File("cert_key"), s.File("ca")
	for _, name := range []string{"cert", "cert_key"} {
		if !s.Has(name) {
			s.Fail(name, "a file: TLS cannot do without it")
		}
	}
	if cert == "" || key == "" {
		return t
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		s.Fail("cert", "a certificate with its chain, PEM, that cert_key belongs to: "+err.Error())
		return t
	}
	if now := time.Now(); now.After(pair.Leaf.NotAfter) || now.Before(pair.Leaf.NotBefore) {
		s.Warn("cert", "it is valid from "+pair.Leaf.NotBefore.Format(time.DateTime)+" to "+pair.Leaf.NotAfter.Format(time.DateTime)+" UTC: clients that check it will not connect")
	}
	t.config = &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}, NextProtos: []string{dotALPN},
		SessionTicketsDisabled: true, // who is trusted is looked at anew for every connection
	}
	if !s.Has("ca") || ca == "" {
		return t
	}
	pem, err := os.ReadFile(ca)
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(pem) {
		s.Fail("ca", "certificates of authorities, PEM")
		return t
	}
	t.config.ClientCAs, t.config.ClientAuth = pool, tls.VerifyClientCertIfGiven
	return t
}
