package socket

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"golang.org/x/net/bpf"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"

	"loadshare/dhcp/lease"
)

// echoSocket sends ICMP echo requests and reads the replies (RFC 792).
type echoSocket struct {
	conn *icmp.PacketConn
	raw  bool
	id   uint16
	read sync.WaitGroup
}

// echoSocket gives the open socket, or opens it: the ping socket of Linux, or with CAP_NET_RAW a raw one. p.mu is held.
func (p *Prober) echoSocket() (*echoSocket, error) {
	if p.echo != nil {
		return p.echo, nil
	}
	c, err := icmp.ListenPacket("udp4", "0.0.0.0")
	raw := err != nil
	if raw {
		if c, err = icmp.ListenPacket("ip4:icmp", "0.0.0.0"); err != nil {
			return nil, fmt.Errorf("neither CAP_NET_RAW nor net.ipv4.ping_group_range lets this process send echo requests: %w", err)
		}
	}
	s := &echoSocket{conn: c, raw: raw, id: 0x4C53}
	if raw {
		s.filter()
	}
	s.read.Go(func() {
		if s.run(p) {
			p.lost(s, nil)
		}
	})
	p.echo = s
	return s, nil
}

// filter keeps all but our replies from a raw socket, which gets every ICMP packet of the host.
func (s *echoSocket) filter() {
	prog, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadMemShift{Off: 0},          // X = length of the IP header
		bpf.LoadIndirect{Off: 0, Size: 1}, // the ICMP type
		bpf.JumpIf{Val: 0, SkipFalse: 3},  // an echo reply
		bpf.LoadIndirect{Off: 4, Size: 2}, // its id
		bpf.JumpIf{Val: uint32(s.id), SkipFalse: 1},
		bpf.RetConstant{Val: 1 << 16},
		bpf.RetConstant{Val: 0},
	})
	if err == nil {
		_ = s.conn.IPv4PacketConn().SetBPF(prog) // without it they are passed over one by one
	}
}

// ask sends one request.
func (s *echoSocket) ask(q *probe) error {
	m := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: int(s.id), Seq: int(binary.BigEndian.Uint16(q.token[:])), Data: q.token[:]}}
	b, err := m.Marshal(nil)
	if err != nil {
		return err
	}
	ip := q.ip.Addr().AsSlice()
	var to net.Addr = &net.UDPAddr{IP: ip}
	if s.raw {
		to = &net.IPAddr{IP: ip}
	}
	_, err = s.conn.WriteTo(b, to)
	return err
}

// run hands on replies until the socket is closed; true: it broke.
func (s *echoSocket) run(p *Prober) (broken bool) {
	b := make([]byte, 1500)
	for errs := 0; errs < brokenAfter; {
		n, from, err := s.conn.ReadFrom(b)
		if errors.Is(err, net.ErrClosed) {
			return false
		}
		if err != nil {
			errs++
			continue
		}
		errs = 0
		m, err := icmp.ParseMessage(1, b[:n])
		if err != nil || m.Type != ipv4.ICMPTypeEchoReply {
			continue
		}
		if e, ok := m.Body.(*icmp.Echo); ok && (!s.raw || e.ID == int(s.id)) {
			p.answered(senderOf(from), e.Data, false)
		}
	}
	_ = s.conn.Close()
	return true
}

func senderOf(a net.Addr) lease.IP {
	var ip net.IP
	switch a := a.(type) {
	case *net.IPAddr:
		ip = a.IP
	case *net.UDPAddr:
		ip = a.IP
	}
	addr, _ := netip.AddrFromSlice(ip)
	return lease.IPOf(addr)
}

func (s *echoSocket) close() {
	if s != nil {
		_ = s.conn.Close()
		s.read.Wait()
	}
}
