package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Section is one table of a configuration. A nil Section is a table that is
// absent: it answers every read with the default and Present with false.
type Section struct {
	doc   *Doc
	path  string // as the operator says it; empty for the root
	table map[string]any
	at    *node
	line  int

	asked    map[string]bool       // keys some reader knows
	children map[string][]*Section // tables handed out, so that each is read as one
}

// Named is a table together with the last part of its name:
// [restart.service.apache] is Named{"apache", …}.
type Named struct {
	Name string
	*Section
}

func newSection(d *Doc, path string, table map[string]any, at *node) *Section {
	s := &Section{doc: d, path: path, table: table, at: at, asked: map[string]bool{}, children: map[string][]*Section{}}
	if at != nil {
		s.line = at.line
	}
	return s
}

// Present says whether the table stands in the file.
func (s *Section) Present() bool { return s != nil }

// Has says whether the key stands in this table. It does not count as reading it.
func (s *Section) Has(key string) bool {
	if s == nil {
		return false
	}
	_, ok := s.table[key]
	return ok
}

// Line is the line of the key, or of the table's head when the key is absent;
// 0 for an absent table.
func (s *Section) Line(key string) int {
	if s == nil {
		return 0
	}
	if n := s.at.child(key); n != nil {
		return n.line
	}
	return s.line
}

// Raw is the value as the TOML library decoded it (nil when absent): string,
// int64, float64, bool, time.Time, []any, []map[string]any or map[string]any.
// The key and everything below it counts as read.
func (s *Section) Raw(key string) any {
	v, _ := s.get(key)
	return v
}

// Name is the table's full name as problems print it, empty for the root.
func (s *Section) Name() string {
	if s == nil {
		return ""
	}
	return s.path
}

// Keys are the keys that stand in this table, in file order. It does not count
// as reading them; use it for tables whose keys are the operator's to choose.
func (s *Section) Keys() []string {
	if s == nil {
		return nil
	}
	keys := make([]string, 0, len(s.table))
	for k := range s.table {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(cmp.Compare(s.at.child(a).order(), s.at.child(b).order()), cmp.Compare(a, b))
	})
	return keys
}

// get marks the key as known and returns its value.
func (s *Section) get(key string) (any, bool) {
	if s == nil {
		return nil, false
	}
	s.asked[key] = true
	v, ok := s.table[key]
	return v, ok
}

// Table is the table at key, nil when absent. A value of another type is a problem.
func (s *Section) Table(key string) *Section {
	v, ok := s.get(key)
	if !ok {
		return nil
	}
	if c := s.children[key]; len(c) == 1 {
		return c[0]
	}
	m, ok := v.(map[string]any)
	if !ok {
		s.Fail(key, "a table ["+s.keyPath(key)+"]")
		return nil
	}
	c := newSection(s.doc, s.keyPath(key), m, s.at.child(key))
	s.children[key] = []*Section{c}
	return c
}

// Tables are the tables of an array of tables, [[key]], in file order.
func (s *Section) Tables(key string) []*Section {
	v, ok := s.get(key)
	if !ok {
		return nil
	}
	if c, ok := s.children[key]; ok {
		return c
	}
	maps, ok := asTables(v)
	if !ok {
		s.Fail(key, "tables [["+s.keyPath(key)+"]]")
		return nil
	}
	c := make([]*Section, len(maps))
	for i, m := range maps {
		c[i] = newSection(s.doc, fmt.Sprintf("%s[%d]", s.keyPath(key), i+1), m, s.at.child(key).item(i))
	}
	s.children[key] = c
	return c
}

// Named are the tables below the table at key, in file order:
// [restart.service.apache] is the one named "apache" of Named("service").
func (s *Section) Named(key string) []Named {
	parent := s.Table(key)
	var out []Named
	for _, name := range parent.Keys() {
		if c := parent.Table(name); c != nil {
			out = append(out, Named{name, c})
		}
	}
	return out
}

func asTables(v any) ([]map[string]any, bool) {
	switch v := v.(type) {
	case []map[string]any:
		return v, true
	case []any:
		out := make([]map[string]any, len(v))
		for i, e := range v {
			m, ok := e.(map[string]any)
			if !ok {
				return nil, false
			}
			out[i] = m
		}
		return out, true
	}
	return nil, false
}

// Fail records that the value of key is wrong, or that the key is missing, and
// what is accepted. On an absent table it does nothing.
func (s *Section) Fail(key, accepted string) {
	if s == nil {
		return
	}
	v, ok := s.get(key)
	p := Problem{Line: s.Line(key), Key: s.keyPath(key), Accepted: accepted}
	if ok {
		p.Value = render(v)
	} else {
		p.What = whatMissing
	}
	s.doc.record(p)
}

// failItem records that element i (from 0) of the array at key is wrong.
func (s *Section) failItem(key string, i int, v any, accepted string) {
	line := s.Line(key)
	if n := s.at.child(key).item(i); n != nil {
		line = n.line
	}
	s.doc.record(Problem{Line: line, Key: fmt.Sprintf("%s[%d]", s.keyPath(key), i+1), Value: render(v), Accepted: accepted})
}

// FailItem records that element i, counted from 0, of the array at key is
// wrong; for lists whose elements the role parses itself.
func (s *Section) FailItem(key string, i int, accepted string) {
	v, ok := s.get(key)
	list, isList := v.([]any)
	if !ok || !isList || i < 0 || i >= len(list) {
		s.Fail(key, accepted)
		return
	}
	s.failItem(key, i, list[i], accepted)
}

// Warn records something to think about at key; the configuration stays usable.
func (s *Section) Warn(key, text string) {
	if s == nil {
		return
	}
	p := Problem{Line: s.Line(key), Key: s.keyPath(key), Accepted: text, Warning: true}
	if v, ok := s.get(key); ok {
		p.Value = render(v)
	}
	s.doc.record(p)
}

func (s *Section) keyPath(key string) string {
	if !isBare(key) {
		key = quote(key)
	}
	if s.path == "" {
		return key
	}
	return s.path + "." + key
}

func isBare(key string) bool {
	return key != "" && strings.IndexFunc(key, func(r rune) bool { return !isBareRune(r) }) < 0
}

func isBareRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-'
}
