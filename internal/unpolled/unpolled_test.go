package unpolled

import (
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestSocket: what is taken out has the port, waits in the system call until the socket is shut down, and no poller watches it.
func TestSocket(t *testing.T) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	to := conn.LocalAddr().(*net.UDPAddr)
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) {
		if watched(t, fd) == 0 {
			t.Skip("the kernel does not tell who watches a socket")
		}
	})
	f, err := Socket(conn)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := conn.Write(nil); err == nil {
		t.Error("the socket that was given is still open")
	}
	if n := watched(t, f.Fd()); n != 0 {
		t.Errorf("%d pollers watch it", n)
	}
	from, err := net.DialUDP("udp4", nil, to)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	if raw, err = f.SyscallConn(); err != nil {
		t.Fatal(err)
	}
	read := func() (n int, errno error) {
		if err := raw.Read(func(fd uintptr) bool {
			n, errno = syscall.Read(int(fd), make([]byte, 10))
			return true
		}); err != nil {
			t.Error(err)
		}
		return n, errno
	}
	if _, err := from.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if n, err := read(); n != 5 || err != nil {
		t.Errorf("read %d octets, %v", n, err)
	}
	ended := make(chan struct{})
	go func() {
		_, _ = read()
		close(ended)
	}()
	_ = raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_RD) })
	<-ended
}

// watched is how many epoll instances of this process watch a socket, under whatever number.
func watched(t *testing.T, fd uintptr) (n int) {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Fstat(int(fd), &st); err != nil {
		t.Fatal(err)
	}
	const dir = "/proc/self/fdinfo/"
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Skip(err)
	}
	for _, f := range files {
		info, _ := os.ReadFile(dir + f.Name()) // the directory's own is gone by now
		for line := range strings.Lines(string(info)) {
			if strings.HasPrefix(line, "tfd:") && strings.Contains(line, fmt.Sprintf("ino:%x ", st.Ino)) {
				n++
			}
		}
	}
	return n
}
