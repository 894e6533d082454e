package alert

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"loadshare/internal/durable"
)

// MaxQueue is how many alerts wait for one destination; the oldest are given up for younger ones, and the log says so.
const MaxQueue = 10_000

// maxRemembered is how many incidents a destination remembers, threadAge how long.
const (
	maxRemembered = 5_000
	threadAge     = 30 * 24 * time.Hour
)

// keyRoot begins every key in the store; the hash of the destination's name and a slash follow.
const keyRoot = "alert/"

// entry is an alert that waits.
type entry struct {
	Seq    uint64    `json:"-"`
	Alert  Alert     `json:"alert"`
	Queued time.Time `json:"queued"`
	// Refused: the other side said never once already.
	Refused bool `json:"refused,omitempty"`
}

// queue is what waits for one destination and what it remembers, in memory and, before that, in the store.
type queue struct {
	store  durable.Store
	prefix string

	waiting []entry
	threads map[string]thread // by hash of the incident
	next    uint64            // the number of the entry to come
}

func destinationPrefix(dest string) string { return keyRoot + hash(dest) + "/" }

// openQueue reads what a former run left.
func openQueue(store durable.Store, dest string, now time.Time) (*queue, error) {
	q := &queue{store: store, prefix: destinationPrefix(dest), threads: map[string]thread{}, next: 1}
	var old durable.Batch
	err := store.Scan([]byte(q.prefix), prefixEnd(q.prefix), func(k, v []byte) bool {
		switch name := string(k[len(q.prefix):]); {
		case name == "n" && len(v) == 8:
			q.next = binary.BigEndian.Uint64(v)
		case len(name) == 10 && name[:2] == "q/":
			e := entry{Seq: binary.BigEndian.Uint64([]byte(name[2:]))}
			if json.Unmarshal(v, &e) == nil {
				q.waiting = append(q.waiting, e)
			}
		case len(name) > 2 && name[:2] == "t/":
			var t thread
			if json.Unmarshal(v, &t) == nil && now.Sub(t.At) < threadAge {
				q.threads[name[2:]] = t
			} else {
				old.Delete(slices.Clone(k))
			}
		}
		return true
	})
	if err == nil && old.Len() > 0 {
		err = store.Commit(&old)
	}
	if err != nil {
		return nil, fmt.Errorf("alert queue: %w", err)
	}
	return q, nil
}

// put adds to b what makes the alert durable and returns its entry, which join puts into memory once b is committed.
func (q *queue) put(b *durable.Batch, a Alert, now time.Time) (entry, error) {
	e := entry{Seq: q.next, Alert: a, Queued: now}
	data, err := json.Marshal(e)
	if err != nil {
		return entry{}, fmt.Errorf("alert queue: %w", err)
	}
	b.Put(q.key(e.Seq), data)
	b.Put([]byte(q.prefix+"n"), binary.BigEndian.AppendUint64(nil, e.Seq+1))
	if over := len(q.waiting) + 1 - MaxQueue; over > 0 {
		for _, w := range q.waiting[:over] {
			b.Delete(q.key(w.Seq))
		}
	}
	return e, nil
}

// join makes a durable entry wait and returns those that had to go for it.
func (q *queue) join(e entry) (gone []entry) {
	q.next = e.Seq + 1
	q.waiting = append(q.waiting, e)
	if over := len(q.waiting) - MaxQueue; over > 0 {
		gone = slices.Clone(q.waiting[:over])
		q.waiting = slices.Delete(q.waiting, 0, over)
	}
	return gone
}

// remove forgets entries that were delivered by message id, or given up (id "").
func (q *queue) remove(done []entry, id string, now time.Time) error {
	var b durable.Batch
	seqs := map[uint64]bool{}
	for _, e := range done {
		seqs[e.Seq] = true
		b.Delete(q.key(e.Seq))
		if id != "" && e.Alert.Incident != "" {
			q.remember(&b, e.Alert, id, now)
		}
	}
	q.waiting = slices.DeleteFunc(q.waiting, func(e entry) bool { return seqs[e.Seq] })
	if err := q.store.Commit(&b); err != nil {
		return fmt.Errorf("alert queue: %w", err)
	}
	return nil
}

// remember notes that message id told about the incident of a.
func (q *queue) remember(b *durable.Batch, a Alert, id string, now time.Time) {
	h := hash(a.Incident)
	key := []byte(q.prefix + "t/" + h)
	if a.Final {
		delete(q.threads, h)
		b.Delete(key)
		return
	}
	t := q.threads[h]
	if t.Root == "" {
		t.Root = id
	}
	t.Last, t.At = id, now
	q.threads[h] = t
	if data, err := json.Marshal(t); err == nil {
		b.Put(key, data)
	}
	if len(q.threads) > maxRemembered {
		oldest := h
		for name, other := range q.threads {
			if other.At.Before(q.threads[oldest].At) {
				oldest = name
			}
		}
		delete(q.threads, oldest)
		b.Delete([]byte(q.prefix + "t/" + oldest))
	}
}

// refuse notes that the other side said never to these entries, once.
func (q *queue) refuse(entries []entry) error {
	var b durable.Batch
	for _, e := range entries {
		i := slices.IndexFunc(q.waiting, func(w entry) bool { return w.Seq == e.Seq })
		if i < 0 {
			continue
		}
		q.waiting[i].Refused = true
		data, err := json.Marshal(q.waiting[i])
		if err != nil {
			return fmt.Errorf("alert queue: %w", err)
		}
		b.Put(q.key(e.Seq), data)
	}
	if err := q.store.Commit(&b); err != nil {
		return fmt.Errorf("alert queue: %w", err)
	}
	return nil
}

func (q *queue) key(seq uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte(q.prefix+"q/"), seq)
}

// prefixEnd is the first key after all that begin with prefix, which ends in a slash.
func prefixEnd(prefix string) []byte { return []byte(prefix[:len(prefix)-1] + "0") }
