package config

import (
	"errors"
	"fmt"
	"strings"

	"loadshare/internal/config"
)

// A configuration file as statements, so that some can be exchanged and all others stay as their author wrote them, comments included.

// statement is one key with its value, or one table's head.
type statement struct {
	lead string // blank lines and comments before it
	text string // its lines
	line int
	path string // of a head: the table's name, such as scope.options
	key  string // of a key: its name; of a dotted one the first part
	dots bool   // of a key: it is dotted
}

// section is a table: its head (none of the first level) and its keys.
type section struct {
	head *statement
	keys []*statement
}

func (s *section) path() string {
	if s.head == nil {
		return ""
	}
	return s.head.path
}

func (s *section) key(name string) *statement {
	for _, k := range s.keys {
		if k.key == name {
			return k
		}
	}
	return nil
}

// group is a table with the tables below it: all of one [[scope]]. The first level's own keys are the group of the name "".
type group struct {
	kind     string // the first part of the name
	sections []*section
	data     map[string]any // once it was read
}

// file is a whole configuration.
type file struct {
	groups []*group
	tail   string // comments at the end
}

func (f *file) String() string {
	var b strings.Builder
	for _, g := range f.groups {
		b.WriteString(g.text(true))
	}
	b.WriteString(f.tail)
	return b.String()
}

// text is the group as it stands in the file; lead: with the comments before it.
func (g *group) text(lead bool) string {
	var b strings.Builder
	for i, s := range g.sections {
		if s.head != nil {
			if lead || i > 0 {
				b.WriteString(s.head.lead)
			}
			b.WriteString(s.head.text)
		}
		for _, k := range s.keys {
			b.WriteString(k.lead + k.text)
		}
	}
	return b.String()
}

// section is the group's table of that name; nil when there is none.
func (g *group) section(path string) *section {
	for _, s := range g.sections {
		if s.path() == path {
			return s
		}
	}
	return nil
}

// value is the group as data. It is read once: of what is changed later, no more is asked than the name.
func (g *group) value() (map[string]any, error) {
	if g.data != nil {
		return g.data, nil
	}
	doc, err := config.Parse("", []byte(g.text(false)))
	if err != nil {
		return nil, err
	}
	switch v := doc.Root().Raw(g.kind).(type) {
	case []map[string]any:
		if len(v) == 1 {
			g.data = v[0]
			return g.data, nil
		}
	case map[string]any:
		g.data = v
		return g.data, nil
	}
	return nil, fmt.Errorf("[%s] cannot be read by itself", g.kind)
}

// split cuts a configuration, which must be valid TOML, into groups. It refuses what TOML allows and this cannot move: a list of tables
// that is written as a value.
func split(text string) (*file, error) {
	if _, err := config.Parse("", []byte(text)); err != nil {
		return nil, err
	}
	statements, tail := cut(text)
	f := &file{tail: tail}
	g := &group{sections: []*section{{}}}
	f.groups = []*group{g}
	for _, st := range statements {
		last := g.sections[len(g.sections)-1]
		if st.path == "" {
			if g.kind == "" && (movable[st.key] || st.dots) {
				return nil, fmt.Errorf("line %d: %s stands there as a value: written as a table, [%s] or [[%s]], it can be synchronised", st.line, st.key, st.key, st.key)
			}
			last.keys = append(last.keys, st)
			continue
		}
		first, _, below := strings.Cut(st.path, ".")
		if !below || first != g.kind {
			g = &group{kind: first}
			f.groups = append(f.groups, g)
		}
		g.sections = append(g.sections, &section{head: st})
	}
	return f, nil
}

// movable are the tables that synchronisation knows.
var movable = map[string]bool{
	"failover": true, "scope": true, "shared_network": true, "class": true, "client": true, "policy": true, "option_definition": true, "ddns": true, "alerts": true,
}

// cut finds the statements of a valid TOML text, and what is left at its end.
func cut(text string) (out []*statement, tail string) {
	line := 1
	lead := ""
	for text != "" {
		end := strings.IndexByte(text, '\n') + 1
		if end == 0 {
			end = len(text)
		}
		trimmed := strings.TrimSpace(strings.TrimPrefix(text[:end], "\ufeff"))
		if trimmed == "" || trimmed[0] == '#' {
			lead += text[:end]
			text = text[end:]
			line++
			continue
		}
		n := statementEnd(text)
		st := &statement{lead: lead, text: text[:n], line: line}
		if !strings.HasSuffix(st.text, "\n") {
			st.text += "\n"
		}
		st.name(trimmed)
		out = append(out, st)
		line += strings.Count(text[:n], "\n")
		lead, text = "", text[n:]
	}
	return out, lead
}

// name reads what a head or a key is called.
func (st *statement) name(line string) {
	if line[0] == '[' {
		inside := strings.TrimLeft(line, "[")
		st.path = strings.Join(nameParts(inside), ".")
		return
	}
	parts := nameParts(line)
	st.key, st.dots = parts[0], len(parts) > 1
}

// nameParts reads a bare, quoted or dotted name.
func nameParts(s string) (parts []string) {
	i := 0
	for {
		for i < len(s) && (s[i] == ' ' || s[i] == '\t') {
			i++
		}
		start := i
		if i < len(s) && (s[i] == '"' || s[i] == '\'') {
			q := s[i]
			i++
			for i < len(s) && s[i] != q {
				if s[i] == '\\' && q == '"' {
					i++
				}
				i++
			}
			i = min(i+1, len(s))
			parts = append(parts, strings.Trim(s[start:i], string(q)))
		} else {
			for i < len(s) && !strings.ContainsRune(" \t.=]", rune(s[i])) {
				i++
			}
			parts = append(parts, s[start:i])
		}
		for i < len(s) && (s[i] == ' ' || s[i] == '\t') {
			i++
		}
		if i >= len(s) || s[i] != '.' {
			return parts
		}
		i++
	}
}

// statementEnd is where the statement at the beginning of text ends, its line end included: values may go over several lines.
func statementEnd(text string) int {
	depth, head := 0, strings.HasPrefix(strings.TrimSpace(text), "[")
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '#':
			for i < len(text) && text[i] != '\n' {
				i++
			}
			i--
		case '"', '\'':
			i = stringEnd(text, i) - 1
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		case '\n':
			if depth <= 0 || head {
				return i + 1
			}
		}
	}
	return len(text)
}

// stringEnd is where the string at i ends.
func stringEnd(text string, i int) int {
	q := text[i : i+1]
	end := q
	if strings.HasPrefix(text[i:], q+q+q) {
		end = q + q + q
	}
	for i += len(end); i < len(text); i++ {
		if text[i] == '\\' && q == `"` {
			i++
			continue
		}
		if strings.HasPrefix(text[i:], end) {
			i += len(end)
			for len(end) == 3 && i < len(text) && text[i] == q[0] { // up to two quotes may stand before the closing three
				i++
			}
			return i
		}
	}
	return len(text)
}

var errTwoTables = errors.New("stands there in two places: put its keys together")

// single is the group of a table that can stand there once; nil when it does not. Its tables may be apart from each other.
func (f *file) single(kind string) (*group, error) {
	var found *group
	for _, g := range f.groups {
		if g.kind != kind {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("[%s] %w", kind, errTwoTables)
		}
		found = g
	}
	return found, nil
}

// all are the groups of one kind, in their order.
func (f *file) all(kind string) []*group {
	var out []*group
	for _, g := range f.groups {
		if g.kind == kind {
			out = append(out, g)
		}
	}
	return out
}
