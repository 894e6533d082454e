package monitor

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"loadshare/monitor/order"
)

// A site with many pools has more in its order for normal-dns than one frame
// holds: it goes in parts, and no part touches what another is about.
func TestNormalDNSGoesInPartsThatFit(t *testing.T) {
	ask := order.NormalDNS{Action: order.NormalDNSApply, Undecided: []order.PoolID{"late.mydomain.com/A"}, Out: map[order.PoolID][]string{}, Reason: order.ReasonNormalDNS}
	for i := range 8000 {
		id := order.NewPoolID(fmt.Sprintf("pool%d.mydomain.com", i), order.A)
		ask.Pools = append(ask.Pools, order.Publish{ID: fmt.Sprint(i), Pool: id, Want: order.RecordSet{Name: id.Name(), Type: order.A, TTL: 30, Values: []string{"192.0.2.1", "192.0.2.2"}}, Members: []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"}})
		ask.Out[id] = []string{"192.0.2.3"}
	}
	if _, err := order.Encode(order.Envelope{Body: ask}); err == nil {
		t.Fatal("the whole order fits one frame: the test shows nothing")
	}
	var pools []order.PoolID
	for i, part := range splitNormal(ask) {
		if _, err := order.Encode(order.Envelope{ID: 1, Body: part}); err != nil {
			t.Errorf("part %d: %v", i, err)
		}
		if n := len(part.Pools) + len(part.Undecided); n != len(ask.Pools)+1 {
			t.Errorf("part %d knows %d pools, want all %d", i, n, len(ask.Pools)+1)
		}
		for _, p := range part.Pools {
			pools = append(pools, p.Pool)
			if slices.Contains(part.Undecided, p.Pool) || len(part.Out[p.Pool]) != 1 {
				t.Fatalf("part %d: %s is undecided, or has lost what is out", i, p.Pool)
			}
		}
	}
	if len(pools) != len(ask.Pools) || len(slices.Compact(pools)) != len(ask.Pools) {
		t.Errorf("%d pools in all parts, want %d, each once", len(pools), len(ask.Pools))
	}
}

func TestNormalDNSWithoutPoolsIsOnePart(t *testing.T) {
	ask := order.NormalDNS{Action: order.NormalDNSDiff, Undecided: []order.PoolID{"a/A"}}
	parts := splitNormal(ask)
	if len(parts) != 1 || !slices.Equal(parts[0].Undecided, ask.Undecided) {
		t.Errorf("parts %+v", parts)
	}
}

func TestAnswersOnPartsAreJoinedByServer(t *testing.T) {
	got := joinNormal(order.NormalDNSAnswer{Servers: []order.NormalDNSServer{{Server: "a", Lines: []string{"1", "2"}, Applied: true}}},
		order.NormalDNSAnswer{Servers: []order.NormalDNSServer{{Server: "a", Lines: []string{"2", "3"}, Applied: false, Error: "timeout"}, {Server: "b", Lines: []string{"1"}}}})
	want := order.NormalDNSAnswer{Servers: []order.NormalDNSServer{{Server: "a", Lines: []string{"1", "2", "3"}, Error: "timeout"}, {Server: "b", Lines: []string{"1"}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
