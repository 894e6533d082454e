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
	bossy     bool                                                     // an operator has the main's content win each time they meet, and the oracle does not know
	lazy      bool                                                     // jobs never end

	forgetsBase bool // journals do not keep what the next merge needs
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
		first uint64 // seed to begin with, 0: 1
	}{
		{name: "what must be known after a restart is not written", fault: broken{write: without(func(w pair.Write) bool { _, is := w.(pair.WriteSaved); return is })},
			found: "the mark that the partner is behind is not durable"},
		{name: "conflicts are not kept", fault: broken{write: without(func(w pair.Write) bool { _, is := w.(pair.WriteConflict); return is })},
			found: "is not there, and it was acknowledged"},
		{name: "serials are not reserved", fault: broken{write: func(_ *node, w pair.Write) (pair.Write, bool) {
			if z, is := w.(pair.WriteZone); is {
				z.Saved.Reserved = 0
				return z, true
			}
			return w, true
		}}, found: "names two contents", first: 23},
		{name: "the disk says durable before it is so", fault: broken{liarDisk: true}, found: "not durable"},
		{name: "a crash loses what was durable", fault: broken{amnesia: true}, found: "after serial"},
		{name: "the backup confirms what it has not written", fault: broken{hasty: true}, found: "which is on one disk only"},
		{name: "an entry becomes another one on its way", fault: broken{send: func(_ *node, m pairmsg.Message) (pairmsg.Message, bool) { return forge(m), true }}, found: "names two contents"},
		{name: "both are told that they are the main", fault: broken{send: func(n *node, m pairmsg.Message) (pairmsg.Message, bool) {
			if h, is := m.(pairmsg.Hello); is && n.i == 0 {
				h.Role, h.Epoch = pairmsg.Backup, h.Epoch+1
				return h, true
			}
			return m, true
		}}, found: "both take updates"},
		{name: "what one side did is thrown away", fault: broken{bossy: true}, found: "and must be"},
		{name: "the end of a synchronisation is never heard of", fault: broken{send: deaf(func(m pairmsg.Message) bool { _, is := m.(pairmsg.SyncDone); return is })}, found: "not quiet"},
		{name: "the backup never confirms", fault: broken{send: deaf(func(m pairmsg.Message) bool { _, is := m.(pairmsg.UpdateReply); return is })}, found: "not quiet"},
		{name: "journals do not keep what a merge needs", fault: broken{forgetsBase: true}, found: "and must be"},
		{name: "jobs never end", fault: broken{lazy: true}, found: "not quiet"},
		{name: "an older state is shown again", fault: broken{oldShown: true}, found: "after serial"},
		{name: "queries see an older state", fault: broken{oldView: true}, found: "its secondary has"},
		{name: "answers get lost", fault: broken{forgetful: true}, found: "has not answered a change"},
	} {
		t.Run(c.name, func(t *testing.T) {
			other := map[string]int{}
			for i := range uint64(100) {
				seed := max(c.first, 1) + i
				o := setting(seed)
				o.broken = c.fault
				_, err := play(seed, o)
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
