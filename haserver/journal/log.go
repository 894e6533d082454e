package journal

import (
	"errors"
	"fmt"
	"sync"

	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
	"loadshare/internal/durable"
)

// Log is the journal of one zone.
type Log struct {
	store  durable.Store
	name   zone.Name
	number uint32 // in the keys; never changes
	depth  int    // entries behind a snapshot that are kept

	mu       sync.Mutex // changes, snapshots and transfers meet here
	head     head       // of the snapshot in force
	history  history    // with what was appended and is not committed yet
	epoch    uint64     // the last one given to a snapshot
	replaced int        // how often Replace was called
	gone     bool       // forgotten
	bytes    int        // of the snapshot
	added    int        // octets of entries since the snapshot
	file     [32]byte   // digest of the master file
	room     []byte     // for the next entry
}

// keptRoom is how many octets of room are kept for the next entry.
const keptRoom = 4 << 10

// Load recovers a zone. The Log is nil when there is none of that name. The error is *Damage, or that of the store.
func (j *Journal) Load(name zone.Name) (*Log, *zone.Zone, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	v, ok, err := j.store.Get(headKey(name))
	if err != nil || !ok {
		return nil, nil, err
	}
	h, ok := parseHead(v)
	if !ok {
		return nil, nil, &Damage{name, "its head record is not readable"}
	}
	l := &Log{store: j.store, name: name, number: h.number, depth: Depth, head: h, epoch: h.epoch}
	file, ok, err := getSealed(j.store, numberKey('F', l.number))
	if errors.Is(err, errSeal) || ok && len(file) != len(l.file) {
		err = &Damage{name, "the digest of its file is not readable"}
	}
	if err != nil {
		return nil, nil, err
	}
	copy(l.file[:], file)
	z, err := l.readSnapshot()
	if err != nil {
		return nil, nil, err
	}
	if z, err = l.replay(z); err != nil {
		return nil, nil, err
	}
	j.logs[name.Key()] = l
	return l, z, l.sweep()
}

// Create stores a zone that is not there yet. file is the digest of its master file.
func (j *Journal) Create(name zone.Name, z *zone.Zone, file [32]byte) (*Log, error) {
	var b durable.Batch
	l, err := j.CreateIn(&b, name, z, file)
	if err != nil {
		return nil, err
	}
	return l, j.store.Commit(&b)
}

// CreateIn is Create without the commit, which is the caller's: many zones may share one.
func (j *Journal) CreateIn(b *durable.Batch, name zone.Name, z *zone.Zone, file [32]byte) (*Log, error) {
	l, err := j.Begin(name)
	if err != nil {
		return nil, err
	}
	if err := l.Replace(b, z, pointOf(z)); err != nil {
		return nil, err
	}
	l.file = file
	b.Put(numberKey('F', l.number), seal(file[:]))
	return l, nil
}

// Begin makes a Log for a zone that is not there yet and leaves the disk as it is: Replace must come before anything else.
func (j *Journal) Begin(name zone.Name) (*Log, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, ok, err := j.store.Get(headKey(name)); err != nil {
		return nil, err
	} else if ok {
		return nil, fmt.Errorf("zone %s is in the journal already", name)
	}
	l := &Log{store: j.store, name: name, number: j.next, depth: Depth, head: head{number: j.next}}
	j.next++
	j.logs[name.Key()] = l
	return l, nil
}

// replay reads the entries: those that the snapshot has make the history longer, those after it are applied.
func (l *Log) replay(z *zone.Zone) (*zone.Zone, error) {
	base := l.head.base
	var old history // behind the snapshot
	var bad error
	want := base + 1
	err := l.store.Scan(numberKey('D', l.number), numberKey('D', l.number+1), func(k, v []byte) bool {
		if string(k) <= string(entryKey(l.number, base)) {
			old.read(k, v)
			return true
		}
		if want == base+1 {
			l.history = l.start(old)
		}
		z, bad = l.replayOne(z, k, v, want)
		want++
		return bad == nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the journal of zone %s: %w", l.name, err)
	}
	if want == base+1 {
		l.history = l.start(old)
	}
	return z, bad
}

// start is the history at the snapshot: what is behind it, if that leads there.
func (l *Log) start(old history) history {
	p := l.head.point
	if len(old.states) > 0 && old.seq() == l.head.base && old.last().point() == p {
		return old
	}
	return history{states: []state{{seq: l.head.base, serial: p.Serial, digest: p.Digest}}}
}

// read takes an entry behind the snapshot into the history. One that does not fit what is before it begins it anew.
func (h *history) read(k, v []byte) {
	seq := entrySeq(k)
	from, to, err := peekEntry(v)
	to.seq = seq
	switch {
	case err != nil:
		*h = history{}
	case len(h.states) > 0 && h.last().serial == from: // where several became one there is a gap in the sequence
		h.add(to)
	default:
		*h = history{states: []state{to}}
		if e, err := parseEntry(v); err == nil {
			d := e.Digest.Step(reverse(e.Delta))
			*h = history{states: []state{{seq: seq - 1, serial: from, digest: d}}}
			h.add(to)
		}
	}
}

// replayOne applies an entry after the snapshot, which must be number want.
func (l *Log) replayOne(z *zone.Zone, k, v []byte, want uint64) (*zone.Zone, error) {
	if string(k) != string(entryKey(l.number, want)) {
		return z, &Damage{l.name, fmt.Sprintf("entry %d is missing", want)}
	}
	e, err := parseEntry(v)
	if err != nil {
		return z, &Damage{l.name, fmt.Sprintf("entry %d is not readable: %v", want, err)}
	}
	next, err := z.WithDelta(e.Delta)
	if err == nil {
		err = l.fits(e)
	}
	if err != nil {
		return z, &Damage{l.name, fmt.Sprintf("entry %d does not apply to what was before it: %v", want, err)}
	}
	l.take(e, len(v))
	return next, nil
}

// fits says why an entry cannot follow the last one.
func (l *Log) fits(e pairmsg.Entry) error {
	if len(l.history.states) == 0 {
		return fmt.Errorf("zone %s has no content yet that could change", l.name)
	}
	switch now := l.history.last(); {
	case e.Delta.From != now.serial:
		return fmt.Errorf("it is from serial %d, and the zone has %d", e.Delta.From, now.serial)
	case e.Delta.To == e.Delta.From:
		return fmt.Errorf("it does not move the serial %d", e.Delta.To)
	case now.digest.Step(e.Delta) != e.Digest:
		return fmt.Errorf("its digest is not that of the content it leaves")
	}
	return nil
}

func (l *Log) take(e pairmsg.Entry, size int) {
	l.history.add(state{seq: l.history.seq() + 1, serial: e.Delta.To, records: uint32(len(e.Delta.Deleted) + len(e.Delta.Added)), digest: e.Digest})
	l.added += size
}

// Append adds a change to a batch and returns its sequence. Nothing is durable before the batch is committed, and
// batches must be committed in the order in which they were filled. An entry that does not lead on from Point is
// refused. One goroutine only.
func (l *Log) Append(b *durable.Batch, e pairmsg.Entry) (seq uint64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v, err := appendEntry(l.room[:0], e)
	if err != nil {
		return 0, err
	}
	if cap(v) <= keptRoom {
		l.room = v
	}
	if err := l.fits(e); err != nil {
		return 0, fmt.Errorf("the change of zone %s cannot be written down: %w", l.name, err)
	}
	l.take(e, len(v))
	seq = l.history.seq()
	b.Put(entryKey(l.number, seq), v)
	return seq, nil
}

// Seq is the sequence of the last entry or Replace.
func (l *Log) Seq() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.history.states) == 0 {
		return 0
	}
	return l.history.seq()
}

// Digest is that of the master file that was last read into the zone; zero when it never was.
func (l *Log) Digest() [32]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file
}

// SetDigest remembers another digest, durably.
func (l *Log) SetDigest(file [32]byte) error {
	var b durable.Batch
	b.Put(numberKey('F', l.number), seal(file[:]))
	if err := l.store.Commit(&b); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.file = file
	return nil
}

func (l *Log) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone = true
}
