package dhcp

import (
	"slices"
	"strings"
	"testing"
	"time"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/failover"
	"loadshare/dhcp/failover/wire"
)

// What is suggested must be what the server would do: partner-down is refused while the partner is connected, resume while the disk is
// what ails.
func TestSuggestionsAreNotRefused(t *testing.T) {
	partnerDown := []string{"loadshare dhcp-pair status   on 192.0.2.2; if that one stays away, surely serves nobody, and only then: loadshare dhcp-pair partner-down"}
	for name, c := range map[string]struct {
		view engine.PairView
		want []string
	}{
		"alone":                  {engine.PairView{State: wire.CommInterrupted}, partnerDown},
		"the partner recovers":   {engine.PairView{State: wire.CommInterrupted, Connected: true}, nil},
		"paused by the operator": {engine.PairView{State: wire.Paused, Saved: failover.Saved{Why: failover.ByOperator}}, []string{"loadshare dhcp-pair resume"}},
		"paused by its own disk": {engine.PairView{State: wire.Paused, Saved: failover.Saved{Why: failover.Unfit}}, []string{"mend the disk, then restart this service"}},
		"its role was exchanged, the partner's was not": {engine.PairView{State: wire.Recover, Saved: failover.Saved{Why: failover.OtherRole, Peer: wire.Normal}},
			[]string{"give the other server (192.0.2.2) the other role in its configuration too, and restart it: until then only that one serves"}},
		"no partner, and no past": {engine.PairView{State: wire.Recover}, []string{"if there is no partner yet: loadshare dhcp-pair partner-down --new-site"}},
	} {
		if got := suggestions("pair1", "192.0.2.2", c.view, false); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// In partner-down the operator waits for one thing: when the partner's addresses come into use. It counts from the date of the claim.
func TestTheWaitInPartnerDownIsShown(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := &Server{}
	view := func(down int64, met bool) engine.PairView {
		return engine.PairView{State: wire.PartnerDown, MCLT: 3600, Saved: failover.Saved{Down: down, Met: met, Skew: 2}}
	}
	if n := s.next(view(now.Unix()-600, false), now); n == nil || n.Seconds != 3003 || !n.At.Equal(now.Add(3003*time.Second)) {
		t.Errorf("ten minutes after: %+v, want 3003 s: the MCLT, the clocks' difference, the second of rounding", n)
	}
	if n := s.next(view(now.Unix()-7200, false), now); n != nil {
		t.Errorf("two hours after: %+v, there is nothing to wait for", n)
	}
	if n := s.next(view(now.Unix()-600, true), now); n != nil {
		t.Errorf("the partner is back: %+v, nothing of its share is given any more", n)
	}
}

// The last error of connecting is of the time since the last connection: "connection refused" of before the partner was started must not be
// shown when it falls silent, as if its process were dead.
func TestAnErrorOfBeforeTheConnectionIsForgotten(t *testing.T) {
	main, backup := twins(t, "")
	main.start(t)
	until(t, "nobody listens yet", func() bool { return main.pair(t).LastError != "" })
	backup.start(t)
	untilNormal(t, main, backup)
	if text := main.server.links["pair1"].lastError(); text != "" {
		t.Errorf("after contact: %s", text)
	}
}

// "Clock skew is measured, warned of": two whose clocks are too far apart connect, and refuse each other. Both must say so where the
// operator looks; it is over with the first contact, and two connections at once are no trouble.
func TestWhyThePartnersRefuseEachOtherIsShown(t *testing.T) {
	p := &pairLink{}
	for _, c := range []struct {
		note   failover.Note
		text   string
		clocks bool
	}{
		{failover.Note{Reason: failover.ConnectRefused, Reject: wire.ClockMismatch, Text: "clocks differ by 70 seconds"}, "the partner refuses: clocks differ by 70 seconds", true},
		{failover.Note{Reason: failover.RefusedConnect, Reject: wire.DuplicateConnect, Text: "there is a connection already"}, "the partner refuses: clocks differ by 70 seconds", true},
		{failover.Note{Reason: failover.ContactMade}, "", false},
		{failover.Note{Reason: failover.TwoServers, Text: "it seems to be a backup too"}, "it seems to be a backup too", false},
		{failover.Note{Reason: failover.RefusedConnect, Reject: wire.InvalidPartner, Text: "both servers are configured as main"}, "refused by this server: both servers are configured as main", false},
		{failover.Note{Reason: failover.ConnectRefused, Reject: wire.InvalidMCLT}, "the partner refuses: invalid MCLT", false},
	} {
		if p.noted(&c.note); p.lastError() != c.text || p.clocksApart() != c.clocks {
			t.Errorf("after %v: %q, clocks apart %v; want %q, %v", c.note, p.lastError(), p.clocksApart(), c.text, c.clocks)
		}
	}
}

// The same with two servers that are both the main.
func TestTwoMainsSayWhy(t *testing.T) {
	main, other := twins(t, "")
	other.text = strings.Replace(other.text, `role = "backup"`, `role = "main"`, 1)
	main.start(t)
	other.start(t)
	until(t, "both say it", func() bool {
		return strings.Contains(main.pair(t).LastError+other.pair(t).LastError, "both servers are configured as main")
	})
}
