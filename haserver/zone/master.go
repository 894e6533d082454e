package zone

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"unsafe"
)

// Source hands in the text of a master file. The name is as given to Load, or for $INCLUDE as
// written in the file, taken relative to the folder of the including file unless it begins with a slash.
// The octets must not change until Load returns.
type Source func(file string) ([]byte, error)

const (
	maxIncludes = 8       // depth of $INCLUDE
	maxFiles    = 1000    // files of one zone, one included twice counted twice
	maxGenerate = 1 << 20 // records of one $GENERATE
)

// parser reads one master file into a collector; $INCLUDE makes another that shares the reader's state.
type parser struct {
	*reader
	lexer
	file   int // index in the collector's files
	depth  int
	origin Name
	owner  Name // of the last record, "" before the first
}

// reader is what the files of one zone share.
type reader struct {
	c   *collector
	src Source

	def      uint32 // default TTL: of $TTL, or the MINIMUM of a SOA without TTL
	hasDef   bool
	last     uint32 // last TTL that was stated
	hasLast  bool
	apexNS   bool // the apex has an NS record
	stray    bool // strayClass was met
	nameBuf  []byte
	rdataBuf []byte
}

func (p *parser) here() where { return where{p.file, p.start} }

func (p *parser) fail(format string, args ...any) { p.c.fail(p.here(), format, args...) }

// run reads all entries. An entry with an error is left out; reading goes on.
func (p *parser) run() {
	for {
		ok, err := p.next()
		if !ok {
			break
		}
		if err != nil {
			p.c.fail(where{p.file, p.failed}, "%v", err)
			continue
		}
		if first := p.tokens[0]; !p.blank && !first.quoted && strings.HasPrefix(first.text, "$") {
			p.directive(strings.ToUpper(first.text), p.tokens[1:])
			continue
		}
		p.record(p.tokens)
	}
	if p.nbsp > 0 {
		p.c.warn(where{p.file, p.nbsp}, "no-break space (U+00A0), as web pages have it; it is taken as white space, in the rest of the file too")
	}
}

func (p *parser) directive(name string, args []token) {
	switch name {
	case "$ORIGIN":
		if len(args) != 1 {
			p.fail("$ORIGIN takes one name")
			return
		}
		origin, err := p.name(args[0].text)
		if err != nil {
			p.fail("$ORIGIN: %v", err)
			return
		}
		p.origin = origin
	case "$TTL":
		if len(args) == 1 {
			if ttl, ok := parseTTL(args[0].text); ok && ttl <= maxTTL {
				p.def, p.hasDef = ttl, true
				return
			}
		}
		p.fail("$TTL takes one time: seconds up to %d, or like 1h30m", maxTTL)
	case "$INCLUDE":
		p.include(args)
	case "$GENERATE":
		p.generate(args)
	default:
		p.fail("%s is unknown; $ORIGIN, $TTL, $INCLUDE and $GENERATE are accepted", strconv.Quote(name))
	}
}

// maxTTL is the largest TTL (RFC 2181, 8).
const maxTTL = 1<<31 - 1

// name reads a name of the file, relative to its origin. The result does not live on in any buffer.
func (p *parser) name(text string) (Name, error) {
	if text == "@" {
		return p.origin, nil
	}
	n, err := parseName(text, p.origin)
	if err != nil {
		return "", nameProblem(text, err)
	}
	return n, nil
}

// include reads another file with this file's origin, or the one given; afterwards origin and owner
// are as before (RFC 1035, 5.1).
func (p *parser) include(args []token) {
	if len(args) < 1 || len(args) > 2 {
		p.fail("$INCLUDE takes a file and perhaps an origin")
		return
	}
	origin := p.origin
	if len(args) == 2 {
		var err error
		if origin, err = p.name(args[1].text); err != nil {
			p.fail("$INCLUDE: %v", err)
			return
		}
	}
	if p.depth == maxIncludes {
		p.fail("$INCLUDE deeper than %d files (does a file include itself?)", maxIncludes)
		return
	}
	if len(p.c.files) == maxFiles {
		p.fail("$INCLUDE of more than %d files", maxFiles)
		return
	}
	file, err := appendUnescaped(nil, args[0].text)
	if err != nil {
		p.fail("$INCLUDE: %v", err)
		return
	}
	name := string(file)
	if !path.IsAbs(name) {
		name = path.Join(path.Dir(p.c.files[p.file]), name)
	}
	text, err := p.src(name)
	if err != nil {
		p.fail("$INCLUDE: %v", err)
		return
	}
	inner := p.reader.file(name, text, origin)
	inner.owner, inner.depth = p.owner, p.depth+1
	inner.run()
}

// file makes the parser of a file.
func (r *reader) file(name string, text []byte, origin Name) *parser {
	r.c.files = append(r.c.files, name)
	view := unsafe.String(unsafe.SliceData(text), len(text)) // all that outlives Load is copied out of it
	return &parser{reader: r, lexer: lexer{text: view, line: 1}, file: len(r.c.files) - 1, origin: origin}
}

// record reads one record: [owner] [TTL] [class] type RDATA, TTL and class in either order.
func (p *parser) record(tokens []token) {
	if p.blank {
		if p.owner == "" {
			p.fail("the line has no owner name and no record stands before it; a name in the first column or @ is needed")
			return
		}
	} else if !p.strayClass(tokens) {
		if err := p.setOwner(tokens[0].text); err != nil {
			p.fail("%v", err)
			return
		}
		tokens = tokens[1:]
	}
	ttl, stated, t, tokens, err := p.head(tokens)
	if err != nil {
		p.fail("%v", err)
		return
	}
	data, err := appendRdata(p.rdataBuf[:0], t, tokens, p.origin)
	if err != nil {
		p.fail("%s: %v", p.owner, err)
		return
	}
	p.rdataBuf = data
	if !stated {
		if ttl, err = p.defaultTTL(t, data); err != nil {
			p.fail("%s %s: %v", p.owner, t, err)
			return
		}
	}
	p.apexNS = p.apexNS || t == TypeNS && p.owner.Equal(p.c.origin)
	p.c.add(p.owner, t, ttl, data, p.here())
}

// strayClass sees the line "IN NS ..." in the first column right below the SOA, before any NS record of
// the apex: white space that was lost in copying, and no host of the name IN. It is read as if the white
// space were there.
func (p *parser) strayClass(tokens []token) bool {
	if len(tokens) < 3 || tokens[0].text != "IN" || tokens[1].text != "NS" || !p.owner.Equal(p.c.origin) || p.apexNS && !p.stray {
		return false
	}
	p.stray = true
	p.c.warn(p.here(), "IN stands in the first column, where the owner name belongs; it is taken as the class, and %s as the owner", p.owner)
	return true
}

// setOwner makes text the owner. Its octets are kept in the reader's buffer, and made a Name only
// when they differ from the last.
func (p *parser) setOwner(text string) error {
	if text == "@" {
		p.owner = p.origin
		return nil
	}
	buf, err := appendName(p.nameBuf[:0], text, p.origin)
	if err != nil {
		return nameProblem(text, err)
	}
	p.nameBuf = buf
	if string(buf) != string(p.owner) {
		p.owner = Name(buf)
	}
	return nil
}

// head reads what stands between owner and RDATA.
func (p *parser) head(tokens []token) (ttl uint32, stated bool, t Type, rest []token, err error) {
	class := false
	for i, tok := range tokens {
		word := tok.text
		switch {
		case tok.quoted:
		case !stated && word != "" && isDigit(word[0]):
			if ttl, stated = parseTTL(word); !stated || ttl > maxTTL {
				return 0, false, 0, nil, fmt.Errorf("TTL %s is not accepted: seconds up to %d, or like 1h30m", strconv.Quote(word), maxTTL)
			}
			p.last, p.hasLast = ttl, true
			continue
		case !class && (word == "IN" || isClass(word)):
			if c := strings.ToUpper(word); c != "IN" && c != "CLASS1" {
				return 0, false, 0, nil, fmt.Errorf("class %s is not accepted; IN is", word)
			}
			class = true
			continue
		default:
			if t, ok := fastType(word); ok {
				return ttl, stated, t, tokens[i+1:], nil
			}
		}
		return 0, false, 0, nil, fmt.Errorf("%s is not a TTL, a class or a record type (types without a name are written TYPE123)", strconv.Quote(word))
	}
	return 0, false, 0, nil, fmt.Errorf("the record type is missing")
}

func isClass(word string) bool {
	switch strings.ToUpper(word) {
	case "IN", "CH", "CS", "HS", "NONE":
		return true
	}
	number, ok := strings.CutPrefix(strings.ToUpper(word), "CLASS")
	return ok && number != "" && isDigit(number[0])
}

// fastType is ParseType with the common types first.
func fastType(word string) (Type, bool) {
	switch word {
	case "A":
		return TypeA, true
	case "AAAA":
		return TypeAAAA, true
	case "PTR":
		return TypePTR, true
	}
	return ParseType(word)
}

// defaultTTL is the TTL of a record that states none: that of $TTL, else of a SOA its own MINIMUM, which
// then holds for all (as in BIND), else the last one stated (RFC 1035, 5.1).
func (p *parser) defaultTTL(t Type, data []byte) (uint32, error) {
	switch {
	case p.hasDef:
		return p.def, nil
	case t == TypeSOA && !p.hasLast:
		p.def, p.hasDef = min(soaNumber(string(data), 4), maxTTL), true
		p.c.warn(p.here(), "no $TTL and no TTL at the SOA; its last number, %d, is taken as the TTL of all records without one", p.def)
		return p.def, nil
	case p.hasLast:
		return p.last, nil
	}
	return 0, fmt.Errorf("no TTL: write one here, or $TTL before the first record")
}
