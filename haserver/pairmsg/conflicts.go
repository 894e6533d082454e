package pairmsg

import "loadshare/haserver/zone"

// ConflictsKept says which conflicts of merges the sender keeps (decision H-d), newest first. The receiver answers with Conflicts: what it
// has and the sender has not, and, when it lacks some itself, with a ConflictsKept of its own, which has Answer and gets none.
type ConflictsKept struct {
	List   []ConflictMark
	Answer bool
}

// ConflictMark names one.
type ConflictMark struct {
	Zone zone.Name
	ID   string
	At   int64 // microseconds since 1970
	Gone bool  // it was restored: only that is kept, so that it does not come back
}

// Conflicts are whole ones. More: there are others, which come in answer to another ConflictsKept.
type Conflicts struct {
	List []KeptConflict
	More bool
}

// KeptConflict is one as the sender stores it.
type KeptConflict struct {
	ConflictMark
	Value []byte
}

func (ConflictsKept) message() {}
func (Conflicts) message()     {}

// The least octets of them.
const (
	conflictMarkLeast = 2 + 4 + 8 + 1
	keptConflictLeast = conflictMarkLeast + 4
)

func conflictMark(c *coder, v *ConflictMark) {
	someName(c, &v.Zone)
	c.text(&v.ID)
	c.i64(&v.At)
	c.boolean(&v.Gone)
}

func keptConflict(c *coder, v *KeptConflict) {
	conflictMark(c, &v.ConflictMark)
	c.octets(&v.Value)
}
