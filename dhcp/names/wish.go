package names

import (
	"strings"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
)

// Asked is what the client says of its name, and what is configured.
type Asked struct {
	Packet   *packet.Packet // options 12 and 81
	IP       lease.IP
	Hostname string // configured; wins over the client's
	Domain   string // added to a name that has none; "": the forward zone, if there is one only
	On       bool   // the scope wants names in DNS
}

// Wish decides the name that a client gets with its lease. Put it into the lease.
func (c Config) Wish(a Asked) Name {
	if a.Domain = clean(a.Domain); a.Domain == "" && len(c.ForwardZones) == 1 {
		a.Domain = c.ForwardZones[0]
	}
	data, asks := a.Packet.Options.Get(option.ClientFQDN)
	said, err := option.ParseFQDN(data)
	asks = asks && err == nil
	if !asks {
		said = option.FQDN{Server: true}
	}

	n := c.name(a, said)
	if n.FQDN != "" && !(a.On && c.writes(n.FQDN, a.IP)) {
		n.FQDN = ""
	}
	whole := n.FQDN
	if whole == "" && n.Hostname != "" {
		whole = join(first(clean(n.Hostname)), a.Domain)
	}
	switch {
	case n.FQDN == "":
	case said.NoUpdate && !c.OverrideNone:
		n.FQDN = ""
	default:
		n.Forward = (said.Server || c.Override || said.NoUpdate) && c.forward(n.FQDN)
		if !n.Forward && !c.reverse(a.IP) {
			n.FQDN = ""
		}
	}
	if asks {
		n.Option81 = reply(said, n, whole)
	}
	return n
}

// name chooses what the client is called: configured, else option 81, else option 12.
func (c Config) name(a Asked, said option.FQDN) Name {
	host12, _ := a.Packet.Options.Get(option.HostName)
	for _, from := range []string{a.Hostname, said.Name, string(host12)} {
		host := clean(from)
		if host == "" || notNames[first(host)] {
			continue
		}
		n := Name{Hostname: host, FQDN: join(first(host), a.Domain)}
		if from == a.Hostname {
			n.Hostname = from
		}
		switch {
		case from == a.Hostname && c.forwardZone(host) != "" && strings.Contains(host, "."):
			n.FQDN = host // the operator may name any that can be written
		case a.Domain != "" && strings.HasSuffix(host, "."+a.Domain):
			n.FQDN = host
		}
		if len(n.FQDN) > maxName || c.isZone(n.FQDN) {
			continue
		}
		if !strings.Contains(n.FQDN, ".") {
			n.FQDN = ""
		}
		return n
	}
	return Name{}
}

// notNames are the first labels that no client gets: what looks for them would believe the client (RFC 6761; the block list of Windows DNS).
var notNames = map[string]bool{"localhost": true, "wpad": true, "isatap": true}

func (c Config) isZone(name string) bool { return name != "" && c.forwardZone(name) == name }

// reply is option 81 as RFC 4702, 4 has it: the whole name, in the client's encoding; N when nothing is written by the server; S when it
// writes the A; O when that is not what the client asked for.
func reply(said option.FQDN, n Name, whole string) []byte {
	out := option.FQDN{Server: n.Forward, NoUpdate: n.FQDN == "", Encoded: said.Encoded, Name: whole, Full: whole != ""}
	out.Override = out.Server != (said.Server && !said.NoUpdate)
	if whole == "" {
		out.Name, out.Full = said.Name, said.Full
	}
	data, err := out.Append(nil)
	if err != nil {
		return nil
	}
	return data
}

const (
	maxLabel = 63
	maxName  = 253
)

// clean makes labels of letters, digits and hyphens (RFC 1123, 2.1) of what somebody typed: lower case, one hyphen for what cannot
// stand, none at the ends of a label.
func clean(name string) string {
	name, _, _ = strings.Cut(name, "\x00")
	var b strings.Builder
	for l := range strings.SplitSeq(unescape(name), ".") {
		if l = cleanLabel(l); l == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(l)
	}
	return b.String()
}

// unescape replaces what stands for an octet that is no letter (\DDD, \X) by one that cannot stand in a label.
func unescape(name string) string {
	if !strings.Contains(name, `\`) {
		return name
	}
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if name[i] != '\\' {
			b.WriteByte(name[i])
			continue
		}
		b.WriteByte(' ')
		if i+3 < len(name) && digits(name[i+1:i+4]) {
			i += 2
		}
		i++
	}
	return b.String()
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }

func cleanLabel(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		switch {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			b.WriteByte(c)
		case b.Len() > 0 && b.String()[b.Len()-1] != '-':
			b.WriteByte('-')
		}
		if b.Len() == maxLabel {
			break
		}
	}
	return strings.TrimRight(b.String(), "-")
}

// first is the first label.
func first(name string) string {
	l, _, _ := strings.Cut(name, ".")
	return l
}

func join(host, domain string) string {
	if domain == "" {
		return host
	}
	return host + "." + domain
}
