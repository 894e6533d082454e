package probes

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

func compileICMP(s *Spec) (func(*attempt), []SpecError) {
	if s.Port != 0 || s.Service != "" {
		return nil, []SpecError{{"port", "given", "none with type icmp"}}
	}
	return lookICMP, nil
}

// lookICMP sends an echo request, and one more after half the time, and waits for a reply (RFC 792, RFC 4443).
func lookICMP(a *attempt) {
	p := &pinger4
	if a.addr.Addr().Is6() {
		p = &pinger6
	}
	c, err := p.join()
	if err != nil {
		if errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM) {
			a.end(ReasonNoPermission, "neither CAP_NET_RAW nor net.ipv4.ping_group_range lets this process send echo requests", nil)
			return
		}
		a.endErr(stageLocal, localError{err}, nil)
		return
	}
	defer p.leave(c)
	w, err := c.expect(a.addr.Addr())
	if err != nil {
		a.end(ReasonLocal, err.Error(), nil)
		return
	}
	defer c.forget(w)

	wait := a.spec.Timeout / 2
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for range 2 {
		if err := c.send(w); err != nil {
			a.endErr(stageLocal, localError{err}, nil)
			return
		}
		select {
		case r := <-w.got:
			a.endEcho(r)
			return
		case <-a.ctx.Done():
			a.end(ReasonCancelled, "", nil)
			return
		case <-timer.C:
			timer.Reset(time.Until(a.deadline))
		}
	}
	a.end(ReasonTimeout, fmt.Sprintf("no echo reply in %v", a.spec.Timeout), nil)
}

func (a *attempt) endEcho(r Reason) {
	if r == ReasonNone {
		a.sawByte()
		a.succeed()
		return
	}
	a.end(r, "an ICMP message says so", nil)
}

// echo is one echo request on its way.
type echo struct {
	to    netip.Addr
	seq   uint16
	token [8]byte // in the payload, so that nobody can answer who did not see the request
	got   chan Reason
}

// wire is the request's ICMP message.
func (c *echoConn) wire(e *echo) ([]byte, error) {
	var t icmp.Type = ipv4.ICMPTypeEcho
	if c.v6 {
		t = ipv6.ICMPTypeEchoRequest
	}
	m := icmp.Message{Type: t, Body: &icmp.Echo{ID: int(c.id), Seq: int(e.seq), Data: e.token[:]}}
	return m.Marshal(nil)
}

func (c *echoConn) send(e *echo) error {
	b, err := c.wire(e)
	if err != nil {
		return err
	}
	var to net.Addr = &net.IPAddr{IP: e.to.AsSlice(), Zone: e.to.Zone()}
	if !c.raw {
		to = &net.UDPAddr{IP: e.to.AsSlice(), Zone: e.to.Zone()}
	}
	_, err = c.conn.WriteTo(b, to)
	return err
}

// reply is what a received ICMP message says about one of our requests.
type reply struct {
	seq    uint16
	id     uint16 // of a raw socket's request; the kernel chooses it for the others
	reason Reason // ReasonNone is an echo reply
	token  []byte // of an echo reply
	to     netip.Addr
}

// parseReply reads an ICMP message; ok is false for all that is no answer to an echo request.
func parseReply(b []byte, v6 bool) (r reply, ok bool) {
	proto := 1
	if v6 {
		proto = 58
	}
	m, err := icmp.ParseMessage(proto, b)
	if err != nil {
		return reply{}, false
	}
	switch m.Type {
	case ipv4.ICMPTypeEchoReply, ipv6.ICMPTypeEchoReply:
		e, isEcho := m.Body.(*icmp.Echo)
		if !isEcho {
			return reply{}, false
		}
		return reply{seq: uint16(e.Seq), id: uint16(e.ID), token: e.Data}, true
	case ipv4.ICMPTypeDestinationUnreachable, ipv6.ICMPTypeDestinationUnreachable:
		d, isUnreach := m.Body.(*icmp.DstUnreach)
		if !isUnreach {
			return reply{}, false
		}
		return parseQuoted(d.Data, v6)
	default:
		return reply{}, false
	}
}

// parseQuoted reads the beginning of our packet that an error message quotes.
func parseQuoted(b []byte, v6 bool) (reply, bool) {
	head, toAt, size, typ, proto, protoAt := 40, 24, 16, byte(128), byte(58), 6
	if !v6 {
		if len(b) < 20 {
			return reply{}, false
		}
		head, toAt, size, typ, proto, protoAt = int(b[0]&0xf)*4, 16, 4, 8, 1, 9
	}
	if head < toAt+size || len(b) < head+8 || b[protoAt] != proto || b[head] != typ {
		return reply{}, false
	}
	to, _ := netip.AddrFromSlice(b[toAt : toAt+size])
	inner := b[head:]
	return reply{
		id: binary.BigEndian.Uint16(inner[4:]), seq: binary.BigEndian.Uint16(inner[6:]),
		reason: ReasonUnreachable, to: to,
	}, true
}

// answers says whether r, received from that address, answers e.
func (r *reply) answers(e *echo, from netip.Addr, c *echoConn) bool {
	if c.raw && r.id != c.id {
		return false
	}
	if r.reason == ReasonNone {
		return from.WithZone("") == e.to.WithZone("") && string(r.token) == string(e.token[:])
	}
	return c.raw && r.to == e.to.WithZone("")
}

func newToken() (t [8]byte) {
	_, _ = rand.Read(t[:]) // never fails (crypto/rand)
	return t
}
