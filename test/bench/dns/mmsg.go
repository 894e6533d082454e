package main

import (
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batch is how many messages one system call of the generator moves at most.
const batch = 64

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
	_   [4]byte
}

// socket is a connected UDP socket that never blocks and moves many messages in one call.
type socket struct {
	fd       int
	out, in  [batch]mmsghdr
	outV     [batch]unix.Iovec
	inV      [batch]unix.Iovec
	received [batch][1500]byte
}

func dialUDP(to netip.AddrPort) (*socket, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("connect %s: %w", to, err)
	}
	s := &socket{fd: fd}
	for i := range s.in {
		s.inV[i].Base = &s.received[i][0]
		s.inV[i].SetLen(len(s.received[i]))
		s.in[i].hdr.Iov = &s.inV[i]
		s.in[i].hdr.SetIovlen(1)
		s.out[i].hdr.Iov = &s.outV[i]
		s.out[i].hdr.SetIovlen(1)
	}
	return s, nil
}

func (s *socket) close() { _ = unix.Close(s.fd) }

// put makes msg the i-th message of the next send.
func (s *socket) put(i int, msg []byte) {
	s.outV[i].Base = &msg[0]
	s.outV[i].SetLen(len(msg))
}

// send sends the first n messages; what the kernel does not take now is lost, as on a network.
func (s *socket) send(n int) (sent int, err error) {
	r, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.out[0])), uintptr(n), unix.MSG_DONTWAIT, 0, 0)
	if errno == unix.EAGAIN || errno == unix.EINTR || errno == unix.ECONNREFUSED {
		return 0, nil
	}
	if errno != 0 {
		return 0, errno
	}
	return int(r), nil
}

// receive takes what is there; message i is s.message(i).
func (s *socket) receive() (n int, err error) {
	r, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.in[0])), batch, unix.MSG_DONTWAIT, 0, 0)
	if errno == unix.EAGAIN || errno == unix.EINTR || errno == unix.ECONNREFUSED {
		return 0, nil
	}
	if errno != 0 {
		return 0, errno
	}
	return int(r), nil
}

func (s *socket) message(i int) []byte { return s.received[i][:s.in[i].n] }
