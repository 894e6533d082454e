package zone

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// generate carries out $GENERATE: RANGE OWNER [TTL] [CLASS] TYPE RDATA, once for each number of the range.
// $ in owner and RDATA stands for the number; ${OFFSET[,WIDTH[,BASE]]} for the number plus OFFSET, with
// leading zeros to WIDTH, in BASE d, o, x, X, or n or N (hexadecimal digits from the last to the first
// with dots between, for reverse zones); \$ and $$ for a dollar sign.
func (p *parser) generate(args []token) {
	if len(args) < 4 {
		p.fail("$GENERATE takes a range, an owner, perhaps TTL and class, a type and data")
		return
	}
	from, to, step, err := parseRange(args[0].text)
	if err != nil {
		p.fail("$GENERATE: %v", err)
		return
	}
	tokens := make([]token, len(args)-1)
	blank := p.blank
	p.blank = false
	defer func() { p.blank = blank }()
	for n := from; n <= to; n += step {
		for i, arg := range args[1:] {
			text, err := substitute(arg.text, n)
			if err != nil {
				p.fail("$GENERATE: %v", err)
				return
			}
			tokens[i] = token{text: text, quoted: arg.quoted, glued: arg.glued}
		}
		before := len(p.c.problems)
		p.record(unquoteLast(tokens))
		if len(p.c.problems) > before && !p.c.problems[len(p.c.problems)-1].Warning {
			return // the others would only say the same
		}
	}
}

// unquoteLast takes RDATA that is one quoted string, as BIND wants it when it has spaces, as the words in
// it, except for types whose RDATA is strings.
func unquoteLast(tokens []token) []token {
	last := tokens[len(tokens)-1]
	if !last.quoted || len(tokens) < 2 {
		return tokens
	}
	if t, ok := ParseType(tokens[len(tokens)-2].text); !ok || strings.ContainsAny(form(t), "sSq") {
		return tokens
	}
	l := lexer{text: last.text, line: 1}
	if l.entry() != nil {
		return tokens
	}
	return append(append([]token(nil), tokens[:len(tokens)-1]...), l.tokens...)
}

func parseRange(text string) (from, to, step int, err error) {
	bad := fmt.Errorf("range %s is not FROM-TO or FROM-TO/STEP, numbers up to 2147483647, FROM not over TO, STEP not 0", strconv.Quote(text))
	step = 1
	span, stepText, hasStep := strings.Cut(text, "/")
	fromText, toText, ok := strings.Cut(span, "-")
	if !ok {
		return 0, 0, 0, bad
	}
	parse := func(s string) int {
		v, err := strconv.ParseUint(s, 10, 31)
		if err != nil {
			ok = false
		}
		return int(v)
	}
	from, to = parse(fromText), parse(toText)
	if hasStep {
		step = parse(stepText)
	}
	if !ok || step == 0 || from > to {
		return 0, 0, 0, bad
	}
	if (to-from)/step >= maxGenerate {
		return 0, 0, 0, fmt.Errorf("range %s makes over %d records", text, maxGenerate)
	}
	return from, to, step, nil
}

// substitute puts n for the dollar signs in text. Other escapes stay as they are.
func substitute(text string, n int) (string, error) {
	if strings.IndexByte(text, '$') < 0 {
		return text, nil
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		next := byte(0)
		if i+1 < len(text) {
			next = text[i+1]
		}
		switch {
		case c == '\\' && next != 0:
			if next != '$' {
				b.WriteByte(c)
			}
			b.WriteByte(next)
			i++
		case c != '$':
			b.WriteByte(c)
		case next == '$':
			b.WriteByte('$')
			i++
		case next == '{':
			end := strings.IndexByte(text[i:], '}')
			if end < 0 {
				return "", errors.New("${ without }")
			}
			number, err := formatNumber(text[i+2:i+end], n)
			if err != nil {
				return "", err
			}
			b.WriteString(number)
			i += end
		default:
			b.WriteString(strconv.Itoa(n))
		}
		if b.Len() > 65535 {
			return "", errors.New("the result is over 65535 characters")
		}
	}
	return b.String(), nil
}

// formatNumber writes n as OFFSET[,WIDTH[,BASE]] says.
func formatNumber(how string, n int) (string, error) {
	bad := fmt.Errorf("${%s} is not ${OFFSET[,WIDTH[,BASE]]} with WIDTH up to 255 and BASE d, o, x, X, n or N", how)
	parts := strings.Split(how, ",")
	offset, err := strconv.ParseInt(parts[0], 10, 32)
	if err != nil || len(parts) > 3 {
		return "", bad
	}
	width, base := uint64(0), "d"
	if len(parts) > 1 {
		if width, err = strconv.ParseUint(parts[1], 10, 8); err != nil {
			return "", bad
		}
	}
	if len(parts) > 2 {
		base = parts[2]
	}
	v := int64(n) + offset
	if v < 0 {
		return "", fmt.Errorf("${%s} makes %d negative", how, n)
	}
	switch base {
	case "d", "o", "x", "X":
		return fmt.Sprintf("%0*"+base, int(width), v), nil
	case "n":
		return nibbles(v, int(width), "0123456789abcdef"), nil
	case "N":
		return nibbles(v, int(width), "0123456789ABCDEF"), nil
	}
	return "", bad
}

// nibbles writes the hexadecimal digits of v from the last to the first with dots between. Width counts
// digits and dots.
func nibbles(v int64, width int, digits string) string {
	var b []byte
	for {
		b = append(b, digits[v&15])
		v >>= 4
		if v == 0 && len(b) >= width {
			return string(b)
		}
		b = append(b, '.')
		if v == 0 && len(b) >= width {
			return string(b)
		}
	}
}
