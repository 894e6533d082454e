package importer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// dhcpdToken is a word, a text in quotes, or a sign.
type dhcpdToken struct {
	text   string
	quoted bool
	line   int
}

func (t dhcpdToken) is(word string) bool { return !t.quoted && strings.EqualFold(t.text, word) }

// dhcpdStatement is one statement of dhcpd.conf: tokens, then a semicolon or a block.
type dhcpdStatement struct {
	tokens []dhcpdToken
	block  []dhcpdStatement
	has    bool // there is a block, be it empty
	file   string
	line   int
}

// word is the text of the token at i; "" when there are fewer.
func (s *dhcpdStatement) word(i int) string {
	if i < len(s.tokens) {
		return s.tokens[i].text
	}
	return ""
}

// is says that the statement begins with these words.
func (s *dhcpdStatement) is(words ...string) bool {
	if len(s.tokens) < len(words) {
		return false
	}
	for i, w := range words {
		if !s.tokens[i].is(w) {
			return false
		}
	}
	return true
}

// text is the statement without its block, as notes quote it.
func (s *dhcpdStatement) text() string {
	var b strings.Builder
	for i, t := range s.tokens {
		if b.Len() > 100 {
			b.WriteString(" …")
			break
		}
		if i > 0 && t.text != "," && t.text != ")" && s.tokens[i-1].text != "(" {
			b.WriteByte(' ')
		}
		if t.quoted {
			b.WriteString(strconv.Quote(t.text))
		} else {
			b.WriteString(t.text)
		}
	}
	if s.has {
		b.WriteString(" { … }")
	}
	return b.String()
}

// lists are the tokens from the one at i, cut at commas.
func (s *dhcpdStatement) lists(i int) (out [][]dhcpdToken) {
	var one []dhcpdToken
	for _, t := range s.tokens[min(i, len(s.tokens)):] {
		if t.is(",") {
			out, one = append(out, one), nil
			continue
		}
		one = append(one, t)
	}
	return append(out, one)
}

// maxStatements bounds the statements of one file, leases included.
const maxStatements = 2_000_000

type dhcpdParser struct {
	file  string
	data  string
	at    int
	line  int
	count int
}

var errDHCPDEnd = errors.New("it ends in the middle of a statement: a brace, a quote or a semicolon is missing")

func parseDHCPD(file, data string) ([]dhcpdStatement, error) {
	p := &dhcpdParser{file: file, data: data, line: 1}
	list, err := p.statements(0)
	if err != nil {
		return nil, fmt.Errorf("%s:%d: %w", file, p.line, err)
	}
	return list, nil
}

// statements reads until the block ends, or, at depth 0, the file.
func (p *dhcpdParser) statements(depth int) (list []dhcpdStatement, err error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("blocks stand more than %d deep in each other", maxNesting)
	}
	s := dhcpdStatement{file: p.file}
	for {
		t, ok, err := p.next()
		if err != nil {
			return nil, err
		}
		if !ok {
			if depth > 0 || len(s.tokens) > 0 {
				return nil, errDHCPDEnd
			}
			return list, nil
		}
		switch {
		case t.is("}"):
			if depth == 0 {
				return nil, errors.New("a closing brace too much")
			}
			if len(s.tokens) > 0 {
				return nil, errors.New("a semicolon is missing before the closing brace")
			}
			return list, nil
		case t.is(";"):
			if len(s.tokens) == 0 {
				continue
			}
		case t.is("{"):
			s.has = true
			if s.line == 0 {
				s.line = t.line
			}
			if s.block, err = p.statements(depth + 1); err != nil {
				return nil, err
			}
		default:
			if s.line == 0 {
				s.line = t.line
			}
			s.tokens = append(s.tokens, t)
			continue
		}
		if p.count++; p.count > maxStatements {
			return nil, fmt.Errorf("more than %d statements", maxStatements)
		}
		list = append(list, s)
		s = dhcpdStatement{file: p.file}
	}
}

const dhcpdSigns = `{}();,=!~<>+&|`

// next is the next token; false: the end.
func (p *dhcpdParser) next() (t dhcpdToken, ok bool, err error) {
	for p.at < len(p.data) {
		switch c := p.data[p.at]; {
		case c == '\n':
			p.line++
			p.at++
		case c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v':
			p.at++
		case c == '#':
			end := strings.IndexByte(p.data[p.at:], '\n')
			if end < 0 {
				end = len(p.data) - p.at
			}
			p.at += end
		case c == '"':
			return p.quoted()
		case strings.IndexByte(dhcpdSigns, c) >= 0:
			p.at++
			return dhcpdToken{text: string(c), line: p.line}, true, nil
		default:
			start := p.at
			for p.at < len(p.data) && strings.IndexByte(" \t\r\n\f\v\"#"+dhcpdSigns, p.data[p.at]) < 0 {
				p.at++
			}
			return dhcpdToken{text: p.data[start:p.at], line: p.line}, true, nil
		}
	}
	return t, false, nil
}

// quoted reads a text with its escapes: \n, \t, \ooo, \xhh, and \ before anything else.
func (p *dhcpdParser) quoted() (dhcpdToken, bool, error) {
	t := dhcpdToken{quoted: true, line: p.line}
	var b strings.Builder
	for p.at++; p.at < len(p.data); p.at++ {
		switch c := p.data[p.at]; c {
		case '"':
			p.at++
			t.text = b.String()
			return t, true, nil
		case '\n':
			return t, false, errors.New("a text in quotes does not end on its line")
		case '\\':
			b.WriteByte(p.escape())
		default:
			b.WriteByte(c)
		}
	}
	return t, false, errDHCPDEnd
}

// escape reads what follows a backslash; p.at stays at its last octet.
func (p *dhcpdParser) escape() byte {
	rest := p.data[min(p.at+1, len(p.data)):]
	if len(rest) == 0 {
		return '\\'
	}
	if len(rest) >= 3 && rest[0] <= '3' && strings.Trim(rest[:3], "01234567") == "" {
		n, _ := strconv.ParseUint(rest[:3], 8, 8) // three octal digits, the first at most 3
		p.at += 3
		return byte(n)
	}
	if len(rest) >= 3 && rest[0] == 'x' {
		if n, err := strconv.ParseUint(rest[1:3], 16, 8); err == nil {
			p.at += 3
			return byte(n)
		}
	}
	p.at++
	switch rest[0] {
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'r':
		return '\r'
	}
	return rest[0]
}
