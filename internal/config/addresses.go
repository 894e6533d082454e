package config

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

const acceptedAddr = "an IPv4 or IPv6 address, such as \"192.168.0.1\" or \"2001:db8::1\""

// Addr is the address at key, the zero Addr when absent. Names, zones and
// IPv4 written as IPv6 are refused.
func (s *Section) Addr(key string) netip.Addr {
	v, ok := s.get(key)
	if !ok {
		return netip.Addr{}
	}
	a, ok := addrOf(v)
	if !ok {
		s.Fail(key, acceptedAddr)
	}
	return a
}

func addrOf(v any) (netip.Addr, bool) {
	str, ok := v.(string)
	if !ok {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(str)
	if err != nil || a.Zone() != "" || a.Is4In6() {
		return netip.Addr{}, false
	}
	return a, true
}

// AddrPort is ADDRESS:PORT or [ADDRESS]:PORT at key, or ADDRESS alone when
// defPort is not 0; the zero AddrPort when absent. Port 0 (the system chooses)
// is accepted only at the key "listen".
func (s *Section) AddrPort(key string, defPort uint16) netip.AddrPort {
	v, ok := s.get(key)
	if !ok {
		return netip.AddrPort{}
	}
	ap, ok := addrPortOf(v, key, defPort)
	if !ok {
		s.Fail(key, acceptedAddrPort(defPort))
	}
	return ap
}

// AddrPorts is the list of addresses with ports at key, each as in AddrPort.
func (s *Section) AddrPorts(key string, defPort uint16) []netip.AddrPort {
	one := acceptedAddrPort(defPort)
	return parseList(s, key, "a list, each "+one, one, func(v any) (netip.AddrPort, bool) {
		return addrPortOf(v, key, defPort)
	})
}

func acceptedAddrPort(defPort uint16) string {
	if defPort == 0 {
		return "ADDRESS:PORT, such as \"192.168.0.1:53\" or \"[2001:db8::1]:53\""
	}
	return fmt.Sprintf("ADDRESS or ADDRESS:PORT (port %d when left out), such as \"192.168.0.1:%d\" or \"[2001:db8::1]:%d\"", defPort, defPort, defPort)
}

func addrPortOf(v any, key string, defPort uint16) (netip.AddrPort, bool) {
	str, ok := v.(string)
	if !ok {
		return netip.AddrPort{}, false
	}
	ap, err := ParseAddrPort(str, defPort)
	if err != nil || ap.Port() == 0 && key != "listen" {
		return netip.AddrPort{}, false
	}
	return ap, true
}

// ParseAddrPort reads ADDRESS:PORT or [ADDRESS]:PORT, or ADDRESS alone when
// defPort is not 0. IPv4 written as IPv6 is refused.
func ParseAddrPort(str string, defPort uint16) (netip.AddrPort, error) {
	ap, err := netip.ParseAddrPort(str)
	if err != nil && defPort != 0 {
		a, aerr := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(str, "["), "]"))
		if aerr == nil {
			ap, err = netip.AddrPortFrom(a, defPort), nil
		}
	}
	if err != nil || ap.Addr().Is4In6() {
		return netip.AddrPort{}, errors.New("not " + acceptedAddrPort(defPort))
	}
	return ap, nil
}

// Prefixes is the list of networks at key, ADDRESS/BITS or a single ADDRESS.
func (s *Section) Prefixes(key string) []netip.Prefix {
	const accepted = "a network such as \"192.168.0.0/24\" (no bits set after the prefix), or an address"
	return parseList(s, key, "a list of networks, such as [\"192.168.0.0/24\"]", accepted, func(v any) (netip.Prefix, bool) {
		str, ok := v.(string)
		if !ok {
			return netip.Prefix{}, false
		}
		p, err := ParsePrefix(str)
		return p, err == nil
	})
}

// ParsePrefix reads a network, ADDRESS/BITS without bits set after the prefix,
// or a single address.
func ParsePrefix(str string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(str); err == nil && a.Zone() == "" && !a.Is4In6() {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(str)
	if err != nil || p.Addr().Is4In6() {
		return netip.Prefix{}, errors.New("not a network such as 192.168.0.0/24")
	}
	if p != p.Masked() {
		return netip.Prefix{}, fmt.Errorf("bits are set after the prefix: write %s", p.Masked())
	}
	return p, nil
}
