package ddns

import (
	"maps"
	"slices"
)

// Pool is what a monitor wants for one set, as the reset needs it.
type Pool struct {
	// Want is what it publishes now: its members, less those down or drained.
	Want Want
	// Members are all values that its members may have.
	Members []string
	// Out are values to be left out even if normal-dns lists them.
	Out []string
}

// ResetInput is all that the reset to normal-dns depends on.
type ResetInput struct {
	Normal Normal
	// Pools are those with a verdict.
	Pools []Pool
	// Undecided are pools without one: they are not touched.
	Undecided []Key
	// Allow is the records allow-list of the agent.
	Allow Patterns
}

// Reset says what the reset to normal-dns makes true (M5), in the order of name
// and type: a pool's name gets what the pool wants, plus the values that only
// normal-dns lists, less those down or drained, with the pool's TTL; a name
// only in normal-dns is set as the file says, with a zero stamp; names not
// allowed and undecided pools are left out of the result, and so does any name
// that neither mentions.
func Reset(in ResetInput) []Want {
	out := map[Key]Want{}
	skip := map[Key]bool{}
	for _, k := range in.Undecided {
		skip[k] = true
	}
	for _, s := range in.Normal.Sets {
		out[s.Key()] = Want{Set: s}
	}
	for _, p := range in.Pools {
		w := p.Want
		w.Set = w.Set.Normalize()
		normal, _ := in.Normal.Get(w.Set.Key())
		w.Set.Values = append(slices.Clone(w.Set.Values), only(normal, p.Members, p.Out)...)
		w.Set = w.Set.Normalize()
		out[w.Set.Key()] = w
	}
	var wants []Want
	for _, k := range slices.SortedFunc(maps.Keys(out), compareKeys) {
		if !skip[k] && in.Allow.Allow(k) {
			wants = append(wants, out[k])
		}
	}
	return wants
}

// only returns the values of normal that are neither a member's nor out.
func only(normal Set, members, out []string) []string {
	var vals []string
	for _, v := range normal.Values {
		if !containsValue(normal.Type, members, v) && !containsValue(normal.Type, out, v) {
			vals = append(vals, v)
		}
	}
	return vals
}

func containsValue(typ string, list []string, canonical string) bool {
	return slices.ContainsFunc(list, func(v string) bool { return Canonical(typ, v) == canonical })
}

// Sorting is how the values of a set in DNS are to be seen.
type Sorting struct {
	// Target is what the set shall become: the wanted values, the values that
	// only normal-dns lists if they are there now, and the strays if they are kept.
	Target Set
	// Strays are values in DNS that belong to nobody.
	Strays []string
}

// Sort says what a set becomes (M3): have is what the server holds, want the
// values of the members to be in, members all values that members may have,
// normal the file's set of the name. Members that are not wanted go, values
// that only normal-dns lists stay, all else are strays: kept when keepStrays.
func Sort(have, want Set, members []string, normal Set, keepStrays bool) Sorting {
	out := Sorting{Target: want}
	vals := slices.Clone(want.Values)
	for _, v := range have.Values {
		switch {
		case want.Has(v) || containsValue(want.Type, members, v):
		case normal.Has(v):
			vals = append(vals, v)
		default:
			out.Strays = append(out.Strays, v)
			if keepStrays {
				vals = append(vals, v)
			}
		}
	}
	out.Target.Values = vals
	out.Target = out.Target.Normalize()
	return out
}
