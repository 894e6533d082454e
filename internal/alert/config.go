package alert

import (
	"net"
	"net/mail"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"loadshare/internal/config"
)

// Security is how a mail connection is protected (decision M13).
type Security uint8

// The ways of protection, by the scheme of the smtp key.
const (
	Opportunistic Security = iota // smtp://: STARTTLS when offered, certificate not verified
	StartTLS                      // smtp+tls://: STARTTLS required, certificate verified
	TLS                           // smtps://: TLS from the start, certificate verified
)

// Relay is the mail server that takes our mail. The zero value is none.
type Relay struct {
	Host     string
	Port     int
	Security Security
	// User and Password log in; only with a verified certificate. "" is no login.
	User     string
	Password string
}

// String is the relay as the configuration names it, without the password.
func (r Relay) String() string {
	scheme := [...]string{"smtp", "smtp+tls", "smtps"}[r.Security]
	return scheme + "://" + net.JoinHostPort(r.Host, strconv.Itoa(r.Port))
}

// Config is what an [alerts] table says. The zero value tells nobody.
type Config struct {
	Relay Relay
	// From is the sender's address.
	From string
	// To holds the groups of recipients; each gets a message of its own.
	To [][]string
	// Webhook is a URL that gets every message as JSON; "" is none.
	Webhook string
	// CA is a PEM file of authorities trusted besides those of the system, for mail and webhook; "" is none.
	CA string
	// Rate is how many messages a destination gets in how long; the zero value means DefaultRate.
	Rate config.Rate
	// Summary is the schedule of the summary, in five fields of cron, UTC unless it begins with CRON_TZ=NAME; "" is never.
	Summary string
	// Role and Host sign the mail; New fills in the host's name. They are no keys of the table.
	Role, Host string
}

// DefaultRate and DefaultSummary hold when the table is silent.
var DefaultRate = config.Rate{Count: 10, Per: 10 * time.Minute}

// DefaultSummary is every day at seven.
const DefaultSummary = "0 7 * * *"

// Enabled reports whether anybody is told.
func (c Config) Enabled() bool { return len(c.To) > 0 || c.Webhook != "" }

// ConfigFrom reads an [alerts] table of a role; s may be nil, then nobody is told. Keys:
// smtp, from, to, webhook, rate, summary, and if needed ca, user, password (a file).
func ConfigFrom(s *config.Section, role string) Config {
	if !s.Present() {
		return Config{Role: role}
	}
	c := Config{Role: role, CA: s.File("ca"), Rate: s.Rate("rate", DefaultRate)}
	c.Relay = relayFrom(s)
	c.From, c.To = s.String("from", ""), groupsFrom(s)
	if c.From != "" && !validAddress(c.From) {
		s.Fail("from", "a mail address, such as \"loadshare@mydomain.com\"")
	}
	switch {
	case c.Relay.Host == "" && len(c.To) > 0 && !s.Has("smtp"):
		s.Fail("smtp", "the mail server that takes mail for `to`, such as \"smtp://127.0.0.1:25\"")
	case c.Relay.Host != "" && len(c.To) == 0 && !s.Has("to"):
		s.Fail("to", "a list of mail addresses: nobody would get the mail")
	case c.Relay.Host != "" && c.From == "" && !s.Has("from"):
		s.Fail("from", "a mail address: the sender of the mail")
	}
	c.Webhook = webhookFrom(s)
	if c.Summary = s.String("summary", DefaultSummary); c.Summary == "off" {
		c.Summary = ""
	} else if _, err := parseSchedule(c.Summary); err != nil {
		s.Fail("summary", "five fields of cron, such as \"0 7 * * *\" (minute hour day month weekday, UTC unless CRON_TZ=NAME comes first), or \"off\": "+err.Error())
	}
	return c
}

func relayFrom(s *config.Section) Relay {
	const accepted = "smtp://host:port (STARTTLS when offered), smtp+tls://host:port (required, verified) or smtps://host:port"
	text := s.String("smtp", "")
	if text == "" {
		return Relay{}
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		s.Fail("smtp", accepted)
		return Relay{}
	}
	r := Relay{Host: u.Hostname()}
	switch u.Scheme {
	case "smtp":
		r.Security, r.Port = Opportunistic, 25
	case "smtp+tls":
		r.Security, r.Port = StartTLS, 587
	case "smtps":
		r.Security, r.Port = TLS, 465
	default:
		s.Fail("smtp", accepted)
		return Relay{}
	}
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			s.Fail("smtp", "a port from 1 to 65535")
			return Relay{}
		}
		r.Port = int(n)
	}
	r.User = s.String("user", "")
	if file := s.File("password"); file != "" {
		b, err := os.ReadFile(file)
		if err != nil || len(b) > 4096 {
			s.Fail("password", "a file with the password and nothing else")
		}
		r.Password = strings.TrimRight(string(b), "\r\n")
	}
	if r.User != "" && r.Security == Opportunistic {
		s.Fail("user", "a login only with smtp+tls:// or smtps://: smtp:// would show the password to anybody")
	}
	return r
}

func groupsFrom(s *config.Section) [][]string {
	var groups [][]string
	for i, entry := range s.Strings("to") {
		list, err := mail.ParseAddressList(entry)
		if err != nil {
			s.FailItem("to", i, "a mail address, or several separated by commas that share one mail")
			continue
		}
		var group []string
		for _, a := range list {
			group = append(group, a.Address)
		}
		groups = append(groups, group)
	}
	return groups
}

func webhookFrom(s *config.Section) string {
	text := s.String("webhook", "")
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		s.Fail("webhook", "a URL, such as \"https://chat.mydomain.com/hook\"")
		return ""
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "http" && (ip == nil || !ip.IsLoopback()) {
		s.Warn("webhook", "http:// shows every alert to the network on its way; https:// does not")
	}
	return text
}

func validAddress(text string) bool {
	_, err := mail.ParseAddress(text)
	return err == nil
}

// domain is the part of the sender's address after the @, for Message-IDs.
func (c Config) domain() string {
	if a, err := mail.ParseAddress(c.From); err == nil {
		if _, d, ok := strings.Cut(a.Address, "@"); ok && d != "" {
			return d
		}
	}
	return "loadshare.invalid"
}
