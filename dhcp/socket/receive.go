package socket

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/packet"
)

const brokenAfter = 100 // errors of a socket in a row

// reader reads one socket in batches. The kernel keeps pointers into it only during a system call.
type reader struct {
	s      *Server
	c      *conn
	admit  func([]byte, packet.Arrival) bool // nil: all
	handle func([]Received)

	in      [batchSize]mmsghdr
	iov     [batchSize]unix.Iovec
	names   [batchSize]unix.RawSockaddrInet4
	control [batchSize]info
	data    [batchSize][maxDatagram]byte
	ready   [batchSize]Received

	got   int
	errno syscall.Errno
}

func newReader(s *Server, c *conn, admit func([]byte, packet.Arrival) bool, handle func([]Received)) *reader {
	r := &reader{s: s, c: c, admit: admit, handle: handle}
	for i := range r.in {
		r.iov[i].Base = &r.data[i][0]
		r.iov[i].SetLen(maxDatagram)
		h := &r.in[i].hdr
		h.Name = (*byte)(unsafe.Pointer(&r.names[i]))
		h.Iov = &r.iov[i]
		h.SetIovlen(1)
		h.Control = &r.control[i][0]
	}
	return r
}

// run reads until the socket is closed.
func (r *reader) run() error {
	read := r.receive
	for errs := 0; errs < brokenAfter; {
		for i := range r.in {
			h := &r.in[i].hdr
			h.Namelen, h.Flags = unix.SizeofSockaddrInet4, 0
			h.SetControllen(len(r.control[i]))
		}
		err := r.c.raw.Read(read)
		if r.c.closed.Load() {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read from %s: %w", r.c.name(), err)
		}
		if r.errno != 0 {
			errs++ // what befell an earlier reply, or an interface that is down; the next read goes on
			continue
		}
		errs = 0
		r.batch()
	}
	return fmt.Errorf("read from %s: %w", r.c.name(), errors.Join(errBroken, r.errno))
}

var errBroken = errors.New("the socket does nothing but fail")

func (r *reader) receive(fd uintptr) bool {
	r.got, r.errno = recvmmsg(fd, r.in[:])
	if r.errno == syscall.EINTR {
		return r.c.closed.Load()
	}
	return true
}

// batch hands on what was read.
func (r *reader) batch() {
	now := time.Now()
	n := 0
	for i := range r.got {
		h := &r.in[i]
		if h.hdr.Flags&unix.MSG_TRUNC != 0 {
			r.s.count.malformed.Add(1)
			continue
		}
		octets := r.data[i][:h.n]
		from, ok := r.arrival(i)
		if !ok {
			continue
		}
		if r.admit != nil && !r.admit(octets, from) {
			r.s.count.unwanted.Add(1)
			continue
		}
		if r.s.seen != nil && r.s.seen.elsewhere(r.c, octets, now) {
			r.s.count.duplicate.Add(1)
			continue
		}
		p, err := packet.Parse(octets)
		if err != nil {
			r.s.count.malformed.Add(1)
			continue
		}
		r.ready[n] = Received{p, from}
		n++
	}
	if n == 0 {
		return
	}
	r.s.count.received.Add(uint64(n))
	r.handle(r.ready[:n])
	clear(r.ready[:n])
}

// arrival says where message i came in; not ok is counted: it is not for this socket.
func (r *reader) arrival(i int) (packet.Arrival, bool) {
	name := &r.names[i]
	source := netip.AddrPortFrom(netip.AddrFrom4(name.Addr), binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&name.Port))[:]))
	a := packet.Arrival{Source: source, RelayPort: serverPort}
	if r.s.relaySource {
		a.RelayPort = source.Port()
	}
	index, local, to, ok := r.control[i].pktinfo(int(r.in[i].hdr.Controllen))
	switch {
	case !ok:
		r.s.count.foreign.Add(1)
		return a, false
	case to == local: // unicast
		a.Local = local
		if r.c.iface != "" {
			r.c.last.Store(uint32(local))
		}
		return a, true
	case r.c.iface == "": // a broadcast at the listening address 0.0.0.0: the interface's own socket has it too, if it is served
		if r.s.serves(index) {
			r.s.count.duplicate.Add(1)
		} else {
			r.s.count.foreign.Add(1)
		}
		return a, false
	case local == anyIP:
		r.s.count.foreign.Add(1)
		return a, false
	}
	a.Interface, a.Local = r.c.iface, r.c.ownAddress(local)
	r.c.last.Store(uint32(a.Local))
	return a, true
}

// serves says that broadcasts of the interface with that number are heard.
func (s *Server) serves(index int32) bool {
	for _, c := range s.interfaces {
		if c.index.Load() == index {
			return true
		}
	}
	return false
}

func (c *conn) name() string {
	if c.iface != "" {
		return "interface " + c.iface
	}
	return c.at.String()
}

func (c *conn) has(ip lease.IP) bool { return lease.IPOf(c.at.Addr()) == ip }
