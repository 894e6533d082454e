package bulkserve

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"loadshare/dhcp/bulkquery"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
)

// book is n leases from 10.0.0.1 on; every third is of the client "\x01id".
func book(n int) Page {
	return func(after lease.IP, most int, _ bool) (out Leases, err error) {
		for ip := max(after+1, 0x0a000001); ip <= 0x0a000000+lease.IP(n) && len(out.List) < most; ip++ {
			l := lease.Lease{IP: ip, State: lease.Active, Client: lease.Client{ID: "\x01other", HType: 1, CHAddr: "abcdef"}, Start: 500, CLTT: 500, End: 5000}
			if ip%3 == 0 {
				l.Client.ID = "\x01id"
			}
			out.List = append(out.List, bulkquery.Known{Lease: l, Own: lease.Free})
			out.Last = ip
		}
		out.More = out.Last > 0 && out.Last < 0x0a000000+lease.IP(n)
		return out, nil
	}
}

// run is a server at 127.0.0.1.
func run(t *testing.T, c Config) *Server {
	t.Helper()
	c.Listen = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}
	if c.From == nil {
		c.From = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	}
	c.Now = func() time.Time { return time.Unix(1000, 0) }
	s, err := Listen(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { s.Serve(ctx); close(ended) }()
	t.Cleanup(func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(time.Minute):
			t.Error("the server does not stop")
		}
	})
	return s
}

// requestor is a connection that asks.
type requestor struct {
	t    *testing.T
	conn net.Conn
}

func dial(t *testing.T, s *Server) requestor {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	return requestor{t, conn}
}

func (r requestor) ask(p *packet.Packet) {
	b, _ := p.Append([]byte{0, 0}, 0)
	binary.BigEndian.PutUint16(b, uint16(len(b)-2))
	if _, err := r.conn.Write(b); err != nil {
		r.t.Error(err)
	}
}

func (r requestor) next() (*packet.Packet, error) {
	var buf [1 << 16]byte
	b, err := readFrame(r.conn, buf[:])
	if err != nil {
		return nil, err
	}
	return packet.Parse(b)
}

// answer reads the answer to the end.
func (r requestor) answer(xid uint32) (leases []*packet.Packet, done *packet.Packet) {
	r.t.Helper()
	for {
		p, err := r.next()
		if err != nil {
			r.t.Fatal(err)
		}
		if p.XID != xid {
			r.t.Fatalf("an answer to %d while %d is answered", p.XID, xid)
		}
		if _, first := p.Options.Get(option.ServerIdentifier); first != (len(leases) == 0) {
			r.t.Fatalf("message %d: server identifier %v", len(leases), first)
		}
		if p.Type == packet.LeaseQueryDone {
			return leases, p
		}
		leases = append(leases, p)
	}
}

func status(p *packet.Packet) bulkquery.Status {
	if v, ok := p.Options.Get(option.StatusCode); ok {
		return bulkquery.Status(v[0])
	}
	return bulkquery.Success
}

func query(xid uint32, options ...option.Option) *packet.Packet {
	return &packet.Packet{Type: packet.BulkLeaseQuery, XID: xid, Options: options}
}

// RFC 6926, 8.2: all that match, then DONE; several requests of one connection, each whole before the next; a malformed one among them.
func TestQueriesOneAfterTheOther(t *testing.T) {
	s := run(t, Config{Page: book(1000)})
	r := dial(t, s)
	r.ask(query(1))
	r.ask(query(2, option.Option{Code: option.ClientIdentifier, Data: []byte("\x01id")}))
	r.ask(query(3, option.Option{Code: option.ClientIdentifier, Data: []byte("x")}))
	r.ask(query(4, option.Option{Code: option.QueryStartTime, Data: []byte("\x00\x00\x02\x00")}))
	all, done := r.answer(1)
	if len(all) != 1000 || status(done) != bulkquery.Success {
		t.Fatalf("%d leases, %s", len(all), status(done))
	}
	for i, p := range all {
		if p.Type != packet.LeaseActive || p.CIAddr != 0x0a000001+lease.IP(i) {
			t.Fatalf("message %d is %d of %s", i, p.Type, p.CIAddr)
		}
	}
	if v, _ := all[0].Options.Uint32(option.ServerIdentifier); v != 0x7f000001 {
		t.Errorf("server identifier %x", v)
	}
	if v, ok := all[0].Options.Uint32(option.LeaseTime); !ok || v != 4000 {
		t.Errorf("lease time %d", v)
	}
	if some, done := r.answer(2); len(some) != 333 || status(done) != bulkquery.Success {
		t.Errorf("by identifier: %d leases, %s", len(some), status(done))
	}
	if none, done := r.answer(3); len(none) != 0 || status(done) != bulkquery.Malformed {
		t.Errorf("malformed: %d leases, %s", len(none), status(done))
	}
	if none, done := r.answer(4); len(none) != 0 || status(done) != bulkquery.Success {
		t.Errorf("changed since: %d leases, %s", len(none), status(done))
	}
	if c := s.Counters(); c.Queries != 3 || c.Failed != 1 || c.Messages != 1333 {
		t.Errorf("%+v", c)
	}
}

// "Accept only from allowed requesters"; at most so many connections (6.3: 10), and a place is free again after a connection.
func TestWhoMayConnect(t *testing.T) {
	s := run(t, Config{Page: book(1), From: []netip.Prefix{netip.MustParsePrefix("127.0.0.9/32")}})
	if _, err := dial(t, s).next(); !errors.Is(err, io.EOF) {
		t.Errorf("from elsewhere: %v", err)
	}
	if c := s.Counters(); c.Refused != 1 {
		t.Errorf("%+v", c)
	}
	s = run(t, Config{Page: book(1), Conns: 2})
	a, b := dial(t, s), dial(t, s)
	for _, r := range []requestor{a, b} {
		r.ask(query(1))
		r.answer(1)
	}
	if _, err := dial(t, s).next(); !errors.Is(err, io.EOF) {
		t.Errorf("one too many: %v", err)
	}
	_ = a.conn.Close()
	for deadline := time.Now().Add(time.Minute); ; {
		r := dial(t, s)
		r.ask(query(5))
		if _, err := r.next(); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the place is not free again")
		}
	}
}

// What cannot be read has no transaction to answer to: the connection ends. So it does when a frame is longer than any request.
func TestWhatCannotBeRead(t *testing.T) {
	s := run(t, Config{Page: book(1)})
	for name, b := range map[string]string{"not DHCP": "\x00\x03abc", "too long": "\xff\xffabc", "empty": "\x00\x00"} {
		r := dial(t, s)
		if _, err := io.WriteString(r.conn, b); err != nil {
			t.Fatal(err)
		}
		if p, err := r.next(); err == nil {
			t.Errorf("%s: answered with %+v", name, p)
		}
	}
}

// RFC 6926, 6.3, BULK_LQ_DATA_TIMEOUT: a connection on which nothing moves is closed.
func TestDataTimeout(t *testing.T) {
	s := run(t, Config{Page: book(1), Timeout: 50 * time.Millisecond})
	r := dial(t, s)
	if _, err := r.next(); !errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
}

// A database that cannot be asked is UnspecFail with its words, and the connection stays.
func TestNoPage(t *testing.T) {
	s := run(t, Config{Page: func(lease.IP, int, bool) (Leases, error) { return Leases{}, errors.New("recovering") }})
	r := dial(t, s)
	for xid := uint32(1); xid < 3; xid++ {
		r.ask(query(xid))
		_, done := r.answer(xid)
		if v, _ := done.Options.Get(option.StatusCode); string(v) != "\x01recovering" {
			t.Errorf("%q", v)
		}
	}
}

// RFC 6926, 6.2.2, QueryTerminated: a server that stops says so. The answer is longer than any socket buffers.
func TestStopEndsAnAnswer(t *testing.T) {
	pages := make(chan struct{}, 1)
	endless := func(after lease.IP, _ int, _ bool) (Leases, error) {
		select {
		case pages <- struct{}{}:
		default:
		}
		out, err := book(pageSize)(0, pageSize, false)
		out.Last, out.More = after+1, true
		return out, err
	}
	s, err := Listen(Config{
		Listen: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}, From: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Page: endless,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { s.Serve(ctx); close(ended) }()
	r := dial(t, s)
	r.ask(query(1))
	<-pages
	cancel()
	if _, done := r.answer(1); status(done) != bulkquery.Terminated {
		t.Errorf("%s", status(done))
	}
	<-ended
	if _, err := net.Dial("tcp", s.Addrs()[0].String()); err == nil {
		t.Error("it still listens")
	}
}
