package ddns

import (
	"fmt"
	"slices"
	"strings"
)

// Set is the whole content of one name and type. The zero Values mean "does not exist".
type Set struct {
	// Name is the owner, lower case, without final dot.
	Name string
	// Type is a mnemonic in upper case: "A", "MX", "TXT".
	Type string
	// TTL is in seconds; meaningless while Values is empty.
	TTL uint32
	// Values are rdata in presentation form, canonical (see [Canonical]), sorted, without duplicates.
	Values []string
}

// Key names a record set.
type Key struct{ Name, Type string }

// Key is the name and type of the set.
func (s Set) Key() Key { return Key{s.Name, s.Type} }

// Has reports whether value is in a normalized set.
func (s Set) Has(value string) bool { return slices.Contains(s.Values, value) }

// Normalize makes name, values and their order canonical.
func (s Set) Normalize() Set {
	s.Name, s.Type = CanonicalName(s.Name), strings.ToUpper(s.Type)
	vals := make([]string, 0, len(s.Values))
	for _, v := range s.Values {
		vals = append(vals, Canonical(s.Type, v))
	}
	slices.Sort(vals)
	s.Values = slices.Compact(vals)
	return s
}

// Equal reports whether two normalized sets hold the same records. The TTL
// counts, unless both are empty.
func (s Set) Equal(o Set) bool {
	return s.Name == o.Name && s.Type == o.Type && slices.Equal(s.Values, o.Values) &&
		(s.TTL == o.TTL || len(s.Values) == 0)
}

// PrereqKind is one of the five prerequisites of RFC 2136 section 2.4.
type PrereqKind uint8

// The prerequisites.
const (
	NameInUse    PrereqKind = iota // owns at least one record (2.4.4)
	NameNotInUse                   // owns none (2.4.5)
	SetExists                      // some record of the type is there (2.4.1)
	SetAbsent                      // none is (2.4.3)
	SetEquals                      // exactly these values, TTL not compared (2.4.2)
)

// String is the name that nsupdate has for it.
func (k PrereqKind) String() string {
	return [...]string{"yxdomain", "nxdomain", "yxrrset", "nxrrset", "yxrrset"}[k]
}

// Prereq is a condition that must hold, or the whole change is refused.
type Prereq struct {
	Kind PrereqKind
	Name string
	// Type is empty for the two kinds about names.
	Type string
	// Values are for SetEquals only.
	Values []string
}

// OpKind is one of the four operations of RFC 2136 section 2.5.
type OpKind uint8

// The operations.
const (
	Add          OpKind = iota // add one record (2.5.1)
	DeleteSet                  // delete all records of the type (2.5.2)
	DeleteName                 // delete all records of the name (2.5.3)
	DeleteRecord               // delete one record, whatever its TTL (2.5.4)
)

// Op is one operation of a change.
type Op struct {
	Kind OpKind
	Name string
	// Type is empty for DeleteName.
	Type string
	// TTL is for Add only.
	TTL uint32
	// Data is for Add and DeleteRecord.
	Data string
}

// Change is one atomic DNS UPDATE: all of it happens, or nothing.
type Change struct {
	// Zone is the zone of every name in it, without final dot.
	Zone    string
	Prereqs []Prereq
	// Ops are carried out in order; a later one sees what earlier ones did.
	Ops []Op
}

// Lines prints the change as nsupdate would read it, without zone and send.
func (c Change) Lines() []string {
	var out []string
	for _, p := range c.Prereqs {
		line := "prereq " + p.Kind.String() + " " + p.Name
		if p.Type != "" {
			line += " " + p.Type
		}
		if p.Kind != SetEquals {
			out = append(out, line)
			continue
		}
		for _, v := range p.Values {
			out = append(out, line+" "+v)
		}
	}
	for _, o := range c.Ops {
		out = append(out, o.Line())
	}
	return out
}

// Line prints one operation as nsupdate would read it.
func (o Op) Line() string {
	switch o.Kind {
	case Add:
		return fmt.Sprintf("update add %s %d %s %s", o.Name, o.TTL, o.Type, o.Data)
	case DeleteSet:
		return "update delete " + o.Name + " " + o.Type
	case DeleteRecord:
		return "update delete " + o.Name + " " + o.Type + " " + o.Data
	case DeleteName:
		return "update delete " + o.Name
	}
	panic("ddns: operation of unknown kind")
}

// Apply carries the operations for one set out on it: what the set will be if
// the server takes the change. Only operations on the key of have count.
func (c Change) Apply(have Set) Set {
	out := have
	out.Values = slices.Clone(have.Values)
	for _, o := range c.Ops {
		if o.Name != have.Name || (o.Type != have.Type && o.Kind != DeleteName) {
			continue
		}
		switch o.Kind {
		case Add:
			out.TTL = o.TTL
			out.Values = append(out.Values, o.Data)
		case DeleteRecord:
			out.Values = slices.DeleteFunc(out.Values, func(v string) bool { return v == o.Data })
		case DeleteSet, DeleteName:
			out.Values = nil
		}
	}
	return out.Normalize()
}

// Replace returns the operations that turn one set into another of the same
// key: nothing when they are equal; single deletes and adds when the TTL stays;
// the set deleted and added anew when the TTL changes, because some servers
// (Knot) ignore an add that only changes the TTL. In one message nobody sees
// the set empty.
func Replace(have, want Set) []Op {
	if have.Equal(want) {
		return nil
	}
	if len(want.Values) == 0 {
		return []Op{{Kind: DeleteSet, Name: want.Name, Type: want.Type}}
	}
	var ops []Op
	fresh := len(have.Values) > 0 && have.TTL != want.TTL
	if fresh {
		ops = append(ops, Op{Kind: DeleteSet, Name: want.Name, Type: want.Type})
	} else {
		for _, v := range have.Values {
			if !want.Has(v) {
				ops = append(ops, Op{Kind: DeleteRecord, Name: want.Name, Type: want.Type, Data: v})
			}
		}
	}
	for _, v := range want.Values {
		if fresh || !have.Has(v) {
			ops = append(ops, Op{Kind: Add, Name: want.Name, Type: want.Type, TTL: want.TTL, Data: v})
		}
	}
	return ops
}

// Diff prints what would turn have into want as nsupdate lines; empty when they are equal.
func Diff(have, want Set) []string {
	var out []string
	for _, o := range Replace(have, want) {
		out = append(out, o.Line())
	}
	return out
}
