package config

import (
	"slices"
	"strings"

	"loadshare/dhcp/scope"
	"loadshare/internal/config"
)

// keyOf are keys that have another name in a configuration than in package scope.
var keyOf = map[string]string{"boundary": "backup_allocation_boundary"}

// build makes the table of scopes, and says what is wrong with it where it stands. What has been said of a place already is not said again.
func (r *reader) build(said config.Problems) config.Problems {
	table, problems := scope.Build(r.c.Scopes)
	r.c.Engine.Scopes = table
	var out config.Problems
	for _, p := range problems {
		one := r.place(p)
		if one.Line == 0 || !slices.ContainsFunc(said, func(o config.Problem) bool { return !o.Warning && o.Line == one.Line && o.Key == one.Key }) {
			out = append(out, one)
		}
	}
	return out
}

// place gives a problem its file, line and key. Package scope names places by kind, name and key: scope "cluster": ranges.
func (r *reader) place(p scope.Problem) config.Problem {
	out := config.Problem{File: r.doc.Path(), What: p.String(), Warning: p.Warning}
	parts := strings.Split(p.Where, ": ")
	for n := len(parts); n > 0; n-- {
		s := r.at[strings.Join(parts[:n], ": ")]
		if s == nil {
			continue
		}
		key := "name"
		if n < len(parts) {
			key = parts[n]
			if k, other := keyOf[key]; other {
				key = k
			}
		}
		out.Line, out.Key = s.Line(key), s.Name()+"."+key
		break
	}
	return out
}
