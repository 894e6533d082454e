package config

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"loadshare/dhcp/option"
	"loadshare/internal/config"
)

// definition is a custom option and where it stands.
type definition struct {
	option.Definition
	at *config.Section
}

// optionTypes are the words for the forms of values, those of Kea.
var optionTypes = map[string]option.Type{
	"binary": option.Binary, "ipv4-address": option.Address, "boolean": option.Boolean, "uint8": option.Uint8, "uint16": option.Uint16,
	"uint32": option.Uint32, "int32": option.Int32, "string": option.String, "fqdn": option.Name, "empty": option.Flag, "route": option.Route,
}

const typeWords = `"binary", "ipv4-address", "boolean", "uint8", "uint16", "uint32", "int32", "string", "fqdn", "route" or "empty"`

var optionName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]{0,63}$`)

// definitions reads [[option_definition]].
func (r *reader) definitions() {
	for _, s := range r.root.Tables("option_definition") {
		d := option.Definition{Name: s.Required("name"), Code: option.Code(s.Int("code", 0, 1, 254)), List: s.Bool("list", false)}
		word := s.String("type", "binary")
		kind, ok := optionTypes[word]
		if !ok {
			s.Fail("type", typeWords)
		}
		d.Type = kind
		if !s.Has("code") {
			s.Fail("code", "a number from 1 to 254; 224 to 254 are for private use (RFC 3942)")
			continue
		}
		if d.Name == "" {
			continue
		}
		if !optionName.MatchString(d.Name) {
			s.Fail("name", "letters, digits, dots, hyphens and underscores, beginning with a letter")
			continue
		}
		if std, ok := option.ByName(d.Name); ok {
			s.Fail("name", fmt.Sprintf("another name: %s is option %d already", d.Name, std.Code))
			continue
		}
		if std, ok := option.ByCode(d.Code); ok {
			s.Fail("code", fmt.Sprintf("a code without a definition: %d is %s", d.Code, std.Name))
			continue
		}
		if why, made := madeByServer[d.Code]; made {
			s.Fail("code", why)
			continue
		}
		if other, twice := r.twice(d); twice {
			s.Fail("name", "every name and code once: "+other+" is there already")
			continue
		}
		r.custom[d.Name] = definition{d, s}
		r.c.Scopes.Custom = append(r.c.Scopes.Custom, d)
	}
}

func (r *reader) twice(d option.Definition) (string, bool) {
	for _, o := range r.c.Scopes.Custom {
		if o.Name == d.Name || o.Code == d.Code {
			return o.Name, true
		}
	}
	return "", false
}

// definition finds an option by its name, or by its number.
func (r *reader) definition(name string) (option.Definition, bool) {
	if d, ok := r.custom[name]; ok {
		return d.Definition, true
	}
	if d, ok := option.ByName(name); ok {
		return d, true
	}
	n, err := strconv.ParseUint(name, 10, 8)
	if err != nil || n == 0 || n == 255 {
		return option.Definition{}, false
	}
	for _, d := range r.c.Scopes.Custom {
		if d.Code == option.Code(n) {
			return d, true
		}
	}
	if d, ok := option.ByCode(option.Code(n)); ok {
		return d, true
	}
	return option.Definition{Code: option.Code(n), Name: name, Type: option.Binary}, true
}

// hint is what was perhaps meant.
func (r *reader) hint(name string) string {
	for _, try := range []string{strings.ReplaceAll(name, "_", "-"), strings.ToLower(name), name + "s", strings.TrimSuffix(name, "s"), strings.TrimSuffix(name, "-option")} {
		if _, ok := r.definition(try); ok && try != name {
			return "; did you mean " + try + "?"
		}
	}
	return ""
}

// options reads a table of options.
func (r *reader) options(s *config.Section) option.List {
	var list option.List
	for _, name := range s.Keys() {
		raw := s.Raw(name)
		d, ok := r.definition(name)
		if !ok {
			s.Fail(name, "an option by its name in RFC 2132 or Kea, by number, or of an [[option_definition]]"+r.hint(name))
			continue
		}
		if why, made := madeByServer[d.Code]; made {
			s.Fail(name, why)
			continue
		}
		values, ok := texts(raw)
		if !ok {
			s.Fail(name, "a value or a list of values")
			continue
		}
		data, err := d.Parse(values)
		if err != nil {
			s.Fail(name, err.Error())
			continue
		}
		if list.Has(d.Code) {
			s.Fail(name, fmt.Sprintf("every option once: %d stands here twice", d.Code))
			continue
		}
		list.Set(d.Code, data)
	}
	return list
}

// texts are the values as strings.
func texts(raw any) ([]string, bool) {
	list, ok := raw.([]any)
	if !ok {
		list = []any{raw}
	}
	out := make([]string, 0, len(list))
	for _, v := range list {
		switch v := v.(type) {
		case string:
			out = append(out, v)
		case int64:
			out = append(out, strconv.FormatInt(v, 10))
		case bool:
			out = append(out, strconv.FormatBool(v))
		case float64:
			if v != math.Trunc(v) {
				return nil, false
			}
			out = append(out, strconv.FormatFloat(v, 'f', -1, 64))
		default:
			return nil, false
		}
	}
	return out, true
}
