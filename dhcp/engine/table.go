package engine

import (
	"hash/maphash"
	"math/bits"
	"slices"

	"loadshare/dhcp/lease"
)

// table holds the leases that have a record, by address, by client and by hardware address. Records are never moved.
type table struct {
	pages  map[lease.IP]*page // by address / 256
	keys   []lease.IP         // of pages, ascending
	chunks [][]record
	n      int32
	unused []int32 // slots of forgotten records
	seed   maphash.Seed
	by     [2]index
}

// page is 256 neighbouring addresses.
type page struct {
	slots [256]int32 // slot and 1; 0: no record
	has   [4]uint64
}

const chunk = 1024

// The indexes.
const (
	byKey = iota // lease.Client.Key
	byHW         // hardware type and address
)

// index finds the records of a hash: chains through record.chain.
type index struct {
	heads []int32 // slot and 1; the length is a power of two
	n     int
}

func newTable() *table {
	t := &table{pages: map[lease.IP]*page{}, seed: maphash.MakeSeed()}
	for w := range t.by {
		t.by[w].heads = make([]int32, 1024)
	}
	return t
}

func (t *table) at(i int32) *record { return &t.chunks[i/chunk][i%chunk] }

// find is the slot of an address; -1: no record.
func (t *table) find(ip lease.IP) int32 {
	p := t.pages[ip>>8]
	if p == nil {
		return -1
	}
	return p.slots[ip&0xff] - 1
}

// after is the slot of the first record above ip; -1: none.
func (t *table) after(ip lease.IP) int32 {
	if ip == 0xffffffff {
		return -1
	}
	ip++
	k, _ := slices.BinarySearch(t.keys, ip>>8)
	for ; k < len(t.keys); k++ {
		from := 0
		if t.keys[k] == ip>>8 {
			from = int(ip & 0xff)
		}
		p := t.pages[t.keys[k]]
		for w := from / 64; w < 4; w++ {
			set := p.has[w]
			if w == from/64 {
				set &= ^uint64(0) << (from % 64)
			}
			if set != 0 {
				return p.slots[w*64+bits.TrailingZeros64(set)] - 1
			}
		}
	}
	return -1
}

// add makes an empty record.
func (t *table) add(ip lease.IP) int32 {
	p := t.pages[ip>>8]
	if p == nil {
		p = &page{}
		t.pages[ip>>8] = p
		k, _ := slices.BinarySearch(t.keys, ip>>8)
		t.keys = slices.Insert(t.keys, k, ip>>8)
	}
	var i int32
	if n := len(t.unused); n > 0 {
		i, t.unused = t.unused[n-1], t.unused[:n-1]
	} else {
		i = t.n
		t.n++
		if int(i)/chunk == len(t.chunks) {
			t.chunks = append(t.chunks, make([]record, chunk))
		}
	}
	p.slots[ip&0xff] = i + 1
	p.has[ip&0xff/64] |= 1 << (ip & 63)
	*t.at(i) = record{ip: ip, pool: -1, pair: -1, list: noList}
	return i
}

// remove forgets a record that is in no index, list or heap any more.
func (t *table) remove(i int32) {
	ip := t.at(i).ip
	p := t.pages[ip>>8]
	p.slots[ip&0xff] = 0
	p.has[ip&0xff/64] &^= 1 << (ip & 63)
	*t.at(i) = record{}
	t.unused = append(t.unused, i)
}

func (t *table) len() int { return int(t.n) - len(t.unused) }

// hash is a client's in that index; false: it is not in it.
func (t *table) hash(which int, id string, htype uint8, hw string) (uint64, bool) {
	if which == byKey && id != "" {
		return maphash.String(t.seed, id), true
	}
	return maphash.String(t.seed, hw) ^ uint64(htype)<<32 ^ 0x9e3779b97f4a7c15, hw != ""
}

// link puts a record into both indexes.
func (t *table) link(i int32) {
	for w := range t.by {
		r := t.at(i)
		h, ok := t.hash(w, r.part(partID), r.htype, r.part(partHW))
		if !ok {
			continue
		}
		x := &t.by[w]
		if x.n >= len(x.heads) {
			t.grow(w)
		}
		x.n++
		t.push(w, &x.heads[h&uint64(len(x.heads)-1)], i)
	}
}

// push makes a record the first of a chain.
func (t *table) push(w int, head *int32, i int32) {
	r := t.at(i)
	if r.chain[w], r.back[w] = *head, 0; *head != 0 {
		t.at(*head - 1).back[w] = i + 1
	}
	*head = i + 1
}

// unlink takes it out again, before its client changes. It costs the same however many records have that client.
func (t *table) unlink(i int32) {
	for w := range t.by {
		r := t.at(i)
		h, ok := t.hash(w, r.part(partID), r.htype, r.part(partHW))
		if !ok {
			continue
		}
		x := &t.by[w]
		if r.back[w] != 0 {
			t.at(r.back[w] - 1).chain[w] = r.chain[w]
		} else {
			x.heads[h&uint64(len(x.heads)-1)] = r.chain[w]
		}
		if r.chain[w] != 0 {
			t.at(r.chain[w] - 1).back[w] = r.back[w]
		}
		r.chain[w], r.back[w] = 0, 0
		x.n--
	}
}

func (t *table) grow(w int) {
	old := t.by[w].heads
	t.by[w].heads = make([]int32, 2*len(old))
	mask := uint64(len(t.by[w].heads) - 1)
	for _, i := range old {
		for i != 0 {
			r := t.at(i - 1)
			next := r.chain[w]
			h, _ := t.hash(w, r.part(partID), r.htype, r.part(partHW))
			t.push(w, &t.by[w].heads[h&mask], i-1)
			i = next
		}
	}
}

// Somebody who makes up messages may have thousands of records. What it costs to look at a client's is bounded: the newest are seen.
const (
	maxOwn   = 64   // for a message of the client
	maxAsked = 1024 // for those who ask about it
)

// first and following are the records of that client in an index, the newest first.
func (t *table) first(w int, c *lease.Client) int32 {
	h, ok := t.hash(w, c.ID, c.HType, c.CHAddr)
	if !ok {
		return -1
	}
	return t.match(w, c, t.by[w].heads[h&uint64(len(t.by[w].heads)-1)])
}

func (t *table) following(w int, c *lease.Client, i int32) int32 {
	return t.match(w, c, t.at(i).chain[w])
}

// match is the first record of the chain that is the client's.
func (t *table) match(w int, c *lease.Client, i int32) int32 {
	for ; i != 0; i = t.at(i - 1).chain[w] {
		r := t.at(i - 1)
		switch {
		case w == byKey && c.ID != "":
			if r.part(partID) == c.ID {
				return i - 1
			}
		case w == byKey && r.part(partID) != "":
		case r.htype == c.HType && r.part(partHW) == c.CHAddr:
			return i - 1
		}
	}
	return -1
}
