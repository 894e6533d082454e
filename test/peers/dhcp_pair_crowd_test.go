package peers

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"time"

	"loadshare/internal/dhcpclient"
)

// crowd is clients behind a relay, each with a life of its own, and the one thing that they may expect of their servers: who was told
// that he has an address until some time is the only one who has it until then (decision D-a), and it is not taken from him.
type crowd struct {
	relay *dhcpclient.Relay
	ctx   context.Context
	lives sync.WaitGroup

	mu     sync.Mutex // all clients share it
	holds  map[netip.Addr]hold
	faults []string
	count  crowdCount
	served map[netip.Addr]int // ACKs by server
}

// hold is what a client was told.
type hold struct {
	client int
	end    time.Time
}

type crowdCount struct {
	new, renewed, silent int
	lost                 int // leases that ended although their client asked for more
}

func newCrowd(t *testing.T, relay host, servers ...host) *crowd {
	t.Helper()
	config := dhcpclient.Config{Local: netip.AddrPortFrom(addrOf(relay), 67), Wait: 300 * time.Millisecond, Tries: 4}
	for _, s := range servers {
		config.Servers = append(config.Servers, netip.AddrPortFrom(addrOf(s), 67))
	}
	c := &crowd{holds: map[netip.Addr]hold{}, served: map[netip.Addr]int{}}
	relay.within(t, func() (err error) {
		c.relay, err = dhcpclient.Listen(config)
		return err
	})
	ctx, cancel := context.WithCancel(context.Background())
	c.ctx = ctx
	t.Cleanup(func() {
		cancel()
		c.lives.Wait()
		c.relay.Close()
		for _, fault := range c.faults {
			t.Error(fault)
		}
		t.Logf("clients: %+v, by server %v", c.count, c.served)
	})
	return c
}

// answered has a client ask until a server answers; a refusal is the end of the test.
func answered(t *testing.T, what string, ask func() (dhcpclient.Lease, error)) (l dhcpclient.Lease) {
	t.Helper()
	eventually(t, what+" is answered", func() (err error) {
		if l, err = ask(); err != nil && !errors.Is(err, dhcpclient.ErrNoAnswer) {
			t.Fatalf("%s: %v", what, err)
		}
		return err
	})
	return l
}

// client is one of them, by its number.
func (c *crowd) client(n int) dhcpclient.Client {
	return dhcpclient.Client{MAC: dhcpclient.MAC(n), Hostname: fmt.Sprintf("host%d", n)}
}

// live starts so many clients that keep what they got, renewing it early and often.
func (c *crowd) live(first, many int) {
	for n := first; n < first+many; n++ {
		c.lives.Go(func() {
			for c.ctx.Err() == nil {
				if l, ok := c.get(n); ok {
					c.keep(n, l)
				}
			}
		})
	}
}

// visit starts so many clients that come, let their lease run out, and come back as somebody else.
func (c *crowd) visit(first, many int) {
	for n := first; n < first+many; n++ {
		c.lives.Go(func() {
			for who := n; c.ctx.Err() == nil; who += 10_000 {
				l, ok := c.get(who)
				if ok && rand.IntN(3) == 0 {
					c.give(who, l)
				} else if ok {
					c.sleep(l.Time)
				}
			}
		})
	}
}

func (c *crowd) sleep(d time.Duration) {
	select {
	case <-c.ctx.Done():
	case <-time.After(d):
	}
}

// get tries once to get a lease.
func (c *crowd) get(n int) (dhcpclient.Lease, bool) {
	begun := time.Now()
	l, err := c.relay.Acquire(c.ctx, c.client(n))
	if err != nil {
		c.mu.Lock()
		c.count.silent++
		c.mu.Unlock()
		c.sleep(100 * time.Millisecond)
		return l, false
	}
	c.acked(n, l, begun, true)
	return l, true
}

// keep renews a lease while it can.
func (c *crowd) keep(n int, l dhcpclient.Lease) {
	end := time.Now().Add(l.Time)
	for c.ctx.Err() == nil {
		c.sleep(min(l.Time/4, time.Second))
		begun := time.Now()
		got, err := c.relay.Renew(c.ctx, c.client(n), l)
		switch {
		case err == nil:
			c.acked(n, got, begun, false)
			l, end = got, begun.Add(got.Time)
		case c.ctx.Err() != nil:
			return
		case errors.Is(err, dhcpclient.ErrNak):
			if left := time.Until(end); left > 0 {
				c.fault("client %d was refused %s, it had it for %s more: %v", n, l.IP, left.Round(time.Millisecond), err)
			}
			c.gone(n, l.IP)
			return
		case time.Now().After(end):
			c.mu.Lock()
			c.count.lost++
			c.mu.Unlock()
			c.gone(n, l.IP)
			return
		}
	}
}

func (c *crowd) give(n int, l dhcpclient.Lease) {
	c.gone(n, l.IP)
	_ = c.relay.Release(c.client(n), l) // there is no answer; the socket is open
}

// acked writes down what a client was told at most; it counts from its question.
func (c *crowd) acked(n int, l dhcpclient.Lease, asked time.Time, fresh bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h, ok := c.holds[l.IP]; ok && h.client != n && h.end.After(time.Now()) {
		c.faults = append(c.faults, fmt.Sprintf("%s: %s is told to client %d by %s, client %d has it for %s more", time.Now().Format(time.TimeOnly), l.IP, n, l.Server, h.client,
			time.Until(h.end).Round(time.Millisecond)))
	}
	if h := c.holds[l.IP]; h.client != n || h.end.Before(asked.Add(l.Time)) {
		c.holds[l.IP] = hold{n, asked.Add(l.Time)}
	}
	c.served[l.Server]++
	if fresh {
		c.count.new++
	} else {
		c.count.renewed++
	}
}

func (c *crowd) gone(n int, ip netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.holds[ip].client == n {
		delete(c.holds, ip)
	}
}

func (c *crowd) fault(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, fmt.Sprintf("%s: ", time.Now().Format(time.TimeOnly))+fmt.Sprintf(format, args...))
}

// takeFaults returns the faults so far, and forgets them: where duplicates are possible.
func (c *crowd) takeFaults() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.faults
	c.faults = nil
	return f
}

// valid is what clients have now.
func (c *crowd) valid() map[netip.Addr]hold {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[netip.Addr]hold{}
	for ip, h := range c.holds {
		if h.end.After(time.Now()) {
			out[ip] = h
		}
	}
	return out
}

func (c *crowd) counted() crowdCount {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count
}

// from waits for one ACK of a server after now.
func (c *crowd) from(t *testing.T, s *leasePartner) time.Duration {
	t.Helper()
	acks := func() int {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.served[addrOf(s.host)]
	}
	before := acks()
	return eventually(t, "the "+s.role+" serves", func() error {
		if acks() == before {
			return errors.New("no ACK of it")
		}
		return nil
	})
}

// settle is a newcomer who stays.
func (c *crowd) settle(t *testing.T, n int) dhcpclient.Lease {
	t.Helper()
	l, _ := c.newcomer(t, n)
	c.lives.Go(func() { c.keep(n, l) })
	return l
}

// newcomer is a client that comes now and must be served in time; it tells by whom.
func (c *crowd) newcomer(t *testing.T, n int) (l dhcpclient.Lease, took time.Duration) {
	t.Helper()
	took = eventually(t, fmt.Sprintf("a new client %d is served", n), func() error {
		var ok bool
		if l, ok = c.get(n); !ok {
			return errors.New("no answer")
		}
		return nil
	})
	return l, took
}
