package zone

import (
	"slices"
	"strings"
)

// edit gathers changes to a zone, name by name, and makes the next generation and the difference of them at
// the end. Nothing of the zone is written to.
type edit struct {
	base   *Zone
	drafts []*draft          // in the order of their keys, as long as there is no
	index  map[string]*draft // of many that came out of order
	soa    RRset             // to be, when nothing else of the apex is touched; no Data: the apex has a draft, or keeps its SOA
}

// manyDrafts is how many drafts it takes for an insertion among them to cost more than an index.
const manyDrafts = 64

// draft is one name as it was and as it is to be.
type draft struct {
	key  string
	name Name
	old  []RRset
	sets []RRset // in the order of their types, none empty
}

func (z *Zone) edit() *edit {
	return &edit{base: z, drafts: make([]*draft, 0, 4)}
}

// at returns the draft of a name in the zone.
func (e *edit) at(name Name) *draft {
	var buf [maxKey]byte
	key, _ := e.base.key(buf[:0], name)
	d, i := e.find(key)
	if d != nil {
		return d
	}
	stored, sets := e.base.node(key)
	if sets == nil {
		stored = Name(strings.Clone(string(name)))
	}
	d = &draft{key: string(key), name: stored, old: sets, sets: slices.Clone(sets)}
	if e.index == nil && len(e.drafts)-i > manyDrafts {
		e.index = make(map[string]*draft, 2*len(e.drafts))
		for _, d := range e.drafts {
			e.index[d.key] = d
		}
	}
	if e.index != nil {
		e.index[d.key] = d
		i = len(e.drafts)
	}
	e.drafts = slices.Insert(e.drafts, i, d)
	return d
}

// find returns the draft of a key, or where it belongs.
func (e *edit) find(key []byte) (*draft, int) {
	if e.index != nil {
		return e.index[string(key)], 0
	}
	low, high := 0, len(e.drafts)
	for low < high { // by hand: a function that is handed key would have it on the heap
		middle := int(uint(low+high) >> 1)
		switch d := e.drafts[middle]; {
		case d.key == string(key):
			return d, middle
		case d.key < string(key):
			low = middle + 1
		default:
			high = middle
		}
	}
	return nil, low
}

func (d *draft) find(t Type) (i int, ok bool) {
	return findSet(d.sets, t)
}

// set returns the set of a type, which has no Data when there is none.
func (d *draft) set(t Type) RRset {
	if i, ok := d.find(t); ok {
		return d.sets[i]
	}
	return RRset{Name: d.name, Type: t}
}

// put replaces the set of s.Type by s, or removes it when s has no Data.
func (d *draft) put(s RRset) {
	i, ok := d.find(s.Type)
	switch {
	case ok && len(s.Data) == 0:
		d.sets = slices.Delete(d.sets, i, i+1)
	case ok:
		d.sets[i] = s
	case len(s.Data) > 0:
		d.sets = slices.Insert(d.sets, i, s)
	}
}

// add puts a record into its set, which takes ttl; it says whether the record was not there.
func (d *draft) add(t Type, ttl uint32, data string) bool {
	s := d.set(t)
	s.TTL = ttl
	i, found := findRdata(t, s.Data, data)
	if !found {
		grown := make([]string, 0, len(s.Data)+1)
		s.Data = append(append(append(grown, s.Data[:i]...), data), s.Data[i:]...)
	}
	d.put(s)
	return !found
}

// remove takes a record out of its set; it says whether it was there.
func (d *draft) remove(t Type, data string) bool {
	s := d.set(t)
	i, found := findRdata(t, s.Data, data)
	if found {
		s.Data = append(slices.Clone(s.Data[:i]), s.Data[i+1:]...)
		d.put(s)
	}
	return found
}

func (d *draft) drop(t Type) { d.put(RRset{Type: t}) }

// cuts is what the name counts in Zone.cuts.
func cuts(key string, sets []RRset) int {
	for _, s := range sets {
		if s.Type == TypeDNAME || s.Type == TypeNS && key != "" {
			return 1
		}
	}
	return 0
}

// setSerial is the last thing to be done before finish.
func (e *edit) setSerial(serial uint32) {
	apex, _ := e.find(nil)
	soa := e.base.soa
	if apex != nil {
		soa = apex.set(TypeSOA)
	}
	soa.Data = []string{withSerial(soa.Data[0], serial)}
	if apex != nil {
		apex.put(soa)
		return
	}
	e.soa = soa
}

func (e *edit) serial() uint32 {
	if d, _ := e.find(nil); d != nil {
		return soaSerial(d.set(TypeSOA).Data[0])
	}
	return e.base.Serial()
}

// changed says whether any record is to be another, or bear another TTL.
func (e *edit) changed() bool {
	for _, d := range e.drafts {
		if !slices.EqualFunc(d.old, d.sets, sameSet) {
			return true
		}
	}
	return false
}

func sameSet(a, b RRset) bool {
	same := func(x, y string) bool { return sameRdata(a.Type, x, y) }
	return a.Type == b.Type && a.TTL == b.TTL && slices.EqualFunc(a.Data, b.Data, same)
}

// finish makes the next generation and the difference; the base and none when nothing changed.
func (e *edit) finish() (*Zone, Delta) {
	if e.index != nil {
		slices.SortFunc(e.drafts, func(a, b *draft) int { return strings.Compare(a.key, b.key) })
	}
	var d Delta
	z := e.base
	root, soa, records, cutCount := z.root, z.soa, z.records, z.cuts
	if len(e.soa.Data) > 0 {
		soa = e.soa
	}
	var buf [512]byte
	for _, draft := range e.drafts {
		old, sets := draft.old, draft.sets
		if draft.isApex() {
			soa = draft.set(TypeSOA)
			old, sets = withoutSOA(old), withoutSOA(sets)
		}
		if slices.EqualFunc(old, sets, sameSet) {
			continue
		}
		d.compare(draft.name, old, sets)
		records += count(sets) - count(old)
		cutCount += cuts(draft.key, sets) - cuts(draft.key, old)
		c := change{key: []byte(draft.key)}
		if len(sets) > 0 || draft.isApex() {
			raw, turns := appendEntry(buf[:0], draft.key, draft.name, sets)
			c.raw, c.turns = string(raw), turns
		}
		root = root.with(c)
	}
	if d.IsZero() && sameSet(soa, z.soa) {
		return z, d
	}
	next := newZone(z.origin, root, soa, records, cutCount)
	d.complete(z, next)
	return next, d
}

func withoutSOA(sets []RRset) []RRset {
	i, found := findSet(sets, TypeSOA)
	if !found {
		return sets
	}
	return append(append(make([]RRset, 0, len(sets)), sets[:i]...), sets[i+1:]...)
}

func count(sets []RRset) (records int) {
	for _, s := range sets {
		records += len(s.Data)
	}
	return records
}
