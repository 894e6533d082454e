package agent

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"loadshare/monitor/order"
)

// Run "returns when ctx ends, everything stopped".
func TestNothingIsLeftRunning(t *testing.T) {
	dns := startDNS(t, "example", "127.0.0.1:0")
	before := goleak.IgnoreCurrent()
	s := newSite(t, publishSection("every", dns))
	s.write("agent.toml", s.head()+"[restart.service.web]\nmethod = \"exec\"\nstart = [\"/bin/true\"]\n"+publishSection("every", dns), 0o600)
	m := s.monitor("m1", s.start())
	m.claim(webPool, order.Stamp{})
	m.publish(webPool, 1, "10.0.0.1")
	m.published(func(p order.Published) bool { return p.Done })
	m.ask(order.Restart{ID: "r1", Pool: webPool, Stamp: m.stamp(1), Service: "web", NotAfter: time.Now().Add(time.Minute)})
	_ = m.conn.Close()
	s.stop()
	dns.halt()
	goleak.VerifyNone(t, before)
}
