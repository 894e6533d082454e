package probes

import (
	"fmt"
	"strconv"
	"strings"
)

// dialect is what a protocol that greets first says before anything else, and how it changes to TLS.
type dialect struct {
	good    []string          // how a good greeting begins
	bad     func(string) bool // whether a line refuses
	ask     string            // the command that lists what the server can do
	askEnd  func(string) bool // whether a line is the last of that list
	offer   string            // the word in the list that offers TLS
	start   string            // the command that starts it
	started string            // how a yes begins
	quit    string            // said at the end; "" closes without a word
	skip    func(string) bool // lines before the greeting that are none
}

func dialectOf(k Kind) dialect {
	switch k {
	case SMTP: // RFC 5321, RFC 3207
		return dialect{
			good: []string{"220"}, bad: refuses, ask: "EHLO loadshare", askEnd: lastOfReply, offer: "STARTTLS",
			start: "STARTTLS", started: "220", quit: "QUIT",
		}
	case POP3: // RFC 1939, RFC 2595
		return dialect{
			good: []string{"+OK"}, bad: prefix("-ERR"), ask: "CAPA", askEnd: dotOr("-ERR"), offer: "STLS",
			start: "STLS", started: "+OK", quit: "QUIT",
		}
	case IMAP: // RFC 9051
		return dialect{
			good: []string{"* OK", "* PREAUTH"}, bad: prefix("* BYE"), ask: "a1 CAPABILITY", askEnd: prefix("a1 "), offer: "STARTTLS",
			start: "a2 STARTTLS", started: "a2 OK", quit: "a3 LOGOUT",
		}
	case FTP: // RFC 959, RFC 4217
		return dialect{
			good: []string{"220"}, bad: refuses, ask: "FEAT", askEnd: lastOfReply, offer: "AUTH TLS",
			start: "AUTH TLS", started: "234", quit: "QUIT", skip: prefix("120"),
		}
	case NNTP: // RFC 3977, RFC 4642
		return dialect{
			good: []string{"200", "201"}, bad: refuses, ask: "CAPABILITIES", askEnd: dotOr("5"), offer: "STARTTLS",
			start: "STARTTLS", started: "382", quit: "QUIT",
		}
	default: // SSH, RFC 4253 4.2: other lines may come before the identification
		return dialect{
			good: []string{"SSH-2.0-", "SSH-1.99-"}, bad: func(string) bool { return false },
			skip: func(l string) bool { return !strings.HasPrefix(l, "SSH-") },
		}
	}
}

// refuses says whether a line is a 4xx or 5xx reply.
func refuses(line string) bool {
	return len(line) >= 3 && (line[0] == '4' || line[0] == '5') && isDigits(line[:3])
}

// lastOfReply says whether a line ends a reply of digits: "250 text", not "250-text" nor an indented line (RFC 2389 3.2).
func lastOfReply(line string) bool {
	return len(line) >= 3 && isDigits(line[:3]) && (len(line) == 3 || line[3] == ' ')
}

func prefix(p string) func(string) bool {
	return func(line string) bool { return strings.HasPrefix(line, p) }
}

// dotOr ends a list at its lone dot, or at the line that says there is no list.
func dotOr(no string) func(string) bool {
	return func(line string) bool { return line == "." || strings.HasPrefix(line, no) }
}

// compileGreet makes the check of the kinds that greet first: the greeting, TLS, steps, goodbye.
func compileGreet(s *Spec) (func(*attempt), []SpecError) {
	steps, errs := compileSteps(s)
	d := dialectOf(s.Kind)
	mode := s.StartTLS
	switch mode {
	case "":
		mode = StartTLSNever
		if s.Kind == SMTP || s.usesCert() {
			mode = StartTLSAuto
		}
	case StartTLSAuto, StartTLSRequired, StartTLSNever:
	default:
		errs = append(errs, SpecError{"starttls", strconv.Quote(string(mode)), "auto, required or never"})
	}
	if s.TLS || d.start == "" {
		if s.StartTLS == StartTLSRequired {
			errs = append(errs, SpecError{"starttls", strconv.Quote(string(mode)), "never where tls = true"})
		}
		mode = StartTLSNever
	}
	sec, more := compileSecure(s, s.TLS || mode != StartTLSNever, nil)
	if sec != nil && !s.TLS && s.Cert.ServerName == "" {
		sec.config.InsecureSkipVerify = true // as between mail servers (M13)
	}
	return func(a *attempt) {
		t := a.open(s.TLS)
		if t == nil {
			return
		}
		defer t.close()
		if s.TLS && !sec.upgrade(t) {
			return
		}
		if t.greet(d) && t.startTLS(d, mode, sec) && t.steps(steps) {
			if d.quit != "" && len(steps) == 0 {
				_, _ = t.conn.Write([]byte(d.quit + "\r\n")) // good manners; the verdict stands
			}
			a.succeed()
		}
	}, append(errs, more...)
}

// usesCert says whether the Spec asks anything of the certificate.
func (s *Spec) usesCert() bool {
	return s.Cert.ServerName != "" || len(s.Cert.CA) > 0 || s.Cert.MinDays != 0 || s.Cert.NoVerify
}

// greet reads the greeting and judges it.
func (t *talk) greet(d dialect) bool {
	for {
		line, ok := t.line()
		switch {
		case !ok:
			return false
		case d.skip != nil && d.skip(line):
			continue
		case d.bad(line):
			t.a.end(ReasonRejected, "the greeting refuses", []byte(line))
			return false
		case !d.isGood(line):
			t.a.end(ReasonMismatch, fmt.Sprintf("the greeting does not begin with %q", d.good[0]), []byte(line))
			return false
		case !continues(line):
			t.a.keep([]byte(line)[:min(len(line), MaxGot)])
			return true
		}
	}
}

func (d *dialect) isGood(line string) bool {
	for _, g := range d.good {
		if strings.HasPrefix(line, g) {
			return true
		}
	}
	return false
}

// startTLS changes to TLS when that is asked for and offered. For SMTP the EHLO is part of the check in any case.
func (t *talk) startTLS(d dialect, mode StartTLS, sec *secure) bool {
	if mode == StartTLSNever && d.ask != "EHLO loadshare" {
		return true
	}
	offered, ok := t.offers(d)
	switch {
	case !ok:
		return false
	case mode == StartTLSNever, !offered && mode == StartTLSAuto:
		return true
	case !offered:
		t.a.end(ReasonTLS, "the service does not offer "+d.start, nil)
		return false
	}
	if !t.write([]byte(d.start + "\r\n")) {
		return false
	}
	line, ok := t.line()
	switch {
	case !ok:
		return false
	case !strings.HasPrefix(line, d.started):
		t.a.end(ReasonTLS, "the service refuses "+d.start, []byte(line))
		return false
	case len(t.window()) > 0: // what came before the handshake could be anybody's (CVE-2011-0411)
		t.a.end(ReasonProtocol, "data after the answer to "+d.start, t.window())
		return false
	}
	return sec.upgrade(t)
}

// offers asks what the server can do. A server that cannot list it offers nothing; one that refuses EHLO fails.
func (t *talk) offers(d dialect) (offered, ok bool) {
	if !t.write([]byte(d.ask + "\r\n")) {
		return false, false
	}
	for {
		line, ok := t.line()
		if !ok {
			return false, false
		}
		if refuses(line) && strings.HasPrefix(d.ask, "EHLO") {
			t.a.end(ReasonRejected, "the service refuses EHLO", []byte(line))
			return false, false
		}
		offered = offered || strings.Contains(strings.ToUpper(line), d.offer)
		if d.askEnd(line) {
			return offered, true
		}
	}
}
