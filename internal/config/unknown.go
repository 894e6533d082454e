package config

import (
	"slices"
	"strings"
)

// unread appends a problem for every key below s that no reader asked for.
func (s *Section) unread(out *Problems) {
	for _, key := range s.Keys() {
		if !s.asked[key] {
			*out = append(*out, s.unknown(key))
			continue
		}
		for _, c := range s.children[key] {
			c.unread(out)
		}
	}
}

func (s *Section) unknown(key string) Problem {
	known := make([]string, 0, len(s.asked))
	for k := range s.asked {
		known = append(known, k)
	}
	slices.Sort(known)
	accepted := strings.Join(known, ", ")
	if len(known) == 0 {
		accepted = "no keys here"
	}
	hint := ""
	if near := nearest(key, known); near != "" {
		hint = "did you mean " + near + "?"
		if strings.EqualFold(near, key) {
			hint = "upper and lower case differ, " + hint
		}
	}
	return Problem{
		File: s.doc.path, Line: s.Line(key), Key: s.keyPath(key),
		Value: render(s.table[key]), What: whatUnknown, Hint: hint, Accepted: accepted,
	}
}

// nearest is the known key that differs least from key, empty when none is close.
func nearest(key string, known []string) string {
	best, bestDistance := "", max(1, len(key)/3)+1
	for _, k := range known {
		d := distance(strings.ToLower(key), strings.ToLower(k))
		if d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance counts the insertions, deletions, substitutions and swaps of
// neighbours that turn a into b.
func distance(a, b string) int {
	const far = 100
	if len(a) > far || len(b) > far {
		return far
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}
