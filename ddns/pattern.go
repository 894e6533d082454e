package ddns

import (
	"fmt"
	"slices"
	"strings"
)

// Pattern is one entry of the records allow-list: a name, or all names below
// one, and types (M12).
type Pattern struct {
	// Name is a name, or "*.X": any name below X at any depth. X itself is not
	// in it, the wildcard record "*.X" is.
	Name  string
	Types []string
}

// PoolTypes are the types that patterns, pools and normal-dns may hold (M7).
var PoolTypes = []string{"A", "AAAA", "MX", "SRV"}

// ParsePattern reads "*.mydomain.com A AAAA".
func ParsePattern(text string) (Pattern, error) {
	f := strings.Fields(text)
	if len(f) < 2 {
		return Pattern{}, fmt.Errorf("%q: a name or *.name, then types", text)
	}
	p := Pattern{Name: CanonicalName(f[0])}
	if err := CheckName(p.Name); err != nil {
		return Pattern{}, err
	}
	for _, t := range f[1:] {
		t = strings.ToUpper(t)
		if !slices.Contains(PoolTypes, t) {
			return Pattern{}, fmt.Errorf("type %q: A, AAAA, MX or SRV", t)
		}
		if !slices.Contains(p.Types, t) {
			p.Types = append(p.Types, t)
		}
	}
	return p, nil
}

// String is the form that ParsePattern reads.
func (p Pattern) String() string { return p.Name + " " + strings.Join(p.Types, " ") }

// Matches reports whether the pattern covers a set.
func (p Pattern) Matches(k Key) bool {
	if !slices.Contains(p.Types, k.Type) {
		return false
	}
	if rest, ok := strings.CutPrefix(p.Name, "*."); ok {
		return strings.HasSuffix(k.Name, "."+rest)
	}
	return k.Name == p.Name
}

// Patterns is an allow-list. The empty one allows nothing.
type Patterns []Pattern

// Allow reports whether any pattern covers a set.
func (ps Patterns) Allow(k Key) bool {
	return slices.ContainsFunc(ps, func(p Pattern) bool { return p.Matches(k) })
}
