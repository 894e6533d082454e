package events

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"loadshare/internal/durable"
)

// keyPrefix begins the keys of all events; eight octets of sequence number follow, most significant first.
const keyPrefix = "events/"

// chunk is how many events are read at once when looking back from the end.
const chunk = 256

// Limits bounds a log. Zero fields mean the defaults.
type Limits struct {
	// Count is the most events kept; default 50,000.
	Count int
	// Age is how long an event is kept; default 90 days.
	Age time.Duration
}

func (l Limits) withDefaults() Limits {
	if l.Count <= 0 {
		l.Count = 50_000
	}
	if l.Age <= 0 {
		l.Age = 90 * 24 * time.Hour
	}
	return l
}

// Log is the history of one role. Any number of goroutines may use it.
type Log struct {
	store durable.Store
	keep  Limits

	mu    sync.Mutex // appending is serial, so that a reader who saw a number has seen all below it
	first uint64     // the oldest event kept; next when there is none
	next  uint64     // the number of the event to come, from 1
	aged  time.Time  // the time of the oldest event, as far as known
}

// Open finds the log in store, which stays the caller's to close. Every role
// has one log at most in a store.
func Open(store durable.Store, keep Limits) (*Log, error) {
	l := &Log{store: store, keep: keep.withDefaults(), next: 1}
	count := 0
	err := store.Scan(key(0), key(^uint64(0)), func(k, v []byte) bool {
		seq, ok := seqOf(k)
		if !ok {
			return true
		}
		if count == 0 {
			l.first, l.aged = seq, timeOf(v)
		}
		count++
		l.next = seq + 1
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("event history: %w", err)
	}
	if count == 0 {
		// The number goes on after a full trim, too.
		if v, ok, err := store.Get([]byte(nextKey)); err != nil {
			return nil, fmt.Errorf("event history: %w", err)
		} else if ok && len(v) == 8 {
			l.next = binary.BigEndian.Uint64(v)
		}
		l.first = l.next
	}
	return l, nil
}

// nextKey keeps the number of the next event; it sorts outside the events.
const nextKey = "events-next"

// Append keeps the events and returns when they are durable. It fills in Seq,
// and At where that is zero. On error none of them is kept.
func (l *Log) Append(ev ...Event) error {
	if len(ev) == 0 {
		return nil
	}
	return l.AppendWith(new(durable.Batch), ev...)
}

// AppendWith is Append in one commit with the caller's own changes, for what
// must not be durable without its history. b belongs to the same store; the
// events are added to it.
func (l *Log) AppendWith(b *durable.Batch, ev ...Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	next, begin := l.next, now
	for _, e := range ev {
		e.Seq = next
		if e.At.IsZero() {
			e.At = now
		}
		e.At = e.At.UTC()
		if next == l.next {
			begin = e.At
		}
		data, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("event history: %w", err)
		}
		b.Put(key(next), data)
		next++
	}
	first, aged := l.trim(b, next, begin, now)
	b.Put([]byte(nextKey), binary.BigEndian.AppendUint64(nil, next))
	if err := l.store.Commit(b); err != nil {
		return fmt.Errorf("event history: %w", err)
	}
	l.next, l.first, l.aged = next, first, aged
	return nil
}

// trim adds to b the removal of what is too much or too old, and returns the
// first event left and its time. The batch goes from l.next to next and begins at time begin.
func (l *Log) trim(b *durable.Batch, next uint64, begin, now time.Time) (uint64, time.Time) {
	first, aged := l.first, l.aged
	if first == l.next {
		aged = begin // nothing is stored yet
	}
	cutoff := now.Add(-l.keep.Age)
	if over := int(next-first) - l.keep.Count; over > 0 {
		first += uint64(over)
	} else if !aged.Before(cutoff) {
		return first, aged
	}
	// Stops at the first young event, so the work is that of what is removed.
	aged = begin
	err := l.store.Scan(key(first), key(l.next), func(k, v []byte) bool {
		seq, ok := seqOf(k)
		if !ok {
			return true
		}
		if at := timeOf(v); !at.Before(cutoff) {
			first, aged = seq, at
			return false
		}
		first = seq + 1
		return true
	})
	if err != nil {
		return l.first, l.aged // nothing is removed this time
	}
	if first > l.first {
		b.DeleteRange(key(l.first), key(first))
	}
	return first, aged
}

// Recent returns the last n events that f chooses, oldest first.
func (l *Log) Recent(f Filter, n int) ([]Event, error) {
	l.mu.Lock()
	first, to := l.first, l.next
	l.mu.Unlock()
	var out []Event
	for to > first && len(out) < n {
		from := first
		if to-first > chunk {
			from = to - chunk
		}
		part, err := l.read(from, to, f, chunk)
		if err != nil {
			return nil, err
		}
		slices.Reverse(part)
		out = append(out, part...)
		to = from
	}
	out = out[:min(len(out), max(n, 0))]
	slices.Reverse(out)
	return out, nil
}

// Since returns up to n events after number seq, oldest first: what a reader who saw seq has missed.
// Events that were trimmed in between are missing.
func (l *Log) Since(seq uint64, n int) ([]Event, error) {
	l.mu.Lock()
	from, to := max(l.first, seq+1), l.next
	l.mu.Unlock()
	if from >= to || n <= 0 {
		return nil, nil
	}
	return l.read(from, to, Filter{}, n)
}

// Last is the number of the newest event; 0 when there never was one.
func (l *Log) Last() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next - 1
}

// read returns up to n chosen events from number from to before to.
func (l *Log) read(from, to uint64, f Filter, n int) ([]Event, error) {
	var out []Event
	parts := f.needles()
	err := l.store.Scan(key(from), key(to), func(_, v []byte) bool {
		for _, part := range parts {
			if !bytes.Contains(v, part) {
				return true
			}
		}
		var e Event
		if json.Unmarshal(v, &e) == nil && f.Match(e) {
			out = append(out, e)
		}
		return len(out) < n
	})
	if err != nil {
		return nil, fmt.Errorf("event history: %w", err)
	}
	return out, nil
}

func key(seq uint64) []byte { return binary.BigEndian.AppendUint64([]byte(keyPrefix), seq) }

func seqOf(k []byte) (uint64, bool) {
	if len(k) != len(keyPrefix)+8 {
		return 0, false
	}
	return binary.BigEndian.Uint64(k[len(keyPrefix):]), true
}

// timeOf reads only the time of a stored event.
func timeOf(v []byte) time.Time {
	var e struct {
		At time.Time `json:"at"`
	}
	_ = json.Unmarshal(v, &e) // a damaged event counts as old and goes
	return e.At
}
