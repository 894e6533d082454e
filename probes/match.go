package probes

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
)

// maxAnswer is the most bytes of an answer that are looked at: what a check waits for stands early.
const maxAnswer = 64 << 10

// maxRegexpWork bounds the bytes a regexp is run over in one look, so that an answer that drips byte by byte
// does not cost the square of its length. After it the regexp is run once more, at the end.
const maxRegexpWork = 1 << 20

// pattern is a compiled Pattern. The zero value finds nothing and is not set.
type pattern struct {
	text []byte
	re   *regexp.Regexp
}

func (p pattern) set() bool { return p.text != nil || p.re != nil }

func (p pattern) String() string {
	if p.re != nil {
		return "/" + p.re.String() + "/"
	}
	return strconv.Quote(string(p.text))
}

func compilePattern(key string, p Pattern) (pattern, []SpecError) {
	switch {
	case p.Text != "" && p.Regexp != "":
		return pattern{}, []SpecError{{key, fmt.Sprintf("%q and %s_regexp = %q", p.Text, key, p.Regexp), "one of the two"}}
	case p.Regexp != "":
		re, err := regexp.Compile(p.Regexp)
		if err != nil {
			return pattern{}, []SpecError{{key + "_regexp", strconv.Quote(p.Regexp), "an RE2 expression (" + err.Error() + ")"}}
		}
		return pattern{re: re}, nil
	case p.Text != "":
		return pattern{text: []byte(p.Text)}, nil
	default:
		return pattern{}, nil
	}
}

// finder looks for one pattern in an answer that grows.
type finder struct {
	pattern
	seen int // a text was looked for in so many bytes already
	work int // bytes a regexp was run over
}

// find looks in all of b, which is what it was given before with more at its end. last says that no
// more will come. It returns where the match ends, or -1.
func (f *finder) find(b []byte, last bool) int {
	switch {
	case f.re != nil:
		if !last && f.work > maxRegexpWork {
			return -1
		}
		f.work += len(b)
		if loc := f.re.FindIndex(b); loc != nil {
			return loc[1]
		}
	case f.text != nil:
		from := max(0, f.seen-len(f.text)+1)
		f.seen = len(b)
		if i := bytes.Index(b[from:], f.text); i >= 0 {
			return from + i + len(f.text)
		}
	}
	return -1
}

// verdict is what expect and reject say about an answer so far.
type verdict uint8

const (
	undecided verdict = iota
	matched
	rejected
)

// judge is expect and reject together: reject wins, wherever both stand.
type judge struct{ expect, reject finder }

func newJudge(expect, reject pattern) judge {
	return judge{expect: finder{pattern: expect}, reject: finder{pattern: reject}}
}

// look judges the answer so far; end is where the match ends.
func (j *judge) look(b []byte, last bool) (v verdict, end int) {
	if end := j.reject.find(b, last); end >= 0 {
		return rejected, end
	}
	if end := j.expect.find(b, last); end >= 0 {
		return matched, end
	}
	return undecided, 0
}

// around cuts what decided out of an answer: the line in which the match ends.
func around(b []byte, end int) []byte {
	from := bytes.LastIndexByte(b[:end], '\n') + 1
	if from == end && end > 0 { // the match itself ends with the line
		from = bytes.LastIndexByte(b[:end-1], '\n') + 1
	}
	to := len(b)
	if i := bytes.IndexByte(b[end:], '\n'); i >= 0 {
		to = end + i
	}
	if to-from > MaxGot {
		from = max(from, end-MaxGot/2)
	}
	return bytes.TrimRight(b[from:to], "\r\n")
}
