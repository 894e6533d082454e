package alert

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/smtp"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-mail/mail"
)

// stepTimeout bounds each step of a conversation with a mail server; the context bounds all of it.
const stepTimeout = 10 * time.Second

// mailer sends mail through a relay, a connection for each message.
type mailer struct {
	relay Relay
	roots *x509.CertPool
	host  string
}

// newMailer makes the Sender of a relay. roots may be nil: those of the system.
func newMailer(r Relay, roots *x509.CertPool) *mailer {
	useDialer()
	host, err := os.Hostname()
	if err != nil || host == "" || strings.ContainsFunc(host, func(c rune) bool { return c <= ' ' || c > '~' }) {
		host = "localhost"
	}
	return &mailer{relay: r, roots: roots, host: host}
}

// Send implements Sender. A 5xx answer to the message itself is Permanent; one to the connection or
// the login is not, since it is the configuration of a server that may be put right.
func (s *mailer) Send(ctx context.Context, m Message) error {
	host, release := newTicket(ctx, net.JoinHostPort(s.relay.Host, strconv.Itoa(s.relay.Port)))
	defer release()
	d := &mail.Dialer{Host: host, Port: s.relay.Port, Timeout: stepTimeout, LocalName: s.host}
	d.TLSConfig = &tls.Config{ServerName: s.relay.Host, MinVersion: tls.VersionTLS12, RootCAs: s.roots}
	switch s.relay.Security {
	case Opportunistic:
		d.StartTLSPolicy = mail.OpportunisticStartTLS
		d.TLSConfig.InsecureSkipVerify = true // as between mail servers: better than in the clear (M13)
	case StartTLS:
		d.StartTLSPolicy = mail.MandatoryStartTLS
	case TLS:
		d.SSL = true
	}
	if s.relay.User != "" {
		d.Auth = smtp.PlainAuth("", s.relay.User, s.relay.Password, host)
	}
	conn, err := d.Dial()
	if err != nil {
		return fmt.Errorf("mail server %s: %w", s.relay, err)
	}
	defer conn.Close()
	if err := mail.Send(conn, build(m)); err != nil {
		var se *mail.SendError
		if errors.As(err, &se) {
			err = se.Cause
		}
		err = fmt.Errorf("mail server %s: to %s: %w", s.relay, strings.Join(m.To, ", "), err)
		var code *textproto.Error
		if errors.As(err, &code) && code.Code >= 500 {
			return &Permanent{err}
		}
		return err
	}
	return nil
}

// Close implements Sender; no connection is kept.
func (s *mailer) Close() error { return nil }

// build turns a message into the library's. Nothing in it can begin a header line of its own.
func build(m Message) *mail.Message {
	out := mail.NewMessage()
	out.SetHeader("From", oneLine(m.From))
	to := make([]string, len(m.To))
	for i, a := range m.To {
		to[i] = oneLine(a)
	}
	out.SetHeader("To", to...)
	out.SetHeader("Subject", oneLine(m.Subject))
	out.SetDateHeader("Date", m.At)
	out.SetHeader("Message-ID", "<"+m.ID+">")
	if m.InReplyTo != "" {
		out.SetHeader("In-Reply-To", "<"+m.InReplyTo+">")
	}
	if len(m.References) > 0 {
		out.SetHeader("References", "<"+strings.Join(m.References, "> <")+">")
	}
	out.SetHeader("Auto-Submitted", "auto-generated") // RFC 3834, 5: no vacation replies
	out.SetHeader("X-Auto-Response-Suppress", "All")
	out.SetHeader("X-Loadshare-Kind", oneLine(string(m.Alerts[len(m.Alerts)-1].Kind)))
	out.SetBody("text/plain", m.Text)
	return out
}

// oneLine makes text fit for a header: control characters become spaces.
func oneLine(text string) string {
	text = strings.ToValidUTF8(text, "?")
	text = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || (c >= 0x80 && c < 0xa0) || c == '\u2028' || c == '\u2029' {
			return ' '
		}
		return c
	}, text)
	return strings.Join(strings.Fields(text), " ")
}
