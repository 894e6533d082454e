package socket

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"loadshare/dhcp/lease"
)

const arpSize = 28 // octets of an ARP packet for IPv4 on Ethernet (RFC 826)

var (
	errNoEthernet = errors.New("the interface is no Ethernet")
	errOwn        = errors.New("the address is this server's own")
)

// arpSocket sends ARP requests on all interfaces and reads the replies.
type arpSocket struct {
	file *os.File
	read sync.WaitGroup
	ways map[string]*arpWay
}

// arpWay is how to ask on one interface.
type arpWay struct {
	socket *arpSocket
	index  int
	mac    net.HardwareAddr
	addrs  []netip.Addr
	until  time.Time // when to look at the interface again
}

// arpOn finds the way. p.mu is held.
func (p *Prober) arpOn(iface string) (*arpWay, error) {
	if p.arp == nil {
		s, err := openARP()
		if err != nil {
			return nil, err
		}
		s.read.Go(func() {
			if s.run(p) {
				p.lost(nil, s)
			}
		})
		p.arp = s
	}
	now := time.Now()
	if w := p.arp.ways[iface]; w != nil && now.Before(w.until) {
		return w, nil
	}
	ifi, err := net.InterfaceByName(iface)
	if err != nil {
		return nil, err
	}
	if len(ifi.HardwareAddr) != 6 || ifi.Flags&net.FlagBroadcast == 0 {
		return nil, errNoEthernet
	}
	w := &arpWay{socket: p.arp, index: ifi.Index, mac: ifi.HardwareAddr, until: now.Add(watchEvery)}
	addrs, err := ifi.Addrs()
	if err != nil {
		return nil, err
	}
	for _, a := range addrs {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			w.addrs = append(w.addrs, prefix.Addr())
		}
	}
	p.arp.ways[iface] = w
	return w, nil
}

func openARP() (*arpSocket, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, int(htons(unix.ETH_P_ARP)))
	if err != nil {
		return nil, fmt.Errorf("ARP needs the capability CAP_NET_RAW: %w", err)
	}
	s := &arpSocket{file: os.NewFile(uintptr(fd), "arp"), ways: map[string]*arpWay{}}
	prog, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: 6, Size: 2}, // the operation
		bpf.JumpIf{Val: 2, SkipFalse: 1},  // a reply
		bpf.RetConstant{Val: arpSize},
		bpf.RetConstant{Val: 0},
	})
	if err == nil {
		err = attach(fd, prog)
	}
	if err != nil {
		s.file.Close()
		return nil, fmt.Errorf("filter ARP replies: %w", err)
	}
	return s, nil
}

func attach(fd int, prog []bpf.RawInstruction) error {
	filter := make([]unix.SockFilter, len(prog))
	for i, in := range prog {
		filter[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
}

// own says that the address is one of the interface's: nobody would answer.
func (w *arpWay) own(ip lease.IP) error {
	for _, a := range w.addrs {
		if lease.IPOf(a) == ip {
			return errOwn
		}
	}
	return nil
}

// ask sends an ARP probe: a request without a sender address, so that it changes nobody's table (RFC 5227, 1.1).
func (w *arpWay) ask(ip lease.IP) error {
	var b [arpSize]byte
	be := binary.BigEndian
	be.PutUint16(b[0:], 1) // Ethernet
	be.PutUint16(b[2:], unix.ETH_P_IP)
	b[4], b[5] = 6, 4
	be.PutUint16(b[6:], 1) // request
	copy(b[8:14], w.mac)
	be.PutUint32(b[24:], uint32(ip))
	to := &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ARP), Ifindex: w.index, Halen: 6, Addr: [8]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}}
	raw, err := w.socket.file.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	err = raw.Control(func(fd uintptr) { sent = unix.Sendto(int(fd), b[:], 0, to) })
	return errors.Join(err, sent)
}

// run hands on replies until the socket is closed; true: it broke.
func (s *arpSocket) run(p *Prober) (broken bool) {
	b := make([]byte, 64)
	for errs := 0; errs < brokenAfter; {
		n, err := s.file.Read(b)
		if errors.Is(err, os.ErrClosed) {
			return false
		}
		if err != nil {
			errs++ // an interface that went down
			continue
		}
		errs = 0
		if ip, ok := parseARP(b[:n]); ok {
			p.answered(ip, nil, true)
		}
	}
	_ = s.file.Close()
	return true
}

// parseARP is the sender of an ARP reply (RFC 826).
func parseARP(b []byte) (lease.IP, bool) {
	be := binary.BigEndian
	if len(b) < arpSize || be.Uint16(b) != 1 || be.Uint16(b[2:]) != unix.ETH_P_IP || b[4] != 6 || b[5] != 4 || be.Uint16(b[6:]) != 2 {
		return 0, false
	}
	return lease.IP(be.Uint32(b[14:])), true
}

func (s *arpSocket) close() {
	if s != nil {
		_ = s.file.Close()
		s.read.Wait()
	}
}

func htons(v uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return *(*uint16)(unsafe.Pointer(&b))
}
