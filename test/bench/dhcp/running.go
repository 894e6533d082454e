package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"loadshare/internal/dhcpclient"
)

const startLimit = 90 * time.Second

// running is one server or pair under measurement.
type running struct {
	kind
	net     *network
	dir     string
	servers []*server
}

// start starts the servers and waits until they serve as they are meant to.
func (r *running) start() error {
	for _, s := range r.servers {
		if err := r.kind.start(r.kind, s); err != nil {
			return err
		}
	}
	return r.serving()
}

func (r *running) serving() error {
	for begun := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		normal := true
		for _, s := range r.servers {
			if err := s.proc.Ended(); err != nil {
				return err
			}
			normal = normal && (r.normal == nil || r.normal(r.kind, s))
		}
		if normal && r.answers() == nil {
			return nil
		}
		if time.Since(begun) > startLimit {
			return fmt.Errorf("not ready within %v", startLimit)
		}
	}
}

func (r *running) targets() (list []netip.AddrPort) {
	for _, s := range r.servers {
		list = append(list, netip.AddrPortFrom(s.addr, 67))
	}
	return list
}

func (r *running) config(wait time.Duration, tries int) dhcpclient.Config {
	return dhcpclient.Config{Local: netip.MustParseAddrPort(relayAddr + ":67"), Servers: r.targets(), Wait: wait, Tries: tries}
}

// answers gets a lease for a client that is not one of the load's, and gives it back.
func (r *running) answers() error {
	c, err := dhcpclient.Listen(r.config(300*time.Millisecond, 1))
	if err != nil {
		return err
	}
	defer c.Close()
	me := dhcpclient.Client{MAC: []byte{2, 0xAB, 0, 0, 0, 1}}
	l, err := c.Acquire(context.Background(), me)
	if err != nil {
		return err
	}
	return c.Release(me, l)
}

// outcome is what became of a load, and the processor time that it cost the servers and the load itself.
type outcome struct {
	dhcpclient.Result
	servers, load time.Duration
}

// each is a part of it for one lease, in microseconds.
func (o *outcome) each(d time.Duration) float64 { return float64(d.Microseconds()) / float64(o.Kept) }

// load runs a load of new clients.
func (r *running) load(wait time.Duration, tries int, l dhcpclient.Load) (*outcome, error) {
	g, err := dhcpclient.NewGenerator(r.config(wait, tries))
	if err != nil {
		return nil, err
	}
	defer g.Close()
	before, own := r.used(), ownTime()
	res, err := g.Run(context.Background(), l)
	o := &outcome{res, r.used() - before, ownTime() - own}
	if err == nil && res.Duplicates > 0 {
		err = fmt.Errorf("%d addresses were given to two clients", res.Duplicates)
	}
	return o, err
}

// ownTime is the processor time of this process so far.
func ownTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// settled waits until the partner knows everything, and says how long that took; only ours tells.
func (r *running) settled() (time.Duration, error) {
	begun := time.Now()
	for {
		waiting := 0
		for _, s := range r.servers {
			st, err := statusOurs(r.kind, s)
			if err != nil {
				return 0, err
			}
			for _, p := range st.Pairs {
				waiting += p.Unacked
			}
		}
		if waiting == 0 {
			return time.Since(begun), nil
		}
		if time.Since(begun) > startLimit {
			return 0, errors.New("the partner never knew everything")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (r *running) used() (d time.Duration) {
	for _, s := range r.servers {
		if s.proc != nil {
			d += s.proc.Used()
		}
	}
	return d
}

func (r *running) stop() {
	for _, s := range r.servers {
		s.stop(syscall.SIGTERM)
	}
}

func (r *running) tails() string {
	if r == nil {
		return ""
	}
	var b strings.Builder
	for _, s := range r.servers {
		fmt.Fprintf(&b, "--- %s\n%s\n", s.addr, s.proc.Tail())
	}
	return b.String()
}
