package dhcp

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
	"loadshare/dhcp/packet"
	"loadshare/internal/dhcpclient"
	"loadshare/internal/freeport"
)

// bulkAsk asks a bulk leasequery, and reads the answer to its end.
func bulkAsk(t *testing.T, s *site, options ...option.Option) (leases []*packet.Packet, done *packet.Packet) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", s.server.bulk.Addrs()[0].String(), patience)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	q := &packet.Packet{Type: packet.BulkLeaseQuery, XID: 77, Options: options}
	b, _ := q.Append([]byte{0, 0}, 0)
	binary.BigEndian.PutUint16(b, uint16(len(b)-2))
	if _, err := conn.Write(b); err != nil {
		t.Fatal(err)
	}
	for {
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, b); err != nil {
			t.Fatal(err)
		}
		p, err := packet.Parse(b)
		if err != nil || p.XID != 77 {
			t.Fatalf("%+v %v", p, err)
		}
		if p.Type == packet.LeaseQueryDone {
			return leases, p
		}
		leases = append(leases, p)
	}
}

// octet is the value of an option of one octet.
func octet(p *packet.Packet, c option.Code) int {
	v, ok := p.Options.Get(c)
	if !ok || len(v) != 1 {
		return -1
	}
	return int(v[0])
}

// RFC 6926 with both servers of a pair: every configured address once, and by remote-id what the relay said of the client, at the backup
// too (checklist D49: option 82 is carried in failover updates). REMOTE says who may give what is free, and who has changed it last.
func TestBulkLeasequery(t *testing.T) {
	main, backup := twins(t, "")
	for _, s := range []*site{main, backup} {
		at := freeport.Pick(t, "127.0.0.1")
		s.text = strings.Replace(s.text, "[control]", "[leasequery]\nbulk = [\""+at.String()+"\"]\nfrom = [\"127.0.0.1\"]\n[control]", 1)
		s.start(t)
	}
	untilNormal(t, main, backup)
	r := main.relay(t, backup)
	c := client(1)
	c.Options = map[byte][]byte{82: []byte("\x01\x01c\x02\x05port7")}
	l := answered(t, "the client of port7", func(ctx context.Context) (dhcpclient.Lease, error) { return r.Acquire(ctx, c) })
	untilNormal(t, main, backup)
	byRemote := option.Option{Code: option.RelayInformation, Data: []byte("\x02\x05port7")}
	for n, s := range []*site{main, backup} {
		var leases []*packet.Packet
		until(t, "the lease is known", func() bool {
			leases, _ = bulkAsk(t, s, byRemote)
			return len(leases) == 1
		})
		p := leases[0]
		if relay, _ := p.Options.Get(option.RelayInformation); p.Type != packet.LeaseActive || p.CIAddr != lease.IPOf(l.IP) || string(p.CHAddr) != string(c.MAC) || string(relay) != "\x01\x01c\x02\x05port7" {
			t.Errorf("server %d: %+v", n, p)
		}
		if octet(p, option.DHCPState) != 2 || octet(p, option.DataSource) != n { // the main has given it
			t.Errorf("server %d: state %d, source %d", n, octet(p, option.DHCPState), octet(p, option.DataSource))
		}
		if left, _ := p.Options.Uint32(option.LeaseTime); left == 0 || left > 3600 {
			t.Errorf("server %d: %d seconds left", n, left)
		}
		all, done := bulkAsk(t, s)
		states := map[int]int{}
		for _, p := range all {
			states[octet(p, option.DHCPState)]++
		}
		own, other := states[1], states[7]
		if n == 1 {
			own, other = other, own
		}
		if len(all) != 1022 || states[2] != 1 || own+other != 1021 || own < 2*other || other == 0 || octet(done, option.StatusCode) != -1 {
			t.Errorf("server %d: %d addresses, by state %v, done %+v", n, len(all), states, done)
		}
	}
}
