package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"loadshare/dhcp/option"
	"loadshare/internal/config"
)

// typeWords are the types that an operator can give his own options.
const typeWords = `"binary", "ipv4-address", "address-pair", "ipv6-address", "boolean", "uint8", "uint16", "uint32", "int8", "int16", "int32", "string", "fqdn", "domain-list", "route", "tuple", "encapsulation", "record" or "empty"`

// definitions reads [[option_definition]].
func (r *reader) definitions() {
	for _, s := range r.root.Tables("option_definition") {
		d := option.Definition{Name: s.Required("name"), Code: option.Code(s.Int("code", 0, 1, 254)), List: s.Bool("list", false)} //nolint:gosec // in range
		kind, ok := option.TypeByName(s.String("type", "binary"))
		if !ok {
			s.Fail("type", typeWords)
		}
		d.Type = kind
		for i, word := range s.Strings("fields") {
			field, known := option.TypeByName(word)
			if !known {
				s.FailItem("fields", i, typeWords)
				ok = false
			}
			d.Fields = append(d.Fields, field)
		}
		if !s.Has("code") {
			s.Fail("code", "a number from 1 to 254; 224 to 254 are for private use (RFC 3942)")
			continue
		}
		if d.Name == "" || !ok {
			continue
		}
		if _, err := option.NewSet(append(slices.Clone(r.c.Scopes.Custom), d)); err != nil {
			s.Fail("name", err.Error())
			continue
		}
		r.c.Scopes.Custom = append(r.c.Scopes.Custom, d)
	}
	r.known, _ = option.NewSet(r.c.Scopes.Custom) // each was checked
}

// definition finds an option by its name, or by its number.
func (r *reader) definition(name string) (option.Definition, bool) {
	if d, ok := r.known.ByName(name); ok {
		return d, true
	}
	n, err := strconv.ParseUint(name, 10, 8)
	if err != nil || n == 0 || n > 254 {
		return option.Definition{}, false
	}
	return r.known.ByCode(option.Code(n)), true
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
		if option.Managed(d.Code) || d.Code == option.IPv6OnlyPreferred {
			why, instead := insteadOf[d.Code]
			if !instead {
				why = "nothing: clients and relays send it, or the server makes it"
			}
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
