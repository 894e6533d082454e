package journal

import (
	"encoding/binary"
	"errors"
	"fmt"

	"loadshare/haserver/digest"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
	"loadshare/internal/durable"
)

const (
	partSize = 256 << 10 // octets of a piece of a snapshot, about
	minDue   = 8 << 20   // octets of entries for which a snapshot is not worth it
)

var errStopped = errors.New("its records make no zone")

// Due says that enough entries have gathered for a new snapshot: as many octets as half of the last one has.
func (l *Log) Due() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.added > max(minDue, l.bytes/2)
}

// Snapshot writes z, which is the zone after entry seq, in place of the last snapshot, and forgets the entries more
// than Depth before it but for what k wants. Entry seq must be durable. A crash in the middle leaves the old one. One goroutine at a
// time; changes may go on. When the zone is replaced or forgotten meanwhile nothing comes of it.
func (l *Log) Snapshot(z *zone.Zone, seq uint64, k Keep) error {
	l.mu.Lock()
	at, ok := l.history.at(seq)
	if !ok {
		l.mu.Unlock()
		return nil
	}
	before, replaced := l.added, l.replaced
	l.epoch++
	h := head{number: l.number, epoch: l.epoch, base: seq, point: at.point()}
	t := l.plan(seq, k)
	l.mu.Unlock()
	t = l.merge(t)
	var b durable.Batch
	size, err := l.writeParts(&b, &h, z)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone || l.replaced != replaced {
		b.Reset()
		dropParts(&b, h)
		return l.store.Commit(&b)
	}
	b.Put(headKey(l.name), h.value())
	dropParts(&b, l.head)
	l.writeTrim(&b, t)
	if err := l.store.Commit(&b); err != nil {
		return err
	}
	l.history.trimmed(t)
	l.head, l.bytes, l.added = h, size, l.added-before
	return nil
}

// Replace makes z, whose Point is p, the content of the zone, in place of all that was: it has no history then. It writes the
// pieces at once, by commits of its own, and puts the switch to them into b; until b is committed the disk has the old
// content, whole. b must be committed before any later batch. The goroutine that appends only.
func (l *Log) Replace(b *durable.Batch, z *zone.Zone, p pairmsg.Point) error {
	s, err := l.stage(b, z, p)
	if err != nil {
		return err
	}
	return l.Switch(b, s)
}

// Staged is a content whose pieces are on the disk beside the one in force.
type Staged struct {
	head head
	size int
}

// Stage is the first half of Replace, the one that takes long: it writes the pieces. Any goroutine. Switch or Drop must follow.
func (l *Log) Stage(z *zone.Zone, p pairmsg.Point) (Staged, error) {
	var b durable.Batch
	s, err := l.stage(&b, z, p)
	if err == nil {
		err = l.store.Commit(&b)
	}
	return s, err
}

func (l *Log) stage(b *durable.Batch, z *zone.Zone, p pairmsg.Point) (s Staged, err error) {
	l.mu.Lock()
	l.epoch++
	s.head = head{number: l.number, epoch: l.epoch, point: p}
	l.mu.Unlock()
	s.size, err = l.writeParts(b, &s.head, z)
	return s, err
}

// Drop removes what was staged and is not wanted.
func (l *Log) Drop(s Staged) error {
	var b durable.Batch
	dropParts(&b, s.head)
	return l.store.Commit(&b)
}

// Switch is the second half of Replace: it puts the switch to what was staged into b. The goroutine that appends only.
func (l *Log) Switch(b *durable.Batch, s Staged) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone {
		return fmt.Errorf("zone %s was forgotten and cannot be replaced", l.name)
	}
	h := s.head
	h.base = 1
	fresh := len(l.history.states) == 0 // nothing of it is on the disk
	if !fresh {
		h.base = l.history.seq() + 1
	}
	b.Put(headKey(l.name), h.value())
	if !fresh { // a deleted range costs every later look-up a little
		dropParts(b, l.head)
		b.DeleteRange(entryKey(l.number, 0), entryKey(l.number, h.base+1))
	}
	l.replaced++
	l.head, l.bytes, l.added = h, s.size, 0
	l.history = history{states: []state{{seq: h.base, serial: h.point.Serial, digest: h.point.Digest}}}
	return nil
}

// pointOf computes the point of a zone.
func pointOf(z *zone.Zone) pairmsg.Point {
	return pairmsg.Point{Serial: z.Serial(), Digest: digest.Of(z)}
}

// writeParts writes the pieces of a snapshot, the last one into b and those before it by commits of their own, counts them in h,
// and returns their octets. What is not the content that h.point says is refused: better no snapshot than one that cannot be
// read back.
func (l *Log) writeParts(b *durable.Batch, h *head, z *zone.Zone) (size int, err error) {
	if p := pointOf(z); p != h.point {
		return 0, fmt.Errorf("the content of zone %s at serial %d (digest %x) is not that of serial %d (digest %x) in its journal", l.name, p.Serial, p.Digest, h.point.Serial, h.point.Digest)
	}
	var part []byte
	put := func(b *durable.Batch) {
		b.Put(partKey(h.number, h.epoch, h.parts), seal(part))
		size += len(part)
		h.parts++
		part = part[:0]
	}
	for set := range z.All() {
		part = appendSet(part, &set)
		if len(part) >= partSize {
			var piece durable.Batch
			put(&piece)
			if err := l.store.Commit(&piece); err != nil {
				return 0, err
			}
		}
	}
	if len(part) > 0 {
		put(b)
	}
	return size, nil
}

func dropParts(b *durable.Batch, h head) {
	if h.parts <= 16 {
		for i := range h.parts {
			b.Delete(partKey(h.number, h.epoch, i))
		}
		return
	}
	b.DeleteRange(partKey(h.number, h.epoch, 0), partKey(h.number, h.epoch+1, 0))
}

// sweep removes the pieces of snapshots that a crash left unfinished.
func (l *Log) sweep() error {
	n, epoch := l.number, l.head.epoch
	var b durable.Batch
	for _, r := range [][2][]byte{{partKey(n, 0, 0), partKey(n, epoch, 0)}, {partKey(n, epoch+1, 0), partKey(n+1, 0, 0)}} {
		found := false
		if err := l.store.Scan(r[0], r[1], func(_, _ []byte) bool { found = true; return false }); err != nil {
			return err
		}
		if found {
			b.DeleteRange(r[0], r[1])
		}
	}
	if b.Len() == 0 {
		return nil
	}
	return l.store.Commit(&b)
}

// readSnapshot builds the zone that the head names, and proves its digest beside that.
func (l *Log) readSnapshot() (*zone.Zone, error) {
	bodies, sum := make(chan string, 4), make(chan digest.Digest, 1)
	go func() { sum <- digestOf(bodies) }()
	var bad error
	z, err := zone.Build(l.name, func(yield func(zone.RRset) bool) {
		bad = l.readParts(func(body string) error {
			bodies <- body
			for set, err := range sets(body) {
				if err != nil {
					return err
				}
				if !yield(set) {
					return errStopped
				}
			}
			return nil
		})
	})
	close(bodies)
	p := pairmsg.Point{Digest: <-sum}
	if bad != nil {
		return nil, bad
	}
	if err != nil {
		return nil, &Damage{l.name, "its snapshot is no zone: " + err.Error()}
	}
	if p.Serial = z.Serial(); p != l.head.point {
		return nil, &Damage{l.name, "its snapshot has another serial or digest than its head record says"}
	}
	return z, nil
}

// digestOf is the digest of the records of all pieces.
func digestOf(bodies <-chan string) (d digest.Digest) {
	var records []zone.Record
	for body := range bodies {
		records = records[:0]
		for set := range sets(body) {
			for _, data := range set.Data {
				records = append(records, zone.Record{Name: set.Name, Type: set.Type, Class: zone.ClassIN, TTL: set.TTL, Data: data})
			}
		}
		d = d.Step(zone.Delta{Added: records})
	}
	return d
}

// readParts hands out the pieces of the snapshot that the head names.
func (l *Log) readParts(fn func(body string) error) error {
	var bad error
	want := uint32(0)
	from, to := partKey(l.number, l.head.epoch, 0), partKey(l.number, l.head.epoch+1, 0)
	err := l.store.Scan(from, to, func(k, v []byte) bool {
		body, ok := unseal(v)
		if !ok || string(k) != string(partKey(l.number, l.head.epoch, want)) {
			bad = &Damage{l.name, fmt.Sprintf("part %d of its snapshot is missing or its checksum is wrong", want)}
			return false
		}
		l.bytes += len(body)
		if err := fn(string(body)); err != nil {
			bad = &Damage{l.name, fmt.Sprintf("part %d of its snapshot is not readable: %v", want, err)}
		}
		want++
		return bad == nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("read the snapshot of zone %s: %w", l.name, err)
	case bad == nil && want != l.head.parts:
		return &Damage{l.name, fmt.Sprintf("its snapshot has %d of %d parts", want, l.head.parts)}
	}
	return bad
}

func entrySeq(key []byte) uint64 { return binary.BigEndian.Uint64(key[5:]) }
