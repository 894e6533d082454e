//go:build !linux

package probes

import (
	"net"
	"net/netip"
	"time"
)

// conn is a TCP connection by the portable way; see dial_linux.go for the one that servers use.
type conn struct{ net.Conn }

func dial(to netip.AddrPort, deadline time.Time, _ bool) (*conn, error) {
	d := net.Dialer{Deadline: deadline, KeepAlive: -1}
	c, err := d.Dial("tcp", to.String())
	if err != nil {
		return nil, err
	}
	return &conn{c}, c.SetDeadline(deadline)
}
