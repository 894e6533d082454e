package importer

import (
	"errors"
	"fmt"
	"strings"
)

// maxNesting bounds how deep blocks stand in each other.
const maxNesting = 16

// bindStatement is one statement of named.conf: words, then perhaps a block, then perhaps more words, then a semicolon. Elements of
// address match lists are statements too.
type bindStatement struct {
	words []string
	block []bindStatement
	has   bool // there is a block, be it empty
	after []string
	line  int
}

// word is the word at i; "" when there are fewer.
func (s *bindStatement) word(i int) string {
	if i < len(s.words) {
		return s.words[i]
	}
	return ""
}

// is says whether the statement is the one of that name.
func (s *bindStatement) is(name string) bool { return strings.EqualFold(s.word(0), name) }

// text is the statement without its block, as notes quote it.
func (s *bindStatement) text() string {
	out := strings.Join(s.words, " ")
	if s.has {
		out += " { … }"
	}
	return out
}

// bindParser reads named.conf: words, "strings", braces, semicolons, and comments of three kinds.
type bindParser struct {
	data string
	at   int
	line int
}

var errBindEnd = errors.New("it ends in the middle of a statement: a brace, a quote, a comment or a semicolon is missing")

func parseBind(data string) ([]bindStatement, error) {
	p := &bindParser{data: data, line: 1}
	list, err := p.statements(0)
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", p.line, err)
	}
	return list, nil
}

// statements reads until the block ends, or, at depth 0, the file.
func (p *bindParser) statements(depth int) (list []bindStatement, err error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("blocks stand more than %d deep in each other", maxNesting)
	}
	var s bindStatement
	for {
		token, quoted, err := p.next()
		switch {
		case err != nil:
			return nil, err
		case token == "" && !quoted:
			if depth > 0 || len(s.words) > 0 || s.has {
				return nil, errBindEnd
			}
			return list, nil
		case quoted:
		case token == "}":
			if depth == 0 {
				return nil, errors.New("a closing brace too much")
			}
			if len(s.words) > 0 || s.has {
				return nil, errors.New("a semicolon is missing before the closing brace")
			}
			return list, nil
		case token == "{":
			if s.has {
				return nil, errors.New("a semicolon is missing after a block")
			}
			if s.line == 0 {
				s.line = p.line
			}
			if s.block, err = p.statements(depth + 1); err != nil {
				return nil, err
			}
			s.has = true
			continue
		case token == ";":
			if len(s.words) > 0 || s.has {
				list = append(list, s)
			}
			s = bindStatement{}
			continue
		}
		if s.line == 0 {
			s.line = p.line
		}
		if s.has {
			s.after = append(s.after, token)
		} else {
			s.words = append(s.words, token)
		}
	}
}

// next is the next token; "" and not quoted: the end.
func (p *bindParser) next() (token string, quoted bool, err error) {
	if err := p.blank(); err != nil || p.at == len(p.data) {
		return "", false, err
	}
	start := p.at
	switch c := p.data[p.at]; c {
	case '{', '}', ';':
		p.at++
		return p.data[start:p.at], false, nil
	case '"':
		end := strings.IndexByte(p.data[start+1:], '"')
		if end < 0 {
			return "", false, errBindEnd
		}
		token = p.data[start+1 : start+1+end]
		p.at = start + end + 2
		p.line += strings.Count(token, "\n")
		return token, true, nil
	}
	for p.at < len(p.data) && !strings.ContainsRune(" \t\r\n{};\"", rune(p.data[p.at])) && !p.comment() {
		p.at++
	}
	return p.data[start:p.at], false, nil
}

// comment says whether one begins here, other than one with #, which begins only between words.
func (p *bindParser) comment() bool {
	rest := p.data[p.at:]
	return strings.HasPrefix(rest, "//") || strings.HasPrefix(rest, "/*")
}

// blank skips blanks and comments.
func (p *bindParser) blank() error { return skipBlank(p.data, &p.at, &p.line, errBindEnd) }
