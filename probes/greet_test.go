package probes

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// dialogue greets and then answers each line by the table; "" closes, "TLS" answers with the value of "TLS" and changes.
func dialogue(cert tls.Certificate, greeting string, answers map[string]string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = io.WriteString(c, greeting)
		r := bufio.NewReader(c)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			line = strings.TrimRight(line, "\r\n")
			answer, ok := answers[line]
			if !ok {
				answer = "500 what\r\n"
			}
			_, _ = io.WriteString(c, answer)
			if start := strings.Contains(line, "STARTTLS") || line == "STLS" || line == "AUTH TLS"; start && !strings.HasPrefix(answer, "5") {
				tc := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}})
				if tc.Handshake() == nil {
					hang(tc)
				}
				return
			}
		}
	}
}

func TestGreetingKinds(t *testing.T) {
	cert, pem := certFor(t, "mail.mydomain.com", 48*time.Hour+time.Hour)
	ehlo := map[string]string{"EHLO loadshare": "250-mail\r\n250-STARTTLS\r\n250 8BITMIME\r\n", "STARTTLS": "220 go\r\n"}
	plain := map[string]string{"EHLO loadshare": "250 mail\r\n"}
	named := CertSpec{CA: pem, ServerName: "mail.mydomain.com"}
	tests := []struct {
		name     string
		spec     Spec
		greeting string
		answers  map[string]string
		want     want
		tls      bool
	}{
		{"smtp", Spec{Kind: SMTP}, "220 hi\r\n", plain, want{ReasonNone, 0}, false},
		{"smtp, many lines", Spec{Kind: SMTP}, "220-hi\r\n220 there\r\n", plain, want{ReasonNone, 0}, false},
		{"smtp 421", Spec{Kind: SMTP}, "421 too many connections\r\n", plain, want{ReasonRejected, 0}, false},
		{"smtp 554", Spec{Kind: SMTP}, "554 no\r\n", plain, want{ReasonRejected, 0}, false},
		{"smtp, EHLO refused", Spec{Kind: SMTP}, "220 hi\r\n", nil, want{ReasonRejected, 0}, false},
		{"smtp, hangs after the greeting", Spec{Kind: SMTP}, "220 hi\r\n", map[string]string{"EHLO loadshare": ""}, want{ReasonTimeout, 0}, false},
		{"not smtp", Spec{Kind: SMTP}, "+OK hi\r\n", plain, want{ReasonMismatch, 0}, false},
		{"smtp STARTTLS offered", Spec{Kind: SMTP}, "220 hi\r\n", ehlo, want{ReasonNone, 0}, true},
		{"smtp STARTTLS unwanted", Spec{Kind: SMTP, StartTLS: StartTLSNever}, "220 hi\r\n", ehlo, want{ReasonNone, 0}, false},
		{"smtp STARTTLS required, not offered", Spec{Kind: SMTP, StartTLS: StartTLSRequired}, "220 hi\r\n", plain, want{ReasonTLS, 0}, false},
		{"smtp STARTTLS refused", Spec{Kind: SMTP}, "220 hi\r\n", map[string]string{"EHLO loadshare": "250 STARTTLS\r\n", "STARTTLS": "502 no\r\n"}, want{ReasonTLS, 0}, false},
		{"smtp, data slipped in before TLS", Spec{Kind: SMTP}, "220 hi\r\n", map[string]string{"EHLO loadshare": "250 STARTTLS\r\n", "STARTTLS": "220 go\r\n250 evil\r\n"}, want{ReasonProtocol, 0}, false},
		{"smtp STARTTLS verified", Spec{Kind: SMTP, Cert: named}, "220 hi\r\n", ehlo, want{ReasonNone, 0}, true},
		{"smtp STARTTLS, another name", Spec{Kind: SMTP, Cert: CertSpec{CA: pem, ServerName: "mx.mydomain.com"}}, "220 hi\r\n", ehlo, want{ReasonTLSName, 0}, true},
		{"smtp with steps", Spec{Kind: SMTP, Steps: []Step{{Send: "VRFY root", Expect: expect("252")}}}, "220 hi\r\n", map[string]string{"EHLO loadshare": "250 mail\r\n", "VRFY root": "252 maybe\r\n"}, want{ReasonNone, 1}, false},
		{"pop3", Spec{Kind: POP3}, "+OK ready\r\n", nil, want{ReasonNone, 0}, false},
		{"pop3 -ERR", Spec{Kind: POP3}, "-ERR busy\r\n", nil, want{ReasonRejected, 0}, false},
		{"pop3 STLS", Spec{Kind: POP3, StartTLS: StartTLSRequired}, "+OK\r\n", map[string]string{"CAPA": "+OK\r\nUSER\r\nSTLS\r\n.\r\n", "STLS": "+OK go\r\n"}, want{ReasonNone, 0}, true},
		{"pop3 without CAPA", Spec{Kind: POP3, StartTLS: StartTLSAuto}, "+OK\r\n", map[string]string{"CAPA": "-ERR what\r\n"}, want{ReasonNone, 0}, false},
		{"imap", Spec{Kind: IMAP}, "* OK ready\r\n", nil, want{ReasonNone, 0}, false},
		{"imap BYE", Spec{Kind: IMAP}, "* BYE busy\r\n", nil, want{ReasonRejected, 0}, false},
		{"imap STARTTLS", Spec{Kind: IMAP, Cert: named}, "* OK\r\n", map[string]string{"a1 CAPABILITY": "* CAPABILITY IMAP4rev1 STARTTLS\r\na1 OK\r\n", "a2 STARTTLS": "a2 OK go\r\n"}, want{ReasonNone, 0}, true},
		{"ftp, first 120", Spec{Kind: FTP}, "120 wait\r\n220 hi\r\n", nil, want{ReasonNone, 0}, false},
		{"ftp AUTH TLS", Spec{Kind: FTP, StartTLS: StartTLSRequired}, "220 hi\r\n", map[string]string{"FEAT": "211-Features\r\n AUTH TLS\r\n211 End\r\n", "AUTH TLS": "234 go\r\n"}, want{ReasonNone, 0}, true},
		{"nntp, no posting", Spec{Kind: NNTP}, "201 hi\r\n", nil, want{ReasonNone, 0}, false},
		{"nntp 400", Spec{Kind: NNTP}, "400 busy\r\n", nil, want{ReasonRejected, 0}, false},
		{"nntp STARTTLS", Spec{Kind: NNTP, StartTLS: StartTLSAuto}, "200 hi\r\n", map[string]string{"CAPABILITIES": "101 list\r\nVERSION 2\r\nSTARTTLS\r\n.\r\n", "STARTTLS": "382 go\r\n"}, want{ReasonNone, 0}, true},
		{"ssh", Spec{Kind: SSH}, "SSH-2.0-OpenSSH_9.2\r\n", nil, want{ReasonNone, 0}, false},
		{"ssh after a notice", Spec{Kind: SSH}, "be careful\r\nSSH-2.0-x\r\n", nil, want{ReasonNone, 0}, false},
		{"ssh of old", Spec{Kind: SSH}, "SSH-1.5-x\r\n", nil, want{ReasonMismatch, 0}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.spec.Timeout = timeoutOf(tt.want.reason)
			res := lookAt(t, tt.spec, serve(t, dialogue(cert, tt.greeting, tt.answers)))
			tt.want.check(t, res)
			if got := !res.CertExpiry.IsZero(); got != tt.tls {
				t.Errorf("a certificate was seen: %v, want %v", got, tt.tls)
			}
		})
	}
}

// TestImplicitTLS: tls = true is TLS from the first byte, as on port 465.
func TestImplicitTLS(t *testing.T) {
	cert, pem := certFor(t, "mail.mydomain.com", 48*time.Hour)
	spec := Spec{Kind: SMTP, TLS: true, Cert: CertSpec{CA: pem, ServerName: "mail.mydomain.com"}}
	server := overTLS(cert, dialogue(cert, "220 hi\r\n", map[string]string{"EHLO loadshare": "250 STARTTLS\r\n"}))
	want{ReasonNone, 0}.check(t, lookAt(t, spec, serve(t, server)))
	if p := mustCompile(t, Spec{Kind: IMAP, TLS: true}); p.Port() != 993 {
		t.Errorf("imap over TLS is at port %d, want 993", p.Port())
	}
}
