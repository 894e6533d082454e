package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"loadshare/ddns"
	"loadshare/monitor/order"
)

func newNormal(t *testing.T) *world {
	normal, problems := ddns.ParseNormal([]byte(`
update add www.example 1 A 10.0.0.1
update add www.example 1 A 10.0.0.2
update add www.example 1 A 10.0.0.8
update add ftp.example 7 A 10.0.0.5
update add pop.example 7 A 10.0.0.6
update add irc.example 7 A 10.0.0.7
`))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return newWorld(t, func(c *Config) { c.Normal = normal })
}

func values(wants []ddns.Want) map[string][]string {
	out := map[string][]string{}
	for _, w := range wants {
		out[w.Set.Name] = w.Set.Values
	}
	return out
}

// M5: the reset leaves out what is down, waits for verdicts, touches no other
// monitor's name and empties no pool.
func TestReset(t *testing.T) {
	w := newNormal(t)
	w.claim("m1", order.Stamp{})
	w.beat("m2", order.Claim{Pool: "irc.example/A"})
	empty := w.order(stamp("m1", 1, 1))
	empty.Pool, empty.Want.Name = "imap.example/A", "imap.example"
	w.beat("m1", order.Claim{Pool: www}, order.Claim{Pool: "imap.example/A"})
	n := order.NormalDNS{
		Action: order.NormalDNSApply, Pools: []order.Publish{w.order(stamp("m1", 1, 1), "10.0.0.1"), empty},
		Undecided: []order.PoolID{"pop.example/A"}, Out: map[order.PoolID][]string{www: {"10.0.0.2"}},
	}
	if got := w.hear("m1", n); got != nil {
		t.Fatalf("answered at once: %+v", got)
	}
	want(t, "resets", len(w.resets), 1)
	d := cmp.Diff(map[string][]string{"www.example": {"10.0.0.1", "10.0.0.8"}, "ftp.example": {"10.0.0.5"}}, values(w.resets[0].Wants))
	if d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	want(t, "stamp", order.Stamp(w.resets[0].Wants[1].Stamp), stamp("m1", 1, 1))
	want(t, "a second one meanwhile", w.hear("m1", n).(order.NormalDNSAnswer).Refused, order.RefusedBusy)
	w.step(ResetDone{})
	w.hear("m1", n)
	want(t, "resets", len(w.resets), 2)
	want(t, "its stamp counts", w.publish(stamp("m1", 1, 0), "10.0.0.1").Refused, order.RefusedStale)
}

// M1: "Only the holder resets to normal-dns." Anyone may look.
func TestOnlyTheHolderResets(t *testing.T) {
	w := newNormal(t)
	w.claim("m1", order.Stamp{})
	n := order.NormalDNS{Action: order.NormalDNSApply, Pools: []order.Publish{w.order(stamp("m2", 1, 1), "10.0.0.1")}}
	want(t, "apply", w.hear("m2", n).(order.NormalDNSAnswer).Refused, order.RefusedNotHolder)
	n.Action = order.NormalDNSDiff
	want(t, "diff", w.hear("m2", n), nil)
	want(t, "looks only", w.resets[0].Apply, false)
	w.step(ResetDone{})
	n.Action = "burn"
	want(t, "another action", w.hear("m2", n).(order.NormalDNSAnswer).Refused, order.RefusedBadOrder)
	none := newWorld(t, func(c *Config) { c.Servers = nil })
	want(t, "no [publish]", none.hear("m1", order.NormalDNS{Action: order.NormalDNSDiff}).(order.NormalDNSAnswer).Refused, order.RefusedNoPublish)
}
