package store

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/lease"
	"loadshare/internal/durable"
)

// eventKeyLen: kind, time, address, boot, count.
const eventKeyLen = 1 + 8 + 4 + 4 + 4

// putEvent adds a line of history to the batch.
func (s *Store) putEvent(e *engine.Event) {
	s.events++
	k := binary.BigEndian.AppendUint64(append(s.key[:0], 'H'), uint64(e.At))
	k = binary.BigEndian.AppendUint32(k, uint32(e.Lease.IP))
	k = binary.BigEndian.AppendUint32(k, uint32(s.boot))
	s.key = binary.BigEndian.AppendUint32(k, s.events)
	v := append(s.value[:0], version, byte(e.What), e.Client.HType)
	for _, text := range [...]string{e.Client.ID, e.Client.CHAddr} {
		v = binary.AppendUvarint(v, uint64(len(text)))
		v = append(v, text...)
	}
	s.value = seal(appendLease(v, &e.Lease), 0)
	s.batch.Put(s.key, s.value)
}

// decodeEvent reads a line of history; k is the key without its kind.
func decodeEvent(k, value []byte) (e engine.Event, err error) {
	if len(k) != eventKeyLen-1 {
		return e, errForm
	}
	body, err := unseal(value)
	if err != nil {
		return e, err
	}
	r := reader{rest: string(body)}
	e.At = int64(binary.BigEndian.Uint64(k))
	e.What = engine.Reason(r.octet())
	e.Client.HType = r.octet()
	e.Client.ID, e.Client.CHAddr = r.string(), r.string()
	e.Lease = r.lease(lease.IP(binary.BigEndian.Uint32(k[8:])))
	if r.bad || r.rest != "" {
		return e, errForm
	}
	return e, nil
}

// Query says which lines of history are wanted. The zero value wants all.
type Query struct {
	From, To int64 // seconds since 1970, both included; To 0: no end
	IP       lease.IP
	// Client is a hardware address or identifier, as octets, or a host name; of the lease, or of who asked. "": anybody.
	Client string
	Limit  int // the newest so many; 0: no limit
}

// History finds lines of history, oldest first. cut: there are older ones that match. A line that is damaged is left out: it says
// nothing about who has an address.
func (s *Store) History(q Query) (list []engine.Event, cut bool, err error) {
	from := binary.BigEndian.AppendUint64([]byte{'H'}, uint64(max(0, q.From)))
	to := []byte{'H' + 1}
	if q.To > 0 {
		to = binary.BigEndian.AppendUint64([]byte{'H'}, uint64(q.To)+1)
	}
	next := 0 // of a ring, when it is full
	err = s.disk.Scan(from, to, func(k, v []byte) bool {
		if len(k) != eventKeyLen || q.IP != 0 && lease.IP(binary.BigEndian.Uint32(k[9:])) != q.IP {
			return true
		}
		if q.Client != "" && !strings.Contains(string(v), q.Client) {
			return true
		}
		e, err := decodeEvent(k[1:], v)
		if err != nil || !q.matches(&e) {
			return true
		}
		if q.Limit > 0 && len(list) == q.Limit {
			list[next] = e
			next = (next + 1) % q.Limit
			cut = true
			return true
		}
		list = append(list, e)
		return true
	})
	if err != nil {
		return nil, false, fmt.Errorf("history: %w", err)
	}
	return append(list[next:len(list):len(list)], list[:next]...), cut, nil
}

func (q *Query) matches(e *engine.Event) bool {
	if q.Client == "" {
		return true
	}
	for _, c := range [...]lease.Client{e.Client, e.Lease.Client} {
		if c.ID == q.Client || c.CHAddr == q.Client {
			return true
		}
	}
	return e.Lease.Hostname == q.Client || e.Lease.FQDN == q.Client
}

// Crowded says that there may be more lines of history than are to be kept: Trim is due, whatever the time.
func (s *Store) Crowded() bool { return s.lines.Load() > int64(s.keepMax) }

// Trim removes history that is too old, or more than is to be kept. It reads all of it at its first call, and when there may be too
// many lines.
func (s *Store) Trim(now time.Time) error {
	oldest := uint64(max(0, now.Add(-s.keep).Unix()))
	cut := binary.BigEndian.AppendUint64([]byte{'H'}, oldest)
	if !s.counted || s.Crowded() {
		n, err := s.count(cut)
		if err != nil {
			return err
		}
		s.counted = true
		s.lines.Store(int64(n))
		if extra := n - s.keepMax; extra > 0 {
			extra += s.keepMax / 16 // so that it is not counted again soon
			if cut, err = s.skip(cut, extra); err != nil {
				return err
			}
			s.lines.Store(int64(n - extra))
		}
	}
	old := false
	if err := s.disk.Scan([]byte{'H'}, cut, func(_, _ []byte) bool { old = true; return false }); err != nil {
		return fmt.Errorf("history: %w", err)
	}
	if !old {
		return nil
	}
	var b durable.Batch
	b.DeleteRange([]byte{'H'}, cut)
	if err := s.disk.Commit(&b); err != nil {
		return fmt.Errorf("history: %w", err)
	}
	return nil
}

// count is how many lines there are from a key on.
func (s *Store) count(from []byte) (n int, err error) {
	if err = s.disk.Scan(from, []byte{'H' + 1}, func(_, _ []byte) bool { n++; return true }); err != nil {
		return 0, fmt.Errorf("history: %w", err)
	}
	return n, nil
}

// skip is the key of the line after the next so many.
func (s *Store) skip(from []byte, n int) (to []byte, err error) {
	to = []byte{'H' + 1}
	err = s.disk.Scan(from, to, func(k, _ []byte) bool {
		if n == 0 {
			to = append([]byte(nil), k...)
			return false
		}
		n--
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	return to, nil
}
