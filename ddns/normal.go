package ddns

// Problem is one thing that a normal-dns file gets wrong.
type Problem struct {
	// Line is counted from 1.
	Line int
	// Word is what was found there.
	Word string
	// Accepted says what would be right, or for a warning what is made of it.
	Accepted string
	// Warning: the file can be used all the same.
	Warning bool
}

// Normal is the content of a normal-dns file. The zero value is an empty file.
type Normal struct {
	// Sets are in the order in which the file first names them. A set without
	// values is one that the file deletes: its name shall not have the type.
	Sets []Set
	// Zones are from "zone" lines, by name of set.
	Zones map[string]string
}

// Get is the set of one key; false when the file does not name it.
func (n Normal) Get(k Key) (Set, bool) {
	for _, s := range n.Sets {
		if s.Key() == k {
			return s, true
		}
	}
	return Set{}, false
}
