package zone

import (
	"encoding/binary"
	"unsafe"
)

// The records of a zone stand in blocks: immutable strings of about blockSize octets, each with the
// names of one stretch of the canonical order, so that a million records are some tens of thousands
// of objects to the garbage collector and an update writes one block again.
//
//	block   count (2 octets), skip (2 octets), table, entries
//	table   for each entry: head (4 octets), offset from the start of the block (4 octets)
//	entry   key length, key, name length, name, number of sets, sets in the order of their types
//	set     type, TTL, number of records, length of what follows, then for each: RDATA length, RDATA
//
// Numbers without a size are varints. All keys of a block share their first skip octets; a head is the
// four octets after those (zeros past the end of the key), so that a search looks into few entries.

const (
	blockSize  = 2048 // a block over this is split in two, unless it is one name
	blockSmall = 512  // a block under this is joined with its neighbour if the sum is no more than blockSize

	blockHead  = 4
	tableEntry = 8
)

type block string

func (b block) uint32(at int) uint32 {
	s := b[at : at+4]
	return uint32(s[0])<<24 | uint32(s[1])<<16 | uint32(s[2])<<8 | uint32(s[3])
}

func (b block) count() int        { return int(b[0])<<8 | int(b[1]) }
func (b block) skip() int         { return int(b[2])<<8 | int(b[3]) }
func (b block) head(i int) uint32 { return b.uint32(blockHead + tableEntry*i) }
func (b block) offset(i int) int  { return int(b.uint32(blockHead + tableEntry*i + 4)) }
func (b block) entriesStart() int { return blockHead + tableEntry*b.count() }

// end is where entry i-1 ends and entry i, if there is one, begins.
func (b block) end(i int) int {
	if i < b.count() {
		return b.offset(i)
	}
	return len(b)
}

// raw is entry i, its key included.
func (b block) raw(i int) string { return string(b[b.offset(i):b.end(i+1)]) }

func (b block) key(i int) string {
	n, at := varint(string(b), b.offset(i))
	return string(b[at : at+n])
}

// search finds the first entry whose key is not before key.
func (b block) search(key []byte) (i int, found bool) {
	// Memory is what a search waits for: it looks at the table and at the one entry that is probably it,
	// and only when that is another at the octets which all keys share.
	skip := b.skip()
	if len(key) >= skip {
		if i, found = b.searchRest(key, skip); found {
			return i, true
		}
	}
	shared := b.key(0)[:skip]
	switch {
	case len(key) >= skip && string(key[:skip]) == shared:
		return i, false
	case string(key) < shared:
		return 0, false
	}
	return b.count(), false
}

// searchRest is search for a key that begins, or is taken to begin, with the shared octets.
func (b block) searchRest(key []byte, skip int) (i int, found bool) {
	head := uint32(headOf(key[skip:]) >> 32)
	low, high := 0, b.count()
	for low < high {
		middle := int(uint(low+high) >> 1)
		h := b.head(middle)
		before := h < head
		if h == head {
			k := b.key(middle)
			if k == string(key) {
				return middle, true
			}
			before = k < string(key)
		}
		if before {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, false
}

// headOf is the first eight octets of s as a number, zeros past its end.
func headOf[T ~string | ~[]byte](s T) uint64 {
	if len(s) >= 8 {
		return uint64(s[0])<<56 | uint64(s[1])<<48 | uint64(s[2])<<40 | uint64(s[3])<<32 |
			uint64(s[4])<<24 | uint64(s[5])<<16 | uint64(s[6])<<8 | uint64(s[7])
	}
	var head uint64
	for i := range len(s) {
		head |= uint64(s[i]) << (56 - 8*i)
	}
	return head
}

// packBlock makes a block of entries that stand one behind the other in parts. starts says where each begins,
// counted from the start of the first part.
func packBlock[T ~string | ~[]byte](starts []int, parts ...T) block {
	at := blockHead + tableEntry*len(starts)
	size := at
	for _, p := range parts {
		size += len(p)
	}
	buf := make([]byte, size)
	binary.BigEndian.PutUint16(buf, uint16(len(starts)))
	for i, start := range starts {
		binary.BigEndian.PutUint32(buf[blockHead+tableEntry*i+4:], uint32(at+start))
	}
	for _, p := range parts {
		at += copy(buf[at:], p)
	}
	b := block(unsafe.String(unsafe.SliceData(buf), len(buf))) // buf is not written to after this function
	skip := sharedPrefix(b.key(0), b.key(len(starts)-1))
	binary.BigEndian.PutUint16(buf[2:], uint16(skip))
	for i := range starts {
		binary.BigEndian.PutUint32(buf[blockHead+tableEntry*i:], uint32(headOf(b.key(i)[skip:])>>32))
	}
	return b
}

func sharedPrefix(a, b string) int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	return i
}

// starts appends where the entries from..to-1 begin, plus shift, counted from the start of entry 0.
func (b block) starts(into []int, from, to, shift int) []int {
	base := b.entriesStart() - shift
	for i := from; i < to; i++ {
		into = append(into, b.offset(i)-base)
	}
	return into
}

// cut makes two blocks of about the same size; b has two entries at least.
func (b block) cut() (left, right block, at int) {
	at = 1
	middle := (b.entriesStart() + len(b)) / 2
	for at < b.count()-1 && b.end(at+1) <= middle {
		at++
	}
	from := b.offset(at)
	left = packBlock(b.starts(nil, 0, at, 0), b[b.entriesStart():from])
	right = packBlock(b.starts(nil, at, b.count(), b.entriesStart()-from), b[from:])
	return left, right, at
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

// unpack returns the name and its sets, with room for one more.
func (e entry) unpack() (Name, []RRset) {
	sets := make([]RRset, 0, e.count+1)
	for s, ok := e.next(); ok; s, ok = e.next() {
		set, _ := s.unpack(e.name, make([]string, 0, s.count))
		sets = append(sets, set)
	}
	return e.name, sets
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
