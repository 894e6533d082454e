package ask

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// Set is a record set as a server answered it. Its fields are those of
// ddns.Set, so that one converts to the other. No values: the server said, with
// authority, that there are none.
type Set struct {
	// Name is as asked, lower case, without final dot.
	Name string
	Type string
	// TTL is the lowest of the records'.
	TTL uint32
	// Values are rdata in presentation form as the server spelled them, sorted.
	Values []string
}

// Set asks for one name and type. It asks by UDP, and by TCP when the answer
// was cut or did not come. Aliases are not followed: a CNAME is an error.
// Errors are *Silent, *Refused, *NotAuthoritative, or say what was odd.
func (c *Client) Set(ctx context.Context, server netip.AddrPort, name, typ string) (Set, error) {
	r, err := c.question(ctx, server, name, typ)
	if err != nil {
		return Set{}, err
	}
	out := Set{Name: strings.ToLower(strings.TrimSuffix(name, ".")), Type: typ}
	if !r.Authoritative {
		return Set{}, &NotAuthoritative{server, out.Name, "it answers without authority"}
	}
	qtype := dns.StringToType[typ]
	for _, rr := range r.Answer {
		h := rr.Header()
		if !strings.EqualFold(h.Name, dns.Fqdn(name)) {
			continue
		}
		if h.Rrtype == dns.TypeCNAME && qtype != dns.TypeCNAME {
			return Set{}, fmt.Errorf("%s: %s is an alias (CNAME)", server, out.Name)
		}
		if h.Rrtype != qtype {
			continue
		}
		if len(out.Values) == 0 || h.Ttl < out.TTL {
			out.TTL = h.Ttl
		}
		out.Values = append(out.Values, strings.TrimPrefix(rr.String(), h.String()))
	}
	slices.Sort(out.Values)
	out.Values = slices.Compact(out.Values)
	return out, nil
}

// Zone finds the zone of a name by SOA queries upward from it to this server.
// The error is *NotAuthoritative when it has none.
func (c *Client) Zone(ctx context.Context, server netip.AddrPort, name string) (string, error) {
	var detail string
	for n := dns.CanonicalName(name); ; {
		r, err := c.question(ctx, server, n, "SOA")
		var refused *Refused
		switch {
		case errors.As(err, &refused) && refused.TSIG == "":
			detail = "it answers " + refused.Rcode
		case err != nil:
			return "", err
		case !r.Authoritative:
			detail = "it answers without authority"
		default:
			if z, ok := zoneOf(r, n); ok {
				return z, nil
			}
			detail = "it names no SOA"
		}
		if n == "." {
			return "", &NotAuthoritative{server, strings.TrimSuffix(name, "."), detail}
		}
		if i, end := dns.NextLabel(n, 0); end {
			n = "."
		} else {
			n = n[i:]
		}
	}
}

// zoneOf takes the SOA of name itself, or the one that a negative answer
// carries: its owner is the zone.
func zoneOf(r *dns.Msg, name string) (string, bool) {
	for _, rr := range r.Answer {
		if rr.Header().Rrtype == dns.TypeSOA && strings.EqualFold(rr.Header().Name, name) {
			return zoneName(name), true
		}
	}
	if len(r.Answer) > 0 {
		return "", false // an alias: the SOA below is of its target
	}
	for _, rr := range r.Ns {
		owner := dns.CanonicalName(rr.Header().Name)
		if rr.Header().Rrtype == dns.TypeSOA && dns.IsSubDomain(owner, name) {
			return zoneName(owner), true
		}
	}
	return "", false
}

func zoneName(fqdn string) string { return strings.TrimSuffix(fqdn, ".") }

// question asks and sorts out what is no answer. NXDOMAIN is one.
func (c *Client) question(ctx context.Context, server netip.AddrPort, name, typ string) (*dns.Msg, error) {
	qtype, ok := dns.StringToType[typ]
	if !ok {
		return nil, fmt.Errorf("question for %s: type %q is not known", name, typ)
	}
	var q dns.Msg
	q.SetQuestion(dns.Fqdn(name), qtype)
	q.RecursionDesired = false
	wire, err := q.Pack()
	if err != nil {
		return nil, fmt.Errorf("question for %q: %w", name, err)
	}
	half := Client{Key: c.Key, Timeout: c.timeout() / 2}
	a, err := half.Exchange(ctx, "udp", server, wire)
	var silent *Silent
	if errors.As(err, &silent) && ctx.Err() == nil && !refusedPort(err) || err == nil && a.Truncated {
		a, err = half.Exchange(ctx, "tcp", server, wire)
	}
	if err != nil {
		return nil, err
	}
	switch a.Rcode {
	case "NOERROR", "NXDOMAIN":
		if !c.Key.IsZero() && !a.Verified {
			return nil, &Silent{server, errUnsigned}
		}
	case "SERVFAIL", "NOTIMP":
		return nil, &Silent{server, errors.New("it answers " + a.Rcode)}
	default:
		return nil, &Refused{server, a.Rcode, a.TSIG}
	}
	r := new(dns.Msg)
	if err := r.Unpack(a.Wire); err != nil {
		return nil, &Silent{server, fmt.Errorf("answer: %w", err)}
	}
	return r, nil
}
