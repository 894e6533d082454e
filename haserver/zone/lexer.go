package zone

import (
	"fmt"
	"strings"
)

// token is one word of a master file. Its text is raw: escapes stand as written, the quotes of a
// quoted string are taken off.
type token struct {
	text   string
	quoted bool
	glued  bool // no white space stands before it, as in key="value"
}

// lexer cuts master-file text into entries, an entry being the words of one line, or of several that
// parentheses join (RFC 1035, 5.1).
type lexer struct {
	text string
	pos  int
	line int // of pos, from 1

	tokens []token // of the current entry
	start  int     // its first line
	failed int     // the line of the last error
	nbsp   int     // the line of the first no-break space, 0 when there is none
	blank  bool    // it begins with white space, so that its owner is the last one
}

// next reads the next entry that has a word; false at the end of the text. After an error the entry is to
// be thrown away and reading goes on at the line after the error.
func (l *lexer) next() (ok bool, err error) {
	for l.pos < len(l.text) {
		l.tokens, l.start = l.tokens[:0], l.line
		l.blank = l.text[l.pos] == ' ' || l.text[l.pos] == '\t' || l.noBreakSpace(l.pos)
		if err := l.entry(); err != nil {
			l.failed = l.line
			l.skipLine()
			return true, err
		}
		if len(l.tokens) > 0 {
			return true, nil
		}
	}
	return false, nil
}

func (l *lexer) entry() error {
	depth, opened := 0, 0
	for l.pos < len(l.text) {
		c := l.text[l.pos]
		switch c {
		case ' ', '\t', '\r':
			l.pos++
		case '\n':
			l.pos++
			l.line++
			if depth == 0 {
				return nil
			}
		case ';':
			l.pos += untilNewline(l.text[l.pos:])
		case '(':
			if depth == 0 {
				opened = l.line
			}
			depth++
			l.pos++
		case ')':
			if depth == 0 {
				return fmt.Errorf("\")\" without \"(\" before it")
			}
			depth--
			l.pos++
		case '"':
			if err := l.quoted(); err != nil {
				return err
			}
		default:
			if l.noBreakSpace(l.pos) {
				if l.pos += 2; l.nbsp == 0 {
					l.nbsp = l.line
				}
				continue
			}
			l.word()
		}
	}
	if depth > 0 {
		return fmt.Errorf("\"(\" of line %d is not closed by \")\" before the end of the file", opened)
	}
	return nil
}

func untilNewline(s string) int {
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		return i
	}
	return len(s)
}

func (l *lexer) skipLine() {
	l.pos += untilNewline(l.text[l.pos:])
	if l.pos < len(l.text) {
		l.pos++
		l.line++
	}
}

// noBreakSpace sees a U+00A0 in UTF-8 at i: what web pages make of white space. Outside of quotes it is
// taken for it.
func (l *lexer) noBreakSpace(i int) bool {
	return strings.HasPrefix(l.text[i:], "\u00a0")
}

// ends marks the octets that end a word, or may: 0xc2 begins a no-break space.
var ends = [256]bool{0xc2: true, ' ': true, '\t': true, '\r': true, '\n': true, ';': true, '(': true, ')': true, '"': true}

func (l *lexer) word() {
	i := l.pos
	for i < len(l.text) && (!ends[l.text[i]] || l.text[i] == 0xc2 && !l.noBreakSpace(i)) {
		if l.text[i] == '\\' && i+1 < len(l.text) && l.text[i+1] != '\n' {
			i++
		}
		i++
	}
	l.tokens = append(l.tokens, token{text: l.text[l.pos:i]})
	l.pos = i
}

func (l *lexer) quoted() error {
	i := l.pos + 1
	for i < len(l.text) && l.text[i] != '"' {
		switch {
		case l.text[i] == '\n':
			return fmt.Errorf("quoted string is not closed on its line")
		case l.text[i] == '\\' && i+1 < len(l.text) && l.text[i+1] != '\n':
			i++
		}
		i++
	}
	if i >= len(l.text) {
		return fmt.Errorf("quoted string is not closed before the end of the file")
	}
	glued := l.pos > 0 && !ends[l.text[l.pos-1]]
	l.tokens = append(l.tokens, token{text: l.text[l.pos+1 : i], quoted: true, glued: glued})
	l.pos = i + 1
	return nil
}
