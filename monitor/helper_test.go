package monitor

import (
	"errors"
	"net/netip"
	"strings"
)

var errDisk = errors.New("no space left on device")

func parse(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func addrs(list ...string) []netip.Addr {
	out := make([]netip.Addr, len(list))
	for i, s := range list {
		out[i] = netip.MustParseAddr(s)
	}
	return out
}

// replace is strings.Replace that must find what it replaces.
func replace(text, old, now string) string {
	if !strings.Contains(text, old) {
		panic("not there: " + old)
	}
	return strings.Replace(text, old, now, 1)
}
