package monitor

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"loadshare/monitor/decide"
)

// role is what a monitor is to the pool.
func (r *running) role() (role decide.Role, holder string) {
	r.loop.look(r.ctx, func() {
		v, _ := r.machine.Pool(www)
		role, holder = v.Role, v.Holder
	})
	return role, holder
}

// pair starts two monitors in one world.
func pair(t *testing.T) (w *world, a, b *running) {
	t.Helper()
	w = site(t)
	sa, sb := newStore(t), newStore(t)
	t.Cleanup(func() { sa.Close(); sb.Close() })
	a = w.start(mustLoad(t, siteConfig), sa)
	w.until("published", 10*time.Second, w.bothServersAnswer(both()...))
	b = w.start(mustLoad(t, replace(siteConfig, `id = "m1"`, `id = "m2"`)), sb)
	w.until("the second stands by", 10*time.Second, func() bool { r, h := b.role(); return r == decide.RoleStandby && h == "m1" })
	return w, a, b
}

// M1: "Two monitors must not undo each other"; the other "may take it when it lapses".
func TestSecondMonitorStandsByAndTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t)
		time.Sleep(time.Minute)
		if why := b.ready.why(); why != "" {
			t.Errorf("the standby is not ready: %s", why)
		}
		a.end()
		w.until("the second holds the pool", 3*leastLease, func() bool { r, _ := b.role(); return r == decide.RoleHolder })
		w.kill("192.0.2.2")
		w.until("and removes what dies", 10*time.Second, w.bothServersAnswer("192.0.2.1"))
		b.end()
	})
}

// A monitor that comes back while another one holds the pool stands by: nothing is fought over.
func TestReturningMonitorDoesNotFight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := site(t)
		sa, sb := newStore(t), newStore(t)
		defer sa.Close()
		defer sb.Close()
		ca, cb := mustLoad(t, siteConfig), mustLoad(t, replace(siteConfig, `id = "m1"`, `id = "m2"`))
		a := w.start(ca, sa)
		w.until("published", 10*time.Second, w.bothServersAnswer(both()...))
		b := w.start(cb, sb)
		time.Sleep(5 * time.Second)
		a.end()
		w.until("the second holds", 3*leastLease, func() bool { r, _ := b.role(); return r == decide.RoleHolder })
		time.Sleep(5 * time.Second) // it has both agents' leases
		a = w.start(ca, sa)
		time.Sleep(5 * time.Second)
		writes := len(seen(w, &w.writes))
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if n := len(seen(w, &w.writes)); n != writes {
			t.Errorf("%d writes in five quiet minutes: %v", n-writes, seen(w, &w.writes)[writes:])
		}
		if r, h := a.role(); r != decide.RoleStandby || h != "m2" {
			t.Errorf("the first is %s of %q, want standby of m2", r, h)
		}
		a.end()
		b.end()
	})
}

// M1: when each monitor got the lease at one agent, one of them lets go, and
// the pool ends with one holder at both.
func TestSplitLeasesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := site(t)
		// Each agent has just granted another monitor.
		for addr, holder := range map[string]string{"192.0.2.53:2224": "m1", "192.0.2.54:2224": "m2"} {
			ag := w.agents[parse(addr)]
			ag.holder[www], ag.until[www] = holder, time.Now().Add(leastLease)
		}
		sa, sb := newStore(t), newStore(t)
		defer sa.Close()
		defer sb.Close()
		a := w.start(mustLoad(t, siteConfig), sa)
		b := w.start(mustLoad(t, replace(siteConfig, `id = "m1"`, `id = "m2"`)), sb)
		w.until("one holds, one stands by", time.Minute, func() bool {
			ra, _ := a.role()
			rb, _ := b.role()
			return ra == decide.RoleHolder && rb == decide.RoleStandby || rb == decide.RoleHolder && ra == decide.RoleStandby
		})
		w.until("published", time.Minute, w.bothServersAnswer(both()...))
		time.Sleep(time.Minute)
		writes := len(seen(w, &w.writes))
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := len(seen(w, &w.writes)); n != writes {
			t.Errorf("they still write against each other: %v", seen(w, &w.writes)[writes:])
		}
		ra, _ := a.role()
		rb, _ := b.role()
		if (ra == decide.RoleHolder) == (rb == decide.RoleHolder) {
			t.Errorf("roles after ten minutes: %s and %s, want one holder", ra, rb)
		}
		a.end()
		b.end()
	})
}

// massConfig has enough members for the mass-failure guard, and no anchors.
const massConfig = `
id = "m1"
[agents]
key = "agent.key"
[dns]
agents = ["192.0.2.53"]
servers = ["192.0.2.53:53"]
reset_on_start = false
[defaults]
interval = "1s"
timeout = "500ms"
[[pool]]
record = "www.mydomain.com"
[pool.check]
port = 80
[[pool.member]]
address = "192.0.2.1"
[[pool.member]]
address = "192.0.2.2"
[[pool.member]]
address = "192.0.2.3"
[[pool.member]]
address = "192.0.2.4"
[[pool.member]]
address = "192.0.2.5"
[[pool.member]]
address = "192.0.2.6"
`

// M4: "A hold ends when ... a publishing agent's own one-shot probe agrees (then proceed, to the floor)".
func TestMassFailureAsksASecondView(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, ns1)
		w.agent("192.0.2.53:2224", true)
		store := newStore(t)
		defer store.Close()
		r := w.start(mustLoad(t, massConfig), store)
		defer r.end()
		w.until("published", 10*time.Second, func() bool { return len(w.answers(ns1, www)) == 6 })
		time.Sleep(30 * time.Second)
		// The monitor is blind to five of six; the agent sees them well.
		for _, n := range []string{"1", "2", "3", "4", "5"} {
			w.kill("www.mydomain.com/A 192.0.2." + n + " tcp-80")
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if got := w.answers(ns1, www); len(got) != 6 {
			t.Fatalf("removed although the agent sees them: %v", got)
		}
		if lines := w.alertLines(); !slices.ContainsFunc(lines, func(s string) bool { return strings.HasPrefix(s, "mass-failure: ") }) {
			t.Errorf("nobody was told: %q", lines)
		}
		// Now they are dead for the agent, too.
		for _, n := range []string{"1", "2", "3", "4", "5"} {
			w.kill("192.0.2." + n)
		}
		w.until("removed, once a second view agrees", 3*time.Minute, func() bool { return slices.Equal(w.answers(ns1, www), []string{"192.0.2.6"}) })
	})
}
