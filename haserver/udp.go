package haserver

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"loadshare/internal/unpolled"
)

const (
	udpBatch   = 32   // messages of one system call
	udpIn      = 4096 // octets of the largest message that is read whole
	udpBuffer  = 4 << 20
	maxSockets = 16
)

// udpSocket is one of several sockets on the same address (SO_REUSEPORT): the kernel spreads clients over them, and each
// has a loop of its own. The runtime's poller does not watch it: reading and writing wait in the system call, or by poll.
type udpSocket struct {
	file   *os.File
	raw    syscall.RawConn
	fd     int
	poll   *udpPoll
	any    bool // bound to all addresses: answers must leave from the one that was asked
	closed atomic.Bool
}

// stop ends reading; answers can still be written.
func (s *udpSocket) stop() {
	s.closed.Store(true)
	_ = s.raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_RD) }) // ENOTCONN, but a reader in the system call wakes up
	s.poll.stop()                                                                    // and so does one that waits for the poller
}

// close also ends sending: a full buffer does not keep anybody.
func (s *udpSocket) close() {
	s.stop()
	_ = s.raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_RDWR) })
	s.poll.file.Close()
	s.file.Close()
}

// sendTo sends one message.
func (s *udpSocket) sendTo(name *unix.RawSockaddrInet6, size uint32, msg, control []byte) error {
	iov := unix.Iovec{Base: &msg[0]}
	iov.SetLen(len(msg))
	h := unix.Msghdr{Name: (*byte)(unsafe.Pointer(name)), Namelen: size, Iov: &iov}
	h.SetIovlen(1)
	if len(control) > 0 {
		h.Control = &control[0]
		h.SetControllen(len(control))
	}
	errno := syscall.EINTR
	err := s.raw.Write(func(fd uintptr) bool {
		for errno == syscall.EINTR {
			_, _, errno = syscall.Syscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&h)), 0)
		}
		return true
	})
	if err == nil && errno != 0 {
		err = os.NewSyscallError("sendmsg", errno)
	}
	return err
}

// listenUDP opens the sockets of one address. Port 0 is not allowed here.
func listenUDP(addr netip.AddrPort) ([]*udpSocket, error) {
	var list []*udpSocket
	for range min(runtime.NumCPU(), maxSockets) {
		s, err := openUDP(addr)
		if err != nil {
			closeUDP(list)
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// openUDP opens one socket as the net package does, and takes it out of the runtime's poller.
func openUDP(addr netip.AddrPort) (*udpSocket, error) {
	conf := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		cerr := c.Control(func(fd uintptr) { err = setUDPOptions(int(fd), addr.Addr()) })
		return errors.Join(cerr, err)
	}}
	watched, err := conf.ListenPacket(background, network("udp", addr), addr.String())
	if err != nil {
		return nil, err
	}
	conn := watched.(*net.UDPConn)
	_ = conn.SetReadBuffer(udpBuffer) // as much as the system allows
	_ = conn.SetWriteBuffer(udpBuffer)
	s := &udpSocket{any: addr.Addr().IsUnspecified()}
	if s.file, err = unpolled.Socket(conn); err != nil {
		return nil, err
	}
	s.fd = int(s.file.Fd())
	s.raw, err = s.file.SyscallConn()
	if err == nil {
		s.poll, err = newUDPPoll(s.fd)
	}
	if err != nil {
		s.file.Close()
		return nil, err
	}
	return s, nil
}

func closeUDP(list []*udpSocket) {
	for _, s := range list {
		s.close()
	}
}

// network keeps IPv4 and IPv6 apart, so that 0.0.0.0 and :: can both be listened on.
func network(kind string, addr netip.AddrPort) string {
	if addr.Addr().Is4() {
		return kind + "4"
	}
	return kind + "6"
}

func setUDPOptions(fd int, a netip.Addr) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return err
	}
	if !a.IsUnspecified() {
		return nil
	}
	if a.Is4() {
		return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
	}
	return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
}

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
	_   [4]byte
}

// udpLoop reads, answers and writes in batches, without allocating. The kernel keeps pointers into it only during a system call.
type udpLoop struct {
	s *Server
	w *worker
	*udpSocket

	in, out         [udpBatch]mmsghdr
	inIov, outIov   [udpBatch]unix.Iovec
	names           [udpBatch]unix.RawSockaddrInet6
	control         [udpBatch][64]byte
	data            [udpBatch][udpIn]byte
	answers         [udpBatch][maxUDP + minUDP]byte
	received, ready int
	at              time.Time // when the batch was read: the time of all its answers
	errno           syscall.Errno
	warmed          uint64 // what warm has read: nobody needs it

	readWaiting, readPolled, write func(fd uintptr) bool
	disarm                         func(fd uintptr)
}

func newUDPLoop(s *Server, sock *udpSocket, w *worker) *udpLoop {
	l := &udpLoop{s: s, w: w, udpSocket: sock}
	for i := range l.in {
		l.inIov[i].Base = &l.data[i][0]
		l.inIov[i].SetLen(udpIn)
		h := &l.in[i].hdr
		h.Name = (*byte)(unsafe.Pointer(&l.names[i]))
		h.Iov = &l.inIov[i]
		h.SetIovlen(1)
	}
	l.bindReads()
	l.write = l.send
	w.now = func() time.Time { return l.at }
	return l
}

// run answers until the socket is closed.
func (l *udpLoop) run() {
	for {
		for i := range l.in {
			h := &l.in[i].hdr
			h.Namelen = unix.SizeofSockaddrInet6
			h.Flags = 0
			if l.any {
				h.Control = &l.control[i][0]
				h.SetControllen(len(l.control[i]))
			}
		}
		if err := l.receive(); err != nil || l.closed.Load() {
			return
		}
		if l.errno != 0 {
			// A socket that was not closed reports what befell an earlier answer; the next read goes on.
			l.w.count.unsent.Add(1)
			continue
		}
		l.ready, l.at = 0, time.Now()
		l.warm()
		for i := range l.received {
			l.one(i)
		}
		if !l.flush() {
			return
		}
		if l.squeezed() { // they have waited for a whole batch
			runtime.Gosched()
		}
	}
}

func (l *udpLoop) message(i int) []byte { return l.data[i][:l.in[i].n] }

// one answers message i of the batch.
func (l *udpLoop) one(i int) {
	h := &l.in[i]
	from := addrOf(&l.names[i])
	switch {
	case !from.IsValid() || from.Port() == 0: // nowhere to answer to
		return
	case h.hdr.Flags&unix.MSG_TRUNC != 0:
		l.w.count.drop(dropLarge)
		return
	}
	in := l.message(i)
	l.w.buf = l.answers[l.ready][:0]
	answer, later := l.w.handle(in, from.Addr().WithZone(""), false)
	if later {
		l.later(i, in, from)
		return
	}
	if answer == nil {
		return
	}
	l.queue(i, answer)
}

// queue puts an answer to message i into the batch that goes out.
func (l *udpLoop) queue(i int, answer []byte) {
	o, iov := &l.out[l.ready], &l.outIov[l.ready]
	iov.Base = &answer[0]
	iov.SetLen(len(answer))
	o.hdr = unix.Msghdr{Name: l.in[i].hdr.Name, Namelen: l.in[i].hdr.Namelen, Iov: iov}
	o.hdr.SetIovlen(1)
	if l.any {
		o.hdr.Control, o.hdr.Controllen = l.in[i].hdr.Control, l.in[i].hdr.Controllen
		anyInterface(l.control[i][:o.hdr.Controllen])
	}
	l.ready++
}

// anyInterface makes what IP_PKTINFO said of a request fit for the answer: from that address, by whatever route.
func anyInterface(control []byte) {
	if len(control) < unix.SizeofCmsghdr {
		return
	}
	h := (*unix.Cmsghdr)(unsafe.Pointer(&control[0]))
	data := control[unix.CmsgLen(0):]
	if h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo {
		binary.NativeEndian.PutUint32(data, 0)
	}
	if h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo && (data[0] != 0xFE || data[1]&0xC0 != 0x80) {
		binary.NativeEndian.PutUint32(data[16:], 0)
	}
}

// flush sends the batch; false when the socket is closed.
func (l *udpLoop) flush() bool {
	for sent := 0; sent < l.ready; {
		l.received = sent // where send begins
		if err := l.raw.Write(l.write); err != nil {
			return false
		}
		if l.errno != 0 {
			l.w.count.unsent.Add(1)
			sent++ // this one cannot go out; the rest can
			continue
		}
		sent += l.received
	}
	return true
}

func (l *udpLoop) send(fd uintptr) bool {
	for {
		n, _, errno := syscall.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&l.out[l.received])), uintptr(l.ready-l.received), 0, 0, 0)
		if errno != syscall.EINTR {
			l.received, l.errno = int(n), errno
			return true
		}
	}
}

// later has message i answered beside the loop, if there is room.
func (l *udpLoop) later(i int, in []byte, from netip.AddrPort) {
	if !l.s.enter() { // left in beside
		if answer := l.w.crowded(); answer != nil {
			l.queue(i, answer)
		}
		return
	}
	msg := append([]byte(nil), in...)
	control := append([]byte(nil), l.control[i][:l.in[i].hdr.Controllen]...)
	if !l.any {
		control = nil
	}
	anyInterface(control)
	name, size := l.names[i], l.in[i].hdr.Namelen
	l.s.beside(func(w *worker) {
		w.slow(msg, from.Addr().WithZone(""), false, func(answer []byte) error {
			return l.sendTo(&name, size, answer, control)
		})
	})
}

// addrOf reads what recvmmsg wrote.
func addrOf(sa *unix.RawSockaddrInet6) netip.AddrPort {
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&sa.Port))[:])
	switch sa.Family {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(sa)).Addr), port)
	case unix.AF_INET6:
		a := netip.AddrFrom16(sa.Addr).Unmap()
		if a.IsLinkLocalUnicast() && sa.Scope_id != 0 {
			a = a.WithZone(fmt.Sprint(sa.Scope_id))
		}
		return netip.AddrPortFrom(a, port)
	}
	return netip.AddrPort{}
}
