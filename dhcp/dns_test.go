package dhcp

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// dnsServer takes every UPDATE, once it is told to, and keeps what it took.
type dnsServer struct {
	addr string
	mu   sync.Mutex // connections come at once
	took [][]byte
	open bool
}

func newDNSServer(t testing.TB) *dnsServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	d := &dnsServer{addr: l.Addr().String()}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go d.serve(c)
		}
	}()
	return d
}

func (d *dnsServer) serve(c net.Conn) {
	defer c.Close()
	var n [2]byte
	if _, err := io.ReadFull(c, n[:]); err != nil {
		return
	}
	m := make([]byte, binary.BigEndian.Uint16(n[:]))
	if _, err := io.ReadFull(c, m); err != nil {
		return
	}
	d.mu.Lock()
	rcode := byte(2) // SERVFAIL
	if d.open {
		rcode = 0
		d.took = append(d.took, m)
	}
	d.mu.Unlock()
	end := 12 + bytes.IndexByte(m[12:], 0) + 5 // zone section: name, type, class
	a := append([]byte(nil), m[:end]...)
	a[2], a[3] = a[2]|0x80, rcode
	copy(a[4:], []byte{0, 1, 0, 0, 0, 0, 0, 0})
	_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(a))), a...))
}

func (d *dnsServer) set(open bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open = open
}

// has says that an update that was taken is of this zone and contains these octets.
func (d *dnsServer) has(zone, octets string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range d.took {
		if bytes.Contains(m[:12+len(zone)+2], []byte(labels(zone))) && bytes.Contains(m, []byte(octets)) {
			return true
		}
	}
	return false
}

func labels(name string) string {
	out := ""
	for l := range strings.SplitSeq(name, ".") {
		out += string(rune(len(l))) + l
	}
	return out
}

// The name of a lease reaches DNS, forward and reverse; while no server answers it waits on disk, also over a restart; when the lease
// is given back the name goes.
func TestNamesOfLeasesReachDNS(t *testing.T) {
	d := newDNSServer(t)
	s := newSite(t, single+fmt.Sprintf(`
domain-name = "example.test"
[ddns]
servers = [%q]
forward_zone = "example.test"
reverse_zone = "127.in-addr.arpa"
`, d.addr))
	s.start(t)
	r := s.relay(t)
	l := acquire(t, r, 1)
	var st Status
	until(t, "the job was tried", func() bool {
		s.ask(t, "/v1/status", nil, &st)
		return st.DNS.Queued == 1 && strings.Contains(st.DNS.LastError, "SERVFAIL")
	})
	if st.DNS.Done != 0 || st.DNS.Oldest == nil || !st.DNS.Enabled {
		t.Errorf("%+v", st.DNS)
	}
	s.stop(t)
	d.set(true)
	s.start(t)
	ip := l.IP.As4()
	until(t, "the name is in DNS", func() bool {
		return d.has("example.test", labels("host1.example.test")) && d.has("example.test", string(ip[:])) && d.has("127.in-addr.arpa", labels("host1.example.test"))
	})
	var shown LeaseStatus
	until(t, "the job is forgotten", func() bool {
		s.ask(t, "/v1/status", nil, &st)
		s.ask(t, "/v1/lease/show", map[string][]string{"address": {l.IP.String()}}, &shown)
		return st.DNS.Queued == 0 && st.DNS.Done == 1
	})
	if shown.FQDN != "host1.example.test" || shown.DNS != "forward, reverse" {
		t.Errorf("%+v", shown)
	}
	d.mu.Lock()
	d.took = nil
	d.mu.Unlock()
	if err := s.relay(t).Release(client(1), l); err != nil {
		t.Fatal(err)
	}
	until(t, "the name is gone again", func() bool {
		s.ask(t, "/v1/status", nil, &st)
		return st.DNS.Done == 2 && d.has("127.in-addr.arpa", labels("host1.example.test")) && d.has("example.test", labels("host1.example.test"))
	})
}
