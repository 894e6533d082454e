package probes

import (
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// conn is a TCP connection with as few system calls as the kernel allows: a check is mostly those. It is
// a net.Conn, so that TLS and HTTP/2 can stand on it. The runtime's poller drives it through os.File.
type conn struct {
	file *os.File
	peer netip.AddrPort
}

// dial connects. With weSpeak, which promises that we write next, the last packet of the handshake
// travels with what we write.
func dial(to netip.AddrPort, deadline time.Time, weSpeak bool) (*conn, error) {
	family, sa, err := sockaddr(to)
	if err != nil {
		return nil, localError{err}
	}
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, syscall.IPPROTO_TCP)
	if err != nil {
		return nil, localError{err}
	}
	if weSpeak {
		// A hint only: without it there is one packet more.
		_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 0)
	}
	if err := syscall.Connect(fd, sa); err != nil && err != syscall.EINPROGRESS {
		_ = syscall.Close(fd)
		return nil, localError{err}
	}
	c := &conn{file: os.NewFile(uintptr(fd), "tcp"), peer: to}
	if err := c.awaitConnect(sa, deadline); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// awaitConnect asks by a second connect(2) whether the first is through: EISCONN or nil, EALREADY for "not
// yet", anything else is what the network said.
func (c *conn) awaitConnect(sa syscall.Sockaddr, deadline time.Time) error {
	if err := c.file.SetDeadline(deadline); err != nil {
		return err
	}
	raw, err := c.file.SyscallConn()
	if err != nil {
		return err
	}
	var said error
	waitErr := raw.Write(func(fd uintptr) bool {
		said = syscall.Connect(int(fd), sa)
		if (said == nil || said == syscall.EISCONN) && c.isItself(int(fd)) {
			said = syscall.ECONNREFUSED
		}
		return said != syscall.EALREADY && said != syscall.EINTR
	})
	switch {
	case waitErr != nil:
		return waitErr
	case said == nil, said == syscall.EISCONN:
		return nil
	default:
		return said
	}
}

// isItself says whether the socket has met itself: where nobody listens at a port of this host that is in the range of
// local ports, the kernel may choose just that one, and TCP then opens from both ends (RFC 9293 3.5).
func (c *conn) isItself(fd int) bool {
	local, err := syscall.Getsockname(fd)
	if err != nil {
		return false
	}
	switch l := local.(type) {
	case *syscall.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(l.Addr), uint16(l.Port)) == c.peer
	case *syscall.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(l.Addr), uint16(l.Port)) == netip.AddrPortFrom(c.peer.Addr().WithZone(""), c.peer.Port())
	default:
		return false
	}
}

func sockaddr(to netip.AddrPort) (family int, sa syscall.Sockaddr, err error) {
	if a := to.Addr(); a.Is4() {
		return syscall.AF_INET, &syscall.SockaddrInet4{Port: int(to.Port()), Addr: a.As4()}, nil
	}
	sa6 := &syscall.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}
	if zone := to.Addr().Zone(); zone != "" {
		ifi, err := net.InterfaceByName(zone)
		if err != nil {
			return 0, nil, syscall.ENETUNREACH
		}
		sa6.ZoneId = uint32(ifi.Index)
	}
	return syscall.AF_INET6, sa6, nil
}

func (c *conn) Read(p []byte) (int, error)         { return c.file.Read(p) }
func (c *conn) Write(p []byte) (int, error)        { return c.file.Write(p) }
func (c *conn) Close() error                       { return c.file.Close() }
func (c *conn) SetDeadline(t time.Time) error      { return c.file.SetDeadline(t) }
func (c *conn) SetReadDeadline(t time.Time) error  { return c.file.SetReadDeadline(t) }
func (c *conn) SetWriteDeadline(t time.Time) error { return c.file.SetWriteDeadline(t) }
func (c *conn) RemoteAddr() net.Addr               { return net.TCPAddrFromAddrPort(c.peer) }
func (c *conn) LocalAddr() net.Addr                { return new(net.TCPAddr) }

var _ net.Conn = (*conn)(nil)
