package contract

import (
	"os"
	"testing"
	"time"
)

// M1: "An agent obeys, for each pool, the holder of a renewable lease of three probe
// intervals; others stand by and may take it when it lapses."
func TestTwoMonitorsOneHolds(t *testing.T) {
	s := newSite(t)
	s.web(11)
	w2 := s.web(12)
	s.dns("ns1", 1)
	s.dns("ns2", 2)
	s.role("agent", "a1", s.agentConfig("a1", 1)+s.publish("", 1, 2))
	s.role("agent", "a2", s.agentConfig("a2", 2)+s.publish("", 1, 2))
	tables := s.pool("www.mydomain.com", "", 11, 12)
	m1 := s.role("monitor", "m1", s.monitorConfig("m1", tables, []int{1, 2}, []int{1, 2}))
	both := []int{1, 2}
	eventually(t, 10*time.Second, "published", s.answers(both, "www.mydomain.com", 11, 12))
	eventually(t, 5*time.Second, "m1 holds", s.poolState("m1", "www.mydomain.com", "holder"))
	m2 := s.role("monitor", "m2", s.monitorConfig("m2", tables, []int{1, 2}, []int{1, 2}))
	eventually(t, 5*time.Second, "m2 stands by", s.poolState("m2", "www.mydomain.com", "standby"))
	if err := s.poolState("m1", "www.mydomain.com", "holder")(); err != nil {
		t.Fatal(err)
	}

	m1.kill9(t)
	stays(t, 300*time.Millisecond, "DNS while nobody holds", s.answers(both, "www.mydomain.com", 11, 12))
	eventually(t, 5*time.Second, "m2 takes over", s.poolState("m2", "www.mydomain.com", "holder"))
	w2.down()
	eventually(t, 5*time.Second, "m2's order", s.answers(both, "www.mydomain.com", 11))
	m1 = s.again("monitor", "m1")
	stays(t, 2*time.Second, "the returned monitor does not bring the old set back", s.answers(both, "www.mydomain.com", 11))
	if err := s.poolState("m2", "www.mydomain.com", "holder")(); err != nil {
		t.Fatal(err)
	}
	w2.up()
	eventually(t, 5*time.Second, "back", s.answers(both, "www.mydomain.com", 11, 12))

	m1.kill9(t)
	m2.kill9(t)
	s.launch("monitor", "m1")
	s.launch("monitor", "m2")
	stays(t, 2*time.Second, "DNS while both start", s.answers(both, "www.mydomain.com", 11, 12))
	eventually(t, 5*time.Second, "exactly one holds", func() error {
		a, b := s.poolState("m1", "www.mydomain.com", "holder")(), s.poolState("m2", "www.mydomain.com", "holder")()
		if (a == nil) == (b == nil) {
			return errorsOf(a, b)
		}
		return nil
	})
}

// M1: "An epoch starts above what the agents report, so a monitor that lost its state
// is not refused for ever."
func TestMonitorThatLostItsState(t *testing.T) {
	s := newSite(t)
	s.web(11)
	w2 := s.web(12)
	s.dns("ns1", 1)
	s.role("agent", "a1", s.agentConfig("a1", 1)+s.publish("", 1))
	m := s.role("monitor", "m1", s.monitorConfig("m1", s.pool("www.mydomain.com", "", 11, 12), []int{1}, []int{1}))
	ns := []int{1}
	eventually(t, 10*time.Second, "published", s.answers(ns, "www.mydomain.com", 11, 12))
	w2.down()
	eventually(t, 5*time.Second, "out", s.answers(ns, "www.mydomain.com", 11))
	m.kill9(t)
	if err := os.RemoveAll(s.path("state-m1")); err != nil {
		t.Fatal(err)
	}
	s.again("monitor", "m1")
	stays(t, 2*time.Second, "a member that is down does not come back", s.answers(ns, "www.mydomain.com", 11))
	eventually(t, 5*time.Second, "it holds again", s.poolState("m1", "www.mydomain.com", "holder"))
	w2.up()
	eventually(t, 5*time.Second, "its orders are obeyed", s.answers(ns, "www.mydomain.com", 11, 12))
}
