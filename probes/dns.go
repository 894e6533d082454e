package probes

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// dnsCheck is a compiled DNSSpec.
type dnsCheck struct {
	name      string
	qtype     uint16
	recursion bool
	address   netip.Addr // expected, when valid
	rcode     int        // expected, when not -1
	data      string     // expected, when not ""
}

func compileDNS(s *Spec) (func(*attempt), []SpecError) {
	var errs []SpecError
	c := dnsCheck{name: dns.Fqdn(s.DNS.Name), qtype: dns.TypeA, recursion: s.DNS.Recursion, rcode: -1}
	if _, ok := dns.IsDomainName(s.DNS.Name); !ok || s.DNS.Name == "" {
		errs = append(errs, SpecError{"query", strconv.Quote(s.DNS.Name), "a domain name"})
	}
	if s.DNS.Type != "" {
		qtype, ok := dns.StringToType[strings.ToUpper(s.DNS.Type)]
		if c.qtype = qtype; !ok || qtype == dns.TypeAXFR || qtype == dns.TypeIXFR {
			errs = append(errs, SpecError{"query_type", strconv.Quote(s.DNS.Type), "a record type like A, AAAA, MX or SOA"})
		}
	}
	if e := s.DNS.Expect; e != "" {
		if addr, err := netip.ParseAddr(e); err == nil {
			c.address = addr.Unmap()
		} else if rcode, ok := dns.StringToRcode[strings.ToUpper(e)]; ok {
			c.rcode = rcode
		} else {
			c.data = normalData(e)
		}
	}
	return c.look, errs
}

// normalData makes record data comparable: lower case, one blank between the fields, no dot at the end.
func normalData(s string) string {
	return strings.TrimSuffix(strings.ToLower(strings.Join(strings.Fields(s), " ")), ".")
}

// look asks over UDP, again after half the time, and over TCP when the answer is cut short.
func (c *dnsCheck) look(a *attempt) {
	q := new(dns.Msg).SetQuestion(c.name, c.qtype)
	q.RecursionDesired = c.recursion
	q.SetEdns0(1232, false)
	wire, err := q.Pack()
	if err != nil {
		a.end(ReasonInternal, err.Error(), nil)
		return
	}
	answer := c.overUDP(a, q, wire)
	if answer != nil && answer.Truncated {
		answer = c.overTCP(a, q, wire)
	}
	if answer != nil {
		c.judge(a, answer)
	}
}

// overUDP ends the attempt and returns nil when no answer comes.
func (c *dnsCheck) overUDP(a *attempt, q *dns.Msg, wire []byte) *dns.Msg {
	d := net.Dialer{Deadline: a.deadline}
	conn, err := d.DialContext(a.ctx, "udp", a.addr.String())
	if err != nil {
		a.endErr(stageLocal, err, nil)
		return nil
	}
	defer func() { _ = conn.Close() }()
	stop := a.interrupt(conn)
	defer stop()
	half := a.start.Add(a.spec.Timeout / 2)
	for _, until := range []time.Time{half, a.deadline} {
		if _, err = conn.Write(wire); err != nil {
			break
		}
		var answer *dns.Msg
		if answer, err = c.receive(a, conn, q, until); err == nil {
			return answer
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || a.ctx.Err() != nil {
			break
		}
	}
	a.endErr(stageTalk, err, nil)
	return nil
}

// receive waits for the answer to q; anything else that comes is passed over, as it could be anybody's.
func (c *dnsCheck) receive(a *attempt, conn net.Conn, q *dns.Msg, until time.Time) (*dns.Msg, error) {
	if err := conn.SetReadDeadline(until); err != nil {
		return nil, err
	}
	p, _ := buffers.Get().(*[]byte)
	defer buffers.Put(p)
	for {
		n, err := conn.Read(*p)
		if err != nil {
			return nil, err
		}
		var m dns.Msg
		if m.Unpack((*p)[:n]) == nil && isAnswer(q, &m) {
			a.sawByte()
			return &m, nil
		}
	}
}

func isAnswer(q, m *dns.Msg) bool {
	return m.Response && m.Id == q.Id && m.Opcode == dns.OpcodeQuery &&
		(len(m.Question) == 0 && m.Rcode != dns.RcodeSuccess ||
			len(m.Question) == 1 && m.Question[0].Qtype == q.Question[0].Qtype && strings.EqualFold(m.Question[0].Name, q.Question[0].Name))
}

// overTCP asks again with the two length bytes before the message (RFC 1035 4.2.2).
func (c *dnsCheck) overTCP(a *attempt, q *dns.Msg, wire []byte) *dns.Msg {
	t := a.open(true)
	if t == nil {
		return nil
	}
	defer t.close()
	if !t.write(append([]byte{byte(len(wire) >> 8), byte(len(wire))}, wire...)) {
		return nil
	}
	for {
		if b := t.buf; len(b) >= 2 {
			if size := int(b[0])<<8 | int(b[1]); len(b) >= 2+size {
				var m dns.Msg
				if err := m.Unpack(b[2 : 2+size]); err != nil || !isAnswer(q, &m) {
					a.end(ReasonProtocol, "the answer over TCP is not one to the question", b[2:2+size])
					return nil
				}
				return &m
			}
		}
		if err := t.more(); err != nil {
			a.endErr(stageTalk, err, t.buf)
			return nil
		}
	}
}

// judge compares the answer with what is expected.
func (c *dnsCheck) judge(a *attempt, m *dns.Msg) {
	rcode := dns.RcodeToString[m.Rcode]
	if rcode == "" {
		rcode = strconv.Itoa(m.Rcode)
	}
	wanted := dns.RcodeSuccess
	if c.rcode >= 0 {
		wanted = c.rcode
	}
	got := answerText(m)
	switch {
	case m.Rcode != wanted && m.Rcode == dns.RcodeNameError:
		a.end(ReasonNXDomain, "the server says that "+c.name+" does not exist", got)
	case m.Rcode != wanted && m.Rcode == dns.RcodeSuccess:
		a.end(ReasonMismatch, "the server answers NOERROR, expected is "+dns.RcodeToString[wanted], got)
	case m.Rcode != wanted:
		a.end(ReasonRcode, "the server answers "+rcode, got)
	case c.rcode < 0 && !c.found(m):
		a.end(ReasonMismatch, fmt.Sprintf("%d records in the answer, but not %s", len(m.Answer), c.expected()), got)
	default:
		a.keep(got[:min(len(got), MaxGot)])
		a.succeed()
	}
}

func (c *dnsCheck) expected() string {
	switch {
	case c.address.IsValid():
		return c.address.String()
	case c.data != "":
		return strconv.Quote(c.data)
	default:
		return "one of type " + dns.TypeToString[c.qtype]
	}
}

// found says whether a record of the answer is the expected one.
func (c *dnsCheck) found(m *dns.Msg) bool {
	for _, rr := range m.Answer {
		h := rr.Header()
		data := strings.TrimPrefix(rr.String(), h.String())
		switch {
		case c.address.IsValid():
			if addr, err := netip.ParseAddr(data); err == nil && addr.Unmap() == c.address {
				return true
			}
		case c.data != "":
			if normalData(data) == c.data {
				return true
			}
		case h.Rrtype == c.qtype || c.qtype == dns.TypeANY:
			return true
		}
	}
	return false
}

// answerText is the answer for people: the rcode and the data of the records.
func answerText(m *dns.Msg) []byte {
	text := []byte(dns.RcodeToString[m.Rcode])
	for _, rr := range m.Answer {
		h := rr.Header()
		text = fmt.Appendf(text, " %s %s", dns.TypeToString[h.Rrtype], strings.TrimPrefix(rr.String(), h.String()))
		if len(text) > MaxGot {
			break
		}
	}
	return text
}
