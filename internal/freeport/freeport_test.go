package freeport

import (
	"net"
	"net/netip"
	"testing"
)

// A port is given once, is none of those that the kernel gives, and can be listened on by TCP and by UDP.
func TestPortsAreGivenOnce(t *testing.T) {
	seen := map[netip.AddrPort]bool{}
	for range each / 2 {
		at := Pick(t, "127.0.0.1")
		if seen[at] || at.Port() < first || at.Port() >= 32768 {
			t.Fatalf("%s, after %v", at, seen)
		}
		seen[at] = true
	}
}

// What somebody has is not given, whether he listens by TCP or by UDP.
func TestPortsInUseAreLeftOut(t *testing.T) {
	for network, listen := range map[string]func(at netip.AddrPort) (interface{ Close() error }, error){
		"tcp": func(at netip.AddrPort) (interface{ Close() error }, error) { return net.Listen("tcp", at.String()) },
		"udp": func(at netip.AddrPort) (interface{ Close() error }, error) {
			return net.ListenPacket("udp", at.String())
		},
	} {
		at := Pick(t, "127.0.0.1")
		l, err := listen(at)
		if err != nil {
			t.Fatal(err)
		}
		taken.Add(^uint32(0)) // it is its turn again
		if other := Pick(t, "127.0.0.1"); other == at {
			t.Errorf("%s is given though somebody listens there by %s", at, network)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}
