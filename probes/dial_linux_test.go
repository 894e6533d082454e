package probes

import (
	"net/netip"
	"syscall"
	"testing"
)

// TestMeetsItself: on a closed port in the range of local ports a socket can meet itself; that is nobody listening.
func TestMeetsItself(t *testing.T) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	me := &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	if err := syscall.Bind(fd, me); err != nil {
		t.Fatal(err)
	}
	local, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Connect(fd, local); err != nil {
		t.Skip("this kernel does not connect a socket to itself: ", err)
	}
	at := netip.AddrPortFrom(netip.AddrFrom4(me.Addr), uint16(local.(*syscall.SockaddrInet4).Port))
	if c := (&conn{peer: at}); !c.isItself(fd) {
		t.Error("a socket that met itself passes for a service")
	}
	if c := (&conn{peer: netip.MustParseAddrPort("127.0.0.1:1")}); c.isItself(fd) {
		t.Error("a connection to another port passes for one to itself")
	}
}
