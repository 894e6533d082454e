package plan

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loadshare/ddns"
	"loadshare/monitor/order"
)

func want[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// F05: "Updates go to both primaries synchronously"; M5: "`every`: each living
// server has it and answers it".
func TestEveryServerGetsTheOrder(t *testing.T) {
	w := newWorld(t, nil)
	w.servers["main"].put("www.example", 1, "10.0.0.1", "10.0.0.2", "10.0.0.3")
	w.servers["backup"].put("www.example", 1, "10.0.0.1", "10.0.0.2", "10.0.0.3")
	s := stamp("m1", 1, 1)
	w.claim("m1", order.Stamp{})
	want(t, "receipt", w.publish(s, "10.0.0.1", "10.0.0.3").Refused, order.Taken)
	for name, server := range w.servers {
		want(t, name, server.values("www.example"), "10.0.0.1 10.0.0.3")
		gen := server.literal(ddns.Key{Name: "_a._loadshare.www.example", Type: "TXT"}).Values
		want(t, name+" generation", strings.Join(gen, ""), ddns.Stamp(s).Text())
	}
	want(t, "states", w.states(), "answers answers done")
	p := w.published()
	if d := cmp.Diff([]string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}, p.Before); d != "" {
		t.Errorf("before\n%s", d)
	}
	want(t, "attempts", p.Servers[0].Attempts, 1)
}

// "Nothing is acknowledged before it is durable": the receipt comes in the same
// output as the save, and the save stands before it.
func TestReceiptComesWithItsSave(t *testing.T) {
	w := newWorld(t, nil)
	w.claim("m1", order.Stamp{})
	out := w.m.Step(w.now, Heard{From: "m1", ID: 9, Msg: w.order(stamp("m1", 1, 1), "10.0.0.1")})
	if len(out.Save) != 1 || len(out.Reply) != 1 || !strings.Contains(string(out.Save[0].Value), `"m1-1-1"`) {
		t.Errorf("save %v, reply %v", out.Save, out.Reply)
	}
	if len(out.Write) != 0 {
		t.Error("a write before anything was read")
	}
}

// "already as desired is success" (M2): a second agent has written it.
func TestAlreadyAsWanted(t *testing.T) {
	w := newWorld(t, nil)
	s := stamp("m1", 1, 1)
	for _, server := range w.servers {
		server.put("www.example", 1, "10.0.0.1")
		server.sets[ddns.Key{Name: "_a._loadshare.www.example", Type: "TXT"}] = ddns.Set{Name: "_a._loadshare.www.example", Type: "TXT", TTL: 60, Values: []string{ddns.Stamp(s).Text()}}
	}
	w.claim("m1", order.Stamp{})
	w.publish(s, "10.0.0.1")
	want(t, "states", w.states(), "answers answers done")
	want(t, "already", w.published().Servers[0].Already, true)
	want(t, "writes", len(w.servers["main"].writes), 0)
	want(t, "reason", w.has(AlreadyThere), true)
}

// M5: "a dead one is `owed` and gets it on return. […] later orders never wait
// for a dead server." M2: "What a server missed is tried again at least every
// 4 s", but "a queued or repeated write only after the monitor has confirmed,
// within the last 10 s, that its generation is still current".
func TestDeadServerIsOwedAndGetsItOnReturn(t *testing.T) {
	w := newWorld(t, nil)
	w.servers["backup"].dead = true
	s := stamp("m1", 1, 1)
	w.claim("m1", order.Stamp{})
	w.publish(s, "10.0.0.1")
	want(t, "while dead", w.states(), "answers owed done")
	for range 10 {
		w.pass(4 * time.Second)
		w.claim("m1", s)
	}
	w.servers["backup"].dead = false
	w.pass(RetryEvery)
	want(t, "on return", w.states(), "answers answers done")
	want(t, "backup", w.servers["backup"].values("www.example"), "10.0.0.1")
}

func TestQueuedWriteWaitsForConfirmation(t *testing.T) {
	w := newWorld(t, nil)
	w.servers["backup"].dead = true
	s := stamp("m1", 1, 1)
	w.claim("m1", order.Stamp{})
	w.publish(s, "10.0.0.1")
	w.pass(ConfirmedWithin + time.Second)
	w.servers["backup"].dead = false
	w.pass(time.Minute)
	want(t, "nobody confirmed for over 10 s", w.servers["backup"].values("www.example"), "")
	want(t, "reason", w.has(NotConfirmed), true)
	w.claim("m1", stamp("m1", 1, 2))
	w.pass(RetryEvery)
	want(t, "another stamp is current", w.servers["backup"].values("www.example"), "")
	w.claim("m1", s)
	want(t, "confirmed: at once", w.servers["backup"].values("www.example"), "10.0.0.1")
}

// M2: "one that was cut off must never replay an old set over a newer one."
func TestLateWriteIsRefusedByTheServerItself(t *testing.T) {
	w := newWorld(t, nil)
	s1, s2 := stamp("m1", 1, 1), stamp("m1", 1, 2)
	w.claim("m1", order.Stamp{})
	w.hold = true
	w.publish(s1, "10.0.0.1")
	for _, p := range w.pending { // both reads are answered, both writes are under way
		w.do(w.m.Step(w.now, w.servers[p.(Read).Server].read(p.(Read))))
	}
	late := w.pending[2:]
	// Meanwhile another agent writes the next decision.
	for _, server := range w.servers {
		c, err := ddns.Fenced("example", server.read(Read{Key: ddns.Key{Name: "www.example", Type: "A"}, Generation: "_a._loadshare.www.example"}).Have,
			ddns.Want{Set: ddns.Set{Name: "www.example", Type: "A", TTL: 1, Values: []string{"10.0.0.2"}}, Stamp: ddns.Stamp(s2)})
		if err != nil || !server.apply(c) {
			t.Fatal("the other agent's write", err)
		}
	}
	w.hold, w.pending = false, nil
	for _, p := range late {
		w.step(w.servers[p.(Write).Server].write(p.(Write)))
	}
	for name, server := range w.servers {
		want(t, name, server.values("www.example"), "10.0.0.2")
	}
	want(t, "states", w.states(), "refused refused done")
	want(t, "why", w.published().Servers[0].Refused, order.RefusedStale)
	want(t, "newest", w.published().Newest, s2)
	// From now on the agent knows it.
	r := w.publish(s1, "10.0.0.1")
	want(t, "again", r.Refused, order.RefusedStale)
	want(t, "newest in the receipt", r.Newest, s2)
}

// The set alone would not do as a fence: it may be again what was read (A, B, A)
// while later decisions have passed. The generation record tells.
func TestLateWriteAfterTheSetIsAsItWas(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Servers = []string{"main"} })
	main := w.servers["main"]
	w.claim("m1", order.Stamp{})
	w.publish(stamp("m1", 1, 1), "10.0.0.1")
	w.hold = true
	w.publish(stamp("m1", 1, 2), "10.0.0.2")
	w.do(w.m.Step(w.now, main.read(w.pending[0].(Read))))
	late := w.pending[1].(Write)
	other := newWorld(t, func(c *Config) { c.Servers = []string{"main"} })
	other.servers["main"] = main
	other.claim("m1", order.Stamp{})
	other.publish(stamp("m1", 1, 2), "10.0.0.2")
	other.publish(stamp("m1", 1, 3), "10.0.0.1")
	want(t, "as it was", main.values("www.example"), "10.0.0.1")
	want(t, "late write", main.write(late).Fault, Changed)
	want(t, "afterwards", main.values("www.example"), "10.0.0.1")
}

// "The queue keeps only the newest set per name."
func TestNewerOrderReplacesTheQueuedOne(t *testing.T) {
	w := newWorld(t, nil)
	w.servers["backup"].dead = true
	s1, s2 := stamp("m1", 1, 1), stamp("m1", 1, 2)
	w.claim("m1", order.Stamp{})
	w.publish(s1, "10.0.0.1")
	w.publish(s2, "10.0.0.2")
	want(t, "reason", w.has(Superseded), true)
	w.servers["backup"].dead = false
	w.claim("m1", s2)
	w.pass(RetryEvery)
	want(t, "backup", w.servers["backup"].values("www.example"), "10.0.0.2")
	if d := cmp.Diff([]string{"1.2"}, w.servers["backup"].writes); d != "" {
		t.Errorf("the older one was written too\n%s", d)
	}
}

// A newer order does not overtake a write that is under way to the same server.
func TestOneWriteAtATime(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Fence = false; c.Servers = []string{"main"} })
	w.claim("m1", order.Stamp{})
	w.hold = true
	w.publish(stamp("m1", 1, 1), "10.0.0.1")
	first := w.pending[0].(Read)
	w.pending = nil
	w.publish(stamp("m1", 1, 2), "10.0.0.2")
	if len(w.pending) != 0 {
		t.Fatalf("%v under way besides %v", w.pending, first)
	}
	w.hold = false
	w.step(w.servers["main"].read(first))
	want(t, "the newer order", w.servers["main"].values("www.example"), "10.0.0.2")
	if d := cmp.Diff([]string{"1.2"}, w.servers["main"].writes); d != "" {
		t.Error(d)
	}
}

// A set that is changed under the agent's feet is read again and decided again.
func TestChangedMeanwhile(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Servers = []string{"main"} })
	w.claim("m1", order.Stamp{})
	w.hold = true
	w.publish(stamp("m1", 1, 1), "10.0.0.1")
	read := w.pending[0].(Read)
	w.step(w.servers["main"].read(read))
	w.servers["main"].put("www.example", 9, "10.0.0.3", "10.0.0.77")
	w.hold = false
	w.serve()
	want(t, "reason", w.has(ChangedUnder), true)
	want(t, "states", w.states(), "answers done")
	want(t, "first adoption keeps the stray", w.servers["main"].values("www.example"), "10.0.0.1 10.0.0.77")
}

// A wildcard answers for names that do not exist, prerequisites are literal
// (RFC 2136 section 2.4): the agent finds that out.
func TestWildcards(t *testing.T) {
	for _, c := range []struct {
		name  string
		types []string
	}{{"address", []string{"A"}}, {"text", []string{"TXT"}}, {"both", []string{"A", "TXT"}}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, func(c *Config) { c.Servers = []string{"main"} })
			w.servers["main"].wildcard = map[ddns.Key]ddns.Set{}
			for _, typ := range c.types {
				v := map[string]string{"A": "10.0.0.99", "TXT": `"v=spf1 -all"`}[typ]
				w.servers["main"].wildcard[ddns.Key{Name: "example", Type: typ}] = ddns.Set{TTL: 5, Values: []string{v}}
			}
			w.claim("m1", order.Stamp{})
			w.publish(stamp("m1", 1, 1), "10.0.0.1")
			want(t, "states", w.states(), "answers done")
			if v := w.servers["main"].values("www.example"); !strings.HasPrefix(v, "10.0.0.1") {
				t.Errorf("www.example = %q", v)
			}
		})
	}
}

func TestRefusedForGood(t *testing.T) {
	w := newWorld(t, nil)
	w.servers["main"].refuses = Final
	w.claim("m1", order.Stamp{})
	w.publish(stamp("m1", 1, 1), "10.0.0.1")
	want(t, "states", w.states(), "refused answers done")
	want(t, "why", w.published().Servers[0].Refused, order.RefusedByServer)
	n := len(w.tried)
	w.pass(30 * time.Second)
	want(t, "tried again", len(w.tried), n)
}

// The agent's own allow-list and the contradictions it refuses.
func TestOrdersNotTaken(t *testing.T) {
	w := newWorld(t, nil)
	w.claim("m1", order.Stamp{})
	w.beat("m1", order.Claim{Pool: "www.elsewhere/A"}, order.Claim{Pool: "example/A"}, order.Claim{Pool: "www.example/MX"})
	base := w.order(stamp("m1", 1, 1), "10.0.0.1")
	cases := []struct {
		name string
		edit func(*order.Publish)
		want order.Refusal
	}{
		{"a name outside the allow-list", func(o *order.Publish) { o.Pool, o.Want.Name = "www.elsewhere/A", "www.elsewhere" }, order.RefusedNotAllowed},
		{"M12: the name itself must be listed", func(o *order.Publish) { o.Pool, o.Want.Name = "example/A", "example" }, order.RefusedNotAllowed},
		{"a type outside it", func(o *order.Publish) {
			o.Pool, o.Want.Type, o.Want.Values, o.Members = "www.example/MX", order.MX, []string{"10 n.example"}, nil
		}, order.RefusedNotAllowed},
		{"never an empty set unless told so", func(o *order.Publish) { o.Want.Values = nil }, order.RefusedEmpty},
		{"another name than its pool", func(o *order.Publish) { o.Want.Name = "x.example" }, order.RefusedBadOrder},
		{"no address", func(o *order.Publish) { o.Want.Values = []string{"10.0.0.1\nx"} }, order.RefusedBadOrder},
		{"a member that is no address", func(o *order.Publish) { o.Members = []string{"node1"} }, order.RefusedBadOrder},
		{"a zone that does not hold it", func(o *order.Publish) { o.Zone = "other" }, order.RefusedBadOrder},
		{"no id", func(o *order.Publish) { o.ID = "" }, order.RefusedBadOrder},
		{"somebody else's stamp", func(o *order.Publish) { o.Stamp.Monitor = "m2" }, order.RefusedBadOrder},
		{"no stamp", func(o *order.Publish) { o.Stamp = order.Stamp{} }, order.RefusedBadOrder},
		{"a pool nobody claimed", func(o *order.Publish) { o.Pool, o.Want.Name = "y.example/A", "y.example" }, order.RefusedNotHolder},
	}
	for _, c := range cases {
		o := base
		c.edit(&o)
		if got := w.hear("m1", o).(order.Receipt).Refused; got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	want(t, "reads", len(w.tried), 0)
	o := base
	o.Want.Values, o.AllowEmpty = nil, true
	w.servers["main"].put("www.example", 1, "10.0.0.1")
	want(t, "told so", w.hear("m1", o).(order.Receipt).Refused, order.Taken)
	want(t, "emptied", w.servers["main"].values("www.example"), "")
	none := newWorld(t, func(c *Config) { c.Servers = nil })
	none.claim("m1", order.Stamp{})
	want(t, "no [publish]", none.publish(stamp("m1", 1, 1), "10.0.0.1").Refused, order.RefusedNoPublish)
}

// The same order again is not carried out again, and its state is told.
func TestRepeatedOrder(t *testing.T) {
	w := newWorld(t, nil)
	w.claim("m1", order.Stamp{})
	s := stamp("m1", 1, 1)
	w.publish(s, "10.0.0.1")
	reads, reports := len(w.tried), len(w.reports)
	want(t, "receipt", w.publish(s, "10.0.0.1").Refused, order.Taken)
	want(t, "reads", len(w.tried), reads)
	want(t, "reports", len(w.reports), reports+1)
}

// M3: "at first adoption only reported and mailed", then removed, "with the line
// that undoes it"; values that only normal-dns lists are not strays.
func TestStrays(t *testing.T) {
	normal, _ := ddns.ParseNormal([]byte("update add www.example 1 A 10.0.0.8\n"))
	w := newWorld(t, func(c *Config) { c.Servers, c.Normal = []string{"main"}, normal })
	w.servers["main"].put("www.example", 7, "10.0.0.2", "10.0.0.8", "10.0.0.66")
	w.claim("m1", order.Stamp{})
	w.publish(stamp("m1", 1, 1), "10.0.0.1")
	want(t, "at first adoption", w.servers["main"].values("www.example"), "10.0.0.1 10.0.0.66 10.0.0.8")
	if d := cmp.Diff([]string{"10.0.0.66"}, w.published().Strays); d != "" {
		t.Error(d)
	}
	if len(w.alerts) != 1 || w.alerts[0].Kind != AlertStrays || w.alerts[0].Lines[0] != "update delete www.example A 10.0.0.66" {
		t.Errorf("mail: %+v", w.alerts)
	}
	w.publish(stamp("m1", 1, 2), "10.0.0.1", "10.0.0.2")
	want(t, "then", w.servers["main"].values("www.example"), "10.0.0.1 10.0.0.2 10.0.0.8")
	if d := cmp.Diff([]string{"update add www.example 1 A 10.0.0.66"}, w.published().Undo); d != "" {
		t.Error(d)
	}
	want(t, "mails", len(w.alerts), 1)
}

func TestStraysReportLeavesThem(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Servers, c.Strays = []string{"main"}, StraysReport })
	w.servers["main"].put("www.example", 1, "10.0.0.66")
	w.claim("m1", order.Stamp{})
	w.publish(stamp("m1", 1, 1), "10.0.0.1")
	w.publish(stamp("m1", 1, 2), "10.0.0.2")
	want(t, "left", w.servers["main"].values("www.example"), "10.0.0.2 10.0.0.66")
	want(t, "undo", len(w.published().Undo), 0)
}

// Left to itself, "remove" is for names in normal-dns.
func TestStraysDefault(t *testing.T) {
	normal, _ := ddns.ParseNormal([]byte("update add www.example 1 A 10.0.0.1\n"))
	for _, c := range []struct {
		normal ddns.Normal
		want   string
	}{{normal, "10.0.0.2"}, {ddns.Normal{}, "10.0.0.2 10.0.0.66"}} {
		w := newWorld(t, func(cfg *Config) { cfg.Servers, cfg.Strays, cfg.Normal = []string{"main"}, StraysDefault, c.normal })
		w.servers["main"].put("www.example", 1, "10.0.0.66")
		w.claim("m1", order.Stamp{})
		w.publish(stamp("m1", 1, 1), "10.0.0.1")
		w.publish(stamp("m1", 1, 2), "10.0.0.2")
		want(t, "second order", w.servers["main"].values("www.example"), c.want)
	}
}

func TestTTLChangeIsPublished(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Servers = []string{"main"} })
	w.servers["main"].put("www.example", 300, "10.0.0.1")
	w.claim("m1", order.Stamp{})
	w.publish(stamp("m1", 1, 1), "10.0.0.1")
	want(t, "TTL", w.servers["main"].literal(ddns.Key{Name: "www.example", Type: "A"}).TTL, 1)
}

// An agent that dies with a queue has it afterwards, and reads before it writes.
func TestQueueOutlivesTheAgent(t *testing.T) {
	w := newWorld(t, nil)
	w.servers["backup"].dead = true
	s := stamp("m1", 1, 1)
	w.claim("m1", order.Stamp{})
	w.publish(s, "10.0.0.1")
	w.start()
	w.servers["backup"].dead = false
	w.pass(time.Minute)
	want(t, "not confirmed to the new agent", w.servers["backup"].values("www.example"), "")
	w.claim("m1", s)
	want(t, "confirmed", w.servers["backup"].values("www.example"), "10.0.0.1")
	var r poolRecord
	if err := json.Unmarshal(w.store["pool/www.example/A"], &r); err != nil || r.Job != nil {
		t.Errorf("the queue still holds %+v, %v", r.Job, err)
	}
}

func TestNotSavedOrderIsForgotten(t *testing.T) {
	w := newWorld(t, nil)
	w.claim("m1", order.Stamp{})
	w.hold = true
	w.publish(stamp("m1", 1, 1), "10.0.0.1")
	w.step(NotSaved{Orders: []string{"m1-1-1"}})
	w.hold = false
	w.serve()
	want(t, "writes", len(w.servers["main"].writes), 0)
	want(t, "once more", w.publish(stamp("m1", 1, 1), "10.0.0.1").Refused, order.Taken)
	want(t, "main", w.servers["main"].values("www.example"), "10.0.0.1")
}

func TestReconfigureGoesOnWithTheNewServers(t *testing.T) {
	w := newWorld(t, nil)
	w.servers["backup"].dead = true
	w.servers["third"] = newNameServer()
	s := stamp("m1", 1, 1)
	w.claim("m1", order.Stamp{})
	w.publish(s, "10.0.0.1")
	cfg := w.cfg
	cfg.Servers = []string{"main", "third"}
	w.do(w.m.Reconfigure(w.now, cfg))
	want(t, "third", w.servers["third"].values("www.example"), "10.0.0.1")
	want(t, "states", w.states(), "answers answers done")
	want(t, "queued", w.m.Status(w.now).Queued, 0)
}
