package probes

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// secure is a compiled CertSpec.
type secure struct {
	config       *tls.Config // ServerName is "" when the address is the name
	minDays      int
	failExpiring bool
}

// compileSecure gives nil when the check has no use for TLS.
func compileSecure(s *Spec, use bool, alpn []string) (*secure, []SpecError) {
	c := s.Cert
	var errs []SpecError
	if c.MinDays < 0 {
		errs = append(errs, SpecError{"min_days", strconv.Itoa(c.MinDays), "a number of days, 0 or more"})
	}
	if c.FailExpiring && c.MinDays == 0 {
		errs = append(errs, SpecError{"fail_expiring", "true", "a min_days beside it"})
	}
	cfg := &tls.Config{
		ServerName:         c.ServerName,
		InsecureSkipVerify: c.NoVerify, // asked for by the operator for this one check
		NextProtos:         alpn,
		MinVersion:         tls.VersionTLS12,
	}
	if cfg.ServerName == "" {
		cfg.ServerName = hostOnly(s.HTTP.Host)
	}
	if len(c.CA) > 0 {
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(c.CA) {
			errs = append(errs, SpecError{"ca", strconv.Itoa(len(c.CA)) + " bytes", "a file with PEM certificates"})
		}
	}
	if !use {
		if c.ServerName != "" || c.NoVerify || len(c.CA) > 0 || c.MinDays != 0 {
			errs = append(errs, SpecError{"tls", "false", "true where server_name, verify, ca or min_days is given"})
		}
		return nil, errs
	}
	return &secure{config: cfg, minDays: c.MinDays, failExpiring: c.FailExpiring}, errs
}

// upgrade changes the connection to TLS and judges the certificate, or ends the attempt and returns false.
func (s *secure) upgrade(t *talk) bool {
	cfg := s.config
	if cfg.ServerName == "" {
		cfg = cfg.Clone()
		cfg.ServerName = t.a.addr.Addr().WithZone("").String()
	}
	c := tls.Client(t.conn, cfg)
	err := c.Handshake()
	t.conn, t.buf, t.from = c, t.buf[:0], 0
	if err != nil {
		s.endHandshake(t.a, err)
		return false
	}
	t.a.noteExpiry(c.ConnectionState().PeerCertificates)
	return s.judgeExpiry(t.a, time.Now())
}

// noteExpiry keeps when the first certificate of the chain to expire ends.
func (a *attempt) noteExpiry(chain []*x509.Certificate) {
	for _, c := range chain {
		if a.res.CertExpiry.IsZero() || c.NotAfter.Before(a.res.CertExpiry) {
			a.res.CertExpiry = c.NotAfter
		}
	}
}

// judgeExpiry warns of a certificate that ends soon, and fails it when that was asked for.
func (s *secure) judgeExpiry(a *attempt, now time.Time) bool {
	days, ok := a.res.CertDays(now)
	if !ok || s.minDays == 0 || days >= s.minDays {
		return true
	}
	text := fmt.Sprintf("the certificate ends in %d days, on %s", days, a.res.CertExpiry.UTC().Format(time.RFC3339))
	if s.failExpiring {
		a.end(ReasonTLSExpiring, text, nil)
		return false
	}
	a.res.Warning = text
	return true
}

// endHandshake says what about the handshake failed: the certificate, the protocol or the connection.
func (s *secure) endHandshake(a *attempt, err error) {
	var bad *tls.CertificateVerificationError
	if errors.As(err, &bad) {
		a.noteExpiry(bad.UnverifiedCertificates)
	}
	var (
		invalid   x509.CertificateInvalidError
		name      x509.HostnameError
		authority x509.UnknownAuthorityError
		alert     tls.AlertError
		record    tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		a.end(ReasonTLSExpired, invalid.Error(), nil)
	case errors.As(err, &name):
		a.end(ReasonTLSName, name.Error(), nil)
	case errors.As(err, &authority):
		a.end(ReasonTLSUntrusted, authority.Error(), nil)
	case bad != nil:
		a.end(ReasonTLSUntrusted, bad.Error(), nil)
	case errors.As(err, &alert), errors.As(err, &record):
		a.end(ReasonTLS, err.Error(), bytes.TrimRight(record.RecordHeader[:], "\x00"))
	default:
		r, detail := classify(stageTalk, err)
		switch r {
		case ReasonInternal: // not from the network, so from the handshake
			a.end(ReasonTLS, err.Error(), nil)
		case ReasonTimeout:
			a.end(r, fmt.Sprintf("no TLS handshake in %v", a.spec.Timeout), nil)
		default:
			a.end(r, "in the TLS handshake: "+detail, nil)
		}
	}
}

// hostOnly takes the port and the brackets off a Host field.
func hostOnly(host string) string {
	if _, err := netip.ParseAddr(host); err == nil {
		return host
	}
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}
