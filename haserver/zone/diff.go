package zone

import "slices"

// Diff is the difference that makes to out of from. It is zero when both hold the same records with the
// same TTLs (names compared without case). When only other records differ, From and To are equal: give to
// a newer serial first (With) where the difference is to be announced. Stretches that both generations
// share cost nearly nothing.
func Diff(from, to *Zone) Delta {
	var d Delta
	if from == to || !from.origin.Equal(to.origin) {
		return d
	}
	differing(from, to, func(name Name, old, new []RRset) bool {
		d.compare(name, old, new)
		return true
	})
	d.complete(from, to)
	return d
}

// Touched calls yield for every name whose records may differ between two generations of one zone, the SOA left out, until
// yield returns false. It returns true when other names are answered from the same records as before: false when it was
// ended by yield, or when an NS or DNAME set is among what differs, which speaks for the names below it.
func Touched(from, to *Zone, yield func(Name) bool) (others bool) {
	others = from.origin.Equal(to.origin)
	if !others || from == to {
		return others
	}
	differing(from, to, func(name Name, old, new []RRset) bool {
		others = !speaksForOthers(old) && !speaksForOthers(new) && yield(name)
		return others
	})
	return others
}

func speaksForOthers(sets []RRset) bool {
	return slices.ContainsFunc(sets, func(s RRset) bool { return s.Type == TypeNS || s.Type == TypeDNAME })
}

// differing calls yield for every name that does not stand in both generations with the same octets, in order, until it
// returns false.
func differing(from, to *Zone, yield func(name Name, old, new []RRset) bool) {
	a, b := unshared(from.root, to.root)
	for more := true; more && (a.leaf() != nil || b.leaf() != nil); {
		switch ak, bk := a.key(), b.key(); {
		case b.leaf() == nil || a.leaf() != nil && ak < bk:
			name, sets := a.take()
			more = yield(name, sets, nil)
		case a.leaf() == nil || bk < ak:
			name, sets := b.take()
			more = yield(name, nil, sets)
		case a.leaf().block.raw(a.index) == b.leaf().block.raw(b.index):
			a.advance()
			b.advance()
		default:
			_, old := a.take()
			name, new := b.take()
			more = yield(name, old, new)
		}
	}
}

// unshared are the leaves of two trees that are not in both.
func unshared(a, b *node) (cursor, cursor) {
	left, right := []*node{a}, []*node{b}
	for high, low := a.height(), b.height(); ; high, low = high-1, low-1 {
		for ; high > low; high-- {
			left = below(left)
		}
		for ; low > high; low-- {
			right = below(right)
		}
		if left, right = dropEqual(left, right); high == 0 {
			return cursor{leaves: left}, cursor{leaves: right}
		}
		left, right = below(left), below(right)
	}
}

// height is how many levels are below a node: all leaves stand on one level.
func (n *node) height() int {
	h := 0
	for ; !n.isLeaf(); n = n.kids[0].node {
		h++
	}
	return h
}

// below are the children of nodes in order.
func below(nodes []*node) []*node {
	var kids []*node
	for _, n := range nodes {
		for _, k := range n.kids {
			kids = append(kids, k.node)
		}
	}
	return kids
}

// dropEqual leaves out the nodes that are in both lists, which are in the order of their first keys.
func dropEqual(a, b []*node) (left, right []*node) {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] == b[0]:
			a, b = a[1:], b[1:]
		case a[0].low < b[0].low:
			left, a = append(left, a[0]), a[1:]
		case b[0].low < a[0].low:
			right, b = append(right, b[0]), b[1:]
		default:
			left, right, a, b = append(left, a[0]), append(right, b[0]), a[1:], b[1:]
		}
	}
	return append(left, a...), append(right, b...)
}

// cursor walks the names of leaves in order.
type cursor struct {
	leaves []*node // the current one first
	index  int
}

// leaf is the current leaf, nil at the end.
func (c *cursor) leaf() *node {
	if len(c.leaves) == 0 {
		return nil
	}
	return c.leaves[0]
}

func (c *cursor) key() string {
	if c.leaf() == nil {
		return ""
	}
	return c.leaf().block.key(c.index)
}

func (c *cursor) advance() {
	if c.index++; c.index == c.leaf().block.count() {
		c.leaves, c.index = c.leaves[1:], 0
	}
}

// take returns the current name and its sets and goes on.
func (c *cursor) take() (Name, []RRset) {
	name, sets := c.leaf().entry(c.index).unpack()
	c.advance()
	return name, sets
}
