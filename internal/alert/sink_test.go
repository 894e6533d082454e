package alert

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"loadshare/internal/control/ca"
	"loadshare/internal/freeport"
)

// received is one mail as the sink took it.
type received struct {
	From string
	To   []string
	TLS  bool
	*mail.Message
	Body string
	Raw  string
}

// sink is a mail server for tests.
type sink struct {
	addr string
	// Errors are returned by the next deliveries, in order, at the end of DATA; nil is success.
	mu     sync.Mutex
	errors []error
	refuse map[string]error // by recipient
	got    []received
	new    chan struct{}
}

// startSink listens on loopback at addr ("": any port) until the test ends or stop is called.
func startSink(t *testing.T, addr string, tc *tls.Config, fromStart bool) (s *sink, stop func()) {
	t.Helper()
	if addr == "" {
		addr = freeport.Pick(t, "127.0.0.1").String() // it may come back there
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s = &sink{addr: ln.Addr().String(), refuse: map[string]error{}, new: make(chan struct{}, 1000)}
	srv := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{sink: s, conn: c}, nil }))
	srv.Domain = "sink.test"
	if fromStart {
		ln = tls.NewListener(ln, tc)
	} else {
		srv.TLSConfig = tc
	}
	srv.ErrorLog = discard{}
	done := make(chan struct{})
	go func() { srv.Serve(ln); close(done) }()
	// Close alone misses a listener that Serve has not seen yet
	stop = sync.OnceFunc(func() { ln.Close(); srv.Close(); <-done })
	t.Cleanup(stop)
	return s, stop
}

type discard struct{}

func (discard) Printf(string, ...any) {}
func (discard) Println(...any)        {}

// wait returns the first n mails, or fails the test.
func (s *sink) wait(t *testing.T, n int) []received {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		s.mu.Lock()
		got := s.got
		s.mu.Unlock()
		if len(got) >= n {
			return got
		}
		select {
		case <-s.new:
		case <-deadline:
			t.Fatalf("%d mails arrived, want %d", len(got), n)
		}
	}
}

type session struct {
	sink *sink
	conn *smtp.Conn
	from string
	to   []string
}

func (s *session) Reset()        { s.from, s.to = "", nil }
func (s *session) Logout() error { return nil }
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.sink.mu.Lock()
	defer s.sink.mu.Unlock()
	if err := s.sink.refuse[to]; err != nil {
		return err
	}
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	body, _ := io.ReadAll(m.Body)
	s.sink.mu.Lock()
	defer s.sink.mu.Unlock()
	if len(s.sink.errors) > 0 {
		err := s.sink.errors[0]
		s.sink.errors = s.sink.errors[1:]
		if err != nil {
			return err
		}
	}
	_, isTLS := s.conn.TLSConnectionState()
	s.sink.got = append(s.sink.got, received{From: s.from, To: s.to, TLS: isTLS, Message: m, Body: string(body), Raw: string(raw)})
	select {
	case s.sink.new <- struct{}{}:
	default:
	}
	return nil
}

// certificate makes an authority and a certificate for loopback, and returns the authority's file.
func certificate(t *testing.T) (*tls.Config, string) {
	t.Helper()
	dir := t.TempDir()
	if _, err := ca.Create(dir, time.Hour, time.Now()); err != nil {
		t.Fatal(err)
	}
	is, err := ca.Issue(dir, []string{"mail"}, time.Hour, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(is.Cert, is.Key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, filepath.Join(dir, ca.CertFile)
}

func pool(t *testing.T, file string) *x509.CertPool {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(data) {
		t.Fatal("no certificate in", file)
	}
	return p
}
