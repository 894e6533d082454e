package store

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/lease"
)

// Commit makes a write durable, with one fsync; several of the engine's may be joined into one, in their order,
// as long as no address is both in Forget and, later, in Leases (see Join). seq is the number of
// the last durable write. now is the time in seconds since 1970. After an error nothing more is written: see the package.
func (s *Store) Commit(w *engine.Write, now int64) (seq uint64, err error) {
	s.batch.Reset()
	if err := s.put(w); err != nil {
		return s.seq.Load(), err
	}
	if s.batch.Len() == 0 {
		return s.seq.Load(), nil
	}
	seq = s.seq.Load() + 1
	s.value = pairOf(s.value[:0], seq, uint64(now))
	s.batch.Put([]byte("Q"), s.value)
	s.writing.Store(time.Now().UnixNano())
	err = s.disk.Commit(&s.batch)
	s.writing.Store(0)
	if err != nil {
		return s.seq.Load(), fmt.Errorf("the lease database cannot be written: %w", err)
	}
	s.seq.Store(seq)
	s.last.Store(now)
	return seq, nil
}

// put adds all of a write to the batch.
func (s *Store) put(w *engine.Write) error {
	for i := range w.Leases {
		l := &w.Leases[i]
		s.value = encodeLease(s.value[:0], l)
		s.batch.Put(s.leaseKey(l.IP), s.value)
	}
	for _, ip := range w.Forget {
		s.batch.Delete(s.leaseKey(ip))
	}
	for i := range w.Saved {
		value, err := encodeJSON(s.value[:0], &w.Saved[i].Saved)
		if err != nil {
			return fmt.Errorf("the state of the failover pair %s cannot be written: %w", w.Saved[i].Name, err)
		}
		s.batch.Put(append(append(s.key[:0], 'S'), w.Saved[i].Name...), value)
	}
	for i := range w.Shared {
		k := append(append(s.key[:0], 'P'), w.Shared[i].Name...)
		if len(w.Shared[i].Subnets) == 0 {
			s.batch.Delete(k)
			continue
		}
		value, err := encodeJSON(s.value[:0], &w.Shared[i])
		if err != nil {
			return fmt.Errorf("the networks of the failover pair %s cannot be written: %w", w.Shared[i].Name, err)
		}
		s.batch.Put(k, value)
	}
	for i := range w.Jobs {
		value, err := encodeJSON(s.value[:0], &w.Jobs[i])
		if err != nil {
			return fmt.Errorf("a change of DNS for %s cannot be written: %w", w.Jobs[i].IP, err)
		}
		s.batch.Put(s.jobKey(w.Jobs[i].ID), value)
	}
	for _, id := range w.Done {
		s.batch.Delete(s.jobKey(id))
	}
	if s.keep > 0 {
		for i := range w.History {
			s.putEvent(&w.History[i])
		}
		s.lines.Add(int64(len(w.History)))
	}
	return nil
}

func (s *Store) leaseKey(ip lease.IP) []byte {
	s.key = binary.BigEndian.AppendUint32(append(s.key[:0], 'L'), uint32(ip))
	return s.key
}

func (s *Store) jobKey(id uint64) []byte {
	s.key = binary.BigEndian.AppendUint64(append(s.key[:0], 'J'), id)
	return s.key
}

// Join adds a write to one that waits, so that both cost one fsync. What into held before must be written before.
func Join(into, w *engine.Write) {
	into.Batch = max(into.Batch, w.Batch)
	into.Awaited = into.Awaited || w.Awaited
	for _, ip := range w.Forget {
		into.Leases = slices.DeleteFunc(into.Leases, func(l lease.Lease) bool { return l.IP == ip })
	}
	if len(into.Forget) > 0 {
		for i := range w.Leases {
			into.Forget = slices.DeleteFunc(into.Forget, func(ip lease.IP) bool { return ip == w.Leases[i].IP })
		}
	}
	into.Leases = append(into.Leases, w.Leases...)
	into.Forget = append(into.Forget, w.Forget...)
	into.Saved = append(into.Saved, w.Saved...)
	into.Shared = append(into.Shared, w.Shared...)
	into.History = append(into.History, w.History...)
	into.Jobs = append(into.Jobs, w.Jobs...)
	into.Done = append(into.Done, w.Done...)
}
