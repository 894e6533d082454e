package journal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"sync"

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
const format = 1

// Journal is all zones of one store.
type Journal struct {
	store durable.Store

	mu   sync.Mutex // zones are created and loaded one at a time
	next uint32     // number for the next new zone
}

// Open checks the format of what is in store, or sets it when store is empty.
func Open(store durable.Store) (*Journal, error) {
	j := &Journal{store: store, next: 1}
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
		return nil, fmt.Errorf("the zone journal has format %d, this version writes %d: start the version that wrote it", body[0], format)
	}
	var bad error
	err = store.Scan([]byte("N"), []byte("O"), func(k, v []byte) bool {
		h, ok := parseHead(v)
		if !ok {
			bad = &Damage{Zone: zone.Name(k[1:]), What: "its head record is not readable"}
			return false
		}
		j.next = max(j.next, h.number+1)
		return true
	})
	if err == nil {
		err = bad
	}
	if err != nil {
		return nil, err
	}
	return j, nil
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

// head is the value under "N".
type head struct {
	number uint32
	epoch  uint64 // of the snapshot
	parts  uint32
	base   uint64 // sequence of the last entry that is in the snapshot
	digest [32]byte
}

const headLen = 4 + 8 + 4 + 8 + 32

func (h *head) value() []byte {
	b := make([]byte, 0, headLen+4)
	b = binary.BigEndian.AppendUint32(b, h.number)
	b = binary.BigEndian.AppendUint64(b, h.epoch)
	b = binary.BigEndian.AppendUint32(b, h.parts)
	b = binary.BigEndian.AppendUint64(b, h.base)
	return seal(append(b, h.digest[:]...))
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
	copy(h.digest[:], body[24:])
	return h, true
}

func headKey(name zone.Name) []byte { return append([]byte("N"), name.Key()...) }

func partKey(number uint32, epoch uint64, part uint32) []byte {
	b := binary.BigEndian.AppendUint32([]byte("S"), number)
	b = binary.BigEndian.AppendUint64(b, epoch)
	return binary.BigEndian.AppendUint32(b, part)
}

func entryKey(number uint32, seq uint64) []byte {
	b := binary.BigEndian.AppendUint32([]byte("D"), number)
	return binary.BigEndian.AppendUint64(b, seq)
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
