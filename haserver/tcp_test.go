package haserver

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// limited starts a site whose [tcp] has these lines.
func limitedSite(t testing.TB, tcp string) *site {
	s := newSite(t)
	s.before = func(server *Server) { server.tcp.message, server.tcp.write = time.Second, time.Second }
	s.write(t, "dns.toml", strings.Replace(confText, "[control]", "[tcp]\n"+tcp+"\n[control]", 1))
	return s.start(t)
}

// closedBy reports whether the server closes a connection before the deadline.
func closedBy(c net.Conn, deadline time.Duration) bool {
	_ = c.SetReadDeadline(time.Now().Add(deadline))
	_, err := io.Copy(io.Discard, c)
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

// RFC 7766 6.2.3: an idle connection is closed after a while, one that says half a message too; one in use is not.
func TestRFC7766IdleTimeout(t *testing.T) {
	s := limitedSite(t, `idle = "2s"`)
	idle, half, used := s.dial(t), s.dial(t), s.dial(t)
	if _, err := half.Write([]byte{0, 40, 1}); err != nil {
		t.Fatal(err)
	}
	msg := pack(t, question("www.example.test.", dns.TypeA), nil)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if !closedBy(idle, patience) {
			t.Error("an idle connection stays")
		}
		if !closedBy(half, patience) {
			t.Error("a connection with half a message stays")
		}
	}()
	for over := false; !over; {
		if _, err := used.Write(append([]byte{0, byte(len(msg))}, msg...)); err != nil {
			t.Fatal(err)
		}
		readFrame(t, used)
		select {
		case <-ended:
			over = true
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// dns-standards 0: "limits per client".
func TestTCPLimitPerClient(t *testing.T) {
	s := limitedSite(t, "per_client = 3")
	for range 3 {
		c := s.dial(t)
		msg := pack(t, question("www.example.test.", dns.TypeA), nil)
		_, _ = c.Write(append([]byte{0, byte(len(msg))}, msg...))
		readFrame(t, c)
	}
	if !closedBy(s.dial(t), patience) {
		t.Error("a fourth connection of one address is taken")
	}
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.0.2")}}
	c, err := d.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	msg := pack(t, question("www.example.test.", dns.TypeA), nil)
	_, _ = c.Write(append([]byte{0, byte(len(msg))}, msg...))
	s.expectTCP(t, c, 4711)
}

// When all places are taken the connection that was idle longest makes room; a newcomer is served.
func TestTCPFullMakesRoom(t *testing.T) {
	s := limitedSite(t, "connections = 10\nidle = \"1m\"")
	var all []net.Conn
	msg := pack(t, question("www.example.test.", dns.TypeA), nil)
	for range 11 {
		c := s.dial(t)
		_, _ = c.Write(append([]byte{0, byte(len(msg))}, msg...))
		s.expectTCP(t, c, 4711)
		all = append(all, c)
	}
	if !closedBy(all[0], patience) {
		t.Error("the oldest was not closed")
	}
	_, _ = all[1].Write(append([]byte{0, byte(len(msg))}, msg...))
	s.expectTCP(t, all[1], 4711)
}

// dns-standards 0: "a client that never reads must not block others": it is let go, and meanwhile everybody else is served.
func TestClientThatNeverReads(t *testing.T) {
	s := limitedSite(t, `idle = "1m"`)
	deaf := s.dial(t)
	msg := pack(t, question("huge.example.test.", dns.TypeTXT), nil)
	framed := append([]byte{0, byte(len(msg))}, msg...)
	stuck := make(chan struct{})
	go func() {
		defer close(stuck)
		_ = deaf.SetWriteDeadline(time.Now().Add(2 * time.Second))
		for range 100000 {
			if _, err := deaf.Write(framed); err != nil {
				return
			}
		}
	}()
	for i := range 20 {
		if r := s.ask(t, "tcp", "www.example.test", dns.TypeA); len(r.Answer) != 3 {
			t.Fatal("not served")
		}
		if rcode := s.update(t, "tcp", "ddns.", updateMsg(t, "example.test", fmt.Sprintf("d%d.example.test. 1 A 192.0.2.1", i))); rcode != 0 {
			t.Fatal(dns.RcodeToString[rcode])
		}
	}
	<-stuck
	for deadline := time.Now().Add(patience); s.connections() > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the deaf client stays")
		}
	}
}

// What fits into the system's buffers was sent as far as we can see, and the client is idle. What it has not read then does not stay there for
// the minutes that a shut window can last: the connection is gone from the system's table too.
func TestUnreadAnswersAreNotKept(t *testing.T) {
	s := limitedSite(t, `idle = "1s"`)
	deaf := s.dial(t).(*net.TCPConn)
	if err := deaf.SetReadBuffer(2048); err != nil {
		t.Fatal(err)
	}
	m := new(dns.Msg)
	m.SetAxfr("example.test.")
	msg, _ := sign(t, m, "xfer.", xferSecret, nil)
	for range 60 {
		if _, err := deaf.Write(append([]byte{byte(len(msg) >> 8), byte(len(msg))}, msg...)); err != nil {
			t.Fatal(err)
		}
	}
	server, client := deaf.RemoteAddr().(*net.TCPAddr).Port, deaf.LocalAddr().(*net.TCPAddr).Port
	ours := regexp.MustCompile(fmt.Sprintf(`:%04X [0-9A-F]+:%04X [0-9A-F]{2} ([0-9A-F]{8}):`, server, client))
	queued := "00000000"
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		table, err := os.ReadFile("/proc/net/tcp")
		if err != nil {
			t.Fatal(err)
		}
		found := ours.FindSubmatch(table)
		if found == nil {
			break
		}
		queued = string(found[1])
		if time.Now().After(deadline) {
			t.Fatalf("0x%s octets are kept for a client that does not read; %d connections are open", queued, s.connections())
		}
	}
	if queued == "00000000" {
		t.Error("the client had read everything: nothing is shown")
	}
}

func (s *site) connections() int {
	s.server.tcp.mu.Lock()
	defer s.server.tcp.mu.Unlock()
	return len(s.server.tcp.conns)
}

// A client that closes its half after asking gets its answers all the same, the slow ones too.
func TestHalfClosedClientIsAnswered(t *testing.T) {
	s := started(t)
	c := s.dial(t)
	m := updateMsg(t, "example.test", "x.example.test. 1 A 192.0.2.1")
	msg, _ := sign(t, m, "ddns.", ddnsSecret, nil)
	_, _ = c.Write(append([]byte{byte(len(msg) >> 8), byte(len(msg))}, msg...))
	_ = c.(*net.TCPConn).CloseWrite()
	if _, rcode := header(readFrame(t, c)); rcode != 0 {
		t.Error(dns.RcodeToString[rcode])
	}
}

// Stopping in order finishes what is under way and leaves nothing behind.
func TestStopEndsConnections(t *testing.T) {
	s := started(t)
	c := s.dial(t)
	s.stop(t)
	if !closedBy(c, patience) {
		t.Error("a connection outlives the server")
	}
	if _, err := net.Dial("tcp", s.addr); err == nil {
		t.Error("still listening")
	}
}
