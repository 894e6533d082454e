package socket

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/packet"
)

// The tests of broadcasts and frames run in a network namespace of their own, which TestNetworkNamespace makes by starting this
// program again: the server has srv0, 10.9.0.1, a client without an address is at the other end of it, cli0.
const inNamespace = "LOADSHARE_SOCKET_NETNS"

var serverIP = lease.IPOf(netip.MustParseAddr("10.9.0.1"))

func TestNetworkNamespace(t *testing.T) {
	if os.Getenv(inNamespace) != "" {
		t.Skip("inside")
	}
	lacks := func(what string) {
		if os.Getenv("PEERS") == "required" {
			t.Fatal(what)
		}
		t.Skip(what)
	}
	if os.Getuid() != 0 {
		lacks("network namespaces need root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		lacks("ip is not installed (test/peers/install.sh)")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	setup := `ip link set lo up && ip link add srv0 type veth peer name cli0 && ip link set cli0 up && ip link set srv0 up &&
		ip addr add 10.9.0.1/24 dev srv0 && exec "$0" -test.run '^TestNS' -test.v`
	cmd := exec.Command("/bin/sh", "-c", setup, self)
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		lacks("a network namespace cannot be made: " + err.Error())
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if n := strings.Count(string(out), "--- PASS: TestNS"); n != 8 {
		t.Fatalf("%d tests passed inside, not 8\n%s", n, out)
	}
}

// wire is the client's end: whole Ethernet frames.
type wire struct {
	fd  int
	mac [6]byte
}

func newWire(t *testing.T) *wire {
	t.Helper()
	if os.Getenv(inNamespace) == "" {
		t.Skip("TestNetworkNamespace runs this")
	}
	ifi, err := net.InterfaceByName("cli0")
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, int(htons(unix.ETH_P_ALL)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: ifi.Index}); err != nil {
		t.Fatal(err)
	}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 10}); err != nil {
		t.Fatal(err)
	}
	return &wire{fd, [6]byte(ifi.HardwareAddr)}
}

// broadcast sends a DHCP message as a client without an address does.
func (w *wire) broadcast(t *testing.T, src, dst lease.IP, payload []byte) {
	t.Helper()
	var h [headerSize]byte
	putHeader(&h, src, dst, 67, payload)
	w.write(t, [6]byte{255, 255, 255, 255, 255, 255}, 0x0800, append(h[:], payload...))
}

func (w *wire) write(t *testing.T, to [6]byte, kind uint16, payload []byte) {
	t.Helper()
	frame := append(append(to[:], w.mac[:]...), byte(kind>>8), byte(kind))
	if _, err := unix.Write(w.fd, append(frame, payload...)); err != nil {
		t.Fatal(err)
	}
}

// next is the next frame that came to the client for which match is true.
func (w *wire) next(t *testing.T, what string, match func(frame []byte) bool) []byte {
	t.Helper()
	b := make([]byte, 4096)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		n, from, err := unix.Recvfrom(w.fd, b, 0)
		if err != nil {
			break
		}
		if from.(*unix.SockaddrLinklayer).Pkttype != unix.PACKET_OUTGOING && match(b[:n]) {
			return b[:n]
		}
	}
	t.Fatalf("no %s came", what)
	return nil
}

// reply is the next datagram from the server's port 67.
func (w *wire) reply(t *testing.T) []byte {
	t.Helper()
	return w.next(t, "reply", func(f []byte) bool {
		return len(f) >= 42 && f[12] == 8 && f[13] == 0 && f[14+9] == 17 && binary.BigEndian.Uint16(f[34:]) == 67
	})
}

var onSrv0 = Options{Interfaces: []string{"srv0"}}

// TestNSBroadcast: a broadcast of a client without an address is heard, with the interface and its address; so is one to the
// broadcast address of the network, which a relay may use to reach two servers (checklist D48).
func TestNSBroadcast(t *testing.T) {
	w := newWire(t)
	s, in := serve(t, onSrv0)
	want := packet.Arrival{Interface: "srv0", Local: serverIP, Source: netip.MustParseAddrPort("0.0.0.0:67"), RelayPort: 67}
	for i, dst := range []lease.IP{everybody, serverIP | 0xFF} {
		src := []lease.IP{0, serverIP + 8}[i]
		want.Source = netip.AddrPortFrom(src.Addr(), 67)
		w.broadcast(t, src, dst, discover(uint32(i), w.mac, 0))
		if got := in.wait(t, i+1)[i]; got.From != want || got.Packet.XID != uint32(i) {
			t.Errorf("to %v: %+v from %+v, want from %+v", dst, got.Packet, got.From, want)
		}
	}
	if c := s.Counters(); c.Received != 2 {
		t.Errorf("%+v", c)
	}
}

// TestNSFrame: RFC 2131, 4.1: "If the broadcast bit is not set and 'giaddr' is zero and 'ciaddr' is zero, then the server unicasts
// DHCPOFFER and DHCPACK messages to the client's hardware address and 'yiaddr' address."
func TestNSFrame(t *testing.T) {
	w := newWire(t)
	s, _ := serve(t, onSrv0)
	mac := [6]byte{2, 0, 0, 0, 0, 9}
	octets := []byte("an offer of odd length.")
	s.Send([]Outgoing{{Octets: octets, To: packet.Destination{Interface: "srv0", Local: serverIP, IP: serverIP + 8, Port: 68, HType: 1, CHAddr: mac[:]}}})
	f := w.reply(t)
	if [6]byte(f) != mac {
		t.Errorf("to hardware address %x, want %x", f[:6], mac)
	}
	var h [headerSize]byte
	putHeader(&h, serverIP, serverIP+8, 68, octets)
	if !bytes.Equal(f[14:14+headerSize], h[:]) || !bytes.Equal(f[14+headerSize:], octets) {
		t.Errorf("frame %x", f)
	}
	if c := s.Counters(); c.Sent != 1 || c.Unsent != 0 {
		t.Errorf("%+v", c)
	}
}

// TestNSBroadcastReply: with the broadcast bit, for a NAK, and for hardware that no frame is made for, everybody gets it.
func TestNSBroadcastReply(t *testing.T) {
	w := newWire(t)
	s, _ := serve(t, onSrv0)
	for _, to := range []packet.Destination{
		{Interface: "srv0", Local: serverIP, IP: everybody, Port: 68},
		{Interface: "srv0", Local: serverIP, IP: serverIP + 8, Port: 68, HType: 32, CHAddr: make([]byte, 16)},
	} {
		s.Send([]Outgoing{{Octets: []byte("an offer"), To: to}})
		f := w.reply(t)
		if !bytes.Equal(f[:6], bytes.Repeat([]byte{255}, 6)) || binary.BigEndian.Uint32(f[30:]) != uint32(everybody) {
			t.Errorf("%+v: to hardware address %x, address %x", to, f[:6], f[30:34])
		}
		if lease.IP(binary.BigEndian.Uint32(f[26:])) != serverIP || binary.BigEndian.Uint16(f[36:]) != 68 {
			t.Errorf("%+v: from %x to port %x", to, f[26:30], f[36:38])
		}
	}
}

// TestNSUnicast: what comes to an address of the interface that is not listened on is heard, and answered through the host's routes.
func TestNSUnicast(t *testing.T) {
	w := newWire(t)
	s, in := serve(t, onSrv0)
	var h [headerSize]byte
	b := discover(2, w.mac, 0)
	putHeader(&h, serverIP+8, serverIP, 67, b)
	srv, err := net.InterfaceByName("srv0")
	if err != nil {
		t.Fatal(err)
	}
	w.write(t, [6]byte(srv.HardwareAddr), 0x0800, append(h[:], b...))
	got := in.wait(t, 1)[0]
	if got.Packet.XID != 2 || got.From.Interface != "" || got.From.Local != serverIP {
		t.Errorf("%+v from %+v", got.Packet, got.From)
	}
	// Its own stack does not answer ARP for that address: the question shows that the reply is on its way by srv0.
	s.Send([]Outgoing{{Octets: []byte("an ack"), To: packet.Destination{Local: serverIP, IP: serverIP + 8, Port: 68}}})
	w.next(t, "ARP request for the client", func(f []byte) bool {
		return f[12] == 8 && f[13] == 6 && lease.IP(binary.BigEndian.Uint32(f[14+24:])) == serverIP+8
	})
}

// TestNSAddressIsFollowed: the server identifier is the address that the interface has now; a listening address in the same network goes first.
func TestNSAddressIsFollowed(t *testing.T) {
	w := newWire(t)
	_, in := serve(t, onSrv0)
	heard := func(xid uint32) lease.IP {
		w.broadcast(t, 0, everybody, discover(xid, w.mac, 0))
		n := len(in.wait(t, int(xid)))
		return in.all()[n-1].From.Local
	}
	if got := heard(1); got != serverIP {
		t.Errorf("before: %v", got)
	}
	ip(t, "addr", "flush", "dev", "srv0")
	ip(t, "addr", "add", "10.9.0.7/24", "dev", "srv0")
	defer func() {
		ip(t, "addr", "flush", "dev", "srv0")
		ip(t, "addr", "add", "10.9.0.1/24", "dev", "srv0")
	}()
	if got := heard(2); got != serverIP+6 {
		t.Errorf("after: %v", got)
	}

	ip(t, "addr", "add", "10.9.0.8/24", "dev", "srv0")
	s, err := Open(Options{Interfaces: onSrv0.Interfaces, Listen: []netip.AddrPort{netip.MustParseAddrPort("10.9.0.8:6767")}, Log: quiet})
	if err == nil {
		s.Close()
		t.Fatal("two servers on port 67 of an interface")
	}
}

// TestNSListeningAddressGoesFirst: of several addresses of an interface, the one that is listened on identifies the server; and
// the sockets of port 67, one of the interface and one of the address, do not hear each other's messages.
func TestNSListeningAddressGoesFirst(t *testing.T) {
	w := newWire(t)
	ip(t, "addr", "add", "10.9.0.8/24", "dev", "srv0")
	defer ip(t, "addr", "del", "10.9.0.8/24", "dev", "srv0")
	s, in := serve(t, Options{Interfaces: onSrv0.Interfaces, Listen: []netip.AddrPort{netip.MustParseAddrPort("10.9.0.8:67")}})
	w.broadcast(t, 0, everybody, discover(1, w.mac, 0))
	if got := in.wait(t, 1)[0].From; got.Local != serverIP+7 || got.Interface != "srv0" {
		t.Errorf("%+v", got)
	}
	relay, _ := peer(t, "10.9.0.1:0")
	if _, err := relay.WriteToUDPAddrPort(discover(2, w.mac, serverIP), netip.MustParseAddrPort("10.9.0.8:67")); err != nil {
		t.Fatal(err)
	}
	if got := in.wait(t, 2)[1].From; got.Local != serverIP+7 || got.Interface != "" {
		t.Errorf("%+v", got)
	}
	if c := s.Counters(); c.Received != 2 || c.Duplicate+c.Foreign != 0 {
		t.Errorf("%+v", c)
	}
	// Nobody else gets the port, also not one who is ready to share it.
	for _, share := range []bool{false, true} {
		if c, err := listen(netip.MustParseAddrPort("0.0.0.0:67"), "", share); err == nil {
			c.close()
			t.Errorf("a second program got port 67, shared %v", share)
		}
	}
}

// TestNSInterfaceComesBack: an interface that is removed and made again is heard again.
func TestNSInterfaceComesBack(t *testing.T) {
	newWire(t)
	make := func() {
		ip(t, "link", "add", "srv1", "type", "veth", "peer", "name", "cli1")
		ip(t, "link", "set", "srv1", "up")
		ip(t, "link", "set", "cli1", "up")
		ip(t, "addr", "add", "10.9.1.1/24", "dev", "srv1")
	}
	make()
	s, in := serve(t, Options{Interfaces: []string{"srv1"}})
	ip(t, "link", "del", "srv1")
	eventually(t, "its absence is noticed", func() bool { return s.interfaces[0].index.Load() == 0 })
	deaf := func(why string) func() bool {
		return func() bool {
			list := s.Deaf()
			return len(list) == 0 && why == "" || len(list) == 1 && list[0].Interface == "srv1" && list[0].Why == why
		}
	}
	eventually(t, "its absence is told", deaf("is not there"))
	make()
	eventually(t, "its return is noticed", func() bool { return s.interfaces[0].index.Load() != 0 })
	eventually(t, "its return is told", deaf(""))
	ip(t, "link", "set", "cli1", "down") // the cable
	eventually(t, "a cable that is out is told", deaf("has no link"))
	ip(t, "link", "set", "cli1", "up")
	eventually(t, "the cable is back", deaf(""))
	client, err := net.ListenPacket("udp4", "10.9.1.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	cli, err := net.InterfaceByName("cli1")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(raw)
	var h [headerSize]byte
	b := discover(1, [6]byte{2}, 0)
	putHeader(&h, 0, everybody, 67, b)
	to := &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_IP), Ifindex: cli.Index, Halen: 6, Addr: [8]byte{255, 255, 255, 255, 255, 255}}
	if err := unix.Sendto(raw, append(h[:], b...), 0, to); err != nil {
		t.Fatal(err)
	}
	if got := in.wait(t, 1)[0].From; got.Interface != "srv1" {
		t.Errorf("%+v", got)
	}
}

// TestNSARP: RFC 5227, 2.1.1: an answer says that the address is in use; the request names no sender address. Silence says that it is
// free. The interface's own address is in use though nobody answers.
func TestNSARP(t *testing.T) {
	w := newWire(t)
	p := NewProber(0, quiet)
	defer p.Close()
	answered := make(chan bool, 1)
	go func() {
		f := w.next(t, "ARP request", func(f []byte) bool { return f[12] == 8 && f[13] == 6 && f[41] == 9 })
		answered <- binary.BigEndian.Uint32(f[14+14:]) == 0
		reply := append([]byte{0, 1, 8, 0, 6, 4, 0, 2}, w.mac[:]...)
		reply = append(reply, 10, 9, 0, 9)
		reply = append(reply, f[22:28]...)
		reply = append(reply, 0, 0, 0, 0)
		w.write(t, [6]byte(f[6:12]), 0x0806, reply)
	}()
	if got := ask(p, "10.9.0.9", "srv0", 10*time.Second); got != (verdict{true, true}) {
		t.Errorf("answered: %+v", got)
	}
	if !<-answered {
		t.Error("the request names a sender")
	}
	if got := ask(p, "10.9.0.10", "srv0", 100*time.Millisecond); got != (verdict{false, true}) {
		t.Errorf("silence: %+v", got)
	}
	if got := ask(p, "10.9.0.1", "srv0", time.Second); got != (verdict{true, true}) {
		t.Errorf("own: %+v", got)
	}
}

func ip(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %v: %v\n%s", args, err, out)
	}
}
