package monitor

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"loadshare/monitor/decide"
	"loadshare/monitor/order"
)

const (
	ns1 = "192.0.2.53:53"
	ns2 = "192.0.2.54:53"
	www = "www.mydomain.com/A"
)

// siteConfig is two web servers, two publishing agents, two DNS servers.
const siteConfig = `
id = "m1"
[agents]
key = "agent.key"
[dns]
agents = ["192.0.2.53", "192.0.2.54"]
servers = ["192.0.2.53:53", "192.0.2.54:53"]
reset_on_start = false
[defaults]
interval = "1s"
timeout = "500ms"
grace = "10s"
[[pool]]
record = "www.mydomain.com"
[pool.check]
port = 80
[[pool.member]]
address = "192.0.2.1"
restart = "apache"
[[pool.member]]
address = "192.0.2.2"
restart = "apache"
`

// site is the world of siteConfig.
func site(t *testing.T) *world {
	w := newWorld(t, ns1, ns2)
	w.agent("192.0.2.53:2224", true)
	w.agent("192.0.2.54:2224", true)
	w.agent("192.0.2.1:2224", false)
	w.agent("192.0.2.2:2224", false)
	return w
}

func both() []string { return []string{"192.0.2.1", "192.0.2.2"} }

func (w *world) bothServersAnswer(want ...string) func() bool {
	return func() bool {
		return slices.Equal(w.answers(ns1, www), want) && slices.Equal(w.answers(ns2, www), want)
	}
}

// The source's promise: a service fails, its record leaves both DNS servers, the
// agent restarts it, it answers again and the record returns (F03, F05).
func TestFailedMemberLeavesIsRestartedAndReturns(t *testing.T) { synctest.Test(t, failedMemberReturns) }

func failedMemberReturns(t *testing.T) {
	w := site(t)
	store := newStore(t)
	defer store.Close()
	r := w.start(mustLoad(t, siteConfig), store)
	defer r.end()
	w.until("both members published", 10*time.Second, w.bothServersAnswer(both()...))
	w.kill("192.0.2.2")
	w.until("the dead member is out of both servers", 5*time.Second, w.bothServersAnswer("192.0.2.1"))
	w.until("the agent restarted it", 5*time.Second, func() bool { return len(seen(w, &w.restarts)) == 1 })
	if diff := cmp.Diff([]string{"apache 192.0.2.2 at 192.0.2.2"}, seen(w, &w.restarts)); diff != "" {
		t.Errorf("restarts (-want +got):\n%s", diff)
	}
	w.until("it is back in both servers", 10*time.Second, w.bothServersAnswer(both()...))
	w.until("and up", time.Second, func() bool { return r.member(www, "192.0.2.2").State == decide.Up })
	if m := r.member(www, "192.0.2.2"); m.Restarts != 1 || m.LastResult != "ok" {
		t.Errorf("restarts %d, last result %q; want 1, ok", m.Restarts, m.LastResult)
	}
}

// begin starts a monitor in the world of siteConfig and waits for the first set.
func begin(t *testing.T, text string) (*world, *running) {
	t.Helper()
	w := site(t)
	store := newStore(t)
	t.Cleanup(func() { store.Close() })
	r := w.start(mustLoad(t, text), store)
	w.until("both members published", 15*time.Second, w.bothServersAnswer(both()...))
	return w, r
}

// Lessons, 4: "No DNS change until each pool has a verdict."
func TestNothingIsWrittenBeforeEveryMemberHasAVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := site(t)
		w.put(ns1, www, "198.51.100.7")
		store := newStore(t)
		defer store.Close()
		r := w.start(mustLoad(t, siteConfig), store)
		defer r.end()
		time.Sleep(990 * time.Millisecond) // one good probe each: rise is 2
		synctest.Wait()
		if w.bothServersAnswer(both()...)() || len(seen(w, &w.writes)) != 0 {
			t.Errorf("written before rise probes were good: %v", seen(w, &w.writes))
		}
		w.until("published after the second probe", time.Second, w.bothServersAnswer(both()...))
	})
}

// M4: "min_members": never publish fewer. The last member stays although it is dead.
func TestFloorKeepsTheLastMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begin(t, siteConfig)
		defer r.end()
		w.agents[parse("192.0.2.1:2224")].cut(true)
		w.agents[parse("192.0.2.2:2224")].cut(true)
		w.kill("192.0.2.1")
		w.until("the first leaves", 10*time.Second, w.bothServersAnswer("192.0.2.2"))
		w.kill("192.0.2.2")
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if a := w.answers(ns1, www); len(a) == 0 {
			t.Fatal("the record is empty")
		}
		m := r.member(www, "192.0.2.2")
		if m.State != decide.Down || !m.InDNS || m.Kept == "" {
			t.Errorf("last member: state %s, in DNS %t, kept %q; want down, true, a reason", m.State, m.InDNS, m.Kept)
		}
	})
}

// M5: "Restarts, re-adds and later orders never wait for a dead server."
func TestDeadServerDelaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begin(t, siteConfig)
		defer r.end()
		w.silence(ns2, true)
		w.kill("192.0.2.2")
		w.until("the living server is right", 5*time.Second, func() bool { return slices.Equal(w.answers(ns1, www), []string{"192.0.2.1"}) })
		w.until("the restart was ordered all the same", 5*time.Second, func() bool { return len(seen(w, &w.restarts)) == 1 })
		w.until("and the member is back", 10*time.Second, func() bool { return slices.Equal(w.answers(ns1, www), both()) })
	})
}

// Lessons, 7: the loop must close. DNS is asked now and then, and what somebody
// else changed is written again, with one alert.
func TestDriftIsFoundAndCorrected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begin(t, siteConfig)
		defer r.end()
		time.Sleep(time.Minute)
		w.put(ns2, www, "192.0.2.1")
		w.until("written again", recheckEvery+5*time.Second, w.bothServersAnswer(both()...))
		w.until("people are told", time.Second, func() bool {
			return slices.ContainsFunc(w.alertLines(), func(s string) bool { return len(s) > 6 && s[:6] == "drift:" })
		})
	})
}

// M3: strays that were left are told once, however many agents and orders say so; each removal is told.
func TestStraysAreToldOnce(t *testing.T) {
	left := order.Published{Pool: www, Strays: []string{"198.51.100.7"}}
	if !newStrays(left, nil) || newStrays(left, left.Strays) {
		t.Error("a stray that was left is told the first time, and only then")
	}
	left.Strays = append(left.Strays, "198.51.100.8")
	if !newStrays(left, left.Strays[:1]) {
		t.Error("another stray is not told")
	}
	removed := order.Published{Pool: www, Strays: []string{"198.51.100.7"}, Undo: []string{"update add …"}}
	if !newStrays(removed, removed.Strays) {
		t.Error("a removal is not told")
	}
	if newStrays(order.Published{Pool: www}, left.Strays) {
		t.Error("none is told as one")
	}
}

// M2: desired state is said again after a reconnect; what was not answered is not lost.
func TestOrderReachesAnAgentThatWasAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begin(t, siteConfig)
		defer r.end()
		for _, a := range []string{"192.0.2.53:2224", "192.0.2.54:2224"} {
			w.agents[parse(a)].cut(true)
		}
		w.kill("192.0.2.2")
		w.agents[parse("192.0.2.2:2224")].cut(true) // so that it stays down
		w.until("it is down", 10*time.Second, func() bool { return r.member(www, "192.0.2.2").State == decide.Down })
		time.Sleep(30 * time.Second)
		if !w.bothServersAnswer(both()...)() {
			t.Fatal("written without an agent")
		}
		w.agents[parse("192.0.2.54:2224")].cut(false)
		w.until("the agent that is back writes it to both", backoffMost+2*time.Second, w.bothServersAnswer("192.0.2.1"))
	})
}

// Nothing is sent before what it promises is durable: when the state cannot be
// written, no order leaves and the role ends.
func TestNothingIsOrderedThatCannotBeSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := site(t)
		store := newStore(t)
		defer store.Close()
		r := w.start(mustLoad(t, siteConfig), store)
		w.until("published", 10*time.Second, w.bothServersAnswer(both()...))
		writes := len(seen(w, &w.writes))
		store.breakIt(errDisk)
		w.kill("192.0.2.2")
		err := <-r.ended
		if err == nil {
			t.Fatal("the monitor goes on although it cannot save")
		}
		r.ended <- nil
		r.end()
		if len(seen(w, &w.writes)) != writes {
			t.Errorf("an order left after the store had failed: %v", seen(w, &w.writes)[writes:])
		}
		if why := r.ready.why(); why == "" {
			t.Error("still ready although the store cannot be written")
		}
	})
}

// State survives a restart: a member known to be down is not published again.
func TestStateIsTakenOverFromDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := site(t)
		store := newStore(t)
		defer store.Close()
		cfg := mustLoad(t, siteConfig)
		r := w.start(cfg, store)
		w.until("published", 10*time.Second, w.bothServersAnswer(both()...))
		w.agents[parse("192.0.2.2:2224")].cut(true)
		w.kill("192.0.2.2")
		w.until("out", 5*time.Second, w.bothServersAnswer("192.0.2.1"))
		r.end()
		writes := len(seen(w, &w.writes))
		r = w.start(cfg, store)
		defer r.end()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		for _, line := range seen(w, &w.writes)[writes:] {
			if line != "192.0.2.53 www.mydomain.com/A [192.0.2.1]" && line != "192.0.2.54 www.mydomain.com/A [192.0.2.1]" {
				t.Errorf("after the restart: %s", line)
			}
		}
		if m := r.member(www, "192.0.2.2"); m.InDNS {
			t.Errorf("the dead member is published after a restart (state %s, reason %s)", m.State, m.Reason)
		}
	})
}

// M5, F18: reset at start waits for verdicts and leaves out what is down.
func TestResetAtStartLeavesOutWhatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := site(t)
		w.kill("192.0.2.2")
		w.agents[parse("192.0.2.2:2224")].cut(true)
		store := newStore(t)
		defer store.Close()
		r := w.start(mustLoad(t, replace(siteConfig, "reset_on_start = false", "reset_on_start = true")), store)
		defer r.end()
		w.until("normal-dns is applied", 30*time.Second, func() bool { return len(seen(w, &w.normal)) > 0 })
		n := seen(w, &w.normal)[0]
		if n.Action != "apply" || len(n.Pools) != 1 {
			t.Fatalf("order for normal-dns: %+v", n)
		}
		if diff := cmp.Diff([]string{"192.0.2.1"}, n.Pools[0].Want.Values); diff != "" {
			t.Errorf("pool in normal-dns (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"192.0.2.2"}, n.Out["www.mydomain.com/A"]); diff != "" {
			t.Errorf("out (-want +got):\n%s", diff)
		}
		time.Sleep(time.Minute)
		if len(seen(w, &w.normal)) != 1 {
			t.Errorf("normal-dns was applied %d times, want once", len(seen(w, &w.normal)))
		}
	})
}

// M7: members given by name are looked up, and again now and then.
func TestTargetsAreLookedUpAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := site(t)
		w.names["mx1.mydomain.com"] = addrs("192.0.2.11")
		text := siteConfig + `
[[pool]]
record = "mydomain.com"
type = "MX"
preference = 10
[pool.check]
service = "smtp"
[[pool.member]]
target = "mx1.mydomain.com"
[[pool.member]]
target = "mx2.mydomain.com"
`
		store := newStore(t)
		defer store.Close()
		r := w.start(mustLoad(t, text), store)
		defer r.end()
		const mx = "mydomain.com/MX"
		time.Sleep(10 * time.Second)
		if got := w.answers(ns1, mx); got != nil {
			t.Errorf("published although mx2 was never looked at: %v", got)
		}
		if m := r.member(mx, "mx2.mydomain.com"); m.State != decide.Unknown || m.Checks[0].Reason != "no-address" {
			t.Errorf("mx2: state %s, reason %q; want unknown, no-address", m.State, m.Checks[0].Reason)
		}
		w.mu.Lock()
		w.names["mx2.mydomain.com"] = addrs("192.0.2.12", "2001:db8::12")
		w.mu.Unlock()
		w.until("both targets are published", time.Minute, func() bool {
			return slices.Equal(w.answers(ns1, mx), []string{"10 mx1.mydomain.com", "10 mx2.mydomain.com"})
		})
		w.kill("192.0.2.12")
		time.Sleep(10 * time.Second)
		if m := r.member(mx, "mx2.mydomain.com"); m.State == decide.Down {
			t.Error("mx2 is down although one of its addresses answers")
		}
	})
}

// M5: a dead server is owed what it missed; people are told once, by server.
func TestOwedServerIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begin(t, siteConfig)
		defer r.end()
		w.silence(ns2, true)
		w.kill("192.0.2.2")
		w.until("restarted and back", 20*time.Second, func() bool { return slices.Equal(w.answers(ns1, www), both()) && len(seen(w, &w.restarts)) == 1 })
		time.Sleep(3 * time.Minute)
		w.silence(ns2, false)
		r.must("POST", "/v1/pool/drain", nil, `{"address":"192.0.2.1","for":"1h","reason":"x"}`)
		time.Sleep(5 * time.Second)
		var got []string
		for _, s := range w.alertLines() {
			if strings.Contains(s, "DNS server") {
				got = append(got, s)
			}
		}
		want := []string{"degraded: DNS server " + ns2 + " does not take changes", "recovery: DNS server " + ns2 + " has taken what it missed"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// M8: the node's agent hears that its member went down and came up.
func TestHooksReachTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begin(t, siteConfig)
		defer r.end()
		w.kill("192.0.2.2")
		w.until("both hooks ran", 20*time.Second, func() bool { return len(seen(w, &w.hooks)) == 2 })
		if diff := cmp.Diff([]string{"apache 192.0.2.2 up=false", "apache 192.0.2.2 up=true"}, seen(w, &w.hooks)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// M3: what nobody configured is reported, with the lines that put it back.
func TestStraysAreTold(t *testing.T) {
	a := strayAlert(parse("192.0.2.53:2224"), order.Published{Pool: www, Strays: []string{"198.51.100.7"}, Undo: []string{"update add www.mydomain.com 30 A 198.51.100.7"}})
	if a.Kind != "stray" || !strings.Contains(a.Title, "198.51.100.7") || a.Evidence != "update add www.mydomain.com 30 A 198.51.100.7\n" {
		t.Errorf("%+v", a)
	}
	if left := strayAlert(parse("192.0.2.53:2224"), order.Published{Pool: www, Strays: []string{"198.51.100.7"}}); !strings.Contains(left.Body, "left in DNS") {
		t.Errorf("a stray that was left: %q", left.Body)
	}
}
