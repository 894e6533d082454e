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
			before := c.index.Load()
			err := s.look(c)
			switch {
			case err != nil && before != 0:
				s.log.Warn("DHCP interface is gone", "interface", c.iface, "error", err)
			case err == nil && before == 0:
				s.log.Info("DHCP interface is back", "interface", c.iface)
			}
		}
	}
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
