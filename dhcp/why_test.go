package dhcp

import (
	"net/url"
	"strings"
	"testing"
)

// "`status` shows why this server answers or stays silent for a client (hash, state)": also of a server alone, of a client that the
// configuration denies, and of a host that somebody names.
func TestWhyAClientIsAnswered(t *testing.T) {
	s := newSite(t, single+`
[[client]]
mac = "02:00:00:00:00:07"
deny = true
[[client]]
mac = "02:00:00:00:00:08"
deny = true
`)
	s.start(t)
	r := s.relay(t)
	l := acquire(t, r, 1)
	why := func(who string) (w ClientWhy) {
		t.Helper()
		s.ask(t, "/v1/client/why", url.Values{"client": {who}}, &w)
		if len(w.Pairs) != 1 || w.Pairs[0].Pair != "" || w.Pairs[0].State != "single" {
			t.Fatalf("%s: %+v, want the scopes without a pair", who, w.Pairs)
		}
		return w
	}
	for _, who := range []string{"02:00:00:00:00:01", "host1"} {
		if w := why(who); !w.Pairs[0].Serves || w.Denied || len(w.Leases) != 1 || w.Leases[0].Address != l.IP.String() || w.Asked != nil {
			t.Errorf("%s: %+v, want it answered, with %s", who, w, l.IP)
		}
	}
	if w := why("02:00:00:00:00:99"); !w.Pairs[0].Serves || w.Known || len(w.Leases) != 0 {
		t.Errorf("a stranger: %+v", w)
	}
	_, _ = r.Acquire(t.Context(), client(7)) // in vain
	w := why("02:00:00:00:00:07")
	if w.Pairs[0].Serves || w.Pairs[0].Reason != "denied client" || !w.Denied || !w.Known {
		t.Errorf("denied: %+v", w)
	}
	if w.Asked == nil || w.Asked.Reason != "denied client" || w.Asked.Tries == 0 || w.Asked.Relay == "" {
		t.Errorf("denied, and asking: %+v", w.Asked)
	}
	other := client(8)
	other.ID = []byte{1, 9, 9, 9, 9}
	_, _ = r.Acquire(t.Context(), other)
	if w := why("02:00:00:00:00:08"); w.Asked == nil || w.Client != "id 01:09:09:09:09" || !w.Denied {
		t.Errorf("it sends an identifier, and the operator knows its hardware address: %+v", w)
	}
	if err := s.try("/v1/client/why", url.Values{"client": {"nobody.here"}}, nil, nil); err == nil || !strings.Contains(err.Error(), "no lease is of a host named") {
		t.Errorf("a name that nobody has: %v", err)
	}
}

// What nobody ever had has no line, though a backup's share is written down; a state that is asked for is shown.
func TestSharesAreNoLeases(t *testing.T) {
	main, backup := twins(t, "")
	main.start(t)
	backup.start(t)
	untilNormal(t, main, backup)
	var list LeaseList
	until(t, "the backup has its share", func() bool {
		backup.ask(t, "/v1/lease/list", url.Values{"state": {"backup"}}, &list)
		return len(list.Leases) > 0
	})
	if backup.ask(t, "/v1/lease/list", nil, &list); len(list.Leases) != 0 {
		t.Errorf("nobody has a lease: %+v", list.Leases[0])
	}
}
