package dhcpclient

import (
	"encoding/binary"
	"net/netip"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const batchSize = 64 // messages of one system call

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
	_   [4]byte
}

// batches are the messages of one socket on their way. The kernel keeps pointers into it only during a system call.
type batches struct {
	fd      int
	n       int // to send
	in, out [batchSize]mmsghdr
	inIov   [batchSize]unix.Iovec
	outIov  [batchSize]unix.Iovec
	data    [batchSize][1500]byte
	message [batchSize][size]byte
	servers []unix.RawSockaddrInet4
	unsent  int
}

func newBatches(fd int, servers []netip.AddrPort) *batches {
	b := &batches{fd: fd}
	for i := range b.in {
		b.inIov[i].Base = &b.data[i][0]
		b.inIov[i].SetLen(len(b.data[i]))
		b.in[i].hdr.Iov = &b.inIov[i]
		b.in[i].hdr.SetIovlen(1)
	}
	for _, s := range servers {
		sa := unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: s.Addr().As4()}
		binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&sa.Port))[:], s.Port())
		b.servers = append(b.servers, sa)
	}
	return b
}

// room is where the next message is written; flush when there is none.
func (b *batches) room() []byte {
	if b.n+len(b.servers) > batchSize {
		b.flush()
	}
	return b.message[b.n][:]
}

// queue adds the message that was written to room, once for each server.
func (b *batches) queue(message []byte) {
	for i := range b.servers {
		o := &b.out[b.n]
		b.outIov[b.n].Base = &message[0]
		b.outIov[b.n].SetLen(len(message))
		o.hdr = unix.Msghdr{Name: (*byte)(unsafe.Pointer(&b.servers[i])), Namelen: unix.SizeofSockaddrInet4, Iov: &b.outIov[b.n]}
		o.hdr.SetIovlen(1)
		b.n++
	}
}

// flush sends what is queued; what the kernel does not take is lost, as on a network.
func (b *batches) flush() {
	for sent := 0; sent < b.n; {
		n, _, errno := syscall.Syscall6(unix.SYS_SENDMMSG, uintptr(b.fd), uintptr(unsafe.Pointer(&b.out[sent])), uintptr(b.n-sent), 0, 0, 0)
		switch errno {
		case 0:
			sent += int(n)
		case syscall.EINTR:
		default:
			b.unsent++
			sent++
		}
	}
	b.n = 0
}

// receive takes what is there, after waiting for so long at most.
func (b *batches) receive(wait time.Duration) int {
	if wait > 0 {
		ts := unix.NsecToTimespec(int64(wait))
		if n, err := unix.Ppoll([]unix.PollFd{{Fd: int32(b.fd), Events: unix.POLLIN}}, &ts, nil); err != nil || n == 0 {
			return 0
		}
	}
	n, _, errno := syscall.Syscall6(unix.SYS_RECVMMSG, uintptr(b.fd), uintptr(unsafe.Pointer(&b.in[0])), batchSize, unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}
