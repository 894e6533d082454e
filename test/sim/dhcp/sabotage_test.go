package dhcpsim

import (
	"strings"
	"testing"

	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
)

// broken are faults put in on purpose, around the machines: each must make an invariant fire.
type broken struct {
	lease    func(h *host, l lease.Lease) lease.Lease // what goes to the disk instead
	tell     func(b wire.Body) (wire.Body, bool)      // what goes to the partner instead; false: nothing
	liarDisk bool                                     // the disk says durable before it is so
	amnesia  bool                                     // a crash loses some of what was durable
	liar     bool                                     // a claim is false, and the oracle does not know
	silent   bool                                     // of two holders nobody is told
}

// of changes each binding of an update.
func of(change func(b *wire.Binding)) func(wire.Body) (wire.Body, bool) {
	return func(m wire.Body) (wire.Body, bool) {
		if u, is := m.(wire.BndUpd); is {
			for i := range u.Bindings {
				change(&u.Bindings[i])
			}
		}
		return m, true
	}
}

func without(t wire.Type) func(wire.Body) (wire.Body, bool) {
	return func(m wire.Body) (wire.Body, bool) { return m, m.Type() != t }
}

// TestEveryInvariantCanFail: each fault put in on purpose is found, by the invariant that is there for it.
func TestEveryInvariantCanFail(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault broken
		found string
		first uint64 // seed to begin with: not long before one that finds it
	}{
		{"the end that a client was told (told_end) is lost with a restart", broken{lease: func(h *host, l lease.Lease) lease.Lease {
			if h.s.mute != nil && l.State == lease.Active {
				l.End = min(l.End, l.CLTT+70)
				l.ToldEnd = l.End
			}
			return l
		}}, "no claim was false", 10},
		{"the disk says durable before it is so", broken{liarDisk: true}, "and on its disk is", 1},
		{"a crash loses what was durable", broken{amnesia: true}, "knows {", 60},
		{"the backup counts with another MCLT", broken{tell: func(m wire.Body) (wire.Body, bool) {
			if c, is := m.(wire.Connect); is {
				c.MCLT = 1
				return c, true
			}
			return m, true
		}}, "is held by client", 76},
		{"the partner is told another end", broken{tell: of(func(b *wire.Binding) { b.End -= min(b.End, 50) })}, "knows {", 1},
		{"the partner is told of another client", broken{tell: of(func(b *wire.Binding) {
			if n := len(b.Client.ID); n > 0 {
				b.Client.ID = b.Client.ID[:n-1] + "x"
			}
		})}, "found two clients", 1},
		{"the partner never hears of leases", broken{tell: without(wire.TypeBndUpd)}, "knows {", 1},
		{"the partner never confirms", broken{tell: without(wire.TypeBndAck)}, "(owed true)", 60},
		{"the partner's states are not heard", broken{tell: without(wire.TypeState)}, "not normal after", 1},
		{"a claim is false, and nobody knows", broken{liar: true}, "no claim was false", 88},
		{"of two holders nobody is told", broken{silent: true}, "and is not listed", 140},
		{"a client is told more than is on disk", broken{lease: func(h *host, l lease.Lease) lease.Lease {
			l.End -= min(l.End, 5)
			l.ToldEnd = min(l.ToldEnd, l.End)
			return l
		}}, "on its disk it ends at", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			other := map[string]int{}
			for seed := c.first; seed < c.first+200; seed++ {
				o := setting(seed)
				o.broken, o.quiet = c.fault, true
				_, err := play(seed, o)
				if err == nil {
					continue
				}
				first, _, _ := strings.Cut(brief(err), "\n")
				if strings.Contains(first, c.found) {
					t.Logf("seed %d: %s", seed, first)
					return
				}
				other[first]++
			}
			t.Errorf("not found in 200 seeds; other findings: %v", other)
		})
	}
}
