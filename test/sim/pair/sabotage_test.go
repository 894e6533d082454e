package pairsim

import (
	"slices"
	"strings"
	"testing"

	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
)

// broken are faults put in on purpose, around the machine: each must make an invariant fire.
type broken struct {
	write     func(n *node, w pair.Write) (pair.Write, bool)           // what goes to the disk instead; false: nothing
	send      func(n *node, m pairmsg.Message) (pairmsg.Message, bool) // likewise, to the partner
	liarDisk  bool                                                     // the disk says durable before it is so
	hasty     bool                                                     // the backup confirms what it has not written
	oldShown  bool                                                     // an older state is shown again
	oldView   bool                                                     // queries see an older state than what is shown
	forgetful bool                                                     // answers of changes get lost in the shell
	amnesia   bool                                                     // a crash loses what was durable
	lazy      bool                                                     // jobs never end
}

// sabotaged is what the disk is given of an output.
func (s *site) sabotaged(n *node, writes []pair.Write) []pair.Write {
	if s.broken.write == nil {
		return writes
	}
	var out []pair.Write
	for _, w := range writes {
		if w, ok := s.broken.write(n, w); ok {
			out = append(out, w)
		}
	}
	return out
}

// TestEveryInvariantCanFail: each fault put in on purpose is found, by the invariant that is there for it.
func TestEveryInvariantCanFail(t *testing.T) {
	without := func(is func(pair.Write) bool) func(*node, pair.Write) (pair.Write, bool) {
		return func(_ *node, w pair.Write) (pair.Write, bool) { return w, !is(w) }
	}
	deaf := func(is func(pairmsg.Message) bool) func(*node, pairmsg.Message) (pairmsg.Message, bool) {
		return func(_ *node, m pairmsg.Message) (pairmsg.Message, bool) { return m, !is(m) }
	}
	for _, c := range []struct {
		name  string
		fault broken
		found string
	}{
		{"what must be known after a restart is not written", broken{write: without(func(w pair.Write) bool { _, is := w.(pair.WriteSaved); return is })},
			"the mark that the partner is behind is not durable"},
		{"conflicts are not kept", broken{write: without(func(w pair.Write) bool { _, is := w.(pair.WriteConflict); return is })},
			"is not there, and it was acknowledged"},
		{"serials are not reserved", broken{write: func(_ *node, w pair.Write) (pair.Write, bool) {
			if z, is := w.(pair.WriteZone); is {
				z.Saved.Reserved = 0
				return z, true
			}
			return w, true
		}}, "names two contents"},
		{"the disk says durable before it is so", broken{liarDisk: true}, "not durable"},
		{"a crash loses what was durable", broken{amnesia: true}, "after serial"},
		{"the backup confirms what it has not written", broken{hasty: true}, "which is on one disk only"},
		{"an entry becomes another one on its way", broken{send: func(_ *node, m pairmsg.Message) (pairmsg.Message, bool) { return forge(m), true }}, "names two contents"},
		{"both are told that they are the main", broken{send: func(n *node, m pairmsg.Message) (pairmsg.Message, bool) {
			if h, is := m.(pairmsg.Hello); is && n.i == 0 {
				h.Role, h.Epoch = pairmsg.Backup, h.Epoch+1
				return h, true
			}
			return m, true
		}}, "both take updates"},
		{"the end of a synchronisation is never heard of", broken{send: deaf(func(m pairmsg.Message) bool { _, is := m.(pairmsg.SyncDone); return is })}, "not quiet"},
		{"the backup never confirms", broken{send: deaf(func(m pairmsg.Message) bool { _, is := m.(pairmsg.UpdateReply); return is })}, "not quiet"},
		{"jobs never end", broken{lazy: true}, "not quiet"},
		{"an older state is shown again", broken{oldShown: true}, "after serial"},
		{"queries see an older state", broken{oldView: true}, "its secondary has"},
		{"answers get lost", broken{forgetful: true}, "has not answered a change"},
	} {
		t.Run(c.name, func(t *testing.T) {
			other := map[string]int{}
			for seed := range uint64(100) {
				o := setting(seed + 1)
				o.broken = c.fault
				_, err := play(seed+1, o)
				if err == nil {
					continue
				}
				first, _, _ := strings.Cut(err.Error(), "\n")
				if strings.Contains(first, c.found) {
					t.Logf("found by %s", first)
					return
				}
				other[first]++
			}
			t.Errorf("not found in 100 seeds; other findings: %v", other)
		})
	}
}

// forge makes the last record that an Update adds another one, with a digest that fits.
func forge(m pairmsg.Message) pairmsg.Message {
	u, is := m.(pairmsg.Update)
	if !is {
		return m
	}
	u.Entries = slices.Clone(u.Entries)
	e := &u.Entries[0]
	last := len(e.Delta.Added) - 1
	if last < 1 {
		return m
	}
	was := e.Delta
	e.Delta.Added = slices.Clone(e.Delta.Added)
	e.Delta.Added[last].TTL++
	was.Added, was.Deleted = e.Delta.Added, was.Added
	e.Digest = e.Digest.Step(was)
	return u
}
