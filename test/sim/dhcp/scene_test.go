package dhcpsim

import (
	"slices"
	"testing"
	"time"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/failover"
	"loadshare/dhcp/failover/wire"
)

// scene is a world without chance in it: no message is lost, clients do what the test says, the invariant holds after every event.
type scene struct {
	*site
	t            *testing.T
	one          *relation
	main, backup *host
}

func newScene(t *testing.T, o options) *scene {
	t.Helper()
	o.clients = max(o.clients, 12)
	if o.fast == 0 {
		o.fast = time.Second
	}
	s := &scene{site: newSite(1, o), t: t}
	s.one = s.relations[0]
	s.main, s.backup = s.one.ends[0], s.one.ends[1]
	for _, h := range s.hosts {
		h.start()
	}
	s.normal(30 * time.Second)
	s.pass(2 * time.Second)
	return s
}

func (s *scene) pass(d time.Duration) {
	s.t.Helper()
	if err := s.run(d); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) normal(within time.Duration) {
	s.t.Helper()
	if err := s.settle(within); err != nil {
		s.t.Fatal(err)
	}
}

// gets has a client ask each second until it has an address, and says who gave it.
func (s *scene) gets(c *client, within time.Duration) *host {
	s.t.Helper()
	for end := s.w.Now().Add(within); s.w.Now().Before(end) && !c.has(); {
		c.search()
		s.pass(time.Second)
	}
	if !c.has() {
		s.t.Fatalf("client %d has no address after %v; main %v, backup %v", c.n, within, s.main.said, s.backup.said)
	}
	return c.from
}

// none has a client ask each second, in vain.
func (s *scene) none(c *client, during time.Duration) {
	s.t.Helper()
	for end := s.w.Now().Add(during); s.w.Now().Before(end); {
		c.search()
		s.pass(time.Second)
	}
	if c.has() {
		s.t.Fatalf("client %d has %s from %s", c.n, c.ip, c.from.name)
	}
}

// extends says whether a client's request is acknowledged: a unicast to its server, or a rebinding that all hear.
func (s *scene) extends(c *client, rebinding bool) bool {
	s.t.Helper()
	to, acked := c.server, s.stats.acked
	if rebinding {
		to = 0
	}
	s.pass(time.Second) // so that the end moves
	c.request(0, 0, c.ip, to)
	s.pass(time.Second)
	return s.stats.acked > acked
}

func (s *scene) must(what string, ok bool) {
	s.t.Helper()
	if !ok {
		s.t.Errorf("not so: %s", what)
	}
}

// why checks that a host was silent, or spoke, for that reason since the last time it was asked.
func (s *scene) why(h *host, r engine.Reason) {
	s.t.Helper()
	if h.said[r] == 0 {
		s.t.Errorf("%s says %v, not %s", h.name, h.said, r)
	}
	clear(h.said)
}

// moved checks the reasons for which an endpoint changed its state, or told people, since the last time.
func (s *scene) moved(h *host, state wire.EndpointState, because failover.Reason) {
	s.t.Helper()
	if got := h.state(s.one); got != state || !slices.Contains(h.events, because) {
		s.t.Errorf("%s is in %s because of %v, want %s because of %s", h.name, got, h.events, state, because)
	}
	h.events = nil
}

// nothingForgotten ends each row: normal again, both know every lease, shares are even.
func (s *scene) nothingForgotten() {
	s.t.Helper()
	s.normal(5 * time.Minute)
	if err := s.kept(); err != nil {
		s.t.Fatal(err)
	}
	if err := s.agree(); err != nil {
		s.t.Fatal(err)
	}
}

func seconds(c *client) int { return int(c.until.Sub(c.sent) / time.Second) }
