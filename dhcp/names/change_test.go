package names

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"loadshare/dhcp/lease"
)

var (
	alice = lease.ClientOf([]byte("\x01alice"), 1, []byte("\x02\x00\x00\x00\x00\x01"))
	bob   = lease.ClientOf(nil, 1, []byte("\x02\x00\x00\x00\x00\x02"))
)

func granted(c lease.Client, host string, at, length int64) *lease.Lease {
	l, _ := lease.Lease{IP: ip1, State: lease.Free}.Grant(c, at, at+length)
	if host != "" {
		Name{Hostname: host, FQDN: host + ".example.org", Forward: true}.Put(&l)
	}
	return &l
}

func words(jobs []Job) (out []string) {
	for _, j := range jobs {
		out = append(out, fmt.Sprintf("%s %s %d %v", j.Kind, j.FQDN, j.TTL, j.Forward))
	}
	return out
}

// The draft's 5.12: "the server that makes the address FREE removes". RFC 4702, 5: TTL a third of the lease, at least 10 minutes.
func TestChangeFollowsTheLease(t *testing.T) {
	free := lease.Lease{IP: ip1, State: lease.Free}
	first := granted(alice, "a", 1000, 5400)
	written := func(l *lease.Lease) *lease.Lease { c := *l; site.Change(&free, &c, true); return &c }
	with := func(l *lease.Lease, change func(*lease.Lease)) *lease.Lease { c := *l; change(&c); return &c }
	had := written(first)
	nameless := with(had, func(l *lease.Lease) { Name{}.Put(l) })

	tests := []struct {
		name          string
		before, after *lease.Lease
		ours          bool
		want          []string
		dns           uint8
	}{
		{"a new client", &free, first, true, []string{"add a.example.org 1800 true"}, Forward | Reverse},
		{"a short lease: ten minutes", &free, granted(alice, "a", 1000, 60), true, []string{"add a.example.org 600 true"}, Forward | Reverse},
		{"for ever: a day", &free, granted(alice, "a", 1000, lease.Forever), true, []string{"add a.example.org 86400 true"}, Forward | Reverse},
		{"no name", &free, granted(alice, "", 1000, 5400), true, nil, 0},
		{"the partner gave it", &free, first, false, nil, Forward | Reverse},
		{"another name", had, granted(alice, "b", 2000, 5400), true, []string{"remove a.example.org 1800 true", "add b.example.org 1800 true"}, Forward | Reverse},
		{"another client with that name", had, granted(bob, "a", 9000, 5400), true, []string{"remove a.example.org 1800 true", "add a.example.org 1800 true"}, Forward | Reverse},
		{"no name any more", had, nameless, true, []string{"remove a.example.org 1800 true"}, 0},
		{"the client writes its A itself from now on", had, with(had, func(l *lease.Lease) { l.DNS = Reverse }), true,
			[]string{"remove a.example.org 1800 true", "add a.example.org 1800 false"}, Reverse},
		{"its time is over: the partner may be renewing it", had, with(had, func(l *lease.Lease) { l.State = lease.Expired }), true, nil, Forward | Reverse},
		{"released, the partner does not know yet", had, with(had, func(l *lease.Lease) { l.State = lease.Released }), true, nil, Forward | Reverse},
		{"free", with(had, func(l *lease.Lease) { l.State = lease.Expired }), with(had, func(l *lease.Lease) { l.State = lease.Free }), true,
			[]string{"remove a.example.org 1800 true"}, 0},
		{"free, says the partner: it cleans up", with(had, func(l *lease.Lease) { l.State = lease.Expired }), with(had, func(l *lease.Lease) { l.State = lease.Free }), false, nil, Forward | Reverse},
		{"somebody else uses it", had, with(had, func(l *lease.Lease) { l.State = lease.Abandoned }), true, []string{"remove a.example.org 1800 true"}, 0},
		{"the client is back before the partner knew", with(had, func(l *lease.Lease) { l.State = lease.Expired }), had, true, []string{"add a.example.org 1800 true"}, Forward | Reverse},
	}
	for _, test := range tests {
		after := *test.after
		got := words(site.Change(test.before, &after, test.ours))
		if !slices.Equal(got, test.want) || after.DNS != test.dns {
			t.Errorf("%s: %q, DNS %d, want %q, %d", test.name, got, after.DNS, test.want, test.dns)
		}
	}
	off := Config{}
	if after := *first; off.Change(&free, &after, true) != nil || after.DNS != 0 {
		t.Error("without [ddns] there are jobs")
	}
}

// "Re-asserted at renewal: at least once in the length of the lease, not at each renewal."
func TestRenewalsAssertTheNameOnceInALease(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		length := rapid.Int64Range(120, 400_000).Draw(t, "length")
		ip := lease.IP(rapid.Uint32().Draw(t, "ip"))
		now := rapid.Int64Range(1, 1<<31).Draw(t, "now")
		l, _ := lease.Lease{IP: ip, State: lease.Free}.Grant(alice, now, now+length)
		Name{FQDN: "a.example.org", Forward: true}.Put(&l)
		site.Change(&lease.Lease{IP: ip, State: lease.Free}, &l, true)
		last := now
		for range 40 {
			now += rapid.Int64Range(1, length/2).Draw(t, "pass")
			next, ok := l.Grant(alice, now, now+length)
			if !ok {
				t.Fatal("not renewed")
			}
			Name{FQDN: "a.example.org", Forward: true}.Put(&next)
			jobs := site.Change(&l, &next, true)
			if len(jobs) > 1 || len(jobs) == 1 && (jobs[0].Kind != Add || !jobs[0].Again) {
				t.Fatalf("%+v", jobs)
			}
			if len(jobs) == 0 && now-last > max(length, minTTL)+length/2 {
				t.Fatalf("%d s without an assertion, lease %d s", now-last, length)
			}
			if len(jobs) == 1 {
				last = now
			}
			if next.DNS != Forward|Reverse {
				t.Fatalf("DNS %d", next.DNS)
			}
			l = next
		}
	})
}

func TestSettle(t *testing.T) {
	l := granted(alice, "a", 1000, 5400)
	j := site.Change(&lease.Lease{IP: ip1, State: lease.Free}, l, true)[0]
	if !site.Settle(l, j, false) || l.DNS != Forward|Reverse|Failed {
		t.Errorf("another's name: DNS %d", l.DNS)
	}
	next := *l
	next.CLTT, next.End = 1001, 6401
	Name{FQDN: l.FQDN, Forward: true}.Put(&next)
	if site.Change(l, &next, true); next.DNS&Failed == 0 {
		t.Error("the failure was forgotten by a renewal that tries nothing")
	}
	if !site.Settle(l, j, true) || l.DNS != Forward|Reverse {
		t.Errorf("done: DNS %d", l.DNS)
	}
	if site.Settle(l, j, true) {
		t.Error("nothing changed, but it is to be written")
	}
	j.FQDN = "b.example.org"
	if site.Settle(l, j, false) {
		t.Error("a job of another name was believed")
	}
}
