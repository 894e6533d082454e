package socket

import (
	"context"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"loadshare/dhcp/lease"
)

const watchEvery = time.Second

// watch follows the interfaces: one that is removed and made again has another number, and its addresses change.
func (s *Server) watch(ctx context.Context) {
	if len(s.interfaces) == 0 {
		return
	}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, c := range s.interfaces {
			s.listens(c, s.look(c))
		}
	}
}

// Deaf is an interface on which no client is heard.
type Deaf struct {
	Interface string
	Why       string // "is not there", "is down" or "has no link"
	Since     time.Time
}

// Deaf are the interfaces on which no client is heard at present.
func (s *Server) Deaf() (list []Deaf) {
	for _, c := range s.interfaces {
		if d := c.deaf.Load(); d != nil {
			list = append(list, *d)
		}
	}
	return list
}

// listens takes note of what look has found.
func (s *Server) listens(c *conn, err error) {
	was, why := c.deaf.Load(), ""
	switch {
	case err != nil && c.index.Load() == 0:
		why = "is not there"
	case err == nil:
		why = c.noLink()
	}
	switch {
	case why == "" && was != nil:
		c.deaf.Store(nil)
		s.log.Info("DHCP interface is back", "interface", c.iface, "after", time.Since(was.Since).Round(time.Second))
	case why != "" && (was == nil || was.Why != why):
		d := &Deaf{Interface: c.iface, Why: why, Since: time.Now()}
		if was != nil {
			d.Since = was.Since
		}
		c.deaf.Store(d)
		s.log.Warn("no client is heard on a DHCP interface", "interface", c.iface, "why", "it "+why, "error", err)
	}
}

// noLink is why nothing comes through an interface that is there; "": it may.
func (c *conn) noLink() string {
	ifi, err := net.InterfaceByName(c.iface)
	switch {
	case err != nil:
		return "" // the next look says more
	case ifi.Flags&net.FlagUp == 0:
		return "is down"
	case ifi.Flags&net.FlagRunning == 0:
		return "has no link"
	}
	return ""
}

// look reads what the kernel knows of a socket's interface, and binds the socket to it again when it is another one.
func (s *Server) look(c *conn) error {
	ifi, err := net.InterfaceByName(c.iface)
	if err != nil {
		c.index.Store(0)
		return err
	}
	if before := c.index.Load(); before != int32(ifi.Index) {
		if err := c.control(func(fd int) error { return unix.BindToDevice(fd, c.iface) }); err != nil {
			c.index.Store(0)
			return err
		}
		c.index.Store(int32(ifi.Index))
	}
	addrs, err := ifi.Addrs()
	if err != nil {
		return err
	}
	c.local.Store(s.preferred(addrs))
	return nil
}

// preferred is the listening address that the interface has, with its network; nil for none.
func (s *Server) preferred(addrs []net.Addr) *netip.Prefix {
	for _, l := range s.listening {
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr() == l.at.Addr() {
				return &p
			}
		}
	}
	return nil
}

// ownAddress is this server's address for a broadcast that the kernel would answer from kernel.
func (c *conn) ownAddress(kernel lease.IP) lease.IP {
	if p := c.local.Load(); p != nil && p.Contains(kernel.Addr()) {
		return lease.IPOf(p.Addr())
	}
	return kernel
}
