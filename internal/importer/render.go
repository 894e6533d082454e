package importer

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// quote writes a TOML basic string.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x20 || r == 0x7f || (r >= 0x80 && r < 0xa0):
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func quoteAll[T any](list []T, str func(T) string) string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = quote(str(v))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func same(s string) string { return s }

func addrPort53(a netip.Addr) string { return netip.AddrPortFrom(a, 53).String() }

func (s *source) alerts(b *strings.Builder) {
	if len(s.emails) == 0 {
		return
	}
	_, domain, _ := strings.Cut(s.emails[0], "@")
	fmt.Fprintf(b, "\n[alerts]\nsmtp = \"smtp://127.0.0.1:25\"\nfrom = %s\nto = %s\n", quote("loadshare@"+domain), quoteAll(s.emails, same))
}

func (s *source) monitorTOML(pools []pool) string {
	var b strings.Builder
	b.WriteString("# loadshare monitor, imported from " + base(s.monitorFile) + "\n")
	b.WriteString("state_dir = \"/var/lib/loadshare/monitor\"\n\n[control]\nlisten = \"unix:/run/loadshare/monitor.sock\"\n")
	s.alerts(&b)
	fmt.Fprintf(&b, "\n[agents]\nport = %d\nkey = \"agent.key\"                   # new; the old password is not used\n", s.agentPort())
	fmt.Fprintf(&b, "\n[dns]\nagents = %s\nservers = %s\nreset_on_start = true\n", quoteAll(s.dnsServers, netip.Addr.String), quoteAll(s.dnsServers, addrPort53))
	b.WriteString("\n[defaults]\non_failure = \"remove-first\"         # or \"restart-first\": restart, look again, and only then remove\n")
	s.pingExample(&b, pools)
	for _, p := range pools {
		writePool(&b, p)
	}
	return b.String()
}

// pingExample is the one part that the old package only has in its comments.
func (s *source) pingExample(b *strings.Builder, pools []pool) {
	if len(pools) == 0 {
		return
	}
	a := pools[0].members[0].address
	fmt.Fprintf(b, "\n# A ping of each interface of a node; then add checks = [\"node %s\"] to its members,\n# which are down when it is down, with one mail for the node:\n#[[check]]\n#name = \"node %s\"\n#type = \"icmp\"\n#address = \"%s\"\n", a, a, a)
}

func writePool(b *strings.Builder, p pool) {
	fmt.Fprintf(b, "\n[[pool]]\nrecord = %s\n", quote(p.record))
	if p.ttl != 0 {
		fmt.Fprintf(b, "ttl = %d\n", p.ttl)
	}
	writeChecks(b, "pool.check", p.checks)
	for _, m := range p.members {
		fmt.Fprintf(b, "[[pool.member]]\naddress = %s\n", quote(m.address.String()))
		if m.restart != "" {
			fmt.Fprintf(b, "restart = %s\n", quote(m.restart))
		}
		writeChecks(b, "pool.member.check", m.own)
	}
}

func writeChecks(b *strings.Builder, table string, ps []probe) {
	head := "[" + table + "]"
	if len(ps) > 1 {
		head = "[" + head + "]"
	}
	for _, pr := range ps {
		b.WriteString(head + "\n")
		if _, err := strconv.Atoi(pr.service); err == nil {
			fmt.Fprintf(b, "port = %s\n", strings.TrimLeft(pr.service, "0+"))
		} else {
			fmt.Fprintf(b, "service = %s\n", quote(pr.service))
		}
		if pr.send != "" {
			fmt.Fprintf(b, "send = %s\n", quote(pr.send))
		}
		if pr.expect != "" {
			fmt.Fprintf(b, "expect = %s\n", quote(pr.expect))
		}
	}
}

func (s *source) agentTOML(pools []pool, lines []normalLine) string {
	var b strings.Builder
	b.WriteString("# loadshare agent, imported from " + base(firstOf(s.serverFile, s.monitorFile, s.normalFile)) + "\n")
	fmt.Fprintf(&b, "listen = \"0.0.0.0:%d\"\nstate_dir = \"/var/lib/loadshare/agent\"\nkey = \"agent.key\"                   # new; the old password is not used\n", s.agentPort())
	b.WriteString("\n[control]\nlisten = \"unix:/run/loadshare/agent.sock\"\n")
	s.alerts(&b)
	fmt.Fprintf(&b, "\n[restart]\nscripts = %s\nbudget = \"3/10m\"\ntimeout = \"60s\"\n", quote(firstOf(s.scripts, "/etc/init.d")))
	for i, name := range scriptNames(pools) {
		fmt.Fprintf(&b, "[restart.service.%s]\nmethod = \"script\"\n", tomlKey(name))
		if i == 0 {
			b.WriteString("#on_down = [\"/usr/local/bin/port-forward\", \"add\"]     # asked for when the member goes down\n#on_up = [\"/usr/local/bin/port-forward\", \"remove\"]\n")
		}
	}
	if len(s.dnsServers) == 0 {
		return b.String()
	}
	fmt.Fprintf(&b, "\n[publish]                           # only on the DNS servers\nservers = %s\npolicy = \"every\"\nkey = \"ddns.key\"\nrecords = %s\nnormal_dns = \"normal-dns\"\n",
		quoteAll(s.dnsServers, addrPort53), quoteAll(allowed(pools, lines), same))
	return b.String()
}

// scriptNames are the scripts of all members, in order of appearance.
func scriptNames(pools []pool) []string {
	var out []string
	for _, p := range pools {
		for _, m := range p.members {
			if m.restart != "" {
				out = appendNew(out, m.restart)
			}
		}
	}
	return out
}

// allowed is the agent's `records`: every name and type it will ever touch.
func allowed(pools []pool, lines []normalLine) []string {
	types := map[string][]string{}
	var names []string
	add := func(name, typ string) {
		if types[name] == nil {
			names = append(names, name)
		}
		types[name] = appendNew(types[name], typ)
	}
	for _, p := range pools {
		for _, m := range p.members {
			if m.address.Is4() {
				add(p.record, "A")
			} else {
				add(p.record, "AAAA")
			}
		}
	}
	for _, l := range lines {
		add(l.name, l.typ)
	}
	out := make([]string, 0, len(names))
	for _, n := range names {
		slices.Sort(types[n])
		out = append(out, n+" "+strings.Join(types[n], " "))
	}
	return out
}

func tomlKey(name string) string {
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == "" {
		return name
	}
	return quote(name)
}

func firstOf(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

// base is the last element of a path, without anything that could end a comment.
func base(path string) string {
	path = path[strings.LastIndexByte(path, '/')+1:]
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return '?'
		}
		return r
	}, path)
}
