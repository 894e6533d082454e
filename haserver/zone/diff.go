package zone

// Diff is the difference that makes to out of from. It is zero when both hold the same records with the
// same TTLs (names compared without case). When only other records differ, From and To are equal: give to
// a newer serial first (With) where the difference is to be announced. Stretches that both generations
// share cost nearly nothing.
func Diff(from, to *Zone) Delta {
	var d Delta
	if from == to || !from.origin.Equal(to.origin) {
		return d
	}
	a, b := leafCursor(from.root), leafCursor(to.root)
	for a.leaf() != nil || b.leaf() != nil {
		if a.index == 0 && b.index == 0 && a.leaf() == b.leaf() {
			a.skipLeaf()
			b.skipLeaf()
			continue
		}
		switch ak, bk := a.key(), b.key(); {
		case b.leaf() == nil || a.leaf() != nil && ak < bk:
			name, sets := a.take()
			d.compare(name, sets, nil)
		case a.leaf() == nil || bk < ak:
			name, sets := b.take()
			d.compare(name, nil, sets)
		case a.leaf().block.raw(a.index) == b.leaf().block.raw(b.index):
			a.advance()
			b.advance()
		default:
			_, old := a.take()
			name, new := b.take()
			d.compare(name, old, new)
		}
	}
	d.complete(from, to)
	return d
}

// cursor walks the names of a tree in order.
type cursor struct {
	leaves []*node // the current one first
	index  int
}

func leafCursor(root *node) cursor {
	var c cursor
	root.leaves(func(n *node) bool {
		c.leaves = append(c.leaves, n)
		return true
	})
	return c
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

func (c *cursor) skipLeaf() { c.leaves, c.index = c.leaves[1:], 0 }

func (c *cursor) advance() {
	if c.index++; c.index == c.leaf().block.count() {
		c.skipLeaf()
	}
}

// take returns the current name and its sets and goes on.
func (c *cursor) take() (Name, []RRset) {
	name, sets := c.leaf().entry(c.index).unpack()
	c.advance()
	return name, sets
}
