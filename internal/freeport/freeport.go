// Package freeport gives tests ports of loopback that stay free until a server listens there.
//
// A port that the kernel chose, and that was closed again, is anybody's: of the next connection of any process, of the next test. These are
// ports below those that the kernel chooses from (Linux: from 32768 on), and each process takes them from a part of its own.
package freeport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"testing"
)

// The ports: first of all, how many a process has, and how many processes have their own.
const (
	first = 10000
	each  = 100
	parts = 227
)

var taken atomic.Uint32

// Pick is a port of an address on which nobody listens, by TCP and by UDP, and which no other test is given.
func Pick(t testing.TB, address string) netip.AddrPort {
	t.Helper()
	at, err := Find(address)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// Find is Pick where there is no testing.TB.
func Find(address string) (at netip.AddrPort, err error) {
	for range each {
		port := first + os.Getpid()%parts*each + int(taken.Add(1)%each)
		at = netip.AddrPortFrom(netip.MustParseAddr(address), uint16(port))
		if err = free(at); err == nil {
			return at, nil
		}
	}
	return netip.AddrPort{}, err
}

func free(at netip.AddrPort) error {
	tcp, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
	if err != nil {
		return fmt.Errorf("no port is free: %w", err)
	}
	udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		return errors.Join(fmt.Errorf("no port is free: %w", err), tcp.Close())
	}
	return errors.Join(tcp.Close(), udp.Close())
}
