package haserver

import (
	"net"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// RFC 1996, 3.5: NOTIFY may come by TCP. A secondary that does not answer by UDP gets it so, once, before it is taken to be away.
func TestRFC1996Section3ByTCPAtLast(t *testing.T) {
	l := newListener(t)
	tcp, err := net.Listen("tcp4", l.addr())
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan *dns.Msg, 10)
	server := &dns.Server{Listener: tcp, TsigSecret: secrets, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, m *dns.Msg) {
		if w.TsigStatus() != nil {
			t.Error(w.TsigStatus())
		}
		got <- m
		r := new(dns.Msg)
		r.SetReply(m)
		_ = w.WriteMsg(r)
	}), MsgAcceptFunc: func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.ActivateAndServe() }()
	t.Cleanup(func() { tcp.Close(); <-done })

	s := newSite(t)
	conf := strings.Replace(confText, "transfer = [\"key xfer\"]\n", "transfer = [\"key xfer\"]\nnotify_key = \"xfer\"\nnotify = [\""+l.addr()+"\"]\n", 1)
	s.write(t, "dns.toml", conf+"\n[notify]\nretry = \"100ms\"\ntries = 2\n")
	s.start(t)
	first, second := l.next(), l.next()
	m := <-got
	if m.Opcode != dns.OpcodeNotify || m.Id != first.Id || m.Id != second.Id || len(m.Answer) != 1 || m.IsTsig() == nil {
		t.Errorf("by TCP: %v", m)
	}
	st := s.known(t, "told", func(st SecondaryStatus) bool { return st.Answered != nil })
	if *st.Notified != 10 || st.Tries != 0 || st.LastError != "" {
		t.Errorf("%+v", st)
	}
	s.change(t, "a.example.test. 5 IN A 192.0.2.99") // which it hears of by TCP at once
	if m = <-got; m.Answer[0].(*dns.SOA).Serial != 11 {
		t.Errorf("by TCP: %v", m)
	}
}
