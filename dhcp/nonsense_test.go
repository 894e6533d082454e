package dhcp

import (
	"errors"
	"math"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
)

// fake is a partner over the plain protocol that the test speaks for.
type fake struct {
	t     testing.TB
	conn  net.Conn
	xid   uint32
	heard chan wire.Message
}

// fakePartner connects to a server whose partner is at ip.
func fakePartner(t *testing.T, s *site, ip net.IP) *fake {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: ip}, Timeout: patience}
	conn, err := d.Dial("tcp", s.server.conf.Load().Pairs[0].Address.String())
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{t: t, conn: conn, xid: 1000, heard: make(chan wire.Message, 1<<16)}
	t.Cleanup(func() { _ = conn.Close() })
	go f.read()
	return f
}

func (f *fake) read() {
	defer close(f.heard)
	var stream wire.Stream
	b := make([]byte, 1<<16)
	for {
		n, err := f.conn.Read(b)
		if err != nil {
			return
		}
		err = stream.Feed(b[:n], func(octets []byte) error {
			m, err := wire.Decode(octets)
			if err != nil {
				return err
			}
			select {
			case f.heard <- m:
			default:
			}
			return nil
		})
		if err != nil {
			return
		}
	}
}

// say sends a message; an error is the other's end of the connection.
func (f *fake) say(body wire.Body) error {
	f.xid++
	return f.sayAs(body, f.xid)
}

func (f *fake) sayAs(body wire.Body, xid uint32) error {
	b, err := wire.Append(nil, wire.Message{Time: uint32(time.Now().Unix()), XID: xid, Body: body})
	if err != nil {
		f.t.Fatal(err)
	}
	_ = f.conn.SetWriteDeadline(time.Now().Add(patience))
	_, err = f.conn.Write(b)
	return err
}

// await is the next message of a kind.
func await[B wire.Body](f *fake) (b B, m wire.Message) {
	f.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case m, ok := <-f.heard:
			if !ok {
				f.t.Fatalf("the connection ended before a %T", b)
			}
			if body, ok := m.Body.(B); ok {
				return body, m
			}
		case <-timeout:
			f.t.Fatalf("no %T", b)
		}
	}
}

// greet is the partner's part of the beginning, as the backup.
func (f *fake) greet(state wire.EndpointState) {
	f.t.Helper()
	c, m := await[wire.Connect](f)
	_ = f.sayAs(wire.ConnectAck{
		Has: wire.SetOf(wire.OptName, wire.OptMaxUnacked, wire.OptReceiveTimer, wire.OptVendor, wire.OptVersion), Name: c.Name,
		MaxUnacked: 10, ReceiveTimer: 60, Vendor: "nonsense", Version: 1,
	}, m.XID)
	_ = f.say(wire.State{State: state, Since: uint32(time.Now().Unix())})
	await[wire.State](f)
}

// nonsense is what a partner can say at a wrong time, each kind without end.
var nonsense = map[string]func(i int) wire.Body{
	"states":     func(i int) wire.Body { return wire.State{State: wire.EndpointState(i)} },
	"updreqall":  func(int) wire.Body { return wire.UpdReqAll{} },
	"updreq":     func(int) wire.Body { return wire.UpdReq{} },
	"upddone":    func(int) wire.Body { return wire.UpdDone{} },
	"poolreq":    func(int) wire.Body { return wire.PoolReq{} },
	"poolresp":   func(i int) wire.Body { return wire.PoolResp{Transferred: math.MaxUint32 - uint32(i)} },
	"contact":    func(int) wire.Body { return wire.Contact{} },
	"connectack": func(int) wire.Body { return wire.ConnectAck{Has: wire.SetOf(wire.OptName), Name: "pair1"} },
	"acks": func(i int) wire.Body {
		return wire.BndAck{Answers: []wire.Answer{{IP: lease.IP(0x7f010001 + i%900), Reject: wire.InUse, Text: "no"}}}
	},
	"bindings": func(i int) wire.Body { // also of addresses that are in no pool, and of times until 2106
		return wire.BndUpd{Bindings: []wire.Binding{{
			IP: lease.IP(0x7f010001 + i%2000), Status: lease.State(1 + i%7),
			Has:    wire.SetOf(wire.OptStatus, wire.OptHardware, wire.OptEnd, wire.OptPotential, wire.OptStart, wire.OptCLTT),
			Client: lease.Client{HType: 1, CHAddr: string([]byte{2, 5, 0, 0, byte(i >> 8), byte(i)})},
			End:    math.MaxUint32 - uint32(i%3), Potential: math.MaxUint32, Start: uint32(i * 7919), CLTT: math.MaxUint32 - uint32(i%5),
		}}}
	},
}

// A partner that says what the protocol has at wrong times and without end is answered, and what it says does not fill the log; nothing of
// it is given to an address that is in no pool; the real partner connects afterwards.
func TestNonsensePartner(t *testing.T) {
	main, backup := twins(t, `link = "draft"`)
	main.start(t)
	begun := time.Now()
	f := fakePartner(t, main, net.IPv4(127, 0, 0, 3))
	f.greet(wire.Recover)
	const each = 3000
	for name, body := range nonsense {
		for i := range each {
			if err := f.say(body(i)); err != nil {
				t.Fatalf("%s: closed after %d: %v", name, i, err)
			}
		}
		f.xid++
		want := f.xid
		if err := f.sayAs(wire.PoolReq{}, want); err != nil {
			t.Fatal(err)
		}
		for {
			if _, m := await[wire.PoolResp](f); m.XID == want {
				break
			}
		}
	}
	logs := main.logs.String()
	notFull(t, strings.Count(logs, "level=WARN")+strings.Count(logs, "level=INFO"), 20, begun)
	var all LeaseList
	main.ask(t, "/v1/lease/list", map[string][]string{"limit": {"10000"}}, &all)
	for _, l := range all.Leases {
		if ip := netip.MustParseAddr(l.Address); ip.Compare(netip.MustParseAddr("127.1.3.254")) > 0 {
			t.Errorf("%s is a lease, and in no pool", ip)
		}
	}
	_ = f.conn.Close()
	backup.start(t)
	until(t, "the real partner is connected", func() bool { return main.pair(t).Connected && backup.pair(t).Connected })
}

// notFull says that so many lines of the log since begun are a few of each kind a second (process.Quiet).
func notFull(t *testing.T, lines, kinds int, begun time.Time) {
	t.Helper()
	const each = 5
	if took := time.Since(begun); lines > kinds*each*(2+int(took/time.Second)) {
		t.Errorf("%d lines in the log in %s", lines, took)
	}
}

// Connections that come and go, with messages that cannot be read, do not fill the log.
func TestBrokenConnectionsDoNotFillTheLog(t *testing.T) {
	main, _ := twins(t, `link = "draft"`)
	main.start(t)
	begun := time.Now()
	const times = 400
	from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 3)}, Timeout: patience}
	for range times {
		c, err := from.Dial("tcp", main.server.conf.Load().Pairs[0].Address.String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write([]byte{0, 12, 3, 8, 0, 0, 0, 0, 0, 0, 0, 0}) // a length, and a place of the payload that cannot be
		_ = c.SetReadDeadline(time.Now().Add(patience))
		for b := make([]byte, 512); err == nil; {
			_, err = c.Read(b)
		}
		_ = c.Close()
	}
	until(t, "all were refused", func() bool { return main.server.links["pair1"].count() == 0 })
	n := strings.Count(main.logs.String(), "pair_message_bad")
	if n == 0 {
		t.Error("not a word of it")
	}
	notFull(t, n, 1, begun)
}

// stuck is a connection to a partner that takes nothing.
type stuck struct{ gone chan struct{} }

func (s stuck) send([]byte) error        { <-s.gone; return net.ErrClosed }
func (s stuck) receive() ([]byte, error) { <-s.gone; return nil, net.ErrClosed }
func (s stuck) remote() netip.AddrPort   { return netip.AddrPort{} }
func (s stuck) close()                   { close(s.gone) }

// A partner that asks and does not read costs a bounded amount of memory, then the connection.
func TestAPartnerThatTakesNothing(t *testing.T) {
	s := newSession(1, false, false, stuck{make(chan struct{})})
	go s.sendAll()
	var err error
	for n := 0; err == nil; n++ {
		err = s.put(&wire.Message{XID: uint32(n), Body: wire.PoolResp{}})
		s.mu.Lock()
		size := len(s.queue)
		s.mu.Unlock()
		if size > maxQueued+maxFrame {
			t.Fatalf("%d octets wait", size)
		}
	}
	<-s.gone
	if err = s.put(&wire.Message{Body: wire.PoolResp{}}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}
