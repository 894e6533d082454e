package importer

import (
	"bytes"
	"fmt"
	"net/mail"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// pos is where something stood.
type pos struct {
	file string
	line int
}

func (p pos) String() string { return fmt.Sprintf("%s:%d", p.file, p.line) }

// check is one check_serverN line: six fields (F11).
type check struct {
	pos
	number  int
	address netip.Addr
	record  string // lower case, no final dot
	service string // name or port number
	script  string // "" when there is nothing to restart
	send    string
	expect  string
}

// source is everything read from all the files.
type source struct {
	monitorFile, serverFile, normalFile string

	password     string
	passwordSeen bool
	nodePort     int // clusternode_server_port; 0 when not given
	listenPort   int // local_server_port; 0 when not given
	emails       []string
	dnsServers   []netip.Addr
	scripts      string
	normalDir    string
	checks       []check
	normal       []normalLine

	notes []string
}

func (s *source) note(p pos, format string, a ...any) {
	s.notes = append(s.notes, p.String()+": "+fmt.Sprintf(format, a...))
}

func (s *source) say(format string, a ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, a...))
}

type fileKind int

const (
	kindUnknown fileKind = iota
	kindSettings
	kindNormal
)

// kindOf tells a file by its first line that means anything. A file without
// any is an empty normal-dns, which the old package allows.
func kindOf(data []byte) fileKind {
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		word, _, _ := strings.Cut(line, " ")
		switch strings.ToLower(word) {
		case "update", "prereq", "zone", "server", "key", "send":
			return kindNormal
		}
		if strings.Contains(line, "=") {
			return kindSettings
		}
		return kindUnknown
	}
	return kindNormal
}

// read takes one file in.
func (s *source) read(f File) error {
	if len(f.Data) > MaxInput {
		return fmt.Errorf("%s: %d bytes: at most %d are read", f.Name, len(f.Data), MaxInput)
	}
	data := bytes.TrimPrefix(f.Data, []byte("\xef\xbb\xbf"))
	if bytes.IndexByte(data, 0) >= 0 {
		return fmt.Errorf("%s: not a text file", f.Name)
	}
	if !utf8.Valid(data) {
		data = latin1(data)
		s.say("%s: not UTF-8, read as ISO 8859-1", f.Name)
	}
	switch kindOf(data) {
	case kindNormal:
		s.normalFile = f.Name
		s.readNormal(f.Name, string(data))
		return nil
	case kindSettings:
		return s.readSettings(f.Name, string(data))
	}
	return fmt.Errorf("%s: neither failover-monitor.config, failover.config nor normal-dns: no setting and no update line in it", f.Name)
}

func latin1(data []byte) []byte {
	out := make([]rune, len(data))
	for i, b := range data {
		out[i] = rune(b)
	}
	return []byte(string(out))
}

// readSettings reads `key = value` lines; # starts a comment at the start of a line.
func (s *source) readSettings(name, text string) error {
	known, n := 0, 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		p := pos{name, n}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			s.note(p, "not understood and left out: %s", quote(line))
			continue
		}
		if s.setting(p, strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(value)) {
			known++
		}
		if len(s.checks) > MaxChecks {
			return fmt.Errorf("%s: more than %d check_server lines", name, MaxChecks)
		}
	}
	if known == 0 {
		return fmt.Errorf("%s: no setting of failover-monitor.config or failover.config in it", name)
	}
	return nil
}

// setting takes one setting and reports whether its name is known.
func (s *source) setting(p pos, key, value string) bool {
	switch {
	case key == "password":
		if s.passwordSeen && s.password != value {
			s.note(p, "this password differs from the one in the other file: the two programs could not have talked to each other")
		}
		s.password, s.passwordSeen = value, true
	case key == "clusternode_server_port":
		s.monitorFile = p.file
		s.nodePort = s.port(p, key, value)
	case key == "local_server_port":
		s.serverFile = p.file
		s.listenPort = s.port(p, key, value)
	case key == "email":
		s.email(p, value)
	case key == "scripts_path":
		s.serverFile = p.file
		s.scripts = value
	case key == "failover_directory":
		s.serverFile = p.file
		s.normalDir = value
	case strings.HasPrefix(key, "bind8_dns_server"):
		s.monitorFile = p.file
		a, err := netip.ParseAddr(value)
		if err != nil || a.Zone() != "" {
			s.note(p, "%s = %s is not an address: left out", key, quote(value))
			return true
		}
		s.dnsServers = appendNew(s.dnsServers, a.Unmap())
	case strings.HasPrefix(key, "check_server"):
		s.monitorFile = p.file
		n, err := strconv.Atoi(strings.TrimPrefix(key, "check_server"))
		if err != nil {
			n = -1
		}
		s.check(p, n, value)
	default:
		s.note(p, "setting %s is not known and left out", quote(key))
		return false
	}
	return true
}

func (s *source) port(p pos, key, value string) int {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > 65535 {
		s.note(p, "%s = %s is not a port from 1 to 65535: %d is used", key, quote(value), defaultPort)
		return 0
	}
	return n
}

func (s *source) email(p pos, value string) {
	for _, a := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ';' || r == ' ' || r == '\t' }) {
		m, err := mail.ParseAddress(a)
		if err != nil {
			if strings.Trim(a, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == "" {
				s.note(p, "mail address %s has no domain: left out; write NAME@DOMAIN in [alerts] to", quote(a))
			} else {
				s.note(p, "mail address %s is not one: left out", quote(a))
			}
			continue
		}
		if !plainMail.MatchString(m.Address) {
			s.note(p, "mail address %s is not plain NAME@DOMAIN: left out", quote(a))
			continue
		}
		s.emails = appendNew(s.emails, m.Address)
	}
}

var (
	plainMail  = regexp.MustCompile(`^[A-Za-z0-9._+-]+@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)
	plainName  = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$`)
	plainWord  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9+_.-]{0,63}$`)
	plainLabel = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)
)

// check reads ip|hostname|service|script|request|expected. The text of the old
// document speaks of five sections and shows six; six are meant.
func (s *source) check(p pos, number int, value string) {
	f := strings.SplitN(value, "|", 6)
	if len(f) < 3 {
		s.note(p, "a check needs ip|hostname|service|script|request|expected, this one has %d fields: left out", len(f))
		return
	}
	if len(f) < 6 {
		s.note(p, "only %d of 6 fields: what is missing is taken as empty", len(f))
	}
	for len(f) < 6 {
		f = append(f, "")
	}
	for i := range f {
		f[i] = strings.TrimSpace(f[i])
	}
	c := check{pos: p, number: number, record: strings.ToLower(strings.TrimSuffix(f[1], ".")), service: strings.ToLower(f[2]), script: f[3], send: f[4], expect: f[5]}
	a, err := netip.ParseAddr(f[0])
	if err != nil || a.Zone() != "" {
		s.note(p, "%s is not an address: left out (a service is tested at its address, never at its name)", quote(f[0]))
		return
	}
	c.address = a.Unmap()
	if len(c.record) > 253 || !plainName.MatchString(c.record) {
		s.note(p, "%s is not a host name: left out", quote(f[1]))
		return
	}
	if !s.service(p, c.service) {
		return
	}
	if c.script != "" && !plainWord.MatchString(c.script) {
		s.note(p, "script %s is not the plain name of a file in the scripts directory: the member is kept without a restart", quote(c.script))
		c.script = ""
	}
	if number < 0 {
		s.note(p, "check_server without a number: taken as it stands")
	}
	s.checks = append(s.checks, c)
}

func (s *source) service(p pos, name string) bool {
	if n, err := strconv.Atoi(name); err == nil {
		if n < 1 || n > 65535 {
			s.note(p, "port %s is not from 1 to 65535: left out", quote(name))
			return false
		}
		return true
	}
	if !plainLabel.MatchString(name) || !knownService(name) {
		s.note(p, "service %s is not in the services file of this host: left out; add it there, or write the check with port = NUMBER", quote(name))
		return false
	}
	return true
}

func appendNew[T comparable](list []T, v T) []T {
	for _, have := range list {
		if have == v {
			return list
		}
	}
	return append(list, v)
}
