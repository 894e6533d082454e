package main

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// questions are asked in random order.
type questions struct {
	wire [][]byte
	rng  *rand.Rand
}

// newQuestions asks for the addresses of all hosts of a zone of that many.
func newQuestions(hosts int) *questions {
	q := &questions{rng: rand.New(rand.NewPCG(1, 2))}
	for i := range hosts {
		q.wire = append(q.wire, query("h"+itoa(i)+"."+zoneName, 1))
	}
	return q
}

func (q *questions) next() []byte { return q.wire[q.rng.IntN(len(q.wire))] }

// stream sends updates by UDP at a fixed rate beside the questions, from the same loop.
type stream struct {
	sock     *socket
	updater  *updater
	every    time.Duration
	next     time.Time
	sent, ok int
}

func newStream(to netip.AddrPort, rate int, secret []byte, name string) (*stream, error) {
	if rate == 0 {
		return nil, nil
	}
	sock, err := dialUDP(to)
	if err != nil {
		return nil, err
	}
	return &stream{sock: sock, updater: newUpdater(name, secret), every: time.Second / time.Duration(rate), next: time.Now()}, nil
}

// step does what is due.
func (u *stream) step(now time.Time) error {
	if u == nil {
		return nil
	}
	n, err := u.sock.receive()
	if err != nil {
		return err
	}
	for i := range n {
		if good(u.sock.message(i)) {
			u.ok++
		}
	}
	if now.Before(u.next) {
		return nil
	}
	u.sock.put(0, u.updater.next())
	if n, err = u.sock.send(1); err != nil {
		return err
	}
	u.sent += n
	if u.next = u.next.Add(u.every); now.Sub(u.next) > time.Second {
		u.next = now
	}
	return nil
}

func (u *stream) close() {
	if u != nil {
		u.sock.close()
	}
}

var errBad = errors.New("an answer has an error or no records")

// saturate keeps a server busy for a time: sockets×window questions are always under way, fewer than fit into a
// socket's default buffer. It returns how many were answered.
func saturate(to netip.AddrPort, q *questions, u *stream, span time.Duration) (answers int, err error) {
	const sockets, window = 4, 48
	var socks [sockets]*socket
	var fds [sockets]unix.PollFd
	for i := range socks {
		if socks[i], err = dialUDP(to); err != nil {
			return 0, err
		}
		defer socks[i].close()
		fds[i] = unix.PollFd{Fd: int32(socks[i].fd), Events: unix.POLLIN}
	}
	fill := func(s *socket, n int) error {
		for i := range n {
			s.put(i, q.next())
		}
		_, err := s.send(n)
		return err
	}
	end := time.Now().Add(span)
	for first := true; ; first = false {
		now := time.Now()
		if now.After(end) {
			return answers, nil
		}
		if err := u.step(now); err != nil {
			return 0, err
		}
		quiet := true
		for _, s := range socks {
			n, err := s.receive()
			if err != nil {
				return 0, err
			}
			for i := range n {
				if !goodData(s.message(i)) {
					return 0, errBad
				}
			}
			answers += n
			if first {
				n = window
			}
			if n > 0 {
				quiet = false
				if err := fill(s, min(n, window)); err != nil {
					return 0, err
				}
			}
		}
		if !quiet {
			continue
		}
		ready, err := unix.Poll(fds[:], 20)
		if err != nil && err != unix.EINTR {
			return 0, err
		}
		if ready == 0 { // all that were under way are lost
			for _, s := range socks {
				if err := fill(s, window); err != nil {
					return 0, err
				}
			}
		}
	}
}

// paced asks at a fixed rate, one message at a time, and returns how long each answer took, sorted; lost are those without.
func paced(to netip.AddrPort, q *questions, u *stream, rate int, span time.Duration) (took []time.Duration, lost int, err error) {
	s, err := dialUDP(to)
	if err != nil {
		return nil, 0, err
	}
	defer s.close()
	var sentAt [1 << 16]time.Time
	var msg [512]byte
	every := time.Second / time.Duration(rate)
	total := int(span / every)
	took = make([]time.Duration, 0, total)
	start := time.Now()
	for sent := 0; ; {
		now := time.Now()
		if sent == total && (len(took) >= total || now.Sub(start) > span+time.Second) {
			break
		}
		if sent < total && now.Sub(start) >= time.Duration(sent)*every {
			n := copy(msg[:], q.next())
			binary.BigEndian.PutUint16(msg[:], uint16(sent))
			sentAt[uint16(sent)] = now
			s.put(0, msg[:n])
			if _, err := s.send(1); err != nil {
				return nil, 0, err
			}
			sent++
		}
		if err := u.step(now); err != nil {
			return nil, 0, err
		}
		n, err := s.receive()
		if err != nil {
			return nil, 0, err
		}
		if n == 0 {
			continue
		}
		now = time.Now()
		for i := range n {
			m := s.message(i)
			if !goodData(m) {
				return nil, 0, errBad
			}
			took = append(took, now.Sub(sentAt[binary.BigEndian.Uint16(m)]))
		}
	}
	slices.Sort(took)
	return took, total - len(took), nil
}

// quantile of sorted durations.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
