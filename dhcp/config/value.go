package config

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"time"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/scope"
	"loadshare/internal/config"
)

// parseRange reads "192.168.0.100-192.168.0.200", a network, or one address.
func parseRange(text string) (scope.Range, error) {
	first, last, isRange := strings.Cut(text, "-")
	if !isRange {
		p, err := config.ParsePrefix(strings.TrimSpace(text))
		if err != nil || !p.Addr().Is4() {
			return scope.Range{}, errors.New("not FIRST-LAST, a network or an address")
		}
		from := lease.IPOf(p.Addr())
		return scope.Range{First: from, Last: from | lease.IP(uint64(1)<<(32-p.Bits())-1)}, nil
	}
	a, err := parseIPv4(first)
	if err != nil {
		return scope.Range{}, err
	}
	b, err := parseIPv4(last)
	if err != nil {
		return scope.Range{}, err
	}
	if b < a {
		return scope.Range{}, errors.New("the last address is before the first")
	}
	return scope.Range{First: a, Last: b}, nil
}

func parseIPv4(text string) (lease.IP, error) {
	a, err := netip.ParseAddr(strings.TrimSpace(text))
	if err != nil || !a.Is4() || a.IsUnspecified() {
		return 0, fmt.Errorf("%q is not an IPv4 address", strings.TrimSpace(text))
	}
	return lease.IPOf(a), nil
}

// ranges reads a list of ranges.
func ranges(s *config.Section, key string) []scope.Range {
	var out []scope.Range
	for i, text := range s.Strings(key) {
		one, err := parseRange(text)
		if err != nil {
			s.FailItem(key, i, "\"192.168.0.100-192.168.0.200\", a network such as \"192.168.0.64/26\", or one address: "+err.Error())
			continue
		}
		out = append(out, one)
	}
	return out
}

// address reads an IPv4 address; 0 when absent.
func address(s *config.Section, key string) lease.IP {
	a := s.Addr(key)
	if !a.IsValid() {
		return 0
	}
	if !a.Is4() || a.IsUnspecified() {
		s.Fail(key, "an IPv4 address, such as \"192.168.0.1\"")
		return 0
	}
	return lease.IPOf(a)
}

// forever is an infinite time in a message (RFC 2131, 3.3).
const forever = math.MaxUint32

// seconds reads a time of whole seconds; nil when absent. infinite: that word is accepted too.
func seconds(s *config.Section, key string, least uint32, infinite bool) *uint32 {
	if !s.Has(key) {
		return nil
	}
	text, ok := s.Raw(key).(string)
	if ok && infinite && text == "infinite" {
		n := uint32(forever)
		return &n
	}
	d, err := config.ParseDuration(text)
	n := int64(d / time.Second)
	if !ok || err != nil || d%time.Second != 0 || n < int64(least) || n >= forever {
		accepted := fmt.Sprintf("a duration of %s or more in whole seconds, such as \"1h30m\" or \"3d\"", config.FormatDuration(time.Duration(least)*time.Second))
		if infinite {
			accepted += ", or \"infinite\""
		}
		s.Fail(key, accepted)
		return nil
	}
	out := uint32(n)
	return &out
}

// boolean reads true or false; nil when absent.
func boolean(s *config.Section, key string) *bool {
	if !s.Has(key) {
		return nil
	}
	b := s.Bool(key, false)
	return &b
}

// percent reads a number of percent; nil when absent.
func percent(s *config.Section, key string) *int {
	if !s.Has(key) {
		return nil
	}
	n := s.Int(key, 0, 0, 100)
	return &n
}

// parseOctets reads hexadecimal octets with colons, hyphens or nothing between them.
func parseOctets(text string) ([]byte, error) {
	b, err := hex.DecodeString(strings.NewReplacer(":", "", "-", "").Replace(text))
	if err != nil || len(b) == 0 || strings.ContainsAny(text, ":-") && !octetPairs(text) {
		return nil, errors.New("not octets in hexadecimal, such as 02:00:00:00:00:50")
	}
	return b, nil
}

// octetPairs says that a colon or hyphen follows every two digits.
func octetPairs(text string) bool {
	for i, c := range []byte(text) {
		if sign := c == ':' || c == '-'; sign != (i%3 == 2) {
			return false
		}
	}
	return len(text)%3 == 2
}

// hardware reads a hardware address, or the beginning of one; nil when absent.
func hardware(s *config.Section, key string) []byte {
	if !s.Has(key) {
		return nil
	}
	b, err := parseOctets(s.String(key, ""))
	if err != nil || len(b) > 16 {
		s.Fail(key, "octets of a hardware address in hexadecimal, such as \"02:00:00:00:00:50\", 16 at most")
		return nil
	}
	return b
}

// identifier reads octets that are written in hexadecimal with colons, or stand there as text; nil when absent.
func identifier(s *config.Section, key string) []byte {
	if !s.Has(key) {
		return nil
	}
	text := s.String(key, "")
	if strings.Contains(text, ":") {
		if b, err := parseOctets(text); err == nil {
			return b
		}
	}
	if text == "" || len(text) > 255 {
		s.Fail(key, "octets in hexadecimal with colons, such as \"01:02:00:00:00:00:50\", or a text; 255 octets at most")
		return nil
	}
	return []byte(text)
}
