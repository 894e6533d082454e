package main

import (
	"net/netip"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// mirrorName is the row of a server that does nothing: what that one takes is what this machine takes, whoever serves.
const mirrorName = "mirror"

const (
	syncedBytes = 700 // of an update; what ours writes
	mostAtOnce  = 64  // updates synced together
)

// mirrorKind is this program as a server: it turns each question into an answer without looking at it. Updates it answers after it
// wrote as much as ours would and synced it, in a thread of its own.
func mirrorKind(self string) kind {
	return kind{name: mirrorName, program: self, updates: true,
		files: func(*site) map[string]string { return nil },
		args: func(s *site) []string {
			return []string{"-mirror", filepath.Join(s.dir, "synced"), "-addr", s.addr.String()}
		}}
}

// change is an update that the mirror has not answered.
type change struct {
	answer []byte
	to     unix.Sockaddr
}

// mirror serves at an address until it is killed.
func mirror(addr, file string) error {
	runtime.GOMAXPROCS(4) // nobody waits for the scheduler
	at, err := netip.ParseAddrPort(addr)
	if err != nil {
		return err
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: at.Addr().As4(), Port: int(at.Port())}); err != nil {
		return err
	}
	changes := make(chan change, 4096)
	go syncAll(fd, int(f.Fd()), changes)
	runtime.LockOSThread()
	buf := make([]byte, 4096)
	for {
		n, from, err := unix.Recvfrom(fd, buf, 0)
		if err != nil || n < 12 {
			continue
		}
		buf[2] |= 0x80
		if buf[2]>>3&15 == 5 { // UPDATE
			changes <- change{append([]byte(nil), buf[:n]...), from}
			continue
		}
		buf[7] = 1 // says that there is a record, and has none
		_ = unix.Sendto(fd, buf[:n], 0, from)
	}
}

// syncAll makes updates durable, those that wait together, and answers them.
func syncAll(fd, file int, changes <-chan change) {
	runtime.LockOSThread()
	block := make([]byte, syncedBytes)
	var batch []change
	for c := range changes {
		batch = append(batch[:0], c)
		for len(batch) < mostAtOnce && len(changes) > 0 {
			batch = append(batch, <-changes)
		}
		for range batch {
			_, _ = unix.Write(file, block)
		}
		_ = unix.Fdatasync(file)
		for _, c := range batch {
			_ = unix.Sendto(fd, c.answer, 0, c.to)
		}
	}
}
