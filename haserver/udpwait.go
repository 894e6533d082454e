package haserver

import (
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// udpPoll lets a loop wait for its socket through the runtime's poller when it wants to, and only then. A socket that the poller
// itself watches wakes up a thread for every message, also while the loop reads in the system call: a seventh of the processor time
// of an answer, when there is a slot (slots.go) for that thread.
//
// It is an epoll instance with the one socket in it; the poller watches the instance.
type udpPoll struct {
	file  *os.File
	raw   syscall.RawConn
	armed bool // the loop's own: the socket's messages wake up the poller
}

func newUDPPoll(socket int) (*udpPoll, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	err = unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, socket, &unix.EpollEvent{})
	if err == nil {
		err = unix.SetNonblock(fd, true) // os.NewFile gives the poller what does not block
	}
	if err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	p := &udpPoll{file: os.NewFile(uintptr(fd), "epoll")}
	if p.raw, err = p.file.SyscallConn(); err != nil {
		p.file.Close()
		return nil, err
	}
	return p, nil
}

// arm has the socket's messages wake up the poller, or not.
func (p *udpPoll) arm(fd, socket int, on bool) {
	if p.armed == on {
		return
	}
	var e unix.EpollEvent
	if on {
		e.Events = unix.EPOLLIN
	}
	if unix.EpollCtl(fd, unix.EPOLL_CTL_MOD, socket, &e) == nil {
		p.armed = on
	}
}

// stop ends waiting.
func (p *udpPoll) stop() { _ = p.file.SetReadDeadline(time.Unix(1, 0)) }

// receive reads a batch; an error says that the socket is closed.
func (l *udpLoop) receive() error {
	if l.squeezed() {
		return l.poll.raw.Read(l.readPolled)
	}
	if l.poll.armed {
		if err := l.poll.raw.Control(l.disarm); err != nil {
			return err
		}
	}
	return l.raw.Read(l.readWaiting)
}

// squeezed says that something is answered beside the loop and the runtime has no slot for it: while the loop waits in a system call
// the runtime would notice only after a while that this core has something else to do.
func (l *udpLoop) squeezed() bool { return l.s.underWay() && !l.s.slot.Load() }

// methods of the loop that are handed to system calls, made once: a method value allocates.
func (l *udpLoop) bindReads() {
	l.readWaiting = func(fd uintptr) bool {
		for !l.recvmmsg(fd, 0) && !l.closed.Load() {
		}
		return true
	}
	tried := false
	try := func(fd uintptr) bool {
		tried = l.recvmmsg(fd, unix.MSG_DONTWAIT)
		return true
	}
	l.readPolled = func(fd uintptr) bool {
		l.poll.arm(int(fd), l.fd, true)
		return l.raw.Read(try) != nil || tried || l.closed.Load()
	}
	l.disarm = func(fd uintptr) { l.poll.arm(int(fd), l.fd, false) }
}

// recvmmsg reads what is there, or waits for something; false: nothing was there.
func (l *udpLoop) recvmmsg(fd, flags uintptr) bool {
	n, _, errno := syscall.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&l.in[0])), udpBatch, unix.MSG_WAITFORONE|flags, 0, 0)
	if errno == syscall.EINTR || errno == syscall.EAGAIN {
		return false
	}
	l.received, l.errno = int(n), errno
	return true
}
