package journal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"sync"

	"loadshare/haserver/digest"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
	"loadshare/internal/durable"
)

// Damage is the error for content that cannot be what was written.
type Damage struct {
	Zone zone.Name // "" for the journal as a whole
	What string
}

func (d *Damage) Error() string {
	where := "the zone journal"
	if d.Zone != "" {
		where = "the journal of zone " + d.Zone.String()
	}
	return where + " is damaged: " + d.What
}

// format of the keys and values.
const format = 2

// Journal is all zones of one store.
type Journal struct {
	store durable.Store

	mu   sync.Mutex      // zones are created, loaded and forgotten one at a time
	next uint32          // number for the next new zone
	logs map[string]*Log // those in use, by Key
}

// Open checks the format of what is in store, or sets it when store is empty.
func Open(store durable.Store) (*Journal, error) {
	j := &Journal{store: store, next: 1, logs: map[string]*Log{}}
	v, ok, err := store.Get([]byte("V"))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the zone journal: %w", err)
	case !ok:
		var b durable.Batch
		b.Put([]byte("V"), seal([]byte{format}))
		return j, store.Commit(&b)
	}
	body, ok := unseal(v)
	if !ok || len(body) != 1 {
		return nil, &Damage{What: "its format record is not readable"}
	}
	if body[0] != format {
		return nil, fmt.Errorf("the zone journal has format %d, this version has format %d: start the version that wrote it, or move the state directory away so that every zone is read from its file again", body[0], format)
	}
	var numbers []uint32
	var bad error
	err = store.Scan([]byte("N"), []byte("O"), func(k, v []byte) bool {
		h, ok := parseHead(v)
		if !ok {
			bad = &Damage{Zone: zone.Name(k[1:]), What: "its head record is not readable"}
			return false
		}
		numbers = append(numbers, h.number)
		return true
	})
	if err == nil {
		err = bad
	}
	if err != nil {
		return nil, err
	}
	slices.Sort(numbers)
	if n := len(numbers); n > 0 {
		j.next = numbers[n-1] + 1
	}
	return j, j.sweep(numbers)
}

// sweep removes what a crash left of zones that were never finished: everything under numbers that no head has.
func (j *Journal) sweep(used []uint32) error {
	var b durable.Batch
	from := uint32(0)
	for _, n := range append(used, ^uint32(0)) {
		if from < n {
			if err := j.sweepRange(&b, from, n); err != nil {
				return err
			}
		}
		from = n + 1
	}
	if b.Len() == 0 {
		return nil
	}
	return j.store.Commit(&b)
}

func (j *Journal) sweepRange(b *durable.Batch, from, to uint32) error {
	for _, kind := range numbered {
		low, high := numberKey(kind, from), numberKey(kind, to)
		found := false
		if err := j.store.Scan(low, high, func(_, _ []byte) bool { found = true; return false }); err != nil {
			return err
		}
		if found {
			b.DeleteRange(low, high)
		}
	}
	return nil
}

// Names are the zones that there are, in lower case.
func (j *Journal) Names() ([]zone.Name, error) {
	var names []zone.Name
	err := j.store.Scan([]byte("N"), []byte("O"), func(k, _ []byte) bool {
		names = append(names, zone.Name(k[1:]))
		return true
	})
	return names, err
}

// Forget removes a zone and all that is kept of it, when b is committed. Its Log must not be used any more but by a Snapshot
// that is under way.
func (j *Journal) Forget(b *durable.Batch, name zone.Name) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var number uint32
	if l := j.logs[name.Key()]; l != nil {
		number = l.number
		l.forget()
		delete(j.logs, name.Key())
	} else if v, ok, err := j.store.Get(headKey(name)); err != nil {
		return err
	} else if ok {
		h, ok := parseHead(v)
		if !ok {
			return &Damage{name, "its head record is not readable"}
		}
		number = h.number
	}
	b.Delete(headKey(name))
	if number != 0 {
		for _, kind := range numbered {
			b.DeleteRange(numberKey(kind, number), numberKey(kind, number+1))
		}
	}
	low := valueKey(name)
	b.DeleteRange(low, after(low))
	return nil
}

// head is the value under "N".
type head struct {
	number uint32
	epoch  uint64 // of the snapshot
	parts  uint32
	base   uint64        // sequence of the last entry that is in the snapshot
	point  pairmsg.Point // of the snapshot
}

const headLen = 4 + 8 + 4 + 8 + 4 + 16

func (h *head) value() []byte {
	b := make([]byte, 0, headLen+4)
	b = binary.BigEndian.AppendUint32(b, h.number)
	b = binary.BigEndian.AppendUint64(b, h.epoch)
	b = binary.BigEndian.AppendUint32(b, h.parts)
	b = binary.BigEndian.AppendUint64(b, h.base)
	b = binary.BigEndian.AppendUint32(b, h.point.Serial)
	return seal(appendDigest(b, h.point.Digest))
}

func parseHead(v []byte) (head, bool) {
	var h head
	body, ok := unseal(v)
	if !ok || len(body) != headLen {
		return h, false
	}
	h.number = binary.BigEndian.Uint32(body)
	h.epoch = binary.BigEndian.Uint64(body[4:])
	h.parts = binary.BigEndian.Uint32(body[12:])
	h.base = binary.BigEndian.Uint64(body[16:])
	h.point = pairmsg.Point{Serial: binary.BigEndian.Uint32(body[24:]), Digest: readDigest(body[28:])}
	return h, true
}

func appendDigest(b []byte, d digest.Digest) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, d[0]), d[1])
}

func readDigest(b []byte) digest.Digest {
	return digest.Digest{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
}

// numbered are the kinds of keys that begin with a zone's number.
var numbered = []byte("FASD")

func headKey(name zone.Name) []byte { return append([]byte("N"), name.Key()...) }

func numberKey(kind byte, number uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{kind}, number)
}

func partKey(number uint32, epoch uint64, part uint32) []byte {
	b := binary.BigEndian.AppendUint64(numberKey('S', number), epoch)
	return binary.BigEndian.AppendUint32(b, part)
}

func entryKey(number uint32, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(numberKey('D', number), seq)
}

// after is the first key behind all that begin with prefix, which must not be all 0xff.
func after(prefix []byte) []byte {
	k := slices.Clone(prefix)
	for k[len(k)-1] == 0xff {
		k = k[:len(k)-1]
	}
	k[len(k)-1]++
	return k
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func seal(body []byte) []byte {
	return binary.BigEndian.AppendUint32(body, crc32.Checksum(body, castagnoli))
}

func unseal(v []byte) (body []byte, ok bool) {
	if len(v) < 4 {
		return nil, false
	}
	body = v[:len(v)-4]
	return body, binary.BigEndian.Uint32(v[len(v)-4:]) == crc32.Checksum(body, castagnoli)
}
