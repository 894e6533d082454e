package monitor

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"loadshare/monitor/decide"
)

// reloadWith writes another configuration and asks for a reload, as SIGHUP does.
func (r *running) reloadWith(t *testing.T, text string) error {
	t.Helper()
	if err := os.WriteFile(r.cfg.Path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return r.env.Reload(ctx)
}

// The contract: "reload on SIGHUP (all or nothing, the old configuration stays on
// any error, the result is visible in status)".
func TestReloadIsAllOrNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begin(t, siteConfig)
		defer r.end()
		before := r.plan
		for name, text := range map[string]string{
			"a wrong value":            replace(siteConfig, "port = 80", `port = "eighty"`),
			"another id":               replace(siteConfig, `id = "m1"`, `id = "m9"`),
			"another state directory":  "state_dir = \"elsewhere\"\n" + siteConfig,
			"another operator's door":  siteConfig + "\n[control]\nlisten = \"unix:other.sock\"\n",
			"no syntax":                siteConfig + "\n[[[",
			"a circle of dependencies": siteConfig + "\n[[check]]\nname = \"a\"\ntype = \"icmp\"\naddress = \"192.0.2.1\"\ndepends_on = [\"a\"]\n",
		} {
			if err := r.reloadWith(t, text); err == nil {
				t.Errorf("%s was taken over", name)
			}
			if s := r.must("GET", "/v1/status", nil, ""); s["reload"].(map[string]any)["ok"] != false {
				t.Errorf("%s: status says %v", name, s["reload"])
			}
		}
		var after *plan
		r.loop.look(r.ctx, func() { after = r.plan })
		if after != before {
			t.Error("a refused configuration changed the plan")
		}
		if err := r.reloadWith(t, siteConfig+"[[pool.member]]\naddress = \"192.0.2.3\"\n"); err != nil {
			t.Fatalf("a good one was refused: %v", err)
		}
		w.until("the new member is published", 10*time.Second, w.bothServersAnswer("192.0.2.1", "192.0.2.2", "192.0.2.3"))
		if err := r.reloadWith(t, siteConfig); err != nil {
			t.Fatal(err)
		}
		w.until("the member that left is out", 10*time.Second, w.bothServersAnswer(both()...))
	})
}

// Lessons, 3: "Check life is bound to configuration."
func TestRemovedMembersAreNoLongerProbed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := site(t)
		store := newStore(t)
		defer store.Close()
		r := w.start(mustLoad(t, siteConfig+"[[pool.member]]\naddress = \"192.0.2.3\"\n"), store)
		defer r.end()
		w.until("published", 10*time.Second, w.bothServersAnswer("192.0.2.1", "192.0.2.2", "192.0.2.3"))
		if err := r.reloadWith(t, siteConfig); err != nil {
			t.Fatal(err)
		}
		r.prober.mu.Lock()
		defer r.prober.mu.Unlock()
		if slices.ContainsFunc(r.prober.looks, func(l Look) bool { return l.Address.String() == "192.0.2.3" }) {
			t.Error("192.0.2.3 is still looked at")
		}
	})
}

// People are told when an agent is away for long, once, and when it is back.
func TestAgentAwayIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begin(t, siteConfig)
		defer r.end()
		a := w.agents[parse("192.0.2.54:2224")]
		a.cut(true)
		time.Sleep(5 * time.Minute)
		a.cut(false)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		var got []string
		for _, s := range w.alertLines() {
			if strings.Contains(s, "agent 192.0.2.54:2224") {
				got = append(got, s)
			}
		}
		want := []string{"degraded: agent 192.0.2.54:2224 cannot be reached", "recovery: agent 192.0.2.54:2224 is back"}
		if !slices.Equal(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}
	})
}

// F25: mail on failure, restart and recovery, one thread an incident, evidence inside.
func TestIncidentIsOneThreadWithEvidence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begin(t, siteConfig)
		defer r.end()
		w.kill("192.0.2.2")
		w.until("restarted and back", 20*time.Second, func() bool {
			return r.member(www, "192.0.2.2").State == decide.Up && len(seen(w, &w.restarts)) == 1
		})
		time.Sleep(time.Second)
		synctest.Wait()
		threads := map[string][]string{}
		for _, a := range seen(w, &w.alerts) {
			threads[a.Incident] = append(threads[a.Incident], string(a.Kind))
			if a.Kind == "failure" && a.Next != "loadshare pool why www.mydomain.com 192.0.2.2" {
				t.Errorf("next command %q", a.Next)
			}
			if a.Kind == "failure" && !strings.Contains(a.Evidence, "connection refused") {
				t.Errorf("failure without what was seen: %q", a.Evidence)
			}
			if a.Kind == "restart" && !strings.Contains(a.Evidence, "unit failed") {
				t.Errorf("restart without the agent's evidence: %q", a.Evidence)
			}
		}
		if len(threads) != 1 {
			t.Fatalf("threads %v, want one", threads)
		}
		for _, kinds := range threads {
			if !slices.Contains(kinds, "failure") || !slices.Contains(kinds, "restart") || kinds[len(kinds)-1] != "recovery" {
				t.Errorf("kinds in order %v; want failure, restart, and recovery at last", kinds)
			}
		}
	})
}

// The daily summary counts what happened.
func TestSummaryTellsTheDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begin(t, siteConfig)
		defer r.end()
		time.Sleep(time.Hour)
		w.kill("192.0.2.2")
		w.until("back", time.Minute, func() bool { return len(seen(w, &w.restarts)) == 1 && r.member(www, "192.0.2.2").State == decide.Up })
		r.must("POST", "/v1/pool/drain", nil, `{"address":"192.0.2.1","for":"2h","reason":"new disk"}`)
		time.Sleep(time.Second)
		golden(t, "summary.txt", r.summary(r.ctx))
	})
}
