package engine

import "math/bits"

// order is a set of numbers below size in which the nearest one, upward or downward, is found at once: bits, and bits that say which
// words of the bits below are not empty.
type order struct{ levels [][]uint64 }

func newOrder(size int) *order {
	o := &order{}
	for {
		words := (size + 63) / 64
		o.levels = append(o.levels, make([]uint64, max(1, words)))
		if words <= 1 {
			return o
		}
		size = words
	}
}

func (o *order) add(n int) {
	for _, l := range o.levels {
		l[n/64] |= 1 << (n % 64)
		n /= 64
	}
}

func (o *order) remove(n int) {
	for _, l := range o.levels {
		l[n/64] &^= 1 << (n % 64)
		if l[n/64] != 0 {
			return
		}
		n /= 64
	}
}

// up is the least member from n on; -1: none.
func (o *order) up(n int) int {
	for k := 0; k < len(o.levels); k++ {
		l := o.levels[k]
		if n/64 < len(l) {
			if w := l[n/64] &^ (1<<(n%64) - 1); w != 0 {
				n = n/64*64 + bits.TrailingZeros64(w)
				for ; k > 0; k-- {
					n = n*64 + bits.TrailingZeros64(o.levels[k-1][n])
				}
				return n
			}
		}
		n = n/64 + 1
	}
	return -1
}

// down is the greatest member up to n; -1: none.
func (o *order) down(n int) int {
	for k := 0; k < len(o.levels) && n >= 0; k++ {
		if w := o.levels[k][n/64] & (1<<(n%64)<<1 - 1); w != 0 {
			n = n/64*64 + 63 - bits.LeadingZeros64(w)
			for ; k > 0; k-- {
				n = n*64 + 63 - bits.LeadingZeros64(o.levels[k-1][n])
			}
			return n
		}
		n = n/64 - 1
	}
	return -1
}
