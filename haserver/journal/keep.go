package journal

import (
	"errors"
	"fmt"

	"loadshare/haserver/merge"
	"loadshare/haserver/pairmsg"
	"loadshare/internal/durable"
)

// Keep is which states, older than the newest Depth, the steps must still lead from: Through with as many as 2*Depth that are there up to it,
// From, when that is older still, and Asked, when that is newer, with as many up to it. What lies between From, those, and the newest Depth
// becomes one step each. The zero Keep wants none of them, and so does one whose Through is not in the history. A From or Asked that is not in
// it is left out.
type Keep struct{ From, Through, Asked pairmsg.Point }

const (
	maxMerged = 64 << 20 // octets of an entry that several became
	maxTraced = 1 << 20  // records that they may have touched
)

// retained are the indices, ascending, of the states that stay when those before index end are let go; end itself is the last.
func (h *history) retained(k Keep, end, most int) (list []int) {
	next := 0
	for i, p := range []pairmsg.Point{k.Through, k.Asked} {
		through, ok := h.find(p.Serial)
		if !ok || h.states[through].point() != p {
			break
		}
		first := max(next, through+1-most)
		if from, ok := h.find(k.From.Serial); ok && i == 0 && from < first && h.states[from].point() == k.From {
			list = append(list, from)
		}
		for next = max(next, first); next <= through && next < end; next++ {
			list = append(list, next)
		}
	}
	return append(list, end)
}

// trim is what a snapshot lets go.
type trim struct {
	first  uint64   // sequence of the oldest state before
	stay   []uint64 // sequences of the states that stay, ascending; of the older ones none does
	merged []merged
}

// merged is an entry in the place of all after one state through another.
type merged struct {
	after, seq uint64
	from, to   pairmsg.Point
	value      []byte
	records    int
}

var errMerged = errors.New("too much has changed for one entry")

// plan says what goes when a snapshot was written after entry seq. The lock is held.
func (l *Log) plan(seq uint64, k Keep) trim {
	h := &l.history
	end, _ := h.index(seq - min(seq, uint64(l.depth)))
	end = min(end, len(h.states)-1)
	t := trim{first: h.states[0].seq}
	before := -1
	for _, i := range h.retained(k, end, 2*l.depth) {
		if s := h.states[i]; before >= 0 && i > before+1 {
			p := h.states[before]
			t.merged = append(t.merged, merged{after: p.seq, seq: s.seq, from: p.point(), to: s.point()})
		}
		t.stay = append(t.stay, h.states[i].seq)
		before = i
	}
	return t
}

// merge makes the entries that take the place of others. When one cannot be made, all before its end is let go.
func (l *Log) merge(t trim) trim {
	for i := range t.merged {
		m := &t.merged[i]
		if err := l.mergeOne(m); err == nil {
			continue
		}
		for len(t.stay) > 1 && t.stay[0] < m.seq {
			t.stay = t.stay[1:]
		}
		return l.merge(trim{first: t.first, stay: t.stay, merged: t.merged[i+1:]})
	}
	return t
}

func (l *Log) mergeOne(m *merged) error {
	var trace merge.Trace
	ok, err := l.Entries(m.from.Serial, m.to.Serial, func(e pairmsg.Entry) bool {
		trace.Add(e)
		return trace.Len() <= maxTraced
	})
	switch {
	case err != nil:
		return err
	case !ok || trace.Len() > maxTraced:
		return errMerged
	}
	e := trace.Entry()
	if m.from.Digest.Step(e.Delta) != m.to.Digest {
		return fmt.Errorf("the steps from serial %d to %d do not lead there", m.from.Serial, m.to.Serial)
	}
	m.records = len(e.Delta.Deleted) + len(e.Delta.Added)
	if m.value, err = appendEntry(nil, e); err == nil && len(m.value) > maxMerged {
		err = errMerged
	}
	return err
}

// writeTrim adds a trim to the batch.
func (l *Log) writeTrim(b *durable.Batch, t trim) {
	if t.stay[0] > t.first { // a deleted range costs every later look-up a little
		b.DeleteRange(entryKey(l.number, 0), entryKey(l.number, t.stay[0]+1))
	}
	for _, m := range t.merged {
		b.DeleteRange(entryKey(l.number, m.after+1), entryKey(l.number, m.seq))
		b.Put(entryKey(l.number, m.seq), m.value)
	}
}

// trimmed forgets the states that were let go. The lock is held.
func (h *history) trimmed(t trim) {
	var list []int
	for _, seq := range t.stay {
		if i, ok := h.index(seq); ok { // it may have gone meanwhile: serials do not span everything
			list = append(list, i)
		}
	}
	for _, m := range t.merged {
		if i, ok := h.index(m.seq); ok {
			h.states[i].records = uint32(m.records)
		}
	}
	if n := len(list); n > 0 {
		h.keep(list[:n-1], list[n-1])
	}
}
