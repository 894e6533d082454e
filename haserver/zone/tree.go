package zone

// The names of a zone, in canonical order, are a persistent B-tree: a change makes a new leaf and
// new nodes from there to the root, and shares the rest with the tree before it.

// fanout bounds the children of a node.
const fanout = 32

// node is a leaf (no kids) or an inner node. It is never written to once it is in a tree.
type node struct {
	block block
	kids  []*node     // inner: one for every entry of the block
	turns [][]*uint32 // leaf: rotation cells of every entry; nil when no entry has any
}

func (n *node) isLeaf() bool { return n.kids == nil }

func (n *node) entry(i int) entry {
	if n.turns == nil {
		return readEntry(n.block.raw(i), nil)
	}
	return readEntry(n.block.raw(i), n.turns[i])
}

// place is where a key is, or would be, in a tree.
type place struct {
	leaf  *node
	index int
	found bool
	after string // first key after the one looked for (or that one, when found); "" when there is none
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

// seek looks for key. The tree must hold the apex, which is the first of all keys; so what is before a
// key that is not found stands in the same leaf.
func (n *node) seek(key []byte) place {
	after := ""
	for !n.isLeaf() {
		i, found := n.block.search(key)
		if !found {
			if i < n.block.count() {
				after = n.block.key(i)
			}
			i = max(i-1, 0)
		}
		n = n.kids[i]
	}
	i, found := n.block.search(key)
	if i < n.block.count() {
		after = n.block.key(i)
	}
	return place{leaf: n, index: i, found: found, after: after}
}

// replace returns the nodes, of n's height, that stand for n after the entry of key has become raw; raw ""
// removes it. It returns none when n would be empty.
func (n *node) replace(key []byte, raw string, turns []*uint32) []*node {
	i, found := n.block.search(key)
	if n.isLeaf() {
		return n.replaceEntry(i, found, raw, turns)
	}
	if !found {
		i = max(i-1, 0)
	}
	fresh := n.kids[i].replace(key, raw, turns)
	low, high := i, i+1 // the children that fresh stands for
	if len(fresh) == 1 && len(n.kids) > 1 && fresh[0].isSmall() {
		if low > 0 {
			low--
			fresh = join(n.kids[low], fresh[0])
		} else {
			fresh = join(fresh[0], n.kids[high])
			high++
		}
	}
	kids := make([]*node, 0, len(n.kids)+1)
	kids = append(append(append(kids, n.kids[:low]...), fresh...), n.kids[high:]...)
	return innerNodes(kids)
}

func (n *node) replaceEntry(i int, found bool, raw string, turns []*uint32) []*node {
	rest := i
	if found {
		rest++
	}
	count := n.block.count()
	raws := make([]string, 0, count+1)
	var cells [][]*uint32
	if n.turns != nil || turns != nil {
		cells = make([][]*uint32, 0, count+1)
	}
	take := func(from, to int) {
		for k := from; k < to; k++ {
			raws = append(raws, n.block.raw(k))
			if n.turns != nil {
				cells = append(cells, n.turns[k])
			} else if cells != nil {
				cells = append(cells, nil)
			}
		}
	}
	take(0, i)
	if raw != "" {
		raws = append(raws, raw)
		if cells != nil {
			cells = append(cells, turns)
		}
	}
	take(rest, count)
	return leafNodes(raws, cells)
}

// leafNodes makes one leaf of the entries, or two when they are too many octets; none of none.
func leafNodes(raws []string, turns [][]*uint32) []*node {
	if len(raws) == 0 {
		return nil
	}
	size := 0
	for _, r := range raws {
		size += len(r)
	}
	if size <= blockSize || len(raws) == 1 {
		return []*node{makeLeaf(raws, turns)}
	}
	cut, left := 0, 0
	for cut < len(raws)-1 && (cut == 0 || left+len(raws[cut])/2 < size/2) {
		left += len(raws[cut])
		cut++
	}
	if turns == nil {
		return []*node{makeLeaf(raws[:cut], nil), makeLeaf(raws[cut:], nil)}
	}
	return []*node{makeLeaf(raws[:cut], turns[:cut]), makeLeaf(raws[cut:], turns[cut:])}
}

func makeLeaf(raws []string, turns [][]*uint32) *node {
	n := &node{block: makeBlock(raws)}
	for _, t := range turns {
		if t != nil {
			n.turns = turns
			break
		}
	}
	return n
}

// innerNodes makes one node over kids, or two when they are too many; none over none.
func innerNodes(kids []*node) []*node {
	switch {
	case len(kids) == 0:
		return nil
	case len(kids) <= fanout:
		return []*node{makeInner(kids)}
	}
	half := len(kids) / 2
	return []*node{makeInner(kids[:half:half]), makeInner(kids[half:])}
}

func makeInner(kids []*node) *node {
	raws := make([]string, len(kids))
	for i, k := range kids {
		first := k.block.raw(0)
		n, at := varint(first, 0)
		raws[i] = first[:at+n]
	}
	return &node{block: makeBlock(raws), kids: kids}
}

func (n *node) isSmall() bool {
	if n.isLeaf() {
		return len(n.block) < blockSmall
	}
	return len(n.kids) < fanout/4
}

// join returns a and b, neighbours of one height, as one node where that is not too large.
func join(a, b *node) []*node {
	if !a.isLeaf() {
		if len(a.kids)+len(b.kids) > fanout {
			return []*node{a, b}
		}
		return innerNodes(append(append([]*node(nil), a.kids...), b.kids...))
	}
	if len(a.block)+len(b.block) > blockSize {
		return []*node{a, b}
	}
	var raws []string
	var turns [][]*uint32
	for _, n := range []*node{a, b} {
		for i := range n.block.count() {
			raws = append(raws, n.block.raw(i))
			if n.turns != nil {
				turns = append(turns, n.turns[i])
			} else {
				turns = append(turns, nil)
			}
		}
	}
	return leafNodes(raws, turns)
}

// with is the tree with the entry of key replaced; raw "" removes it.
func (n *node) with(key string, raw string, turns []*uint32) *node {
	if n == nil {
		return makeLeaf([]string{raw}, [][]*uint32{turns})
	}
	nodes := n.replace([]byte(key), raw, turns)
	if len(nodes) == 2 {
		return makeInner(nodes)
	}
	root := nodes[0] // the apex is never removed
	for len(root.kids) == 1 {
		root = root.kids[0]
	}
	return root
}

// leaves calls yield for every leaf in order until it returns false.
func (n *node) leaves(yield func(*node) bool) bool {
	if n.isLeaf() {
		return yield(n)
	}
	for _, k := range n.kids {
		if !k.leaves(yield) {
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
	leaves []*node
}

// full is how far a leaf is filled at first: room for a few changes before it splits.
const full = blockSize * 15 / 16

func (g *grower) add(key string, name Name, sets []RRset) {
	start := len(g.buf)
	buf, turns := appendEntry(g.buf, key, name, sets)
	g.buf = buf
	if start > 0 && len(buf)+4*len(g.starts) > full {
		g.buf = buf[:start]
		g.flush()
		start, g.buf = 0, append(g.buf, buf[start:]...)
	}
	g.starts = append(g.starts, start)
	g.turns = append(g.turns, turns)
}

// flush makes a leaf of the entries.
func (g *grower) flush() {
	count := len(g.starts)
	if count == 0 {
		return
	}
	b := newBlock(count, len(g.buf))
	for _, at := range g.starts {
		writeOffset(b, count, at)
	}
	b.Write(g.buf)
	n := &node{block: block(b.String())}
	for _, t := range g.turns {
		if t != nil {
			n.turns = append([][]*uint32(nil), g.turns...)
			break
		}
	}
	g.leaves = append(g.leaves, n)
	g.buf, g.starts, g.turns = g.buf[:0], g.starts[:0], g.turns[:0]
}

func (g *grower) tree() *node {
	g.flush()
	level := g.leaves
	for len(level) > 1 {
		const fill = fanout * 3 / 4
		next := make([]*node, 0, len(level)/fill+1)
		for len(level) > 0 {
			n := min(fill, len(level))
			next = append(next, makeInner(level[:n:n]))
			level = level[n:]
		}
		level = next
	}
	if len(level) == 0 {
		return nil
	}
	return level[0]
}
