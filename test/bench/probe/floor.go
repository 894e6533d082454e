package main

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"
)

// floor is what the kernel alone takes for the same check: socket, connect, write, read and close, atOnce of them in turn, without
// a poller, a timer, a deadline or a verdict. On loopback it holds most of the receiving side's work too, so no
// program can be much below it, and a third of another one's time may be.
func floor(t *targets) (time.Duration, error) {
	request := []byte("GET /robots.txt HTTP/1.0\r\n\r\n")
	var took []time.Duration
	for range rounds {
		before := cpuTime()
		const batches = 1500 / atOnce
		for range batches {
			if err := floorBatch(t, request); err != nil {
				return 0, fmt.Errorf("bare system calls: %w", err)
			}
		}
		took = append(took, (cpuTime()-before)/(batches*atOnce))
	}
	return median(took), nil
}

func floorBatch(t *targets, request []byte) error {
	var fds [atOnce]int
	for i := range fds {
		fd, err := floorOpen(t.next(), request)
		if err != nil {
			return err
		}
		fds[i] = fd
	}
	time.Sleep(500 * time.Microsecond) // let the answers come
	var b [4096]byte
	for _, fd := range fds {
		n, err := syscall.Read(fd, b[:])
		for tries := 0; errors.Is(err, syscall.EAGAIN) && tries < 1000; tries++ {
			time.Sleep(time.Millisecond)
			n, err = syscall.Read(fd, b[:])
		}
		if err != nil || n != len(page) {
			return fmt.Errorf("read %d bytes, %w", n, err)
		}
		if err := syscall.Close(fd); err != nil {
			return err
		}
	}
	return nil
}

func floorOpen(at netip.AddrPort, request []byte) (int, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	err = syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()})
	if err != nil && !errors.Is(err, syscall.EINPROGRESS) {
		return 0, err
	}
	_, err = syscall.Write(fd, request)
	return fd, err
}
