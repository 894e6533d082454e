package zone

import "strings"

// The records of a zone stand in blocks: immutable strings of about blockSize octets, each with the
// names of one stretch of the canonical order, so that a million records are some tens of thousands
// of objects to the garbage collector and an update writes one block again.
//
//	block   count (2 octets), count offsets (4 octets each, from the start of the block), entries
//	entry   key length, key, payload
//	payload name length, name, number of sets, sets in the order of their types   (in a leaf)
//	set     type, TTL, number of records, length of what follows, then for each: RDATA length, RDATA
//
// Numbers without a size are varints. Inner nodes use the same block with empty payloads: the keys
// are the first keys of their children, exactly, so that a search also learns the key after the one it
// looked for.

const (
	blockSize  = 2048 // a leaf over this is split in two, unless it is one name
	blockSmall = 512  // a leaf under this is joined with its neighbour if the sum is no more than blockSize
)

type block string

func (b block) count() int {
	if b == "" {
		return 0
	}
	return int(b[0])<<8 | int(b[1])
}

func (b block) offset(i int) int {
	at := 2 + 4*i
	return int(b[at])<<24 | int(b[at+1])<<16 | int(b[at+2])<<8 | int(b[at+3])
}

// raw is entry i, its key included.
func (b block) raw(i int) string {
	end := len(b)
	if i+1 < b.count() {
		end = b.offset(i + 1)
	}
	return string(b[b.offset(i):end])
}

func (b block) key(i int) string {
	at := b.offset(i)
	n, at := varint(string(b), at)
	return string(b[at : at+n])
}

// search finds the first entry whose key is not before key.
func (b block) search(key []byte) (i int, found bool) {
	low, high := 0, b.count()
	for low < high {
		middle := int(uint(low+high) >> 1)
		switch k := b.key(middle); {
		case k == string(key):
			return middle, true
		case k < string(key):
			low = middle + 1
		default:
			high = middle
		}
	}
	return low, false
}

// makeBlock puts entries, in order, into a block.
func makeBlock(raws []string) block {
	size := 0
	for _, r := range raws {
		size += len(r)
	}
	b := newBlock(len(raws), size)
	at := 0
	for _, r := range raws {
		writeOffset(b, len(raws), at)
		at += len(r)
	}
	for _, r := range raws {
		b.WriteString(r)
	}
	return block(b.String())
}

// newBlock begins a block of count entries that are size octets together.
func newBlock(count, size int) *strings.Builder {
	var b strings.Builder
	b.Grow(2 + 4*count + size)
	b.WriteByte(byte(count >> 8))
	b.WriteByte(byte(count))
	return &b
}

// writeOffset writes the offset of the entry that begins after at octets of entries.
func writeOffset(b *strings.Builder, count, at int) {
	at += 2 + 4*count
	b.WriteByte(byte(at >> 24))
	b.WriteByte(byte(at >> 16))
	b.WriteByte(byte(at >> 8))
	b.WriteByte(byte(at))
}

func varint(s string, at int) (v, next int) {
	if c := s[at]; c < 0x80 {
		return int(c), at + 1
	}
	shift := 0
	for {
		c := s[at]
		at++
		v |= int(c&0x7f) << shift
		if c < 0x80 {
			return v, at
		}
		shift += 7
	}
}

func appendVarint(b []byte, v int) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

func sizeVarint(v int) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}

// entry is one name of a leaf, read in place.
type entry struct {
	name  Name
	sets  string // all sets
	count int
	turns []*uint32 // of the sets of two and more records, in their order
}

func readEntry(raw string, turns []*uint32) entry {
	n, at := varint(raw, 0)
	at += n
	n, at = varint(raw, at)
	name := Name(raw[at : at+n])
	count, at := varint(raw, at+n)
	return entry{name: name, sets: raw[at:], count: count, turns: turns}
}

// packedSet is a set read in place.
type packedSet struct {
	kind  Type
	ttl   uint32
	count int
	data  string
	turn  *uint32
}

// next takes the first of the sets that are left.
func (e *entry) next() (s packedSet, ok bool) {
	if e.count == 0 {
		return s, false
	}
	e.count--
	kind, at := varint(e.sets, 0)
	ttl, at := varint(e.sets, at)
	count, at := varint(e.sets, at)
	size, at := varint(e.sets, at)
	s = packedSet{kind: Type(kind), ttl: uint32(ttl), count: count, data: e.sets[at : at+size]}
	e.sets = e.sets[at+size:]
	if count > 1 {
		s.turn, e.turns = e.turns[0], e.turns[1:]
	}
	return s, true
}

// find returns the set of type t.
func (e entry) find(t Type) (s packedSet, ok bool) {
	for s, ok = e.next(); ok; s, ok = e.next() {
		if s.kind == t {
			return s, true
		}
	}
	return s, false
}

// unpack appends the RDATA of the set to into and returns the set, whose Data are the appended, and into.
func (s packedSet) unpack(name Name, into []string) (RRset, []string) {
	first := len(into)
	for data := s.data; data != ""; {
		n, at := varint(data, 0)
		into = append(into, data[at:at+n])
		data = data[at+n:]
	}
	return RRset{Name: name, Type: s.kind, TTL: s.ttl, Data: into[first:len(into):len(into)], Turn: s.turn}, into
}

// appendEntry writes the entry of a name, and returns the rotation cells of its sets, new ones for those
// sets that need one and have none. sets are in the order of their types, none empty.
func appendEntry(b []byte, key string, name Name, sets []RRset) ([]byte, []*uint32) {
	b = append(appendVarint(b, len(key)), key...)
	b = append(appendVarint(b, len(name)), name...)
	b = appendVarint(b, len(sets))
	var turns []*uint32
	for _, s := range sets {
		b = appendVarint(b, int(s.Type))
		b = appendVarint(b, int(s.TTL))
		b = appendVarint(b, len(s.Data))
		size := 0
		for _, d := range s.Data {
			size += sizeVarint(len(d)) + len(d)
		}
		b = appendVarint(b, size)
		for _, d := range s.Data {
			b = append(appendVarint(b, len(d)), d...)
		}
		if len(s.Data) > 1 {
			if s.Turn == nil {
				s.Turn = new(uint32)
			}
			turns = append(turns, s.Turn)
		}
	}
	return b, turns
}
