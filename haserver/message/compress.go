package message

import "loadshare/haserver/zone"

// nameTable remembers where in the message each name, and each end of a name, was written. It is
// an open hash table that is emptied by counting up its generation.
type nameTable struct {
	slots      []nameSlot
	used       int
	generation uint32
}

type nameSlot struct {
	generation uint32
	hash       uint32
	offset     uint16
}

const (
	firstSlots = 64
	maxSlots   = 8192 // more than half of that never fits before maxPointer
	maxLabels  = 127
)

func (t *nameTable) reset() {
	t.used = 0
	t.generation++
	if t.generation == 0 {
		clear(t.slots)
		t.generation = 1
	}
}

// labels finds where the labels of n begin and hashes the name from each of them to its end.
func labels(n zone.Name, starts *[maxLabels]uint8, hashes *[maxLabels]uint32) int {
	count := 0
	for i := 0; i < len(n) && n[i] != 0 && count < maxLabels; i += int(n[i]) + 1 {
		starts[count] = uint8(i)
		count++
	}
	h := uint32(2166136261)
	end := len(n) - 1
	for i := count - 1; i >= 0; i-- {
		for j := int(starts[i]); j < end; j++ {
			h = (h ^ uint32(n[j])) * 16777619
		}
		end = int(starts[i])
		hashes[i] = h
	}
	return count
}

// write appends n to buf, the longest end of it that is there already as a pointer.
func (t *nameTable) write(buf []byte, n zone.Name) []byte {
	var starts [maxLabels]uint8
	var hashes [maxLabels]uint32
	count := labels(n, &starts, &hashes)
	base := len(buf)
	for i := range count {
		if off, ok := t.find(buf, n[starts[i]:], hashes[i]); ok {
			buf = append(buf, n[:starts[i]]...)
			buf = append(buf, 0xC0|byte(off>>8), byte(off))
			t.insert(base, starts[:i], hashes[:i])
			return buf
		}
	}
	buf = append(buf, n...)
	t.insert(base, starts[:count], hashes[:count])
	return buf
}

// add remembers n, which stands uncompressed in buf at base.
func (t *nameTable) add(_ []byte, n zone.Name, base int) {
	var starts [maxLabels]uint8
	var hashes [maxLabels]uint32
	count := labels(n, &starts, &hashes)
	t.insert(base, starts[:count], hashes[:count])
}

func (t *nameTable) find(buf []byte, n zone.Name, hash uint32) (offset int, ok bool) {
	if len(t.slots) == 0 {
		return 0, false
	}
	mask := uint32(len(t.slots) - 1)
	for i := hash & mask; t.slots[i].generation == t.generation; i = (i + 1) & mask {
		if s := &t.slots[i]; s.hash == hash && sameName(buf, int(s.offset), n) {
			return int(s.offset), true
		}
	}
	return 0, false
}

func (t *nameTable) insert(base int, starts []uint8, hashes []uint32) {
	for i, start := range starts {
		if base+int(start) >= maxPointer {
			return
		}
		if 2*(t.used+1) > len(t.slots) {
			if len(t.slots) >= maxSlots {
				return
			}
			t.grow()
		}
		t.put(nameSlot{generation: t.generation, hash: hashes[i], offset: uint16(base + int(start))})
		t.used++
	}
}

func (t *nameTable) put(s nameSlot) {
	mask := uint32(len(t.slots) - 1)
	i := s.hash & mask
	for t.slots[i].generation == t.generation {
		i = (i + 1) & mask
	}
	t.slots[i] = s
}

func (t *nameTable) grow() {
	old := t.slots
	t.slots = make([]nameSlot, max(firstSlots, 2*len(old)))
	if t.generation == 0 {
		t.generation = 1
	}
	for _, s := range old {
		if s.generation == t.generation {
			t.put(s)
		}
	}
}

// sameName compares the name in buf at off, which this package wrote, with n octet for octet.
func sameName(buf []byte, off int, n zone.Name) bool {
	i := 0
	for {
		c := int(buf[off])
		if c >= 0xC0 {
			off = c&0x3F<<8 | int(buf[off+1])
			continue
		}
		if i+c+1 > len(n) || string(buf[off:off+c+1]) != string(n[i:i+c+1]) {
			return false
		}
		if c == 0 {
			return i+1 == len(n)
		}
		off, i = off+c+1, i+c+1
	}
}
