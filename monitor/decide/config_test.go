package decide

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"loadshare/monitor/order"
)

func TestFloorOfAPool(t *testing.T) {
	for _, c := range []struct {
		floor   Floor
		members int
		want    int
		why     string
	}{
		{Floor{}, 3, 1, "the zero value means 1"},
		{Floor{Number: 2}, 3, 2, "a number"},
		{Floor{Number: 9}, 3, 3, "never more than there are"},
		{Floor{Percent: 50}, 4, 2, "half of an even pool"},
		{Floor{Percent: 50}, 5, 3, "a percentage is rounded up"},
		{Floor{Percent: 1}, 10, 1, "never fewer than one"},
		{Floor{Percent: 100}, 7, 7, "all"},
		{Floor{Number: 1}, 0, 0, "an empty pool has no floor"},
	} {
		if got := c.floor.Of(c.members); got != c.want {
			t.Errorf("%+v of %d members: got %d, want %d: %s", c.floor, c.members, got, c.want, c.why)
		}
	}
}

// TestValidateNamesEveryProblem: all problems at once.
func TestValidateNamesEveryProblem(t *testing.T) {
	c := Config{
		Checks: []Check{
			{ID: "a", Interval: time.Second, Fall: 1, Rise: 1, DependsOn: []CheckID{"b", "gone"}},
			{ID: "b", Interval: time.Second, Fall: 1, Rise: 1, DependsOn: []CheckID{"a"}},
			{ID: "d", Interval: time.Second, Fall: 1, Rise: 1},
			{ID: "d"},
		},
		Guard: Guard{Anchors: []CheckID{"nobody"}},
		Pools: []Pool{
			{ID: "x/A", Grace: -1, Flap: Flap{Downs: 1}, Members: []Member{
				{Value: "::FFFF:192.0.2.9"},
				{Value: "192.0.2.1", Service: "web", Paths: []Path{{Checks: []CheckID{"a", "c"}, Need: 3}}},
				{Value: "192.0.2.1", Paths: []Path{{}}},
			}},
			{ID: "x/A"},
		},
	}
	err := c.Validate()
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		"monitor id is empty", "lease 0s: must be positive", "check d: configured twice", "check d: fall, rise and interval must be positive",
		"check a: depends on unknown check gone", "depends on itself", "anchor nobody", "pool x/A: configured twice", "pool x/A: no members",
		`member "::FFFF:192.0.2.9": value is not canonical`, "member ::FFFF:192.0.2.9: nothing to check", "member 192.0.2.1: configured twice",
		"service web without an agent", "needs 3 of 2 checks", "unknown check c", "needs 0 of 0 checks", "flap without window or hold", "negative grace",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("not named: %s\nin:\n%v", want, err)
		}
	}
	if _, err := New(c, nil, start); err == nil {
		t.Error("New accepts an invalid configuration")
	}
}

// TestOrderIDsAreShortAndDifferent: agents refuse ids of more than 128 bytes.
func TestOrderIDsAreShortAndDifferent(t *testing.T) {
	name := order.PoolID(strings.Repeat("a-long-label.", 18) + "example.org/AAAA")
	other := order.PoolID(strings.Repeat("a-long-label.", 18) + "example.net/AAAA")
	a, b := orderID("m1", name, "2001:db8::1", "restart-1767225625000"), orderID("m1", other, "2001:db8::1", "restart-1767225625000")
	if len(a) != 128 || len(b) != 128 || a == b {
		t.Errorf("%d %q\n%d %q", len(a), a, len(b), b)
	}
	if got := orderID("m1", "www.mydomain.com/A", "", "1.2"); got != "m1/www.mydomain.com/A/1.2" {
		t.Errorf("a short one is not left alone: %q", got)
	}
}

// TestDamagedRecordIsRefused: a monitor must not start from half of its state.
func TestDamagedRecordIsRefused(t *testing.T) {
	for _, v := range []string{"{", `{"members":[{"value":"192.0.2.1","state":"asleep"}]}`, `{"members":[{"value":"192.0.2.1","state":"drained"}]}`} {
		if _, err := New(matrixConfig(), []Record{{Key: "pool/www/A", Value: []byte(v)}}, start); err == nil {
			t.Errorf("accepted: %s", v)
		}
	}
}

// bigSite has n pools of four members.
func bigSite(n int) Config {
	cfg := Config{Monitor: "m1", Lease: 15 * time.Second, Guard: Guard{Members: 5, Share: 0.5}}
	for p := range n {
		pc := Pool{ID: order.PoolID(fmt.Sprintf("p%d.mydomain.com/A", p)), TTL: 30, Grace: 30 * time.Second, Flap: Flap{5, 10 * time.Minute, 2 * time.Minute}}
		for i := range 4 {
			id := CheckID(fmt.Sprintf("c%d.%d", p, i))
			cfg.Checks = append(cfg.Checks, Check{ID: id, Interval: 5 * time.Second, Fall: 3, Rise: 2})
			pc.Members = append(pc.Members, Member{Value: fmt.Sprintf("10.%d.%d.%d", p/250, p%250, i+1), Paths: []Path{{Checks: []CheckID{id}}}})
		}
		cfg.Pools = append(cfg.Pools, pc)
	}
	return cfg
}

// BenchmarkStep is one observation that changes nothing, at 40,000 members.
func BenchmarkStep(b *testing.B) {
	cfg := bigSite(10_000)
	m, err := New(cfg, nil, start)
	if err != nil {
		b.Fatal(err)
	}
	now := start
	for range 2 {
		now = now.Add(5 * time.Second)
		for _, c := range cfg.Checks {
			m.Step(now, Observation{Check: c.ID, At: now})
		}
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		m.Step(now, Observation{Check: cfg.Checks[i%len(cfg.Checks)].ID, At: now})
		i++
	}
}

// BenchmarkFallAndRise is a member that goes down and comes up again, with its
// orders and records, at 40,000 members.
func BenchmarkFallAndRise(b *testing.B) {
	cfg := bigSite(10_000)
	m, err := New(cfg, nil, start)
	if err != nil {
		b.Fatal(err)
	}
	now := start
	var claimed []order.PoolID
	for _, p := range cfg.Pools {
		claimed = append(claimed, p.ID)
	}
	m.Step(now, AgentUp{Agent: "ns1", Welcome: order.Welcome{Publishes: true, Boot: "1"}})
	m.Step(now, Beat{Agent: "ns1", Claimed: claimed})
	for range 2 {
		now = now.Add(5 * time.Second)
		for _, c := range cfg.Checks {
			m.Step(now, Observation{Check: c.ID, At: now})
		}
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		c := cfg.Checks[i*4%len(cfg.Checks)].ID
		for _, o := range []Outcome{Failed, Failed, Failed, OK, OK} {
			now = now.Add(time.Second)
			m.Step(now, Observation{Check: c, Outcome: o, At: now})
		}
		i++
	}
}

// BenchmarkThirdFalls is one fall among many: of 40,000 members, 13,000 fall
// within the window, below the guard's share.
func BenchmarkThirdFalls(b *testing.B) {
	cfg := bigSite(10_000)
	b.ReportAllocs()
	falls := 0
	for b.Loop() {
		b.StopTimer()
		m, err := New(cfg, nil, start)
		if err != nil {
			b.Fatal(err)
		}
		now := start
		for range 2 {
			now = now.Add(5 * time.Second)
			for _, c := range cfg.Checks {
				m.Step(now, Observation{Check: c.ID, At: now})
			}
		}
		b.StartTimer()
		for range 3 {
			now = now.Add(5 * time.Second)
			for i := 0; i < len(cfg.Checks); i += 3 {
				m.Step(now, Observation{Check: cfg.Checks[i].ID, Outcome: Failed, At: now})
			}
		}
		falls += (len(cfg.Checks) + 2) / 3
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(falls), "ns/fall")
}
