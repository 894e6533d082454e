package probes

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

// certFor makes a self-signed certificate for the name and 127.0.0.1 that ends after the given time from now.
func certFor(t *testing.T, name string, lasts time.Duration) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-240 * time.Hour), NotAfter: time.Now().Add(lasts),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, &tmpl, &tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// overTLS lets f speak inside TLS.
func overTLS(cert tls.Certificate, f func(net.Conn)) func(net.Conn) {
	return func(c net.Conn) {
		tc := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}})
		if tc.Handshake() == nil {
			f(tc)
		}
		_ = tc.Close()
	}
}

func TestTLSReasons(t *testing.T) {
	good, goodPEM := certFor(t, "secure.mydomain.com", 10*24*time.Hour+time.Hour)
	old, oldPEM := certFor(t, "secure.mydomain.com", -25*time.Hour)
	page := answerHTTP("HTTP/1.1 200 OK\r\n\r\nsecret page")
	host := HTTPSpec{Host: "secure.mydomain.com:8443"}
	tests := []struct {
		name    string
		spec    Spec
		server  func(net.Conn)
		want    Reason
		days    int
		warning string
	}{
		{"https", Spec{Kind: HTTPS, HTTP: host, Cert: CertSpec{CA: goodPEM}}, overTLS(good, page), ReasonNone, 10, ""},
		{"https, body to the end", Spec{Kind: HTTPS, HTTP: HTTPSpec{Host: host.Host, Expect: expect("secret page")}, Cert: CertSpec{CA: goodPEM}}, overTLS(good, page), ReasonNone, 10, ""},
		{"ends soon", Spec{Kind: HTTPS, HTTP: host, Cert: CertSpec{CA: goodPEM, MinDays: 14}}, overTLS(good, page), ReasonNone, 10, "ends in 10 days"},
		{"lasts long enough", Spec{Kind: HTTPS, HTTP: host, Cert: CertSpec{CA: goodPEM, MinDays: 10}}, overTLS(good, page), ReasonNone, 10, ""},
		{"ends soon, and that shall fail", Spec{Kind: HTTPS, HTTP: host, Cert: CertSpec{CA: goodPEM, MinDays: 14, FailExpiring: true}}, overTLS(good, page), ReasonTLSExpiring, 10, ""},
		{"expired", Spec{Kind: HTTPS, HTTP: host, Cert: CertSpec{CA: oldPEM}}, overTLS(old, page), ReasonTLSExpired, -2, ""},
		{"expired, not verified", Spec{Kind: HTTPS, HTTP: host, Cert: CertSpec{NoVerify: true}}, overTLS(old, page), ReasonNone, -2, ""},
		{"another name", Spec{Kind: HTTPS, HTTP: HTTPSpec{Host: "www.mydomain.com"}, Cert: CertSpec{CA: goodPEM}}, overTLS(good, page), ReasonTLSName, 10, ""},
		{"server_name wins over host", Spec{Kind: HTTPS, HTTP: HTTPSpec{Host: "www.mydomain.com"}, Cert: CertSpec{CA: goodPEM, ServerName: "secure.mydomain.com"}}, overTLS(good, page), ReasonNone, 10, ""},
		{"no name: the address must be in it", Spec{Kind: TLS, Cert: CertSpec{CA: goodPEM}}, overTLS(good, hang), ReasonTLSName, 10, ""},
		{"nobody we trust", Spec{Kind: TLS, Cert: CertSpec{ServerName: "secure.mydomain.com"}}, overTLS(good, hang), ReasonTLSUntrusted, 10, ""},
		{"handshake only", Spec{Kind: TLS, Cert: CertSpec{CA: goodPEM, ServerName: "secure.mydomain.com"}}, overTLS(good, hang), ReasonNone, 10, ""},
		{"steps inside TLS", Spec{Kind: TCP, TLS: true, Cert: CertSpec{NoVerify: true}, Steps: []Step{{Expect: expect("hello")}}}, overTLS(good, say("hello")), ReasonNone, 10, ""},
		{"no TLS there", Spec{Kind: TLS}, say("220 plain\r\n"), ReasonTLS, 0, ""},
		{"hangs in the handshake", Spec{Kind: TLS}, hang, ReasonTimeout, 0, ""},
		{"closes in the handshake", Spec{Kind: TLS}, func(c net.Conn) { _, _ = c.Read(make([]byte, 4096)) }, ReasonClosed, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.spec.Timeout = timeoutOf(tt.want)
			res := lookAt(t, tt.spec, serve(t, tt.server))
			if len(tt.spec.Steps) > 0 {
				res.Step = 0
			}
			want{tt.want, 0}.check(t, res)
			if days, ok := res.CertDays(time.Now()); days != tt.days || ok != (tt.days != 0) {
				t.Errorf("CertDays = %d, %v; want %d", days, ok, tt.days)
			}
			if (tt.warning == "") != (res.Warning == "") || !strings.Contains(res.Warning, tt.warning) {
				t.Errorf("Warning = %q, want %q", res.Warning, tt.warning)
			}
		})
	}
}
