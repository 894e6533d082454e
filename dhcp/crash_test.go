package dhcp

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"net/url"
	"os/exec"
	"sync"
	"testing"

	"loadshare/dhcp/config"
	"loadshare/internal/childserver"
	"loadshare/internal/durable"
)

func TestMain(m *testing.M) { childserver.Main(m, child) }

// child serves until it is killed.
func child(path string, ready func(address any)) error {
	conf, problems := config.Load(path)
	if err := problems.Err(); err != nil {
		return err
	}
	s, err := New(conf, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	ready(s.Addrs()[0])
	return s.Serve(context.Background(), nil)
}

// spawn starts a child on the site's configuration.
func (s *site) spawn(t testing.TB) *exec.Cmd {
	t.Helper()
	s.config(t)
	cmd, address := childserver.Spawn(t, s.path())
	s.addr = netip.MustParseAddrPort(address)
	return cmd
}

// acked are the leases that clients were told of, by client.
type acked struct {
	mu sync.Mutex // many clients
	of map[int]netip.Addr
}

// stream has many clients acquire leases until stop is called; what was acknowledged is in the result.
func stream(t testing.TB, s *site, first int) (known *acked, stop func()) {
	t.Helper()
	r := s.relay(t)
	r.Tries = 1
	ctx, cancel := context.WithCancel(context.Background())
	known = &acked{of: map[int]netip.Addr{}}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := first + w; ctx.Err() == nil; i += 8 {
				if l, err := r.Acquire(ctx, client(i)); err == nil {
					known.mu.Lock()
					known.of[i] = l.IP
					known.mu.Unlock()
				}
			}
		})
	}
	return known, func() { cancel(); wg.Wait() }
}

func (a *acked) len() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.of)
}

func (a *acked) all() map[int]netip.Addr {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := map[int]netip.Addr{}
	for k, v := range a.of {
		out[k] = v
	}
	return out
}

// check says that every client that was told of an address still has it, and nobody else.
func (s *site) check(t testing.TB, of map[int]netip.Addr) {
	t.Helper()
	var all LeaseList
	s.ask(t, "/v1/lease/list", url.Values{"limit": {"10000"}, "state": {"active"}}, &all)
	by := map[string]string{}
	for _, l := range all.Leases {
		by[l.Address] = l.Hardware
	}
	for i, ip := range of {
		if got, want := by[ip.String()], client(i).MAC.String(); got != want {
			t.Errorf("%s was acknowledged to %s and is %q's now", ip, want, got)
		}
	}
}

// "every ACK is durable before it leaves": the process is killed in the middle, again and again.
func TestAcknowledgedSurvivesSIGKILL(t *testing.T) {
	s := newSite(t, single)
	told := map[int]netip.Addr{}
	for round := range 3 {
		cmd := s.spawn(t)
		known, stop := stream(t, s, 100*round)
		until(t, "some leases are given", func() bool { return known.len() > 20 })
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		stop()
		for i, ip := range known.all() {
			if was, ok := told[i]; ok && was != ip {
				t.Errorf("client %d has %s, and was told %s before", i, ip, was)
			}
			told[i] = ip
		}
	}
	s.start(t)
	s.check(t, told)
}

// The same with the power cut: any part of what was not synced is lost. What was acknowledged before that moment is there.
func TestAcknowledgedSurvivesPowerLoss(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 3))
			s := newSite(t, single)
			s.disk = durable.NewCrashable()
			s.start(t)
			known, stop := stream(t, s, 0)
			moment := 5 + rng.IntN(60)
			until(t, "some leases are given", func() bool { return known.len() >= moment })
			before := known.all()
			after := s.disk.PowerCut(rng.IntN(101), rng)
			stop()
			s.stop(t)
			again := newSite(t, single)
			again.dir, again.disk = s.dir, after
			again.start(t)
			again.check(t, before)
			again.stop(t)
		})
	}
}

// A server that is stopped in order, as for an upgrade, stops, and knows everything when it starts again.
func TestStopKeepsAll(t *testing.T) {
	s := newSite(t, single)
	s.start(t)
	known, stop := stream(t, s, 0)
	until(t, "some leases are given", func() bool { return known.len() > 20 })
	s.stop(t)
	stop()
	s.start(t)
	s.check(t, known.all())
}
