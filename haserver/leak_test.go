package haserver

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
	"go.uber.org/goleak"
)

// Serve returns with everything it started stopped.
func TestNothingRunsAfterStop(t *testing.T) {
	before := goleak.IgnoreCurrent()
	s := started(t)
	s.ask(t, "tcp", "www.example.test", dns.TypeA)
	for _, network := range []string{"udp", "tcp"} {
		if rcode := s.update(t, network, "ddns.", updateMsg(t, "example.test", "x.example.test. 1 A 192.0.2.1")); rcode != 0 {
			t.Fatal(dns.RcodeToString[rcode])
		}
	}
	s.transfer(t, "example.test.", "xfer.")
	s.stop(t)
	goleak.VerifyNone(t, before)
}

// When there is no place for one more update it is answered SERVFAIL by UDP, which makes the client try again, and queries go on.
func TestNoPlaceForAnUpdate(t *testing.T) {
	s := started(t)
	for range maxBusy {
		s.server.enterWait()
	}
	if rcode := s.update(t, "udp", "", updateMsg(t, "example.test", "x.example.test. 1 A 192.0.2.1")); rcode != dns.RcodeServerFailure {
		t.Error(dns.RcodeToString[rcode])
	}
	m := updateMsg(t, "example.test", "x.example.test. 1 A 192.0.2.1")
	edns(m)
	if r, err := s.send("udp", m); err != nil || r.Rcode != dns.RcodeServerFailure || !strings.Contains(r.String(), "too-many: too many updates") {
		t.Errorf("%v %v", r, err)
	}
	if s.count(TooMany) != 2 {
		t.Error("not counted")
	}
	if r := s.ask(t, "udp", "www.example.test", dns.TypeA); len(r.Answer) != 3 {
		t.Errorf("%v", r)
	}
	for range maxBusy {
		s.server.leave()
	}
	if rcode := s.update(t, "udp", "ddns.", updateMsg(t, "example.test", "x.example.test. 1 A 192.0.2.1")); rcode != 0 {
		t.Error(dns.RcodeToString[rcode])
	}
}

// At most maxTransfers run at once; one more is told to come again.
func TestNoPlaceForATransfer(t *testing.T) {
	s := started(t)
	for range maxTransfers {
		s.server.enterTransfer()
	}
	m := new(dns.Msg)
	m.SetAxfr("example.test.")
	msg, _ := sign(t, m, "xfer.", xferSecret, nil)
	if _, rcode := header(s.exchange(t, msg)); rcode != dns.RcodeServerFailure {
		t.Error(dns.RcodeToString[rcode])
	}
	s.server.leaveTransfer()
	if got := s.transfer(t, "example.test.", "xfer."); len(got) < 100 {
		t.Errorf("%d records", len(got))
	}
}
