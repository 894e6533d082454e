package haserver

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// secondary is a server that follows ours by the letter of RFC 1995 and 5936 and by nothing of ours: a record that it is told to delete
// must be there, one that it is told to add must not.
type secondary struct {
	zone    string
	serial  uint32
	records map[string]bool // in the text of the library, TTL and case included; the SOA too
	empty   bool            // it has nothing yet
}

// form is how an IXFR question was answered.
type form string

const (
	formSerial form = "the SOA alone"
	formSteps  form = "steps"
	formWhole  form = "the whole zone"
)

func newSecondary(zone string) *secondary { return &secondary{zone: zone, empty: true} }

// transferring is a transfer under way: what was asked on a connection, and the signature of the last message.
type transferring struct {
	c        net.Conn
	id       uint16
	secret   string
	mac      string
	messages int
	rest     []dns.RR
}

// begin asks on a connection of its own.
func (s *site) begin(t testing.TB, m *dns.Msg) *transferring {
	t.Helper()
	msg, mac := sign(t, m, "xfer.", xferSecret, nil)
	c := s.dial(t)
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := c.Write(append([]byte{byte(len(msg) >> 8), byte(len(msg))}, msg...)); err != nil {
		t.Fatal(err)
	}
	return &transferring{c: c, id: m.Id, secret: xferSecret, mac: mac}
}

// message reads one message, proves its signature, and checks what is the same in all of them (RFC 5936, 2.2.1).
func (x *transferring) message(t testing.TB) *dns.Msg {
	t.Helper()
	b := readFrame(t, x.c)
	r := new(dns.Msg)
	if err := r.Unpack(b); err != nil {
		t.Fatal(err)
	}
	ts := r.IsTsig()
	if ts == nil {
		t.Fatalf("message %d is not signed: %v", x.messages+1, r)
	}
	if err := dns.TsigVerify(slices.Clone(b), x.secret, x.mac, x.messages > 0); err != nil {
		t.Fatalf("message %d: %v", x.messages+1, err)
	}
	x.mac = ts.MAC
	x.messages++
	if r.Id != x.id || !r.Response || r.Opcode != dns.OpcodeQuery || r.Truncated {
		t.Fatalf("header of message %d: %v", x.messages, r.MsgHdr)
	}
	return r
}

var errRcode = errors.New("the primary gave up")

// next is the next record; a message with an RCODE ends the transfer.
func (x *transferring) next(t testing.TB) (dns.RR, error) {
	t.Helper()
	for len(x.rest) == 0 {
		r := x.message(t)
		if r.Rcode != dns.RcodeSuccess {
			return nil, fmt.Errorf("%w: %s", errRcode, dns.RcodeToString[r.Rcode])
		}
		if !r.Authoritative || len(r.Answer) == 0 {
			t.Fatalf("message %d: %v", x.messages, r)
		}
		x.rest = r.Answer
	}
	rr := x.rest[0]
	x.rest = x.rest[1:]
	return rr, nil
}

// soa reads a record that must be a SOA.
func (x *transferring) soa(t testing.TB) (*dns.SOA, error) {
	t.Helper()
	rr, err := x.next(t)
	if err != nil {
		return nil, err
	}
	soa, ok := rr.(*dns.SOA)
	if !ok {
		t.Fatalf("%s where a SOA must be", rr)
	}
	return soa, nil
}

func (c *secondary) copy() *secondary {
	n := *c
	n.records = map[string]bool{}
	for r := range c.records {
		n.records[r] = true
	}
	return &n
}

// add and remove change the content strictly.
func (c *secondary) add(t testing.TB, rr dns.RR) {
	t.Helper()
	if c.records[rr.String()] {
		t.Fatalf("at serial %d: added, but it is there: %s", c.serial, rr)
	}
	c.records[rr.String()] = true
}

func (c *secondary) remove(t testing.TB, rr dns.RR) {
	t.Helper()
	if !c.records[rr.String()] {
		t.Fatalf("at serial %d: deleted, but it is not there: %s", c.serial, rr)
	}
	delete(c.records, rr.String())
}

// follow asks for what is new and applies it whole, or, when the primary gives up, nothing.
func (c *secondary) follow(t testing.TB, s *site) form {
	t.Helper()
	m := ixfr(c.zone, c.serial)
	if c.empty {
		m = new(dns.Msg)
		m.SetAxfr(c.zone)
	}
	f, err := c.take(t, s.begin(t, m))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// take reads an answer to IXFR (RFC 1995, 4) to its end.
func (c *secondary) take(t testing.TB, x *transferring) (form, error) {
	t.Helper()
	first, err := x.soa(t)
	if err != nil {
		return "", err
	}
	if first.Serial == c.serial && !c.empty {
		if len(x.rest) != 0 || !c.records[first.String()] {
			t.Fatalf("up to date at %d, and %d records more; %s", c.serial, len(x.rest), first)
		}
		return formSerial, nil
	}
	second, err := x.next(t)
	if err != nil {
		return "", err
	}
	if _, ok := second.(*dns.SOA); !ok {
		return formWhole, c.takeWhole(t, x, first, second)
	}
	return formSteps, c.takeSteps(t, x, first, second.(*dns.SOA))
}

func (c *secondary) takeWhole(t testing.TB, x *transferring, first *dns.SOA, rr dns.RR) error {
	t.Helper()
	n := &secondary{zone: c.zone, serial: first.Serial, records: map[string]bool{first.String(): true}}
	for {
		if soa, ok := rr.(*dns.SOA); ok {
			if soa.String() != first.String() || len(x.rest) > 0 {
				t.Fatalf("the end is %s and not %s, %d records after it", soa, first, len(x.rest))
			}
			*c = *n
			return nil
		}
		n.add(t, rr)
		var err error
		if rr, err = x.next(t); err != nil {
			return err
		}
	}
}

func (c *secondary) takeSteps(t testing.TB, x *transferring, first, old *dns.SOA) error {
	t.Helper()
	n := c.copy()
	for {
		if old.Serial != n.serial {
			t.Fatalf("a step from %d, after %d", old.Serial, n.serial)
		}
		n.remove(t, old)
		next, err := n.until(t, x, n.remove)
		if err != nil {
			return err
		}
		n.add(t, next)
		n.serial = next.Serial
		after, err := n.until(t, x, n.add)
		if err != nil {
			return err
		}
		if n.serial == first.Serial {
			if after.String() != first.String() || len(x.rest) > 0 {
				t.Fatalf("the end is %s and not %s, %d records after it", after, first, len(x.rest))
			}
			*c = *n
			return nil
		}
		old = after
	}
}

// until hands records to do until a SOA comes.
func (c *secondary) until(t testing.TB, x *transferring, do func(testing.TB, dns.RR)) (*dns.SOA, error) {
	t.Helper()
	for {
		rr, err := x.next(t)
		if err != nil {
			return nil, err
		}
		if soa, ok := rr.(*dns.SOA); ok {
			return soa, nil
		}
		do(t, rr)
	}
}

// compare says how the content differs from what the primary has now, told by AXFR.
func (c *secondary) compare(t testing.TB, s *site) {
	t.Helper()
	want := map[string]bool{}
	for _, rr := range s.transfer(t, c.zone, "xfer.") {
		want[rr.String()] = true
	}
	var differ []string
	for r := range want {
		if !c.records[r] {
			differ = append(differ, "- "+r)
		}
	}
	for r := range c.records {
		if !want[r] {
			differ = append(differ, "+ "+r)
		}
	}
	slices.Sort(differ)
	if len(differ) > 0 {
		t.Fatalf("the secondary at serial %d differs from the zone:\n%s", c.serial, strings.Join(differ[:min(len(differ), 10)], "\n"))
	}
}
