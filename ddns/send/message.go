package send

import (
	"fmt"
	"strings"

	"github.com/miekg/dns"

	"loadshare/ddns"
)

// Message is the unsigned UPDATE in wire form, with id 0. An error means that a
// name or value cannot be put into a message.
func Message(c ddns.Change) ([]byte, error) {
	if err := ddns.CheckName(c.Zone); c.Zone != "" && err != nil {
		return nil, fmt.Errorf("zone: %w", err)
	}
	var m dns.Msg
	m.SetUpdate(dns.Fqdn(c.Zone))
	m.Id = 0
	for _, p := range c.Prereqs {
		rrs, err := prereq(p)
		if err != nil {
			return nil, fmt.Errorf("prerequisite %s %s: %w", p.Name, p.Type, err)
		}
		m.Answer = append(m.Answer, rrs...)
	}
	for _, o := range c.Ops {
		rr, err := operation(o)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.Line(), err)
		}
		m.Ns = append(m.Ns, rr)
	}
	return m.Pack()
}

func prereq(p ddns.Prereq) ([]dns.RR, error) {
	switch p.Kind {
	case ddns.NameInUse:
		return bare(p.Name, "ANY", dns.ClassANY)
	case ddns.NameNotInUse:
		return bare(p.Name, "ANY", dns.ClassNONE)
	case ddns.SetExists:
		return bare(p.Name, p.Type, dns.ClassANY)
	case ddns.SetAbsent:
		return bare(p.Name, p.Type, dns.ClassNONE)
	case ddns.SetEquals:
		var out []dns.RR
		for _, v := range p.Values {
			rr, err := record(p.Name, p.Type, 0, v)
			if err != nil {
				return nil, err
			}
			out = append(out, rr)
		}
		if len(out) == 0 {
			return nil, fmt.Errorf("equality with no values: SetAbsent says that")
		}
		return out, nil
	}
	return nil, fmt.Errorf("prerequisite of unknown kind %d", p.Kind)
}

func operation(o ddns.Op) (dns.RR, error) {
	switch o.Kind {
	case ddns.Add:
		return record(o.Name, o.Type, o.TTL, o.Data)
	case ddns.DeleteRecord:
		rr, err := record(o.Name, o.Type, 0, o.Data)
		if err != nil {
			return nil, err
		}
		rr.Header().Class = dns.ClassNONE
		return rr, nil
	case ddns.DeleteSet:
		return first(bare(o.Name, o.Type, dns.ClassANY))
	case ddns.DeleteName:
		return first(bare(o.Name, "ANY", dns.ClassANY))
	}
	return nil, fmt.Errorf("operation of unknown kind %d", o.Kind)
}

func first(rrs []dns.RR, err error) (dns.RR, error) {
	if err != nil {
		return nil, err
	}
	return rrs[0], nil
}

// bare is a record without data: class and type say what it means.
func bare(name, typ string, class uint16) ([]dns.RR, error) {
	t, ok := dns.StringToType[typ]
	if !ok {
		return nil, fmt.Errorf("type %q is not known", typ)
	}
	if err := ddns.CheckName(name); err != nil {
		return nil, err
	}
	return []dns.RR{&dns.ANY{Hdr: dns.RR_Header{Name: dns.Fqdn(name), Rrtype: t, Class: class}}}, nil
}

// record reads one record from text. The data must be exactly one record's:
// what would start a second line or a directive is refused.
func record(name, typ string, ttl uint32, data string) (dns.RR, error) {
	if err := ddns.CheckName(name); err != nil {
		return nil, err
	}
	if strings.TrimSpace(data) == "" {
		return nil, fmt.Errorf("no data")
	}
	if strings.ContainsAny(data, "\n\r\x00") {
		return nil, fmt.Errorf("data %q has a line break in it", data)
	}
	if typ != "TXT" && strings.ContainsAny(data, `;()"$`) {
		return nil, fmt.Errorf("data %q has a character of the zone file syntax in it", data)
	}
	rr, err := dns.NewRR(fmt.Sprintf("%s %d IN %s %s", dns.Fqdn(name), ttl, typ, data))
	if err != nil {
		return nil, fmt.Errorf("data %q: %w", data, err)
	}
	if rr == nil || dns.TypeToString[rr.Header().Rrtype] != typ {
		return nil, fmt.Errorf("data %q is not of type %s", data, typ)
	}
	return rr, nil
}
