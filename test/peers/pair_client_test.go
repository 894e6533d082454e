package peers

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// updateClient sends signed updates from the host of the clients, one at a time; a socket for each server is kept.
type updateClient struct {
	p     *pair
	from  host
	name  string
	zone  string
	tcp   bool
	conns map[*dnsServer]net.Conn
}

func newUpdateClient(p *pair, name string) *updateClient {
	return &updateClient{p: p, from: p.client, name: name, zone: pairZone, conns: map[*dnsServer]net.Conn{}}
}

func (c *updateClient) close() {
	for _, conn := range c.conns {
		conn.Close()
	}
	clear(c.conns)
}

// try adds one address at a server and waits for its answer. A nil error is NOERROR, proved by the answer's TSIG.
func (c *updateClient) try(s *dnsServer, name, address string, timeout time.Duration) error {
	m := new(dns.Msg)
	m.SetUpdate(c.zone + ".")
	rr, err := dns.NewRR(fmt.Sprintf("%s.%s. 60 IN A %s", name, c.zone, address))
	if err != nil {
		return err
	}
	m.Insert([]dns.RR{rr})
	r, err := c.exchange(s, m, timeout)
	if err != nil {
		return err
	}
	if r.Rcode != dns.RcodeSuccess {
		return rcodeError(r.Rcode)
	}
	return nil
}

// rcodeError is an answer other than NOERROR.
type rcodeError int

func (e rcodeError) Error() string { return dns.RcodeToString[int(e)] }

// exchange sends a message, signed anew, and waits for the answer to it.
func (c *updateClient) exchange(s *dnsServer, m *dns.Msg, timeout time.Duration) (*dns.Msg, error) {
	network := "udp"
	if c.tcp {
		network = "tcp"
	}
	conn := c.conns[s]
	if conn == nil {
		var err error
		if conn, err = c.from.dial(network, s.endpoint(), timeout); err != nil {
			return nil, err
		}
		c.conns[s] = conn
	}
	m.SetTsig("ddns.", dns.HmacSHA256, 300, time.Now().Unix())
	client := &dns.Client{Net: network, Timeout: timeout, TsigSecret: map[string]string{"ddns.": c.p.secret}}
	r, _, err := client.ExchangeWithConn(m, &dns.Conn{Conn: conn})
	if err != nil { // a late answer must not be taken for that to another message
		conn.Close()
		delete(c.conns, s)
	}
	return r, err
}

// recorder sends updates as a DHCP server does and remembers which were acknowledged: main twice, then the backup twice, then each in turn in the
// rhythm that is four seconds with ordinary timers; with the one that answered it stays. Every update adds a record of its own.
type recorder struct {
	*updateClient
	rhythm, pause time.Duration

	mu    sync.Mutex // acked is read by the test
	acked map[string]string
	sent  int
	worst time.Duration // that an update waited for its NOERROR
}

func newRecorder(p *pair, name string, from host, tcp bool) *recorder {
	c := newUpdateClient(p, name)
	c.from, c.tcp = from, tcp
	return &recorder{updateClient: c, rhythm: 200 * time.Millisecond, pause: 30 * time.Millisecond, acked: map[string]string{}}
}

// run sends until stop is closed.
func (r *recorder) run(stop <-chan struct{}) {
	defer r.close()
	at := 0
	for i := 0; ; i++ {
		name, address := fmt.Sprintf("%s-%d", r.name, i), fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255)
		begun := time.Now()
		r.sent++
		for tries := 0; ; tries++ {
			sent := time.Now()
			servers := [2]*partner{r.p.main, r.p.backup}
			err := r.try(servers[at].dnsServer, name, address, r.rhythm)
			if err == nil {
				r.mu.Lock()
				r.acked[name] = address
				r.worst = max(r.worst, time.Since(begun))
				r.mu.Unlock()
				break
			}
			var rcode rcodeError
			if errors.As(err, &rcode) && rcode != dns.RcodeServerFailure && rcode != dns.RcodeNotImplemented {
				break // final (RFC 2136, 4.5): not acknowledged
			}
			if tries%2 == 1 || tries >= 4 || rcode != 0 {
				at = 1 - at
			}
			if wait(stop, r.rhythm-time.Since(sent)) {
				return
			}
		}
		if wait(stop, r.pause) {
			return
		}
	}
}

// wait is true when stop was closed meanwhile.
func wait(stop <-chan struct{}, d time.Duration) bool {
	if d <= 0 {
		d = 0
	}
	select {
	case <-stop:
		return true
	case <-time.After(d):
		return false
	}
}

// count is how many updates are acknowledged.
func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.acked)
}

// missingRecords are the acknowledged names that a zone does not hold.
func missingRecords(acked map[string]string, records []string) []string {
	var out []string
	for name, address := range acked {
		if _, found := slices.BinarySearch(records, fmt.Sprintf("%s.%s. 60 IN A %s", name, pairZone, address)); !found {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// zoneAt is a server's zone as it gives it by AXFR on its own host: serial, and the other records as sorted lines.
func zoneAt(s *dnsServer) (serial uint32, records []string, err error) { return zoneOf(s, pairZone) }

// zoneOf is the same for any zone.
func zoneOf(s *dnsServer, zone string) (serial uint32, records []string, err error) {
	conn, err := s.dial("tcp", s.endpoint(), time.Second)
	if err != nil {
		return 0, nil, err
	}
	defer conn.Close()
	m := new(dns.Msg)
	m.SetAxfr(zone + ".")
	envelopes, err := (&dns.Transfer{Conn: &dns.Conn{Conn: conn}, ReadTimeout: 3 * time.Second}).In(m, s.endpoint())
	if err != nil {
		return 0, nil, err
	}
	for e := range envelopes {
		if err = errors.Join(err, e.Error); err != nil {
			continue
		}
		for _, rr := range e.RR {
			if soa, ok := rr.(*dns.SOA); ok {
				serial = soa.Serial
				continue
			}
			records = append(records, strings.Join(strings.Fields(rr.String()), " "))
		}
	}
	slices.Sort(records)
	return serial, records, err
}

// TestZoneAtIsDigs: what the tests compare by is what dig has.
func TestZoneAtIsDigs(t *testing.T) {
	t.Parallel()
	o := startOurs(t, ourZone{pairZone, pairZoneText, []string{"key ddns"}, []string{"127.0.0.1"}})
	serial, records, err := zoneAt(o.dnsServer)
	if err != nil {
		t.Fatal(err)
	}
	theirs, theirSerial := mustTransfer(t, o.dnsServer, pairZone, "")
	theirs = slices.DeleteFunc(theirs, func(r string) bool { return strings.Contains(r, " SOA ") })
	if !slices.Equal(records, theirs) || fmt.Sprint(serial) != theirSerial {
		t.Errorf("%d %v, dig has %s %v", serial, records, theirSerial, theirs)
	}
}
