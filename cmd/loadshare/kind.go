package main

import (
	"regexp"
	"strings"
)

// kind is what a file is, told by its content.
type kind string

const (
	kindUnknown kind = ""
	kindMonitor kind = "monitor"
	kindAgent   kind = "agent"
	kindDNS     kind = "dns"
	kindDHCP    kind = "dhcp"
	kindConsole kind = "console"
	kindVIP     kind = "vip"
	kindZone    kind = "zone"
	kindNormal  kind = "normal-dns"
	kindKey     kind = "key"
)

// tableKinds are the tables that only one kind of configuration has.
var tableKinds = map[string]kind{
	"vip": kindVIP, "server": kindConsole, "scope": kindDHCP, "failover": kindDHCP, "ddns": kindDHCP,
	"class": kindDHCP, "client": kindDHCP, "policy": kindDHCP, "shared_network": kindDHCP, "option_definition": kindDHCP, "leasequery": kindDHCP,
	"pool": kindMonitor, "agents": kindMonitor, "guard": kindMonitor, "defaults": kindMonitor, "dns": kindMonitor,
	"zone": kindDNS, "ha": kindDNS, "rate_limit": kindDNS, "restart": kindAgent, "publish": kindAgent,
}

// keyKinds are keys outside tables that only one kind has.
var keyKinds = map[string]kind{"users": kindConsole, "interfaces": kindDHCP, "relay_reply_port": kindDHCP, "authoritative": kindDHCP, "keys": kindDNS, "nsid": kindDNS, "key": kindAgent, "ca": kindAgent}

var (
	tableLine = regexp.MustCompile(`^\[\[?\s*"?([A-Za-z0-9_-]+)`)
	keyLine   = regexp.MustCompile(`^"?([A-Za-z0-9_.-]+)"?\s*=`)
	soaLine   = regexp.MustCompile(`(?i)\bSOA\b`)
	listLine  = regexp.MustCompile(`^listen\s*=\s*\[`)
	normWords = regexp.MustCompile(`(?i)^(update|add|delete|del|zone|server|local|send|show|answer|ttl|class|prereq|key|realm|gsstsig|oldgsstsig|debug|quit|check-names)\b`)
)

// kindOf tells what a file is by what is in it, never by its name.
func kindOf(data []byte) kind {
	text := string(data)
	first := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line != "" && line[0] != '#' && line[0] != ';' && !strings.HasPrefix(line, "//") {
			first = line
			break
		}
	}
	switch {
	case first == "":
		return kindNormal // it may be empty (F18), and nothing else may
	case tableLine.MatchString(first), keyLine.MatchString(first):
		return tomlKind(text)
	case strings.HasPrefix(first, "key ") && strings.Contains(text, "{"):
		return kindKey
	case strings.HasPrefix(first, "$"):
		return kindZone
	case normWords.MatchString(first) && !soaLine.MatchString(first):
		return kindNormal
	case soaLine.MatchString(text):
		return kindZone
	}
	return kindUnknown
}

// tomlKind goes by the tables and, where they do not tell, by the keys before them.
func tomlKind(text string) kind {
	byKey := kindUnknown
	inTable := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if m := tableLine.FindStringSubmatch(line); m != nil && strings.Contains(line, "]") {
			inTable = true
			if k, ok := tableKinds[m[1]]; ok {
				return k
			}
			continue
		}
		m := keyLine.FindStringSubmatch(line)
		switch {
		case inTable || m == nil:
		case listLine.MatchString(line) && byKey != kindDHCP:
			byKey = kindDNS
		case byKey == kindUnknown:
			name, _, _ := strings.Cut(m[1], ".")
			byKey = keyKinds[name]
			if byKey == kindUnknown {
				byKey = tableKinds[name] // publish.servers = …
			}
		}
	}
	return byKey
}
