package haserver

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"loadshare/haserver/message"
	"loadshare/haserver/zone"
	"loadshare/internal/config"
)

// Client is who sent a message, as far as it was proved.
type Client struct {
	Addr netip.Addr // IPv4 never written as IPv6
	Key  zone.Name  // the key of a good TSIG, lower case; empty without
	// Certs are the names of its TLS certificate, if that is from our authority; lower case.
	Certs []string
}

// String is for logs.
func (c Client) String() string {
	switch {
	case c.Key == "" && len(c.Certs) > 0:
		return c.Addr.String() + " with certificate " + c.Certs[0]
	case c.Key == "":
		return c.Addr.String()
	}
	return c.Addr.String() + " with key " + strings.TrimSuffix(c.Key.String(), ".")
}

// Grant is one right: "key NAME", "cert NAME" or an address or network, then optionally the names and the types it is limited to.
type Grant struct {
	key   zone.Name // or, when empty,
	cert  string    // a name of a certificate, lower case; or, when empty,
	net   netip.Prefix
	names []namePattern // none: all
	types []zone.Type   // none: all
}

// namePattern is a name, or, below is set, all names below it at any depth.
type namePattern struct {
	name  zone.Name
	below bool
}

// Grants are the rights of one zone; any one of them is enough. None is no right for anybody.
type Grants []Grant

const acceptedGrant = `"key NAME", an address or a network, then optionally names in the zone (*.NAME is all below NAME) and types, such as "key ddns *.mydomain.com A AAAA"`

// parseGrant reads one grant of zone origin; limits says whether names and types may follow.
func parseGrant(text string, origin zone.Name, keys message.Keys, limits bool) (Grant, error) {
	var g Grant
	words := strings.Fields(text)
	if len(words) == 0 {
		return g, fmt.Errorf("%s", acceptedGrant)
	}
	switch words[0] {
	case "cert":
		if limits || len(words) == 1 {
			return g, fmt.Errorf("a name after the word cert, and only in `transfer`, such as \"cert ns2.mydomain.com\"")
		}
		name, err := zone.ParseName(words[1])
		if err != nil {
			return g, err
		}
		g.cert = strings.ToLower(strings.TrimSuffix(name.String(), "."))
		words = words[2:]
	case "key":
		if len(words) == 1 {
			return g, fmt.Errorf("a name after the word key, such as \"key ddns\"")
		}
		name, err := zone.ParseName(words[1])
		if err != nil {
			return g, err
		}
		g.key = zone.Name(name.Key())
		if keys[string(g.key)] == nil {
			return g, fmt.Errorf("a key that is in one of the files of `keys`: there is none called %s", words[1])
		}
		words = words[2:]
	default:
		net, err := config.ParsePrefix(words[0])
		if err != nil {
			return g, fmt.Errorf("%s: %w", acceptedGrant, err)
		}
		g.net = net
		words = words[1:]
	}
	if len(words) > 0 && !limits {
		return g, fmt.Errorf("\"key NAME\", an address or a network and nothing after it: a zone is transferred whole")
	}
	for _, word := range words {
		if t, ok := zone.ParseType(word); ok {
			if t.IsMeta() {
				return g, fmt.Errorf("types that a zone can hold: %s is none", word)
			}
			g.types = append(g.types, t)
			continue
		}
		rest, below := strings.CutPrefix(word, "*.")
		name, err := zone.ParseName(rest)
		if err != nil {
			return g, fmt.Errorf("names and types after who it is: %s is neither (%w)", word, err)
		}
		if !name.IsSubdomainOf(origin) {
			return g, fmt.Errorf("whole names in the zone %s: %s is not (a name that looks like a type is written with a dot at its end)", origin, word)
		}
		g.names = append(g.names, namePattern{name, below})
	}
	return g, nil
}

// is says whether the grant is for c.
func (g *Grant) is(c Client) bool {
	switch {
	case g.key != "":
		return g.key == c.Key
	case g.cert != "":
		return slices.Contains(c.Certs, g.cert)
	}
	return g.net.Contains(c.Addr)
}

// covers says whether the grant reaches a record set. TypeANY, the deletion of a whole name, is reached only by a
// grant of all types.
func (g *Grant) covers(name zone.Name, t zone.Type) bool {
	if len(g.types) > 0 && !slices.Contains(g.types, t) {
		return false
	}
	return len(g.names) == 0 || slices.ContainsFunc(g.names, func(p namePattern) bool {
		if p.below {
			return len(name) > len(p.name) && name.IsSubdomainOf(p.name)
		}
		return name.Equal(p.name)
	})
}

// Allow says whether c has any right at all.
func (gs Grants) Allow(c Client) bool {
	return slices.ContainsFunc(gs, func(g Grant) bool { return g.is(c) })
}

// AllowSet says whether c may change the set of that name and type.
func (gs Grants) AllowSet(c Client, name zone.Name, t zone.Type) bool {
	return slices.ContainsFunc(gs, func(g Grant) bool { return g.is(c) && g.covers(name, t) })
}
