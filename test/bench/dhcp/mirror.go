package main

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"runtime"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"golang.org/x/sys/unix"
)

// mirrorName is the row of a server that decides nothing: what that one takes is what this machine takes, whoever serves.
const mirrorName = "mirror"

const syncedBytes = 200 // of a lease

// mirrorKind is this program as a server with one thread: a DISCOVER it answers at once, a REQUEST after it wrote as much as a lease and
// synced it, alone.
func mirrorKind(self string) kind {
	return kind{name: mirrorName, program: self, durable: "200 octets, with fsync", start: func(k kind, s *server) error {
		return s.run(k.program, "-mirror", "synced", "-addr", s.addr.String())
	}}
}

// mirror serves at an address until it is killed. A client's address is made of its hardware address.
func mirror(addr, file string) error {
	at, err := netip.ParseAddr(addr)
	if err != nil {
		return err
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: at.As4(), Port: 67}); err != nil {
		return err
	}
	answer, err := template(at)
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	to := &unix.SockaddrInet4{Port: 67, Addr: netip.MustParseAddr(relayAddr).As4()}
	first := binary.BigEndian.Uint32(netip.MustParseAddr(leaseFrom).AsSlice())
	block, buf := make([]byte, syncedBytes), make([]byte, 4096)
	typ := typeOf(answer)
	for {
		n, err := unix.Read(fd, buf)
		if err != nil {
			continue
		}
		asked := typeOf(buf[:n])
		if asked == nil {
			continue
		}
		switch dhcpv4.MessageType(*asked) {
		case dhcpv4.MessageTypeDiscover:
			*typ = byte(dhcpv4.MessageTypeOffer)
		case dhcpv4.MessageTypeRequest:
			*typ = byte(dhcpv4.MessageTypeAck)
			if _, err := f.Write(block); err != nil {
				return err
			}
			if err := unix.Fdatasync(int(f.Fd())); err != nil {
				return err
			}
		default:
			continue
		}
		copy(answer[4:8], buf[4:])    // the transaction
		copy(answer[28:34], buf[28:]) // the hardware address
		binary.BigEndian.PutUint32(answer[16:], first+binary.BigEndian.Uint32(buf[30:])&0x1FFFF)
		_ = unix.Sendto(fd, answer, 0, to)
	}
}

// typeOf is where a message has its type; nil: it has none.
func typeOf(b []byte) *byte {
	for i := 240; i+2 < len(b); i += 2 + int(b[i+1]) {
		if b[i] == dhcpv4.OptionDHCPMessageType.Code() {
			return &b[i+2]
		}
	}
	return nil
}

// template is an answer.
func template(at netip.Addr) ([]byte, error) {
	p, err := dhcpv4.New(dhcpv4.WithMessageType(dhcpv4.MessageTypeOffer), dhcpv4.WithHwAddr(make(net.HardwareAddr, 6)),
		dhcpv4.WithGatewayIP(netip.MustParseAddr(relayAddr).AsSlice()), dhcpv4.WithOption(dhcpv4.OptServerIdentifier(at.AsSlice())),
		dhcpv4.WithLeaseTime(86400), dhcpv4.WithGeneric(dhcpv4.OptionRouter, netip.MustParseAddr(relayAddr).AsSlice()))
	if err != nil {
		return nil, err
	}
	p.OpCode = dhcpv4.OpcodeBootReply
	return p.ToBytes(), nil
}
