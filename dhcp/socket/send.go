package socket

import (
	"encoding/binary"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/packet"
)

// fullWait is how long a full queue of the kernel is waited for.
const fullWait = 50 * time.Millisecond

// sender is a batch for one socket. The kernel keeps pointers into it only during a system call.
type sender struct {
	to      *conn // nil: the socket of frames
	n       int
	out     [batchSize]mmsghdr
	iov     [batchSize][2]unix.Iovec
	names   [batchSize]unix.RawSockaddrInet4
	link    [batchSize]unix.RawSockaddrLinklayer
	control [batchSize]info
	header  [batchSize][headerSize]byte
}

// Send sends at once, in order; what cannot be sent is counted. It is safe for several goroutines.
func (s *Server) Send(batch []Outgoing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range batch {
		o := &batch[i]
		if len(o.Octets) == 0 {
			continue
		}
		c, frame := s.way(&o.To)
		if c == nil {
			s.count.unsent.Add(1)
			continue
		}
		index := c.index.Load()
		if frame {
			c = nil
		}
		if b := &s.out; b.n == batchSize || b.n > 0 && b.to != c {
			s.flush()
		}
		s.out.to = c
		if frame {
			s.out.frame(o, index)
		} else {
			s.out.datagram(o, c)
		}
	}
	s.flush()
}

// way chooses the socket for a destination, and whether a frame must be made by hand; nil: there is none.
func (s *Server) way(to *packet.Destination) (c *conn, frame bool) {
	if len(to.CHAddr) > 0 || to.IP == everybody {
		for _, c := range s.interfaces {
			if c.iface == to.Interface {
				return c, to.IP != everybody && to.HType == 1 && len(to.CHAddr) == 6 && s.raw >= 0
			}
		}
		return nil, false
	}
	for _, c := range s.listening {
		if c.has(to.Local) {
			return c, false
		}
	}
	for _, c := range s.listening {
		if c.has(anyIP) {
			return c, false
		}
	}
	for _, c := range s.interfaces {
		if c.iface == to.Interface || to.Interface == "" && lease.IP(c.last.Load()) == to.Local {
			return c, false
		}
	}
	if to.Local == anyIP && len(s.listening) > 0 {
		return s.listening[0], false
	}
	return nil, false
}

// datagram adds a message that the kernel makes the headers of.
func (b *sender) datagram(o *Outgoing, c *conn) {
	name := &b.names[b.n]
	*name = unix.RawSockaddrInet4{Family: unix.AF_INET}
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&name.Port))[:], o.To.Port)
	ip := o.To.IP
	if len(o.To.CHAddr) > 0 {
		ip = everybody // hardware that no frame is made for
	}
	binary.BigEndian.PutUint32(name.Addr[:], uint32(ip))
	h := &b.out[b.n].hdr
	*h = unix.Msghdr{Name: (*byte)(unsafe.Pointer(name)), Namelen: unix.SizeofSockaddrInet4, Iov: &b.iov[b.n][0]}
	h.SetIovlen(1)
	b.iov[b.n][0].Base = &o.Octets[0]
	b.iov[b.n][0].SetLen(len(o.Octets))
	if c.has(anyIP) && o.To.Local != anyIP {
		h.Control = &b.control[b.n][0]
		h.SetControllen(b.control[b.n].from(o.To.Local))
	}
	b.n++
}

// frame adds a message to a hardware address; the kernel adds the header of the link.
func (b *sender) frame(o *Outgoing, index int32) {
	link := &b.link[b.n]
	*link = unix.RawSockaddrLinklayer{Family: unix.AF_PACKET, Ifindex: index, Halen: uint8(len(o.To.CHAddr))}
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&link.Protocol))[:], unix.ETH_P_IP)
	copy(link.Addr[:], o.To.CHAddr)
	putHeader(&b.header[b.n], o.To.Local, o.To.IP, o.To.Port, o.Octets)
	iov := &b.iov[b.n]
	iov[0].Base = &b.header[b.n][0]
	iov[0].SetLen(headerSize)
	iov[1].Base = &o.Octets[0]
	iov[1].SetLen(len(o.Octets))
	h := &b.out[b.n].hdr
	*h = unix.Msghdr{Name: (*byte)(unsafe.Pointer(link)), Namelen: unix.SizeofSockaddrLinklayer, Iov: &iov[0]}
	h.SetIovlen(2)
	b.n++
}

// flush sends the batch.
func (s *Server) flush() {
	b := &s.out
	if b.n == 0 {
		return
	}
	switch {
	case b.to != nil:
		if err := b.to.control(func(fd int) error { s.transmit(fd); return nil }); err != nil { // closed
			s.count.unsent.Add(uint64(b.n))
		}
	case s.raw >= 0:
		s.transmit(s.raw)
	default:
		s.count.unsent.Add(uint64(b.n))
	}
	for i := range b.n {
		b.iov[i] = [2]unix.Iovec{} // keep nobody's octets
	}
	b.n = 0
}

func (s *Server) transmit(fd int) {
	b := &s.out
	for sent := 0; sent < b.n; {
		n, errno := sendmmsg(uintptr(fd), b.out[sent:b.n])
		switch errno {
		case 0:
			sent += n
			s.count.sent.Add(uint64(n))
		case syscall.EINTR:
		case syscall.EAGAIN:
			if !writable(fd) {
				s.count.full.Add(uint64(b.n - sent))
				return
			}
		default:
			s.count.unsent.Add(1) // this one cannot go out; the rest can
			sent++
		}
	}
}

// writable waits until the kernel takes more.
func writable(fd int) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, int(fullWait/time.Millisecond))
	return err == nil && n > 0
}
