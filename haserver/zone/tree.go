package zone

import "strings"

// The names of a zone, in canonical order, are a persistent B-tree: a change makes a new leaf and
// new nodes from there to the root, and shares the rest with the tree before it.

// fanout bounds the children of a node.
const fanout = 64

// node is a leaf (it has a block) or an inner node (it has kids). It is never written to once it is in a tree.
type node struct {
	low    string // the first key
	kids   []kid  // inner
	prefix string // inner: what the first keys of all kids share, a copy, so that a search reads no leaf for it

	block block       // leaf
	turns [][]*uint32 // leaf: rotation cells of every entry; nil when no entry has any
}

// kid is a child and the eight octets that follow the shared ones in its first key.
type kid struct {
	head uint64
	node *node
}

func (n *node) isLeaf() bool { return n.kids == nil }

func (n *node) entry(i int) entry {
	return readEntry(n.block.raw(i), n.cells(i))
}

// entry0 is the first entry of the tree: the apex.
func (n *node) entry0() entry {
	for !n.isLeaf() {
		n = n.kids[0].node
	}
	return n.entry(0)
}

func (n *node) cells(i int) []*uint32 {
	if n.turns == nil {
		return nil
	}
	return n.turns[i]
}

// child is the index of the kid that holds key, or would.
func (n *node) child(key []byte) int {
	skip := len(n.prefix)
	if len(key) < skip || string(key[:skip]) != n.prefix {
		if string(key) < n.prefix {
			return 0
		}
		return len(n.kids) - 1
	}
	head := headOf(key[skip:])
	low, high := 0, len(n.kids) // of the first kid after key
	for low < high {
		middle := int(uint(low+high) >> 1)
		k := n.kids[middle]
		if k.head < head || k.head == head && k.node.low <= string(key) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return max(low-1, 0)
}

// place is where a key is, or would be, in a tree.
type place struct {
	leaf  *node
	index int
	found bool
	right *node // the neighbour after the leaf, or above it; nil when there is none
}

// entry is the entry found.
func (p place) entry() entry { return p.leaf.entry(p.index) }

// before is the last key before the one looked for; "" when there is none or it is the apex.
func (p place) before() string {
	if p.index == 0 {
		return ""
	}
	return p.leaf.block.key(p.index - 1)
}

// after is the first key after the one looked for, which was not found; "" when there is none.
func (p place) after() string {
	switch {
	case p.index < p.leaf.block.count():
		return p.leaf.block.key(p.index)
	case p.right != nil:
		return p.right.low
	}
	return ""
}

// seek looks for key. The tree must hold the apex, which is the first of all keys; so what is before a
// key that is not found stands in the same leaf.
func (n *node) seek(key []byte) place {
	var right *node
	for !n.isLeaf() {
		i := n.child(key)
		if i+1 < len(n.kids) {
			right = n.kids[i+1].node
		}
		n = n.kids[i].node
	}
	i, found := n.block.search(key)
	return place{leaf: n, index: i, found: found, right: right}
}

// change is what a tree is to hold for a key: an entry and its rotation cells, or none (raw is empty).
type change struct {
	key   []byte
	raw   string
	turns []*uint32
}

// siblings is one node or two of one height, or none.
type siblings [2]*node

func (s siblings) count() int {
	switch {
	case s[0] == nil:
		return 0
	case s[1] == nil:
		return 1
	}
	return 2
}

// replace returns the nodes that stand for n after the change.
func (n *node) replace(c change) siblings {
	if n.isLeaf() {
		return n.replaceEntry(c)
	}
	i := n.child(c.key)
	fresh := n.kids[i].node.replace(c)
	low, high := i, i+1 // the kids that fresh stands for
	if fresh.count() == 1 && len(n.kids) > 1 && fresh[0].isSmall() {
		if low > 0 {
			low--
			fresh = join(n.kids[low].node, fresh[0])
		} else {
			fresh = join(fresh[0], n.kids[high].node)
			high++
		}
	}
	kids := make([]kid, 0, len(n.kids)+1)
	kids = append(kids, n.kids[:low]...)
	for _, f := range fresh[:fresh.count()] {
		kids = append(kids, kid{node: f})
	}
	return innerNodes(append(kids, n.kids[high:]...), n.prefix)
}

func (n *node) replaceEntry(c change) siblings {
	b := n.block
	i, found := b.search(c.key)
	rest := i // the first entry to keep after the change
	if found {
		rest++
	}
	count := b.count()
	var buf [128]int
	starts := b.starts(buf[:0], 0, i, 0)
	at := b.end(i) - b.entriesStart()
	if c.raw != "" {
		starts = append(starts, at)
	}
	starts = b.starts(starts, rest, count, len(c.raw)-(b.end(rest)-b.end(i)))
	if len(starts) == 0 {
		return siblings{}
	}
	whole := packBlock(starts, b[b.entriesStart():b.end(i)], block(c.raw), b[b.end(rest):])

	var turns [][]*uint32
	if n.turns != nil || c.turns != nil {
		turns = make([][]*uint32, 0, len(starts))
		for k := range i {
			turns = append(turns, n.cells(k))
		}
		if c.raw != "" {
			turns = append(turns, c.turns)
		}
		for k := rest; k < count; k++ {
			turns = append(turns, n.cells(k))
		}
	}
	return leafNodes(whole, turns)
}

// leafNodes makes one leaf of the block, or two when it is too large.
func leafNodes(b block, turns [][]*uint32) siblings {
	if len(b) <= blockSize || b.count() == 1 {
		return siblings{makeLeaf(b, turns)}
	}
	left, right, at := b.cut()
	if turns == nil {
		return siblings{makeLeaf(left, nil), makeLeaf(right, nil)}
	}
	return siblings{makeLeaf(left, turns[:at:at]), makeLeaf(right, turns[at:])}
}

func makeLeaf(b block, turns [][]*uint32) *node {
	n := &node{low: b.key(0), block: b}
	for _, t := range turns {
		if t != nil {
			n.turns = turns
			break
		}
	}
	return n
}

// innerNodes makes one node over kids, or two when they are too many; none over none. It fills in their
// heads and keeps the slice. Heads that are not 0 were made for prefix.
func innerNodes(kids []kid, prefix string) siblings {
	switch {
	case len(kids) == 0:
		return siblings{}
	case len(kids) <= fanout:
		return siblings{makeInner(kids, prefix)}
	}
	half := len(kids) / 2
	return siblings{
		makeInner(append([]kid(nil), kids[:half]...), prefix),
		makeInner(append([]kid(nil), kids[half:]...), prefix),
	}
}

func makeInner(kids []kid, prefix string) *node {
	first, last := kids[0].node.low, kids[len(kids)-1].node.low
	n := &node{low: first, kids: kids, prefix: prefix}
	shared := first[:sharedPrefix(first, last)]
	if shared != prefix {
		n.prefix = strings.Clone(shared)
	}
	for i := range kids {
		if kids[i].head == 0 || shared != prefix { // looking at every kid would cost more than all else
			kids[i].head = headOf(kids[i].node.low[len(shared):])
		}
	}
	return n
}

func (n *node) isSmall() bool {
	if n.isLeaf() {
		return len(n.block) < blockSmall
	}
	return len(n.kids) < fanout/4
}

// join returns a and b, neighbours of one height, as one node where that is not too large.
func join(a, b *node) siblings {
	if !a.isLeaf() {
		if len(a.kids)+len(b.kids) > fanout {
			return siblings{a, b}
		}
		return innerNodes(fresh(a.kids, b.kids), "")
	}
	if len(a.block)+len(b.block) > blockSize {
		return siblings{a, b}
	}
	first, second := a.block[a.block.entriesStart():], b.block[b.block.entriesStart():]
	starts := a.block.starts(nil, 0, a.block.count(), 0)
	starts = b.block.starts(starts, 0, b.block.count(), len(first))
	var turns [][]*uint32
	for _, n := range []*node{a, b} {
		for i := range n.block.count() {
			turns = append(turns, n.cells(i))
		}
	}
	return leafNodes(packBlock(starts, first, second), turns)
}

// fresh is a copy of both lists without their heads, which were made for different prefixes.
func fresh(a, b []kid) []kid {
	kids := make([]kid, 0, len(a)+len(b))
	for _, list := range [][]kid{a, b} {
		for _, k := range list {
			kids = append(kids, kid{node: k.node})
		}
	}
	return kids
}

// with is the tree after the change, which must leave an entry.
func (n *node) with(c change) *node {
	nodes := n.replace(c)
	if nodes.count() == 2 {
		return makeInner([]kid{{node: nodes[0]}, {node: nodes[1]}}, "")
	}
	root := nodes[0]
	for len(root.kids) == 1 {
		root = root.kids[0].node
	}
	return root
}

// leaves calls yield for every leaf in order until it returns false.
func (n *node) leaves(yield func(*node) bool) bool {
	if n.isLeaf() {
		return yield(n)
	}
	for _, k := range n.kids {
		if !k.node.leaves(yield) {
			return false
		}
	}
	return true
}

// grower builds a tree of entries that come in order.
type grower struct {
	buf    []byte // entries of the leaf that is being filled
	starts []int  // where each begins
	turns  [][]*uint32
	leaves []kid
}

// full is how far a leaf is filled at first: room for a few changes before it splits.
const full = blockSize * 15 / 16

func (g *grower) add(key string, name Name, sets []RRset) {
	start := len(g.buf)
	buf, turns := appendEntry(g.buf, key, name, sets)
	g.buf = buf
	if start > 0 && blockHead+len(buf)+tableEntry*(len(g.starts)+1) > full {
		g.buf = buf[:start]
		g.flush()
		start, g.buf = 0, append(g.buf, buf[start:]...)
	}
	g.starts = append(g.starts, start)
	g.turns = append(g.turns, turns)
}

// flush makes a leaf of the entries.
func (g *grower) flush() {
	if len(g.starts) == 0 {
		return
	}
	n := makeLeaf(packBlock(g.starts, g.buf), g.turns)
	if n.turns != nil {
		n.turns = append([][]*uint32(nil), g.turns...)
	}
	g.leaves = append(g.leaves, kid{node: n})
	g.buf, g.starts, g.turns = g.buf[:0], g.starts[:0], g.turns[:0]
}

// tree is the tree of what was added, nil of nothing.
func (g *grower) tree() *node {
	g.flush()
	level := g.leaves
	for len(level) > 1 {
		const fill = fanout * 3 / 4
		next := make([]kid, 0, len(level)/fill+1)
		for len(level) > 0 {
			n := min(fill, len(level))
			next = append(next, kid{node: makeInner(append([]kid(nil), level[:n]...), "")})
			level = level[n:]
		}
		level = next
	}
	if len(level) == 0 {
		return nil
	}
	return level[0].node
}
