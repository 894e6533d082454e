package contract

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// busy checks that queries and updates go on.
func (s *site) busy(last, n int) error {
	if err := s.update(last, func(m *dns.Msg) { m.Insert(rr(s.t, fmt.Sprintf("busy%d.mydomain.com. 5 A 192.0.2.9", n))) }); err != nil {
		return fmt.Errorf("update %d: %w", n, err)
	}
	got, err := s.ask(last, fmt.Sprintf("busy%d.mydomain.com", n), dns.TypeA)
	if err == nil && len(got) != 1 {
		err = fmt.Errorf("query %d: %v", n, got)
	}
	return err
}

// "Any bytes on the DNS port get an error or silence, never a crash, growth without
// bound, or a stuck worker."
func TestDNSPortTakesAnyBytes(t *testing.T) {
	s := newSite(t)
	p := s.dns("ns1", 1)
	if err := s.busy(1, 0); err != nil {
		t.Fatal(err)
	}
	addr := s.at(1, dnsPort)
	before := p.resident(t)
	random := rand.New(rand.NewPCG(1, 2))
	valid := new(dns.Msg)
	valid.SetUpdate("mydomain.com.")
	valid.Insert(rr(t, "x.mydomain.com. 5 A 192.0.2.1"))
	good, err := valid.Pack()
	if err != nil {
		t.Fatal(err)
	}
	bytes := func(i int) []byte {
		b := make([]byte, random.IntN(600))
		for k := range b {
			b[k] = byte(random.Uint32())
		}
		if i%2 == 0 { // a real message with some bytes changed
			b = append([]byte{}, good...)
			for range 1 + random.IntN(4) {
				b[random.IntN(len(b))] = byte(random.Uint32())
			}
		}
		return b
	}
	u, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	for i := range 4000 {
		_, _ = u.Write(bytes(i))
	}
	if err := s.busy(1, 1); err != nil {
		t.Error("after garbage over UDP: ", err)
	}
	for i := range 100 {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		b := bytes(i)
		switch i % 4 {
		case 0: // no length, or a wrong one
		case 1, 2:
			b = append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
		case 3:
			b = append([]byte{0xff, 0xff}, b...)
		}
		_, _ = c.Write(b)
		_ = c.Close()
	}
	if err := s.busy(1, 2); err != nil {
		t.Error("after garbage over TCP: ", err)
	}
	if got := p.resident(t); got > before+100<<20 {
		t.Errorf("memory grew from %d MB to %d MB", before>>20, got>>20)
	}
}

// "slow and half-open peers are cut off", and nobody else waits for them.
func TestDNSSlowAndIdleClients(t *testing.T) {
	s := newSite(t)
	p := s.role("dns", "ns1", s.dnsConfig("ns1", 1)+"[tcp]\nidle = \"1s\"\nper_client = 1500\nconnections = 600\n")
	addr := s.at(1, dnsPort)
	before := p.resident(t)
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}()
	for i := range 1000 {
		c, err := net.DialTimeout("tcp", addr, 2*time.Second)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		conns = append(conns, c)
		if i%3 == 0 {
			_, _ = c.Write([]byte{0}) // half a length
		}
		if i%100 == 0 {
			if err := s.busy(1, i); err != nil {
				t.Fatalf("among %d idle connections: %v", i, err)
			}
		}
	}
	// Byte by byte, never done: it does not count as use of the connection.
	slow, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	gone := make(chan time.Duration, 1)
	go func() {
		begun := time.Now()
		_, _ = slow.Write([]byte{0x10, 0})
		go func() { _, _ = io.Copy(io.Discard, slow); gone <- time.Since(begun) }()
		for range 100 {
			if _, err := slow.Write([]byte{1}); err != nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	}()
	select {
	case after := <-gone:
		t.Logf("the slow client was cut off after %s", after)
	case <-time.After(8 * time.Second):
		t.Error("a client that sends a byte now and then is never cut off")
	}
	for _, c := range conns {
		_ = c.SetReadDeadline(time.Now().Add(2 * time.Second))
		if _, err := c.Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "timeout") {
			t.Fatalf("an idle connection is still open: %v", err)
		}
	}
	if err := s.busy(1, 9999); err != nil {
		t.Error(err)
	}
	if got := p.resident(t); got > before+100<<20 {
		t.Errorf("memory grew from %d MB to %d MB", before>>20, got>>20)
	}
}

// "Nothing acknowledged is lost", whenever it is killed.
func TestDNSKeepsWhatItAcknowledged(t *testing.T) {
	s := newSite(t)
	p := s.dns("ns1", 1)
	for round := range 3 {
		acked := make(chan int, 10000)
		go func() {
			defer close(acked)
			for i := range 10000 {
				n := round*10000 + i
				if s.update(1, func(m *dns.Msg) { m.Insert(rr(t, fmt.Sprintf("u%d.mydomain.com. 5 A 192.0.2.9", n))) }) != nil {
					return
				}
				acked <- n
			}
		}()
		time.Sleep(300 * time.Millisecond)
		if round == 2 {
			p.signal(t, syscall.SIGTERM)
			if code := p.ended(t, 5*time.Second); code != 0 {
				t.Errorf("exit code %d", code)
			}
		} else {
			p.kill9(t)
		}
		p = s.again("dns", "ns1")
		n := 0
		for i := range acked {
			got, err := s.ask(1, fmt.Sprintf("u%d.mydomain.com", i), dns.TypeA)
			if err != nil || len(got) != 1 {
				t.Fatalf("round %d: u%d was acknowledged and is gone: %v %v", round, i, got, err)
			}
			n++
		}
		if n == 0 {
			t.Fatal("no update was acknowledged")
		}
		t.Logf("round %d: %d acknowledged, all there", round, n)
	}
}
