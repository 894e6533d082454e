package pairmsg

import "loadshare/haserver/zone"

// Marks says when record sets that clients made were last refreshed, so that whoever survives can scavenge (checklist H15). The newer mark
// of a set counts; there is no answer.
type Marks struct {
	Zone zone.Name
	List []Mark
}

// Mark is the one of a set.
type Mark struct {
	Name zone.Name
	Type zone.Type
	At   int64 // seconds since 1970
}

func (Marks) message() {}

const markLeast = 1 + 2 + 8 // octets of a Mark

func mark(c *coder, v *Mark) {
	someName(c, &v.Name)
	t := uint16(v.Type)
	c.u16(&t)
	if c.reading {
		v.Type = zone.Type(t)
	}
	c.i64(&v.At)
}
