package socket

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"loadshare/internal/unpolled"
)

const (
	serverPort = 67
	readBuffer = 4 << 20
)

// conn is one open UDP socket: of an address, or of an interface.
type conn struct {
	at    netip.AddrPort
	iface string // "" is a socket of Options.Listen
	// index is the interface's number, 0 while it is gone. local is the listening address that goes before the interface's own, in prefix.
	index  atomic.Int32
	local  atomic.Pointer[netip.Prefix]
	last   atomic.Uint32 // lease.IP: the interface's own address, as it was seen last
	deaf   atomic.Pointer[Deaf]
	file   *os.File
	raw    syscall.RawConn
	closed atomic.Bool
}

// open opens everything; what is open when it fails is closed by the caller.
func (s *Server) open(o Options) error {
	share := len(o.Interfaces) > 0 // of one port between the sockets of interfaces and addresses
	if share {
		if err := free(netip.AddrPortFrom(netip.IPv4Unspecified(), serverPort)); err != nil {
			return err
		}
	}
	for _, a := range o.Listen {
		if share && a.Port() != 0 {
			if err := free(a); err != nil {
				return err
			}
		}
		c, err := listen(a, "", share)
		if err != nil {
			return err
		}
		s.listening = append(s.listening, c)
	}
	for _, name := range o.Interfaces {
		c, err := listen(netip.AddrPortFrom(netip.IPv4Unspecified(), serverPort), name, share)
		if err != nil {
			return err
		}
		s.interfaces = append(s.interfaces, c)
		if err := s.look(c); err != nil {
			return fmt.Errorf("interface %s: %w", name, err)
		}
	}
	if !share {
		return nil
	}
	for _, c := range s.all() {
		if err := c.control(func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 0) }); err != nil {
			return fmt.Errorf("keep port %d for this server alone: %w", serverPort, err)
		}
	}
	var err error
	if s.raw, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
		s.raw = -1
		return fmt.Errorf("replies to clients that have no address yet need the capability CAP_NET_RAW: %w", err)
	}
	return nil
}

// free says that nobody has the port, also not someone who would share it.
func free(a netip.AddrPort) error {
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(a))
	if err != nil {
		return explain(a, err)
	}
	return c.Close()
}

func listen(a netip.AddrPort, iface string, share bool) (*conn, error) {
	if !a.Addr().Is4() {
		return nil, fmt.Errorf("listen on %s: DHCPv4 needs an IPv4 address", a)
	}
	if iface != "" {
		if _, err := net.InterfaceByName(iface); err != nil {
			return nil, fmt.Errorf("interface %s: there is none of this name: %w", iface, err)
		}
	}
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		cerr := raw.Control(func(fd uintptr) { err = setOptions(int(fd), iface, share) })
		return errors.Join(cerr, err)
	}}
	pc, err := lc.ListenPacket(context.Background(), "udp4", a.String())
	if err != nil {
		return nil, explain(a, err)
	}
	udp := pc.(*net.UDPConn)
	_ = udp.SetReadBuffer(readBuffer) // as much as the system allows
	_ = udp.SetWriteBuffer(readBuffer)
	c := &conn{iface: iface, at: udp.LocalAddr().(*net.UDPAddr).AddrPort()}
	c.at = netip.AddrPortFrom(c.at.Addr().Unmap(), c.at.Port())
	if c.file, err = unpolled.Socket(udp); err != nil {
		return nil, fmt.Errorf("listen on %s: %w", a, err)
	}
	if c.raw, err = c.file.SyscallConn(); err != nil {
		c.file.Close()
		return nil, fmt.Errorf("listen on %s: %w", a, err)
	}
	return c, nil
}

func setOptions(fd int, iface string, share bool) error {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1); err != nil {
		return err
	}
	if share {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return err
		}
	}
	if iface == "" {
		return nil
	}
	if err := unix.BindToDevice(fd, iface); err != nil {
		return fmt.Errorf("interface %s: hearing broadcasts needs the capability CAP_NET_RAW: %w", iface, err)
	}
	return nil
}

// explain says what an operator can do.
func explain(a netip.AddrPort, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("listen on %s: another program has this port, another DHCP server or a second copy of this one (ss -ulpn shows which): %w", a, err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("listen on %s: ports below 1024 need the capability CAP_NET_BIND_SERVICE: %w", a, err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("listen on %s: no interface has this address: %w", a, err)
	}
	return fmt.Errorf("listen on %s: %w", a, err)
}

func (c *conn) control(f func(fd int) error) error {
	var err error
	cerr := c.raw.Control(func(fd uintptr) { err = f(int(fd)) })
	return errors.Join(cerr, err)
}

// stop ends reading; replies can still be sent.
func (c *conn) stop() {
	c.closed.Store(true)
	_ = c.control(func(fd int) error { return unix.Shutdown(fd, unix.SHUT_RD) }) // ENOTCONN, but the reader wakes up
}

func (c *conn) close() {
	c.stop()
	_ = c.file.Close()
}

// kernel is how many octets wait to be read, and how many datagrams were lost because too many did (SO_MEMINFO).
func (c *conn) kernel() (queued, lost uint64) {
	const (
		rmemAlloc = 0
		drops     = 8
	)
	var info [9]uint32
	size := uint32(unsafe.Sizeof(info))
	_ = c.control(func(fd int) error {
		_, _, errno := syscall.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
		if errno != 0 {
			info = [9]uint32{}
		}
		return nil
	})
	return uint64(info[rmemAlloc]), uint64(info[drops])
}

func closeRaw(fd int) {
	if fd >= 0 {
		_ = unix.Close(fd)
	}
}
