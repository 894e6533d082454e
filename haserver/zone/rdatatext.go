package zone

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// RdataText is the RDATA in master-file form, on one line, names absolute; for unknown types, and for data
// that is not valid, the \# form of RFC 3597 5. ParseRdata reads it back to the same octets.
func RdataText(t Type, data string) string {
	if validRdata(t, data) != nil {
		return genericText(data)
	}
	if f := form(t); f != "" && !strings.HasSuffix(f, "*") {
		return formText(f, data)
	}
	if text, ok := libraryText(t, data); ok {
		return text
	}
	return genericText(data)
}

func genericText(data string) string {
	if data == "" {
		return `\# 0`
	}
	return `\# ` + strconv.Itoa(len(data)) + " " + hex.EncodeToString([]byte(data))
}

func formText(f, data string) string {
	b := make([]byte, 0, 2*len(data)+16)
	for i := range len(f) {
		field, rest, err := cutField(f[i], data)
		if err != nil { // only the empty value of a CAA record
			return string(append(b, ` ""`...))
		}
		if data = rest; i > 0 {
			b = append(b, ' ')
		}
		b = appendFieldText(b, f[i], field)
	}
	return string(b)
}

func appendFieldText(b []byte, f byte, field string) []byte {
	switch f {
	case 'n', 'N':
		return append(b, Name(field).String()...)
	case 'b', 'h', 'w', 't':
		var v uint64
		for i := range len(field) {
			v = v<<8 | uint64(field[i])
		}
		return strconv.AppendUint(b, v, 10)
	case '4', '6':
		return address(field).AppendTo(b)
	case 's':
		return appendQuoted(b, field[1:])
	case 'g':
		return append(b, field[1:]...)
	case 'S':
		for i := 0; i < len(field); i += 1 + int(field[i]) {
			if i > 0 {
				b = append(b, ' ')
			}
			b = appendQuoted(b, field[i+1:i+1+int(field[i])])
		}
		return b
	case 'q':
		return appendQuoted(b, field)
	case 'X':
		return append(b, strings.ToUpper(hex.EncodeToString([]byte(field)))...)
	}
	return base64.StdEncoding.AppendEncode(b, []byte(field)) // B
}

func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for _, c := range []byte(s) {
		switch {
		case c < ' ' || c >= 0x7f:
			b = append(b, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// libraryText is the text the DNS library makes, when that reads back to the same octets.
func libraryText(t Type, data string) (text string, ok bool) {
	rr, _, err := unpackRR(t, data)
	if rr == nil || err != nil {
		return "", false
	}
	text = strings.TrimPrefix(rr.String(), rr.Header().String())
	if strings.ContainsAny(text, "\n\r") {
		return "", false
	}
	again, err := ParseRdata(t, text, Root)
	return text, err == nil && again == data
}

// ParseRdata reads RDATA in master-file form, on one line; origin completes relative names. The \# form is
// read for every type and must be valid for it.
func ParseRdata(t Type, text string, origin Name) (string, error) {
	l := lexer{text: text, line: 1}
	if err := l.entry(); err != nil {
		return "", err
	}
	if l.pos < len(text) {
		return "", errors.New("RDATA of more than one line")
	}
	data, err := appendRdata(nil, t, l.tokens, origin)
	return string(data), err
}

// appendRdata appends the wire form of the words to out.
func appendRdata(out []byte, t Type, tokens []token, origin Name) ([]byte, error) {
	if len(tokens) > 0 && tokens[0].text == `\#` && !tokens[0].quoted {
		return appendGeneric(out, t, tokens[1:])
	}
	f := form(t)
	if f == "" || strings.HasSuffix(f, "*") {
		return appendByLibrary(out, t, tokens, origin)
	}
	var err error
	start := len(out)
	for i := range len(f) {
		if len(tokens) == 0 {
			return nil, fmt.Errorf("%s needs %s; only %d given", t, describe(f), i)
		}
		taken := 1
		if f[i] == 'S' || f[i] == 'X' || f[i] == 'B' {
			taken = len(tokens)
		}
		if out, err = appendField(out, f[i], tokens[:taken], origin); err != nil {
			return nil, fmt.Errorf("%s data: %w", t, err)
		}
		tokens = tokens[taken:]
	}
	if len(tokens) > 0 {
		return nil, fmt.Errorf("%s has %s and nothing more, but %s follows", t, describe(f), strconv.Quote(tokens[0].text))
	}
	if len(out)-start > 65535 {
		return nil, fmt.Errorf("%s data over 65535 octets", t)
	}
	return out, nil
}

var fieldWords = map[byte]string{'n': "a name", 'N': "a name", 'b': "a number to 255", 'h': "a number to 65535", 'w': "a number to 4294967295",
	't': "a time (seconds, or like 1h30m)", '4': "an IPv4 address", '6': "an IPv6 address", 's': "a string", 'g': "a tag", 'S': "strings",
	'q': "a string", 'X': "hexadecimal digits", 'B': "base64 digits"}

func describe(f string) string {
	words := make([]string, len(f))
	for i := range len(f) {
		words[i] = fieldWords[f[i]]
	}
	return strings.Join(words, ", ")
}

func appendField(out []byte, f byte, tokens []token, origin Name) ([]byte, error) {
	word := tokens[0].text
	switch f {
	case 'n', 'N':
		return appendNameToken(out, word, origin)
	case 'b', 'h', 'w':
		bits := map[byte]int{'b': 8, 'h': 16, 'w': 32}[f]
		v, err := strconv.ParseUint(word, 10, bits)
		if err != nil {
			return nil, fmt.Errorf("%s is not %s", strconv.Quote(word), fieldWords[f])
		}
		for shift := bits - 8; shift >= 0; shift -= 8 {
			out = append(out, byte(v>>shift))
		}
		return out, nil
	case 't':
		v, ok := parseTTL(word)
		if !ok {
			return nil, fmt.Errorf("%s is not %s", strconv.Quote(word), fieldWords[f])
		}
		return binary.BigEndian.AppendUint32(out, v), nil
	case '4', '6':
		a, err := netip.ParseAddr(word)
		if err != nil || a.Is4() != (f == '4') || a.Zone() != "" {
			return nil, fmt.Errorf("%s is not %s", strconv.Quote(word), fieldWords[f])
		}
		return append(out, a.AsSlice()...), nil
	case 's', 'g':
		out, err := appendString(out, word)
		if err == nil && f == 'g' && !isTag(word) {
			err = errTag
		}
		return out, err
	case 'S':
		var err error
		for _, t := range tokens {
			if out, err = appendString(out, t.text); err != nil {
				return nil, err
			}
		}
		return out, nil
	case 'q':
		return appendUnescaped(out, word)
	case 'X':
		return appendHex(out, tokens)
	}
	return appendBase64(out, tokens) // B
}

func appendNameToken(out []byte, word string, origin Name) ([]byte, error) {
	if word == "@" {
		return append(out, origin...), nil
	}
	if word == "" {
		return nil, errEmptyName
	}
	named, err := appendName(out, word, origin)
	if err != nil {
		return nil, nameProblem(word, err)
	}
	return named, nil
}

func appendString(out []byte, word string) ([]byte, error) {
	length := len(out)
	out, err := appendUnescaped(append(out, 0), word)
	if err != nil {
		return nil, err
	}
	if n := len(out) - length - 1; n <= 255 {
		out[length] = byte(n)
		return out, nil
	}
	return nil, fmt.Errorf("string of %d octets; at most 255 are accepted, split it in several strings", len(out)-length-1)
}

func appendUnescaped(out []byte, word string) ([]byte, error) {
	for i := 0; i < len(word); i++ {
		c := word[i]
		if c == '\\' {
			var width int
			if c, width = unescape(word[i:]); width == 0 {
				return nil, errBadEscape
			}
			i += width - 1
		}
		out = append(out, c)
	}
	return out, nil
}

func joined(tokens []token) string {
	if len(tokens) == 1 {
		return tokens[0].text
	}
	var b strings.Builder
	for _, t := range tokens {
		b.WriteString(t.text)
	}
	return b.String()
}

func appendHex(out []byte, tokens []token) ([]byte, error) {
	data, err := hex.DecodeString(joined(tokens))
	if err != nil || len(data) == 0 {
		return nil, errors.New("an even number of hexadecimal digits is needed")
	}
	return append(out, data...), nil
}

func appendBase64(out []byte, tokens []token) ([]byte, error) {
	data, err := base64.StdEncoding.DecodeString(joined(tokens))
	if err != nil || len(data) == 0 {
		return nil, errors.New("base64 digits, with their padding, are needed")
	}
	return append(out, data...), nil
}

// appendGeneric reads what follows \# (RFC 3597, 5): the length, then the octets in hexadecimal.
func appendGeneric(out []byte, t Type, tokens []token) ([]byte, error) {
	if len(tokens) == 0 {
		return nil, errors.New(`after \# the number of octets is needed`)
	}
	length, err := strconv.ParseUint(tokens[0].text, 10, 16)
	if err != nil {
		return nil, fmt.Errorf(`after \# the number of octets is needed, not %s`, strconv.Quote(tokens[0].text))
	}
	data, err := hex.DecodeString(joined(tokens[1:]))
	if err != nil {
		return nil, errors.New(`after \# and the length an even number of hexadecimal digits is needed`)
	}
	if len(data) != int(length) {
		return nil, fmt.Errorf(`\# says %d octets, %d follow`, length, len(data))
	}
	if err := ValidRdata(t, data); err != nil {
		return nil, err
	}
	return append(out, data...), nil
}

// appendByLibrary lets the DNS library read the text.
func appendByLibrary(out []byte, t Type, tokens []token, origin Name) ([]byte, error) {
	if _, known := dns.TypeToRR[uint16(t)]; !known || t.IsMeta() {
		return nil, fmt.Errorf(`data of type %s is written as \# LENGTH HEXADECIMAL (RFC 3597)`, t)
	}
	var line strings.Builder
	line.WriteString(". 0 IN ")
	line.WriteString(t.String())
	for _, tok := range tokens {
		if !tok.glued {
			line.WriteByte(' ')
		}
		if tok.quoted {
			line.WriteString(`"` + tok.text + `"`)
		} else {
			line.WriteString(tok.text)
		}
	}
	line.WriteByte('\n')
	zp := dns.NewZoneParser(strings.NewReader(line.String()), origin.String(), "")
	rr, ok := zp.Next()
	if err := zp.Err(); err != nil || !ok || uint16(t) != rr.Header().Rrtype {
		return nil, fmt.Errorf("%s data cannot be read: %w", t, errNotForm)
	}
	wire := make([]byte, dns.Len(rr)+64)
	end, err := dns.PackRR(rr, wire, 0, nil, false)
	if err != nil {
		return nil, fmt.Errorf("%s data cannot be read: %w", t, err)
	}
	const header = 11 // root name, type, class, TTL, length
	if end < header {
		return nil, fmt.Errorf("%s data cannot be read: %w", t, errNotForm)
	}
	data := wire[header:end]
	if err := ValidRdata(t, data); err != nil {
		return nil, err
	}
	return append(out, data...), nil
}

// parseTTL reads seconds, or numbers with the units w d h m s in falling or any order (1h30m), up to
// 2^32-1 in sum.
func parseTTL(word string) (seconds uint32, ok bool) {
	var sum, n uint64
	digits, units := false, false
	for i := range len(word) {
		c := word[i]
		if isDigit(c) {
			if n = n*10 + uint64(c-'0'); n > 1<<32-1 {
				return 0, false
			}
			digits = true
			continue
		}
		factor := uint64(0)
		switch lower(c) {
		case 'w':
			factor = 7 * 86400
		case 'd':
			factor = 86400
		case 'h':
			factor = 3600
		case 'm':
			factor = 60
		case 's':
			factor = 1
		}
		if factor == 0 || !digits {
			return 0, false
		}
		if sum += n * factor; sum > 1<<32-1 {
			return 0, false
		}
		n, digits, units = 0, false, true
	}
	if digits && units { // 1h30: the last number lacks its unit
		return 0, false
	}
	if sum += n; word == "" || sum > 1<<32-1 {
		return 0, false
	}
	return uint32(sum), true
}
