// Package unpolled takes sockets out of the runtime's poller. A socket that the poller watches wakes up a thread of the runtime for every
// message that comes and for every one that has gone, also while its reader waits in the system call: on a quiet server that costs as much
// as the answer, and who has to be woken up next waits behind that thread.
package unpolled

import (
	"errors"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Socket is the same socket in the blocking mode, which the poller does not know; conn is closed in any case. Who reads it waits in the
// system call, through SyscallConn: closing the file does not end that, a shutdown of the socket does.
func Socket(conn *net.UDPConn) (*os.File, error) {
	defer conn.Close() // the poller forgets it
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	cerr := raw.Control(func(of uintptr) { fd, err = unix.FcntlInt(of, unix.F_DUPFD_CLOEXEC, 0) })
	if err = errors.Join(cerr, err); err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, false); err != nil { // os.NewFile gives the poller what does not block
		return nil, errors.Join(err, unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), "udp"), nil
}
