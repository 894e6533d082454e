package journal

import (
	"encoding/binary"
	"fmt"
	"iter"

	"loadshare/haserver/zone"
	"loadshare/internal/durable"
)

const (
	partSize = 256 << 10 // octets of a piece of a snapshot, about
	minDue   = 8 << 20   // octets of entries for which a snapshot is not worth it
)

// Due says that enough entries have gathered for a new snapshot: as many octets as half of the last one has.
func (l *Log) Due() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.added > max(minDue, l.bytes/2)
}

// Snapshot writes z, which is the zone after entry seq, in place of the last snapshot, and forgets the entries more
// than Depth before it. A crash in the middle leaves the old one. One goroutine at a time; changes may go on.
func (l *Log) Snapshot(z *zone.Zone, seq uint64) error {
	l.mu.Lock()
	h, before := l.head, l.added
	l.mu.Unlock()
	old := h.epoch
	h.epoch++
	h.base = seq
	h.parts = 0
	size := 0
	var part []byte
	flush := func() error {
		var b durable.Batch
		b.Put(partKey(h.number, h.epoch, h.parts), seal(part))
		size += len(part)
		h.parts++
		part = part[:0]
		return l.store.Commit(&b)
	}
	for set := range z.All() {
		part = appendSet(part, &set)
		if len(part) >= partSize {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if len(part) > 0 {
		if err := flush(); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	h.digest = l.head.digest
	var b durable.Batch
	b.Put(headKey(l.name), h.value())
	b.DeleteRange(partKey(h.number, 0, 0), partKey(h.number, old+1, 0))
	if seq > Depth {
		b.DeleteRange(entryKey(h.number, 0), entryKey(h.number, seq-Depth+1))
	}
	if err := l.store.Commit(&b); err != nil {
		return err
	}
	l.head, l.bytes, l.added = h, size, l.added-before
	return nil
}

// sweep removes what a crash in the middle of a snapshot left.
func (l *Log) sweep() error {
	from, to := partKey(l.head.number, l.head.epoch+1, 0), partKey(l.head.number+1, 0, 0)
	found := false
	err := l.store.Scan(from, to, func(_, _ []byte) bool { found = true; return false })
	if err != nil || !found {
		return err
	}
	var b durable.Batch
	b.DeleteRange(from, to)
	return l.store.Commit(&b)
}

// readSnapshot builds the zone that the head names.
func (l *Log) readSnapshot() (*zone.Zone, error) {
	var bad error
	z, err := zone.Build(l.name, func(yield func(zone.RRset) bool) {
		want := uint32(0)
		from, to := partKey(l.head.number, l.head.epoch, 0), partKey(l.head.number, l.head.epoch+1, 0)
		err := l.store.Scan(from, to, func(k, v []byte) bool {
			body, ok := unseal(v)
			if !ok || string(k) != string(partKey(l.head.number, l.head.epoch, want)) {
				bad = &Damage{l.name, fmt.Sprintf("part %d of its snapshot is missing or its checksum is wrong", want)}
				return false
			}
			want++
			l.bytes += len(body)
			for set, err := range sets(string(body)) {
				if err != nil {
					bad = &Damage{l.name, fmt.Sprintf("part %d of its snapshot is not readable", want-1)}
					return false
				}
				if !yield(set) {
					return false
				}
			}
			return true
		})
		if err != nil {
			bad = fmt.Errorf("read the snapshot of zone %s: %w", l.name, err)
		}
		if bad == nil && want != l.head.parts {
			bad = &Damage{l.name, fmt.Sprintf("its snapshot has %d of %d parts", want, l.head.parts)}
		}
	})
	if bad != nil {
		return nil, bad
	}
	if err != nil {
		return nil, &Damage{l.name, "its snapshot is no zone: " + err.Error()}
	}
	return z, nil
}

func appendSet(b []byte, set *zone.RRset) []byte {
	b = binary.AppendUvarint(b, uint64(len(set.Name)))
	b = append(b, set.Name...)
	b = binary.BigEndian.AppendUint16(b, uint16(set.Type))
	b = binary.BigEndian.AppendUint32(b, set.TTL)
	b = binary.AppendUvarint(b, uint64(len(set.Data)))
	for _, d := range set.Data {
		b = binary.AppendUvarint(b, uint64(len(d)))
		b = append(b, d...)
	}
	return b
}

// sets reads what appendSet wrote. Names and data are pieces of body.
func sets(body string) iter.Seq2[zone.RRset, error] {
	errCut := fmt.Errorf("cut")
	return func(yield func(zone.RRset, error) bool) {
		r := reader{body}
		for r.rest != "" {
			var set zone.RRset
			name, ok := r.field()
			fixed, ok2 := r.take(6)
			count, ok3 := r.number()
			if !ok || !ok2 || !ok3 || count == 0 || count > uint64(len(r.rest))+1 || !zone.Name(name).Valid() {
				yield(set, errCut)
				return
			}
			set.Name = zone.Name(name)
			set.Type = zone.Type(uint16(fixed[0])<<8 | uint16(fixed[1]))
			set.TTL = uint32(fixed[2])<<24 | uint32(fixed[3])<<16 | uint32(fixed[4])<<8 | uint32(fixed[5])
			set.Data = make([]string, count)
			for i := range set.Data {
				if set.Data[i], ok = r.field(); !ok {
					yield(set, errCut)
					return
				}
			}
			if !yield(set, nil) {
				return
			}
		}
	}
}

type reader struct{ rest string }

func (r *reader) take(n int) (string, bool) {
	if n < 0 || n > len(r.rest) {
		return "", false
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s, true
}

func (r *reader) number() (uint64, bool) {
	var n uint64
	for i := 0; i < len(r.rest) && i < 5; i++ {
		c := r.rest[i]
		n |= uint64(c&0x7F) << (7 * i)
		if c < 0x80 {
			r.rest = r.rest[i+1:]
			return n, true
		}
	}
	return 0, false
}

func (r *reader) field() (string, bool) {
	n, ok := r.number()
	if !ok {
		return "", false
	}
	return r.take(int(n))
}
