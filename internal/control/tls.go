package control

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// pair is what the three files of a TLS hold.
type pair struct {
	cert  tls.Certificate
	roots *x509.CertPool
}

// load reads the three files.
func (t TLS) load() (pair, error) {
	if t.CA == "" || t.Cert == "" || t.Key == "" {
		return pair{}, errors.New("https needs three files: the authority's certificate (ca), our certificate (cert) and its key (cert_key)")
	}
	pem, err := os.ReadFile(t.CA)
	if err != nil {
		return pair{}, err
	}
	p := pair{roots: x509.NewCertPool()}
	if !p.roots.AppendCertsFromPEM(pem) {
		return pair{}, fmt.Errorf("%s holds no certificate", t.CA)
	}
	if p.cert, err = tls.LoadX509KeyPair(t.Cert, t.Key); err != nil {
		return pair{}, fmt.Errorf("%s with %s: %w", t.Cert, t.Key, err)
	}
	return p, nil
}

// client is the TLS configuration of the end that connects.
func (t TLS) client() (*tls.Config, error) {
	p, err := t.load()
	if err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: p.roots, Certificates: []tls.Certificate{p.cert}}, nil
}

// server is the TLS configuration of the end that listens. It reads the
// files again, at most once a second, so that a renewed certificate needs no
// restart; files that do not load leave the last good ones in place.
func (t TLS) server() (*tls.Config, error) {
	p, err := t.load()
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex // handshakes run at once
	current, read := serverConfig(p), time.Now()
	outer := serverConfig(p)
	outer.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(read) > time.Second {
			read = time.Now()
			if p, err := t.load(); err == nil {
				current = serverConfig(p)
			}
		}
		return current, nil
	}
	return outer, nil
}

func serverConfig(p pair) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{p.cert},
		ClientCAs:              p.roots,
		ClientAuth:             tls.RequireAndVerifyClientCert,
		SessionTicketsDisabled: true,
		NextProtos:             []string{"h2", "http/1.1"},
	}
}
