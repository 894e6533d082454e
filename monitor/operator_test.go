package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"loadshare/internal/control"
	"loadshare/monitor/decide"
	"loadshare/monitor/order"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// golden compares with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got), go test -rewrite writes it anew:\n%s", file, diff)
	}
}

// ask makes one request at the operator's door.
func (r *running) ask(method, path string, query url.Values, body string) (any, error) {
	d := doors{}
	r.serveOperator(d)
	h := d[method+" "+path]
	if h == nil {
		r.w.t.Fatalf("%s %s is not served", method, path)
	}
	ctx, cancel := context.WithTimeout(r.ctx, 50*time.Second)
	defer cancel()
	return h(ctx, control.NewRequest(query, "root", strings.NewReader(body)))
}

// must is ask that is not refused, as JSON.
func (r *running) must(method, path string, query url.Values, body string) map[string]any {
	r.w.t.Helper()
	out, err := r.ask(method, path, query, body)
	if err != nil {
		r.w.t.Fatalf("%s %s: %v", method, path, err)
	}
	data, err := json.Marshal(out)
	if err != nil {
		r.w.t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		r.w.t.Fatal(err)
	}
	return m
}

func refusedText(err error) string {
	var no *control.Refused
	if errors.As(err, &no) {
		return no.Reason
	}
	return ""
}

// The contract's fields of `status --json`.
func TestStatusHasTheContractsFields(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, r := begin(t, siteConfig)
		defer r.end()
		s := r.must("GET", "/v1/status", nil, "")
		for _, key := range []string{"pools", "monitors", "role", "id", "agents", "guard", "reload"} {
			if _, ok := s[key]; !ok {
				t.Errorf("status has no %q", key)
			}
		}
		pool := s["pools"].([]any)[0].(map[string]any)
		want := map[string]any{"record": "www.mydomain.com", "type": "A", "zone": "mydomain.com", "published": []any{"192.0.2.1", "192.0.2.2"}, "state": "holder"}
		for key, v := range want {
			if diff := cmp.Diff(v, pool[key]); diff != "" {
				t.Errorf("pool %s (-want +got):\n%s", key, diff)
			}
		}
		m := pool["members"].([]any)[0].(map[string]any)
		for _, key := range []string{"address", "state", "since", "reason", "in_dns", "restarts", "checks", "drained_until"} {
			if _, ok := m[key]; !ok {
				t.Errorf("member has no %q", key)
			}
		}
		if m["address"] != "192.0.2.1" || m["state"] != "up" || m["in_dns"] != true || m["restarts"] != 0.0 || m["drained_until"] != nil {
			t.Errorf("member %v", m)
		}
	})
}

// The contract: "`pool why` prints the present state and the events of the last
// time it changed (reason, probes, restarts, updates), also for a member that is in."
func TestWhyTellsTheLastChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begin(t, siteConfig)
		defer r.end()
		time.Sleep(time.Minute)
		w.kill("192.0.2.2")
		w.until("out", 5*time.Second, w.bothServersAnswer("192.0.2.1"))
		w.until("back", 15*time.Second, w.bothServersAnswer(both()...))
		time.Sleep(5 * time.Second)
		out := r.must("GET", "/v1/pool/why", url.Values{"record": {"WWW.mydomain.com."}, "address": {"192.0.2.2"}}, "")
		var lines []string
		for _, l := range out["lines"].([]any) {
			lines = append(lines, l.(string))
		}
		golden(t, "why.txt", strings.Join(lines, "\n")+"\n")
	})
}

func TestWhyOfAMemberThatNeverFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, r := begin(t, siteConfig)
		defer r.end()
		time.Sleep(time.Second)
		out := r.must("GET", "/v1/pool/why", url.Values{"record": {"www.mydomain.com"}, "address": {"192.0.2.1"}}, "")
		m := out["members"].([]any)[0].(map[string]any)
		if m["state"] != "up" || m["reason"] != string(order.ReasonFirstVerdict) || len(m["events"].([]any)) == 0 {
			t.Errorf("state %v, reason %v, %d events; want up, first-verdict and the events of that verdict", m["state"], m["reason"], len(m["events"].([]any)))
		}
	})
}

func TestWhyRefusesWhatIsNotThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, r := begin(t, siteConfig)
		defer r.end()
		for _, c := range []struct{ record, address, want string }{
			{"ftp.mydomain.com", "", `no pool "ftp.mydomain.com"; there are: www.mydomain.com`},
			{"www.mydomain.com", "192.0.2.9", "192.0.2.9 is no member of www.mydomain.com"},
		} {
			_, err := r.ask("GET", "/v1/pool/why", url.Values{"record": {c.record}, "address": {c.address}}, "")
			if got := refusedText(err); got != c.want {
				t.Errorf("why %s %s: refused with %q, want %q", c.record, c.address, got, c.want)
			}
		}
	})
}

// Ahead, 13: "Every override has an owner, reason and end."
func TestDrainTakesOutAndEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begin(t, siteConfig)
		defer r.end()
		r.must("POST", "/v1/pool/drain", nil, `{"address":"192.0.2.2","for":"10m","reason":"new disk"}`)
		w.until("out at once", time.Second, w.bothServersAnswer("192.0.2.1"))
		m := r.member(www, "192.0.2.2")
		if m.State != decide.Drained || m.Drain == nil || m.Drain.By != "root" || m.Drain.Reason != "new disk" {
			t.Errorf("member %+v", m)
		}
		time.Sleep(9 * time.Minute)
		synctest.Wait()
		if !w.bothServersAnswer("192.0.2.1")() {
			t.Error("back before the drain's end")
		}
		w.until("back by itself", 2*time.Minute, w.bothServersAnswer(both()...))
	})
}

func TestUndrainBringsItBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begin(t, siteConfig)
		defer r.end()
		r.must("POST", "/v1/pool/drain", nil, `{"address":"192.0.2.2","for":"10m","reason":"new disk","record":"www.mydomain.com"}`)
		w.until("out", time.Second, w.bothServersAnswer("192.0.2.1"))
		r.must("POST", "/v1/pool/undrain", nil, `{"address":"192.0.2.2"}`)
		w.until("back", 5*time.Second, w.bothServersAnswer(both()...))
	})
}

func TestDrainIsRefusedWithAReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begin(t, siteConfig)
		defer r.end()
		r.must("POST", "/v1/pool/drain", nil, `{"address":"192.0.2.1","for":"10m","reason":"x"}`)
		w.until("drained", time.Second, w.bothServersAnswer("192.0.2.2"))
		for _, c := range []struct{ body, want string }{
			{`{"address":"192.0.2.2","for":"10m","reason":"x"}`, "floor|min_members|below"},
			{`{"address":"192.0.2.2","for":"","reason":"x"}`, "a drain needs an end"},
			{`{"address":"192.0.2.2","for":"400d","reason":"x"}`, "a drain needs an end"},
			{`{"address":"192.0.2.2","for":"-1h","reason":"x"}`, "a drain needs an end"},
			{`{"address":"192.0.2.2","for":"1h","reason":" "}`, "a drain needs a reason"},
			{`{"address":"192.0.2.77","for":"1h","reason":"x"}`, "192.0.2.77 is no member of any pool"},
			{`{"address":"192.0.2.2","for":"1h","reason":"x","record":"ftp.mydomain.com"}`, "192.0.2.2 is no member of ftp.mydomain.com"},
			{`{"address":"192.0.2.2","for":"1h","reason":"x","force":true}`, "unknown field"},
		} {
			_, err := r.ask("POST", "/v1/pool/drain", nil, c.body)
			if got := refusedText(err); !regexp.MustCompile(c.want).MatchString(got) {
				t.Errorf("%s: refused with %q, want %s", c.body, got, c.want)
			}
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if !w.bothServersAnswer("192.0.2.2")() {
			t.Errorf("a refused drain changed DNS: %v", w.answers(ns1, www))
		}
	})
}

func TestNormalDNSDiffChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begin(t, siteConfig)
		defer r.end()
		out := r.must("POST", "/v1/normal-dns", nil, `{"action":"diff"}`)
		if n := len(out["servers"].([]any)); n != 2 {
			t.Errorf("%d servers in the answer, want 2", n)
		}
		if n := seen(w, &w.normal); len(n) != 1 || n[0].Action != order.NormalDNSDiff {
			t.Errorf("the agent was asked %+v", n)
		}
		if _, err := r.ask("POST", "/v1/normal-dns", nil, `{"action":"purge"}`); refusedText(err) == "" {
			t.Errorf("an unknown action was not refused: %v", err)
		}
	})
}

func TestReadyMeansAnAgentIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := site(t)
		for _, a := range []string{"192.0.2.53:2224", "192.0.2.54:2224"} {
			w.agents[parse(a)].cut(true)
		}
		store := newStore(t)
		defer store.Close()
		r := w.start(mustLoad(t, siteConfig), store)
		defer r.end()
		time.Sleep(5 * time.Second)
		if !w.started.Load() {
			t.Error("systemd is not told while the agents are away: it would end the monitor after TimeoutStartSec")
		}
		if s := r.must("GET", "/v1/ready", nil, ""); s["ready"] != false || !strings.Contains(s["why"].(string), "no publishing agent is connected") {
			t.Errorf("ready without an agent: %v", s)
		}
		w.agents[parse("192.0.2.53:2224")].cut(false)
		w.until("ready", 10*time.Second, func() bool { return r.ready.why() == "" })
	})
}

func TestEventsGoOnFromANumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, r := begin(t, siteConfig)
		defer r.end()
		all := r.must("GET", "/v1/events", nil, "")["events"].([]any)
		if len(all) < 3 {
			t.Fatalf("only %d events", len(all))
		}
		from := all[0].(map[string]any)["seq"].(float64)
		rest := r.must("GET", "/v1/events", url.Values{"since": {itoa(int(from))}}, "")["events"].([]any)
		if len(rest) != len(all)-1 {
			t.Errorf("%d events after the first of %d", len(rest), len(all))
		}
	})
}

// ahead, 3: one line: seen, written, answered by all, caches drained.
func TestReceiptTellsTheWholeChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begin(t, siteConfig)
		defer r.end()
		w.agents[parse("192.0.2.2:2224")].cut(true)
		time.Sleep(time.Minute)
		w.kill("192.0.2.2")
		w.until("out", 5*time.Second, w.bothServersAnswer("192.0.2.1"))
		time.Sleep(time.Second)
		p := r.must("GET", "/v1/pool", url.Values{"record": {"www.mydomain.com"}}, "")
		receipt := p["receipt"].(map[string]any)
		for _, key := range []string{"seen_at", "decided_at", "written_at", "answered_at", "proved_at", "drained_by"} {
			if receipt[key] == nil {
				t.Errorf("receipt has no %s", key)
			}
		}
		golden(t, "receipt.txt", receipt["text"].(string)+"\n")
	})
}
