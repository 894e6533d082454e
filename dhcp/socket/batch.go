package socket

import (
	"encoding/binary"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"loadshare/dhcp/lease"
)

const (
	batchSize   = 64   // messages of one system call
	maxDatagram = 4096 // octets of the longest that is read whole
)

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
	_   [4]byte
}

// info is the room for an IP_PKTINFO control message.
type info [64]byte

// pktinfo reads which interface a datagram came in on, the address that the kernel would answer from, and the address that it was sent to.
func (c *info) pktinfo(size int) (index int32, local, to lease.IP, ok bool) {
	if size < unix.CmsgLen(unix.SizeofInet4Pktinfo) {
		return 0, 0, 0, false
	}
	h := (*unix.Cmsghdr)(unsafe.Pointer(&c[0]))
	if h.Level != unix.IPPROTO_IP || h.Type != unix.IP_PKTINFO {
		return 0, 0, 0, false
	}
	d := c[unix.CmsgLen(0):]
	return int32(binary.NativeEndian.Uint32(d)), lease.IP(binary.BigEndian.Uint32(d[4:])), lease.IP(binary.BigEndian.Uint32(d[8:])), true
}

// from makes it say that a datagram leaves from an address, and how long it is.
func (c *info) from(local lease.IP) int {
	*c = info{}
	h := (*unix.Cmsghdr)(unsafe.Pointer(&c[0]))
	h.Level, h.Type = unix.IPPROTO_IP, unix.IP_PKTINFO
	h.SetLen(unix.CmsgLen(unix.SizeofInet4Pktinfo))
	binary.BigEndian.PutUint32(c[unix.CmsgLen(0)+4:], uint32(local))
	return unix.CmsgSpace(unix.SizeofInet4Pktinfo)
}

// recvmmsg waits for one message and takes what else is there.
func recvmmsg(fd uintptr, in []mmsghdr) (int, syscall.Errno) {
	n, _, errno := syscall.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&in[0])), uintptr(len(in)), unix.MSG_WAITFORONE, 0, 0)
	return int(n), errno
}

func sendmmsg(fd uintptr, out []mmsghdr) (int, syscall.Errno) {
	n, _, errno := syscall.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&out[0])), uintptr(len(out)), unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}
