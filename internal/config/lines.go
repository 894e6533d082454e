package config

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// node is the place of one key, table occurrence or array element.
type node struct {
	line     int // counted from 1
	seq      int // order of first appearance in the file
	explicit bool
	children map[string]*node // of a table
	items    []*node          // of an array, and of an array of tables
}

func (n *node) child(key string) *node {
	if n == nil {
		return nil
	}
	return n.children[key]
}

func (n *node) item(i int) *node {
	if n == nil || i >= len(n.items) {
		return nil
	}
	return n.items[i]
}

func (n *node) order() int {
	if n == nil {
		return 0
	}
	return n.seq
}

// indexLines finds the line of every key, table occurrence and array element of
// a TOML text, and how deep values are nested. It presumes valid TOML; of
// anything else it returns what it understood before the first oddity.
func indexLines(data []byte) (*node, int) {
	sc := &scanner{text: string(data), line: 1}
	root := sc.newNode()
	root.explicit = true
	sc.document(root)
	return root, sc.deepest
}

// scanner walks a TOML text. Its methods return false at text they do not understand.
type scanner struct {
	text    string
	pos     int
	line    int
	seq     int
	depth   int
	deepest int
}

func (sc *scanner) newNode() *node {
	sc.seq++
	return &node{line: sc.line, seq: sc.seq}
}

func (sc *scanner) document(root *node) {
	current := root
	for {
		sc.blank()
		if sc.eof() {
			return
		}
		var ok bool
		if sc.peek() == '[' {
			current, ok = sc.header(root)
		} else {
			ok = sc.pair(current)
		}
		if !ok {
			return
		}
	}
}

// header reads [a.b] or [[a.b]] and returns the table that follows.
func (sc *scanner) header(root *node) (*node, bool) {
	sc.next()
	array := sc.peek() == '['
	if array {
		sc.next()
	}
	line := sc.line
	path, ok := sc.keyPath()
	if !ok || sc.peek() != ']' {
		return nil, false
	}
	sc.next()
	if array {
		if sc.peek() != ']' {
			return nil, false
		}
		sc.next()
	}
	n := root
	for i, key := range path {
		n = sc.into(n, key)
		if i < len(path)-1 {
			n = n.last()
		}
	}
	if array {
		item := sc.newNode()
		item.line = line
		n.items = append(n.items, item)
		return item, true
	}
	if !n.explicit {
		n.explicit, n.line = true, line
	}
	return n, true
}

// last is the table that keys below an array of tables belong to: its newest.
func (n *node) last() *node {
	if len(n.items) > 0 {
		return n.items[len(n.items)-1]
	}
	return n
}

// into returns the child of that name, made if need be.
func (sc *scanner) into(n *node, key string) *node {
	if c := n.children[key]; c != nil {
		return c
	}
	c := sc.newNode()
	if n.children == nil {
		n.children = map[string]*node{}
	}
	n.children[key] = c
	return c
}

// pair reads key = value into the table n.
func (sc *scanner) pair(n *node) bool {
	line := sc.line
	path, ok := sc.keyPath()
	if !ok || sc.peek() != '=' {
		return false
	}
	sc.next()
	for _, key := range path {
		n = sc.into(n, key)
	}
	n.line = line
	return sc.value(n)
}

// keyPath reads a bare, quoted or dotted key.
func (sc *scanner) keyPath() ([]string, bool) {
	var path []string
	for {
		sc.space()
		var key string
		if c := sc.peek(); c == '"' || c == '\'' {
			raw, ok := sc.quoted()
			if !ok {
				return nil, false
			}
			key = raw
		} else {
			start := sc.pos
			for !sc.eof() && isBareRune(rune(sc.peek())) {
				sc.next()
			}
			if key = sc.text[start:sc.pos]; key == "" {
				return nil, false
			}
		}
		path = append(path, key)
		sc.space()
		if sc.peek() != '.' {
			return path, true
		}
		sc.next()
	}
}

// value skips one value; n gets the places of what is inside it.
func (sc *scanner) value(n *node) bool {
	sc.space()
	switch sc.peek() {
	case '"', '\'':
		_, ok := sc.quoted()
		return ok
	case '[':
		return sc.nested(func() bool { return sc.array(n) })
	case '{':
		return sc.nested(func() bool { return sc.inline(n) })
	}
	start := sc.pos
	for !sc.eof() && !strings.ContainsRune(",]}#\n", rune(sc.peek())) {
		sc.next()
	}
	return sc.pos > start
}

func (sc *scanner) nested(read func() bool) bool {
	sc.depth++
	sc.deepest = max(sc.deepest, sc.depth)
	defer func() { sc.depth-- }()
	return sc.depth <= maxDepth && read()
}

func (sc *scanner) array(n *node) bool {
	sc.next()
	for {
		sc.blank()
		if sc.peek() == ']' {
			sc.next()
			return true
		}
		item := sc.newNode()
		n.items = append(n.items, item)
		if !sc.value(item) || !sc.separator(']') {
			return false
		}
	}
}

func (sc *scanner) inline(n *node) bool {
	sc.next()
	for {
		sc.blank()
		if sc.peek() == '}' {
			sc.next()
			return true
		}
		if !sc.pair(n) || !sc.separator('}') {
			return false
		}
	}
}

// separator skips a comma, or stops before the closing bracket.
func (sc *scanner) separator(closing byte) bool {
	sc.blank()
	switch sc.peek() {
	case ',':
		sc.next()
		return true
	case closing:
		return !sc.eof()
	}
	return false
}

// quoted reads any of the four string forms and returns its contents.
func (sc *scanner) quoted() (string, bool) {
	q := sc.text[sc.pos : sc.pos+1]
	literal := q == "'"
	multi := strings.HasPrefix(sc.text[sc.pos:], q+q+q)
	end := q
	if multi {
		end = q + q + q
	}
	for range end {
		sc.next()
	}
	var b strings.Builder
	for !sc.eof() {
		if strings.HasPrefix(sc.text[sc.pos:], end) {
			for range end {
				sc.next()
			}
			for multi && sc.peek() == q[0] { // up to two quotes may precede the closing three
				sc.next()
			}
			return b.String(), true
		}
		switch c := sc.peek(); {
		case c == '\\' && !literal:
			sc.escape(&b)
		case c == '\n' && !multi:
			return "", false
		default:
			b.WriteByte(c)
			sc.next()
		}
	}
	return "", false
}

// escape reads a backslash sequence.
func (sc *scanner) escape(b *strings.Builder) {
	sc.next()
	c := sc.peek()
	if sc.eof() {
		return
	}
	sc.next()
	if i := strings.IndexByte(`btnfre"\`, c); i >= 0 {
		b.WriteByte("\b\t\n\f\r\x1b\"\\"[i])
		return
	}
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
	if digits == 0 || sc.pos+digits > len(sc.text) {
		return
	}
	if r, err := strconv.ParseUint(sc.text[sc.pos:sc.pos+digits], 16, 32); err == nil && r <= utf8.MaxRune {
		b.WriteRune(rune(r))
		sc.pos += digits
	}
}

// blank skips spaces, line ends and comments; space only what is within a line.
func (sc *scanner) blank() {
	for !sc.eof() {
		switch sc.peek() {
		case ' ', '\t', '\r', '\n':
			sc.next()
		case '#':
			for !sc.eof() && sc.peek() != '\n' {
				sc.next()
			}
		default:
			if sc.pos == 0 && strings.HasPrefix(sc.text, "\ufeff") {
				sc.pos = len("\ufeff")
				continue
			}
			return
		}
	}
}

func (sc *scanner) space() {
	for !sc.eof() && (sc.peek() == ' ' || sc.peek() == '\t') {
		sc.next()
	}
}

func (sc *scanner) eof() bool { return sc.pos >= len(sc.text) }

// peek is the next byte, 0 at the end.
func (sc *scanner) peek() byte {
	if sc.eof() {
		return 0
	}
	return sc.text[sc.pos]
}

func (sc *scanner) next() {
	if sc.eof() {
		return
	}
	if sc.text[sc.pos] == '\n' {
		sc.line++
	}
	sc.pos++
}
