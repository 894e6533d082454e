package haserver

import (
	"hash/maphash"
	"math/bits"

	"loadshare/haserver/message"
	"loadshare/haserver/zone"
)

// ready keeps answers of one loop, so that a question that was asked before needs no search. It only has answers that
// one record set of one name gives, without any other record: what most questions get. An answer is used again for the
// same octets of name and type under the same view, as long as the zone's marks say that the name is what it was. The header,
// the question, EDNS and the turn of the records are those of the question at hand; the records are packed anew from their data.
//
// It is a table of a fixed size, hardly any of which the garbage collector looks into. Memory is what a search waits
// for: the tags of a bucket are one word, and an answer is two cache lines, of which the first tells whether it is the one.
type ready struct {
	most  int   // slots
	view  *view // the answers are of this one
	seed  maphash.Seed
	tags  []uint64 // of every bucket: one octet for each of its slots, 0 for an empty one
	next  []uint8  // of every bucket: the slot that gives way
	slots []readySlot
	turns []*uint32 // of every slot: the rotation cell of its set, which all loops share; nil when there is none
}

const (
	readyWays = 8
	readyData = 96
	minReady  = 256
	maxReady  = 1 << 17 // slots of one loop
	allReady  = 1 << 19 // slots of all loops
)

// readySlot takes two cache lines.
type readySlot struct {
	rate  uint64 // of the name, for the limiter
	mark  mark
	ttl   uint32
	key   uint8 // octets of data that are the name and the type
	count uint8 // records
	size  uint8 // octets of RDATA of every record
	data  [readyData]byte
}

// newReady makes the table of one of so many loops.
func newReady(loops int) *ready {
	return &ready{most: min(maxReady, allReady/max(loops, 1))}
}

// reset empties the table and makes it fit for a view.
func (r *ready) reset(v *view) {
	r.view = v
	records := 0
	for _, z := range v.zones {
		if now := z.visible.Load(); now != nil {
			records += now.Len()
		}
	}
	size := minReady
	for size < records && size < r.most {
		size *= 2
	}
	if size != len(r.slots) {
		*r = ready{most: r.most, view: v, seed: maphash.MakeSeed(), tags: make([]uint64, size/readyWays), next: make([]uint8, size/readyWays), slots: make([]readySlot, size), turns: make([]*uint32, size)}
		return
	}
	clear(r.tags)
	clear(r.turns)
}

// bucket is the bucket of a question, and its tag.
func (r *ready) bucket(question []byte) (bucket int, tag uint64) {
	h := maphash.Bytes(r.seed, question)
	return int(h) & (len(r.tags) - 1), h>>56 | 1
}

// find returns the slot of a question, -1 when there is none that holds.
func (r *ready) find(question []byte, z *shown) int {
	bucket, tag := r.bucket(question)
	for same := maybe(r.tags[bucket], tag); same != 0; same &= same - 1 {
		way := bits.TrailingZeros64(same) / 8
		i := bucket*readyWays + way
		s := &r.slots[i]
		if int(s.key) != len(question) || string(s.data[:s.key]) != string(question) {
			continue
		}
		if z.holds(s.mark) {
			return i
		}
		r.setTag(bucket, way, 0)
		return -1
	}
	return -1
}

// maybe has the highest bit of every octet of a bucket's tags that is tag, perhaps of others.
func maybe(tags, tag uint64) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	differ := tags ^ tag*ones
	return (differ - ones) &^ differ & highs
}

func (r *ready) setTag(bucket, way int, tag uint64) {
	r.tags[bucket] = r.tags[bucket]&^(0xFF<<(8*way)) | tag<<(8*way)
}

// keep keeps the answer to a question, if it is one that can be.
func (r *ready) keep(question []byte, m mark, rate uint64, set *zone.RRset) {
	n, size := len(set.Data), len(set.Data[0])
	if n > 255 || size == 0 || len(question)+n*size > readyData {
		return
	}
	for _, d := range set.Data {
		if _, names := zone.CompressibleNames(set.Type, d); names > 0 || len(d) != size {
			return
		}
	}
	bucket, tag := r.bucket(question)
	way := int(r.next[bucket])
	r.next[bucket] = uint8(way+1) % readyWays
	r.setTag(bucket, way, tag)
	i := bucket*readyWays + way
	r.turns[i] = set.Turn
	s := &r.slots[i]
	*s = readySlot{rate: rate, mark: m, ttl: set.TTL, key: uint8(len(question)), count: uint8(n), size: uint8(size)}
	at := copy(s.data[:], question)
	for _, d := range set.Data {
		at += copy(s.data[at:], d)
	}
}

// again answers from what was kept; nil when there is nothing for the question, or it does not fit.
func (w *worker) again(z *served) []byte {
	r := w.ready
	if r == nil {
		return nil
	}
	if r.view != w.view {
		r.reset(w.view)
		return nil
	}
	i := r.find(w.in.NameAndType(), &z.visible)
	if i < 0 {
		return nil
	}
	s := &r.slots[i]
	if !w.tcp && w.over(kindPositive, s.rate) {
		return w.slip()
	}
	w.edns.Options = w.ext
	w.start(zone.NoError, true)
	data := s.data[s.key : int(s.key)+int(s.count)*int(s.size)]
	if !w.build.Fits(int(s.count), len(data)) {
		return nil
	}
	first := 0
	if turn := r.turns[i]; turn != nil {
		first = w.take(turn, int(s.count))
	}
	w.build.Flags(message.FlagAA)
	w.build.Same(w.in.QType, s.ttl, data, int(s.size), first)
	return w.finish(zone.NoError)
}

// remember keeps the answer that look collected, m taken before.
func (w *worker) remember(m mark) {
	c := &w.chain
	if w.ready == nil || w.ready.view != w.view || c.result != zone.Found || c.rcode != zone.NoError || !c.aa || c.wildcard != "" || len(c.answer) != 1 || len(c.authority)+len(c.additional) > 0 {
		return
	}
	set := &c.answer[0]
	switch t := set.Type; {
	case t != w.in.QType || t == zone.TypeRRSIG || t == zone.TypeSOA: // RRSIG does not turn; no mark tells of the SOA
	case t.PointsToAddresses(): // which come and go without the name
	case len(set.Name) == 1 || string(set.Name) != string(w.in.QName): // the records' names are not the question's
	default:
		w.ready.keep(w.in.NameAndType(), m, w.view.rate.name(w.in.Name()), set)
	}
}
