package ddns

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// CanonicalName is a name in lower case without final dot.
func CanonicalName(n string) string { return strings.ToLower(strings.TrimSuffix(n, ".")) }

// Canonical gives one rdata its only spelling: addresses as netip prints them
// (4-in-6 unmapped), names in MX, SRV, NS, CNAME and PTR in lower case without
// final dot, one space between fields. Texts (TXT) and unknown types come back
// trimmed.
func Canonical(typ, v string) string {
	switch typ {
	case "A", "AAAA":
		if a, err := netip.ParseAddr(strings.TrimSpace(v)); err == nil {
			return a.Unmap().String()
		}
	case "MX", "SRV", "NS", "CNAME", "PTR":
		f := strings.Fields(v)
		for i := range f {
			if n, err := strconv.ParseUint(f[i], 10, 16); err == nil && i != len(f)-1 {
				f[i] = strconv.FormatUint(n, 10)
			}
		}
		if n := len(f); n > 0 {
			f[n-1] = CanonicalName(f[n-1])
		}
		return strings.Join(f, " ")
	}
	return strings.TrimSpace(v)
}

// CheckName says what is wrong with an owner name (without final dot), or nil.
// Accepted are labels of letters, digits, "-" and "_", or "*" alone (also inside:
// the generation record of a wildcard); at most 63 octets each and 253 together.
func CheckName(n string) error {
	if n == "" {
		return errors.New("empty name")
	}
	if len(n) > 253 {
		return fmt.Errorf("name of %d octets: at most 253", len(n))
	}
	labels := strings.Split(n, ".")
	for i, l := range labels {
		switch {
		case l == "":
			return fmt.Errorf("name %q has an empty label", n)
		case len(l) > 63:
			return fmt.Errorf("name %q has a label of %d octets: at most 63", n, len(l))
		case l == "*" && i < len(labels)-1:
			continue
		}
		for j := range len(l) {
			if c := l[j]; !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
				return fmt.Errorf("name %q has %q in it: letters, digits, - and _", n, string(c))
			}
		}
	}
	return nil
}

// CheckData says what is wrong with the rdata of one of the types that pools
// and normal-dns may hold (A, AAAA, MX, SRV), or nil. Other types are refused.
func CheckData(typ, data string) error {
	f := strings.Fields(data)
	switch typ {
	case "A", "AAAA":
		a, err := netip.ParseAddr(strings.TrimSpace(data))
		if err != nil || a.Zone() != "" || a.Unmap().Is4() != (typ == "A") {
			return fmt.Errorf("%q is not an %s address", data, map[string]string{"A": "IPv4", "AAAA": "IPv6"}[typ])
		}
		return nil
	case "MX":
		return numbersThenName(f, 1, "preference and name")
	case "SRV":
		return numbersThenName(f, 3, "priority, weight, port and name")
	}
	return fmt.Errorf("type %s: only A, AAAA, MX and SRV", typ)
}

func numbersThenName(f []string, numbers int, want string) error {
	if len(f) != numbers+1 {
		return fmt.Errorf("%q is not %s", strings.Join(f, " "), want)
	}
	for _, n := range f[:numbers] {
		if _, err := strconv.ParseUint(n, 10, 16); err != nil {
			return fmt.Errorf("%q is not a number from 0 to 65535", n)
		}
	}
	return CheckName(CanonicalName(f[numbers]))
}

// Below reports whether name is zone or below it.
func Below(name, zone string) bool {
	return zone == "" || name == zone || strings.HasSuffix(name, "."+zone)
}
