package importer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// jsonNode is one value of a JSON text, with its line. A nil node is nothing: all its methods say so.
type jsonNode struct {
	line int
	kind byte // {, [, ", 0 (number), t (true, false) or n (null)
	text string
	keys []string // of an object; values are in list
	list []*jsonNode
}

// get is a member of an object; nil when it is not there.
func (n *jsonNode) get(key string) *jsonNode {
	if n == nil || n.kind != '{' {
		return nil
	}
	for i, k := range n.keys {
		if k == key {
			return n.list[i]
		}
	}
	return nil
}

// items are the elements of a list.
func (n *jsonNode) items() []*jsonNode {
	if n == nil || n.kind != '[' {
		return nil
	}
	return n.list
}

// str is the text of a member; "" when it is not there.
func (n *jsonNode) str(key string) string {
	if m := n.get(key); m != nil && m.kind == '"' {
		return m.text
	}
	return ""
}

// num is a whole number; false when it is not there.
func (n *jsonNode) num(key string) (int64, bool) {
	m := n.get(key)
	if m == nil || m.kind != '0' {
		return 0, false
	}
	v, err := strconv.ParseInt(m.text, 10, 64)
	return v, err == nil
}

// truth is a boolean, or def.
func (n *jsonNode) truth(key string, def bool) bool {
	if m := n.get(key); m != nil && m.kind == 't' {
		return m.text == "true"
	}
	return def
}

// jsonParser reads JSON as Kea does: with comments (#, //, /* */), and a comma too much at the end of a list.
type jsonParser struct {
	data string
	at   int
	line int
}

var errJSONEnd = errors.New("it ends in the middle of a value")

func parseJSON(file, data string) (*jsonNode, error) {
	p := &jsonParser{data: data, line: 1}
	n, err := p.value(0)
	if err == nil {
		if err = p.blank(); err == nil && p.at < len(p.data) {
			err = errors.New("something follows the end")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s:%d: %w", file, p.line, err)
	}
	return n, nil
}

func (p *jsonParser) value(depth int) (*jsonNode, error) {
	if depth > 2*maxNesting {
		return nil, fmt.Errorf("values stand more than %d deep in each other", 2*maxNesting)
	}
	if err := p.blank(); err != nil {
		return nil, err
	}
	if p.at == len(p.data) {
		return nil, errJSONEnd
	}
	n := &jsonNode{line: p.line, kind: p.data[p.at]}
	switch n.kind {
	case '{', '[':
		return n, p.members(n, depth)
	case '"':
		return n, p.text(&n.text)
	case '<':
		end := strings.Index(p.data[p.at:], "?>")
		if end < 0 {
			return nil, errJSONEnd
		}
		return nil, fmt.Errorf("%s?>: put what that file says here: it is not read", p.data[p.at:p.at+min(end, 60)])
	}
	start := p.at
	for p.at < len(p.data) && strings.IndexByte(" \t\r\n,]}:#/", p.data[p.at]) < 0 {
		p.at++
	}
	n.text = p.data[start:p.at]
	switch _, err := strconv.ParseFloat(n.text, 64); {
	case n.text == "true" || n.text == "false":
		n.kind = 't'
	case n.text == "null":
		n.kind = 'n'
	case err == nil:
		n.kind = '0'
	default:
		return nil, fmt.Errorf("%q is no value", n.text[:min(len(n.text), 40)])
	}
	return n, nil
}

// members reads an object or a list.
func (p *jsonParser) members(n *jsonNode, depth int) error {
	end := byte(']')
	if n.kind == '{' {
		end = '}'
	}
	p.at++
	for {
		if err := p.blank(); err != nil {
			return err
		}
		if p.at == len(p.data) {
			return errJSONEnd
		}
		if p.data[p.at] == end {
			p.at++
			return nil
		}
		if n.kind == '{' {
			key := ""
			if p.data[p.at] != '"' {
				return errors.New("a name in quotes is expected")
			}
			if err := p.text(&key); err != nil {
				return err
			}
			if err := p.sign(':'); err != nil {
				return err
			}
			n.keys = append(n.keys, key)
		}
		v, err := p.value(depth + 1)
		if err != nil {
			return err
		}
		n.list = append(n.list, v)
		if err := p.blank(); err != nil {
			return err
		}
		if p.at < len(p.data) && p.data[p.at] == end {
			continue
		}
		if err := p.sign(','); err != nil {
			return err
		}
	}
}

func (p *jsonParser) sign(c byte) error {
	if err := p.blank(); err != nil {
		return err
	}
	if p.at == len(p.data) {
		return errJSONEnd
	}
	if p.data[p.at] != c {
		return fmt.Errorf("%q is expected", string(c))
	}
	p.at++
	return nil
}

func (p *jsonParser) text(out *string) error {
	for i := p.at + 1; i < len(p.data); i++ {
		switch p.data[i] {
		case '\\':
			i++
		case '\n':
			return errors.New("a text in quotes does not end on its line")
		case '"':
			if err := json.Unmarshal([]byte(p.data[p.at:i+1]), out); err != nil {
				return errors.New("a text in quotes is malformed")
			}
			p.at = i + 1
			return nil
		}
	}
	return errJSONEnd
}

// blank skips blanks and comments.
func (p *jsonParser) blank() error { return skipBlank(p.data, &p.at, &p.line, errJSONEnd) }
