package control_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"loadshare/internal/control"
	"loadshare/internal/control/ca"
)

// site makes an authority and certificates for the names, and returns what each shows.
func site(t *testing.T, names ...string) map[string]control.TLS {
	t.Helper()
	dir := t.TempDir()
	if _, err := ca.Create(dir, time.Hour, time.Now()); err != nil {
		t.Fatal(err)
	}
	out := map[string]control.TLS{}
	for _, name := range names {
		is, err := ca.Issue(dir, []string{name}, time.Hour, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		out[name] = control.TLS{CA: filepath.Join(dir, ca.CertFile), Cert: is.Cert, Key: is.Key}
	}
	return out
}

func httpsServer(t *testing.T, tls control.TLS) string {
	t.Helper()
	a, err := control.ParseAddress("https://127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, control.Config{Role: "dns", Listen: a, TLS: tls}, map[string]control.Handler{
		"GET /v1/who": func(_ context.Context, r control.Request) (any, error) { return r.By, nil },
	})
	return s.Address().String()
}

// "https with mutual certificates": each end proves who it is by a certificate of the same authority.
func TestMutualCertificates(t *testing.T) {
	ours, theirs := site(t, "ns1", "console"), site(t, "console")
	address := httpsServer(t, ours["ns1"])
	ask := func(tls control.TLS) (string, error) {
		c, err := control.Connect(address, tls)
		if err != nil {
			return "", err
		}
		var who string
		err = c.Get(t.Context(), "/v1/who", &who)
		return who, err
	}
	if who, err := ask(ours["console"]); err != nil || who != "console" {
		t.Errorf("a console of the site: %q, %v, want it known by the name in its certificate", who, err)
	}
	var unreachable *control.Unreachable
	stranger := theirs["console"]
	if _, err := ask(stranger); !errors.As(err, &unreachable) {
		t.Errorf("a server of another authority was believed: %v", err)
	}
	stranger.CA = ours["console"].CA // trusts us, but is not ours
	if _, err := ask(stranger); !errors.As(err, &unreachable) {
		t.Errorf("a client of another authority was served: %v", err)
	}
	if _, err := control.Connect(address, control.TLS{}); err == nil || !strings.Contains(err.Error(), "three files") {
		t.Errorf("https without certificates: %v", err)
	}
}

func TestAuthorityFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki")
	now := time.Now()
	if _, err := ca.Issue(dir, []string{"ns1"}, time.Hour, now); err == nil || !strings.Contains(err.Error(), "loadshare cert ca") {
		t.Errorf("without an authority: %v, want to be told how to make one", err)
	}
	if _, err := ca.Create(dir, time.Hour, now); err != nil {
		t.Fatal(err)
	}
	if _, err := ca.Create(dir, time.Hour, now); err == nil || !strings.Contains(err.Error(), "not overwritten") {
		t.Errorf("a second authority in one place: %v", err)
	}
	is, err := ca.Issue(dir, []string{"ns1", "192.0.2.10"}, 100*time.Hour, now)
	if err != nil {
		t.Fatal(err)
	}
	if is.Expires.After(now.Add(time.Hour + time.Second)) {
		t.Errorf("the certificate outlives its authority: %s", is.Expires)
	}
	for _, file := range []string{is.Cert, is.Key, filepath.Join(dir, ca.CertFile), filepath.Join(dir, ca.KeyFile)} {
		if fi, err := os.Stat(file); err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v, want mode 600", file, fi.Mode(), err)
		}
	}
	for _, name := range []string{"../x", "a/b", "", "ca", "*.x"} {
		if _, err := ca.Issue(dir, []string{name}, time.Hour, now); err == nil {
			t.Errorf("a certificate for %q was made", name)
		}
	}
}
