package alert

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

func relayTo(t *testing.T, addr string, sec Security) Relay {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return Relay{Host: host, Port: n, Security: sec}
}

func hello() Message {
	return Message{
		ID: "1.1@mydomain.com", From: "loadshare@mydomain.com", To: []string{"root@mydomain.com"}, Subject: "[loadshare] hello",
		Text: "text\n.dot\n", At: time.Unix(1e9, 0), Alerts: []Alert{{Kind: Failure}},
	}
}

func sendWithin(t *testing.T, m *mailer, msg Message, d time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	return m.Send(ctx, msg)
}

// M13: "smtp://: STARTTLS when offered, certificate not verified, as between mail servers; smtp+tls://: required and
// verified; smtps://: TLS from the start, verified."
func TestM13Protection(t *testing.T) {
	tc, caFile := certificate(t)
	plainSink, _ := startSink(t, "", nil, false)
	offering, _ := startSink(t, "", tc, false)
	fromStart, _ := startSink(t, "", tc, true)
	roots := pool(t, caFile)
	for _, test := range []struct {
		name    string
		sink    *sink
		sec     Security
		trusted bool
		wantTLS bool
		wantErr string
	}{
		{"smtp, nothing offered", plainSink, Opportunistic, false, false, ""},
		{"smtp, offered, strange certificate", offering, Opportunistic, false, true, ""},
		{"smtp+tls, nothing offered", plainSink, StartTLS, true, false, "does not support STARTTLS"},
		{"smtp+tls, strange certificate", offering, StartTLS, false, false, "unknown authority"},
		{"smtp+tls, known certificate", offering, StartTLS, true, true, ""},
		{"smtps, strange certificate", fromStart, TLS, false, false, "unknown authority"},
		{"smtps, known certificate", fromStart, TLS, true, true, ""},
	} {
		m := newMailer(relayTo(t, test.sink.addr, test.sec), nil)
		if test.trusted {
			m.roots = roots
		}
		before := len(test.sink.got)
		err := sendWithin(t, m, hello(), time.Minute)
		if test.wantErr != "" {
			if err == nil || !strings.Contains(err.Error(), test.wantErr) {
				t.Errorf("%s: %v, want %q", test.name, err, test.wantErr)
			}
			if isPermanent(err) {
				t.Errorf("%s: the connection's failure is said to be for ever", test.name)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		got := test.sink.wait(t, before+1)[before]
		if tls := got.TLS || test.sec == TLS; tls != test.wantTLS {
			t.Errorf("%s: encrypted %v, want %v", test.name, tls, test.wantTLS)
		}
	}
}

func TestMailHeaders(t *testing.T) {
	s, _ := startSink(t, "", nil, false)
	msg := hello()
	msg.InReplyTo, msg.References = "root@mydomain.com", []string{"root@mydomain.com", "last@mydomain.com"}
	msg.Subject = "[loadshare] Größe"
	if err := sendWithin(t, newMailer(relayTo(t, s.addr, Opportunistic), nil), msg, time.Minute); err != nil {
		t.Fatal(err)
	}
	got := s.wait(t, 1)[0]
	for name, want := range map[string]string{
		"From": "loadshare@mydomain.com", "To": "root@mydomain.com", "Message-Id": "<1.1@mydomain.com>", "In-Reply-To": "<root@mydomain.com>",
		"References": "<root@mydomain.com> <last@mydomain.com>", "Auto-Submitted": "auto-generated", "X-Loadshare-Kind": "failure",
	} {
		if h := strings.Join(strings.Fields(got.Header.Get(name)), " "); h != want {
			t.Errorf("%s: %q, want %q", name, h, want)
		}
	}
	if subject, err := new(mime.WordDecoder).DecodeHeader(got.Header.Get("Subject")); err != nil || subject != msg.Subject {
		t.Errorf("Subject %q, %v", subject, err)
	}
	if date, err := got.Header.Date(); err != nil || !date.Equal(msg.At) {
		t.Errorf("Date %s, %v, want %s", date, err, msg.At)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(got.Body)))
	if err != nil || strings.ReplaceAll(string(body), "\r\n", "\n") != msg.Text {
		t.Errorf("body %q, %v, want %q", body, err, msg.Text)
	}
}

// Nothing that comes from outside (a banner, a record name) can begin a header or another mail.
func TestHeaderInjection(t *testing.T) {
	s, _ := startSink(t, "", nil, false)
	m := newMailer(relayTo(t, s.addr, Opportunistic), nil)
	for _, evil := range []string{"x\r\nBcc: evil@example.com", "x\nBcc: evil@example.com", "x\rBcc: evil@example.com", "x\r\n\r\nbody", "x\u2028Bcc: evil@example.com", "x\x00y\x85Bcc: z", "\r\n.\r\nMAIL FROM:<evil@example.com>"} {
		c := composer{from: "loadshare@mydomain.com", domain: "mydomain.com", to: []string{"root@mydomain.com"}, role: "monitor", host: "h"}
		a := Alert{Incident: evil, Kind: Kind(evil), Title: evil, Next: evil, Body: evil, Evidence: evil, Children: []string{evil}}
		before := len(s.got)
		if err := sendWithin(t, m, c.single([]entry{{Seq: 1, Alert: a}}, thread{}, time.Now()), time.Minute); err != nil {
			t.Errorf("%q: %v", evil, err)
			continue
		}
		got := s.wait(t, before+1)
		if len(got) != before+1 {
			t.Fatalf("%q became %d mails", evil, len(got)-before)
		}
		mail := got[before]
		if mail.Header.Get("Bcc") != "" || len(mail.To) != 1 || mail.To[0] != "root@mydomain.com" || mail.From != "loadshare@mydomain.com" {
			t.Errorf("%q got through: %+v to %v", evil, mail.Header, mail.To)
		}
		if id := mail.Header.Get("Message-Id"); strings.Contains(id, "evil") {
			t.Errorf("%q reached the Message-ID %q", evil, id)
		}
		if subject, _ := new(mime.WordDecoder).DecodeHeader(mail.Header.Get("Subject")); !strings.HasPrefix(subject, "[loadshare] ") {
			t.Errorf("subject %q", subject)
		}
	}
}

// 4xx may pass; 5xx to the message is for ever (RFC 5321, 4.2.1).
func TestAnswersOfTheMailServer(t *testing.T) {
	s, _ := startSink(t, "", nil, false)
	m := newMailer(relayTo(t, s.addr, Opportunistic), nil)
	s.errors = []error{&smtp.SMTPError{Code: 451, Message: "try later"}, &smtp.SMTPError{Code: 552, Message: "too large"}}
	s.refuse["gone@mydomain.com"] = &smtp.SMTPError{Code: 550, Message: "no such user"}
	if err := sendWithin(t, m, hello(), time.Minute); err == nil || isPermanent(err) || !strings.Contains(err.Error(), "try later") {
		t.Errorf("451: %v, want an error that may pass", err)
	}
	if err := sendWithin(t, m, hello(), time.Minute); !isPermanent(err) || !strings.Contains(err.Error(), "too large") {
		t.Errorf("552: %v, want a permanent one", err)
	}
	msg := hello()
	msg.To = []string{"gone@mydomain.com"}
	if err := sendWithin(t, m, msg, time.Minute); !isPermanent(err) || !strings.Contains(err.Error(), "gone@mydomain.com") {
		t.Errorf("550: %v, want a permanent one that names the address", err)
	}
}

// "without it a silent server blocks for ever": one that accepts and says nothing is left at the deadline,
// and at once when the role stops.
func TestSilentServer(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	accepted := make(chan net.Conn, 2)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	m := newMailer(relayTo(t, ln.Addr().String(), Opportunistic), nil)
	var ne net.Error
	if err := sendWithin(t, m, hello(), 50*time.Millisecond); !errors.As(err, &ne) && !errors.Is(err, net.ErrClosed) {
		t.Errorf("at the deadline: %v", err)
	}
	(<-accepted).Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	done := make(chan error, 1)
	go func() { done <- m.Send(ctx, hello()) }()
	c := <-accepted
	defer c.Close()
	cancel()
	if err := <-done; err == nil {
		t.Error("a cancelled mail was sent")
	}
}
