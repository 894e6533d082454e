package option

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Definition is one option's name and form.
type Definition struct {
	Code Code
	Name string // as in Kea and RFC 2132: domain-name-servers
	Type Type
	// List: several values, one after the other. Of a Record, its last field is there several times.
	List bool
	// Fields are the types of a Record; nil of any other. Only the last may be binary or string.
	Fields []Type
}

// ByName is the standard option of that name, or of "code-1" to "code-254": any option as raw octets.
func ByName(name string) (Definition, bool) {
	if i, ok := standardNames[name]; ok {
		return standard[i], true
	}
	if c, ok := rawCode(name); ok {
		return Raw(c), true
	}
	return Definition{}, false
}

// ByCode is the standard option of that number.
func ByCode(c Code) (Definition, bool) {
	if i := standardCodes[c]; i > 0 {
		return standard[i-1], true
	}
	return Definition{}, false
}

// Raw is the option of that number as octets, named "code-N".
func Raw(c Code) Definition {
	return Definition{Code: c, Name: "code-" + strconv.Itoa(int(c)), Type: Binary}
}

func rawCode(name string) (Code, bool) {
	digits, ok := strings.CutPrefix(name, "code-")
	if !ok || digits == "" || digits[0] < '1' || digits[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 8)
	return Code(n), err == nil && n < uint64(End)
}

// Standard is all standard options, by number. The caller must not change it.
func Standard() []Definition { return standard }

// Set is the standard options and an operator's own. A nil Set is the standard ones; a Set does not change.
type Set struct {
	names map[string]Definition
	codes map[Code]Definition
}

// NewSet adds an operator's own options to the standard ones. The error joins what is wrong with each of them (errors.Join).
func NewSet(custom []Definition) (*Set, error) {
	s := &Set{names: map[string]Definition{}, codes: map[Code]Definition{}}
	var problems []error
	for _, d := range custom {
		if err := s.add(d); err != nil {
			problems = append(problems, err)
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return s, nil
}

func (s *Set) add(d Definition) error {
	if err := d.Check(); err != nil {
		return err
	}
	if have, ok := s.names[d.Name]; ok {
		return fmt.Errorf("%s: defined twice, with the codes %d and %d", d.Name, have.Code, d.Code)
	}
	if have, ok := s.codes[d.Code]; ok {
		return fmt.Errorf("%s: code %d is %s already", d.Name, d.Code, have.Name)
	}
	s.names[d.Name], s.codes[d.Code] = d, d
	return nil
}

// ByName is the option of that name.
func (s *Set) ByName(name string) (Definition, bool) {
	if s != nil {
		if d, ok := s.names[name]; ok {
			return d, true
		}
	}
	return ByName(name)
}

// ByCode is the option of that number; [Raw] when it has no name.
func (s *Set) ByCode(c Code) Definition {
	if s != nil {
		if d, ok := s.codes[c]; ok {
			return d
		}
	}
	if d, ok := ByCode(c); ok {
		return d
	}
	return Raw(c)
}

// Check says what is wrong with an operator's definition; nil when nothing is.
func (d Definition) Check() error {
	if !validName(d.Name) {
		return fmt.Errorf("option name %s: 1 to 64 letters, digits, hyphens, underscores and dots are allowed, a letter first", show(d.Name))
	}
	if d.Code == Pad || d.Code == End {
		return fmt.Errorf("%s: code %d has no value; 1 to 254 are allowed", d.Name, d.Code)
	}
	if std, ok := ByCode(d.Code); ok {
		return fmt.Errorf("%s: code %d is the standard option %s: use that name", d.Name, d.Code, std.Name)
	}
	if std, ok := ByName(d.Name); ok {
		return fmt.Errorf("%s: is the name of a standard option, code %d: use another name", d.Name, std.Code)
	}
	return d.checkType()
}

func (d Definition) checkType() error {
	if int(d.Type) >= len(typeNames) {
		return fmt.Errorf("%s: has no known type", d.Name)
	}
	if d.Type != Record {
		if d.Fields != nil {
			return fmt.Errorf("%s: only a record has fields, not %s", d.Name, d.Type)
		}
		if d.List && d.Type.whole() && d.Type != Search {
			return fmt.Errorf("%s: a list of %s is not possible: where one ends cannot be told", d.Name, d.Type)
		}
		return nil
	}
	if len(d.Fields) == 0 {
		return fmt.Errorf("%s: a record needs fields", d.Name)
	}
	for i, f := range d.Fields {
		last := i == len(d.Fields)-1
		switch {
		case int(f) >= len(typeNames) || f == Record || f == Flag || f == Search || f == Encapsulation:
			return fmt.Errorf("%s: field %d cannot be %s", d.Name, i+1, f)
		case f.whole() && (!last || d.List):
			return fmt.Errorf("%s: field %d is %s, whose end cannot be told: it must be the last, and there once", d.Name, i+1, f)
		}
	}
	return nil
}

func validName(name string) bool {
	if name == "" || len(name) > 64 {
		return false
	}
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || !(c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.')) {
			return false
		}
	}
	return true
}

// show is a value for an error message: as it is when that is clear, else quoted; cut when it is long.
func show(v string) string {
	if len(v) > 80 {
		v = v[:80] + "…"
	}
	for _, r := range v {
		if r <= ' ' || r == '"' || r == 0x7f || !strconv.IsPrint(r) {
			return strconv.Quote(v)
		}
	}
	if v == "" {
		return `""`
	}
	return v
}
