package probes

import (
	"os"
	"strconv"
	"strings"
)

const servicesFile = "/etc/services"

// ServicePort finds the TCP port of a service by its name or an alias, in /etc/services (services(5)) and, where
// that has no such line, among the usual ones. Names are compared as the file has them, in lower case otherwise.
func ServicePort(name string) (port uint16, ok bool) {
	if data, err := os.ReadFile(servicesFile); err == nil {
		if port, ok := parseServices(string(data), name); ok {
			return port, true
		}
	}
	return usualPort(strings.ToLower(name))
}

// parseServices looks for name in the text of a services file: "name port/proto alias ... # comment".
func parseServices(text, name string) (uint16, bool) {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) < 2 || !named(f, name) {
			continue
		}
		number, proto, _ := strings.Cut(f[1], "/")
		if n, err := strconv.ParseUint(number, 10, 16); err == nil && n > 0 && proto == "tcp" {
			return uint16(n), true
		}
	}
	return 0, false
}

func named(f []string, name string) bool {
	for i, word := range f {
		if i != 1 && word == name {
			return true
		}
	}
	return false
}

// usualPort stands in where the file is missing, as on small images.
func usualPort(name string) (uint16, bool) {
	ports := map[string]uint16{
		"ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "domain": 53, "dns": 53, "http": 80, "www": 80,
		"kerberos": 88, "pop3": 110, "nntp": 119, "imap": 143, "imap2": 143, "ldap": 389, "https": 443,
		"smtps": 465, "submissions": 465, "nntps": 563, "submission": 587, "ldaps": 636, "rsync": 873,
		"imaps": 993, "pop3s": 995, "mysql": 3306, "rdp": 3389, "sip": 5060, "postgresql": 5432,
		"xmpp-client": 5222, "xmpp-server": 5269, "amqp": 5672, "redis": 6379, "http-alt": 8080, "mqtt": 1883,
	}
	port, ok := ports[name]
	return port, ok
}
