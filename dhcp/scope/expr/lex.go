package expr

import (
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"
)

// kind is what a token is.
type kind uint8

const (
	end kind = iota
	word
	number
	octets // 'text', 0x01, 192.0.2.1
	mark   // ( ) [ ] , . + - ==
)

type token struct {
	kind   kind
	at     int    // where it begins in the text
	text   string // as written
	number int
	octets []byte
}

// maxNumber is the greatest integer of a text; it fits the four octets that it stands for.
const maxNumber = 1<<32 - 1

// Error is where and why a text is no condition.
type Error struct {
	Column int // in characters, from 1
	What   string
}

func (e *Error) Error() string { return "column " + strconv.Itoa(e.Column) + ": " + e.What }

func errorAt(text string, at int, what string) *Error {
	return &Error{Column: utf8.RuneCountInString(text[:at]) + 1, What: what}
}

// lex cuts a text into tokens; the last one is end.
func lex(text string) ([]token, *Error) {
	var out []token
	for at := 0; ; {
		for at < len(text) && strings.IndexByte(" \t\r\n", text[at]) >= 0 {
			at++
		}
		if at == len(text) {
			return append(out, token{kind: end, at: at}), nil
		}
		t, err := next(text, at)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
		at += len(t.text)
	}
}

// next is the token that begins at.
func next(text string, at int) (token, *Error) {
	rest := text[at:]
	switch c := rest[0]; {
	case c == '\'':
		n := strings.IndexByte(rest[1:], '\'')
		if n < 0 {
			return token{}, errorAt(text, at, "the quote is never closed")
		}
		return token{kind: octets, at: at, text: rest[:n+2], octets: []byte(rest[1 : n+1])}, nil
	case c == '=' && strings.HasPrefix(rest, "=="):
		return token{kind: mark, at: at, text: "=="}, nil
	case strings.IndexByte("()[],.+-", c) >= 0:
		return token{kind: mark, at: at, text: rest[:1]}, nil
	case c == '!' || c == '=':
		return token{}, errorAt(text, at, "values are compared with ==, and with not (a == b)")
	case c == '"':
		return token{}, errorAt(text, at, "text is put between ' and '")
	case isDigit(c):
		return numeral(text, at)
	case isLetter(c):
		n := 1
		for n < len(rest) && (isLetter(rest[n]) || isDigit(rest[n]) || rest[n] == '-') {
			n++
		}
		return token{kind: word, at: at, text: rest[:n]}, nil
	}
	r, _ := utf8.DecodeRuneInString(rest)
	return token{}, errorAt(text, at, strconv.QuoteRune(r)+" means nothing here")
}

// numeral is a number, hexadecimal octets or an address.
func numeral(text string, at int) (token, *Error) {
	rest := text[at:]
	n := 0
	for n < len(rest) && (isDigit(rest[n]) || isLetter(rest[n]) || rest[n] == '.' && n+1 < len(rest) && isDigit(rest[n+1])) {
		n++
	}
	t := token{kind: octets, at: at, text: rest[:n]}
	switch {
	case strings.HasPrefix(t.text, "0x"), strings.HasPrefix(t.text, "0X"):
		digits := t.text[2:]
		if len(digits)%2 == 1 {
			digits = "0" + digits
		}
		b, err := hex.DecodeString(digits)
		if err != nil || len(b) == 0 {
			return token{}, errorAt(text, at, t.text+" is not hexadecimal")
		}
		t.octets = b
	case strings.Contains(t.text, "."):
		a, err := netip.ParseAddr(t.text)
		if err != nil || !a.Is4() {
			return token{}, errorAt(text, at, t.text+" is not an address")
		}
		t.octets = a.AsSlice()
	default:
		v, err := strconv.ParseUint(t.text, 10, 32)
		if err != nil {
			return token{}, errorAt(text, at, t.text+" is not a number from 0 to "+strconv.Itoa(maxNumber))
		}
		t.kind, t.number = number, int(v)
	}
	return t, nil
}

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }
