package zone

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// setsByName is every name with its sets as text, the SOA left out.
func setsByName(z *Zone) map[string]string {
	all := map[string]string{}
	for s := range z.All() {
		if s.Type != TypeSOA {
			all[s.Name.Key()] += section([]RRset{s}) + "\n"
		}
	}
	return all
}

// Touched names every name that differs and none twice, however many leaves and levels the trees have, and Diff finds the same
// as a comparison of everything; when it says that others are not touched, no NS or DNAME set is among what differs.
func TestTouchedNamesAllThatDiffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var text strings.Builder
		text.WriteString(head)
		for i := range rapid.SampledFrom([]int{0, 10, 300, 4000}).Draw(t, "names") {
			fmt.Fprintf(&text, "h%d A 192.0.2.1\n", i)
		}
		from, problems := Load(files(map[string]string{"zone": text.String()}), apexName, "zone")
		if from == nil {
			t.Fatal(problems.Err())
		}
		to := from
		for range rapid.IntRange(0, 3).Draw(t, "updates") {
			var list []Record
			first, count, step := rapid.IntRange(0, 4000).Draw(t, "first"), rapid.SampledFrom([]int{1, 3, 500, 3000}).Draw(t, "count"), rapid.IntRange(1, 9).Draw(t, "step")
			what := rapid.SampledFrom([]string{"h%d 0 ANY A", "h%d 60 IN A 192.0.2.2", "n%d.h1 60 IN A 192.0.2.3", "h%d 60 IN NS a", "h%d 60 IN DNAME a."}).Draw(t, "what")
			for i := range count {
				owner, rest, _ := strings.Cut(what, " ")
				list = append(list, rec(fmt.Sprintf(owner, first+i*step)+".example.test. "+rest))
			}
			to, _, _, _ = to.Apply(Update{Updates: list})
		}
		before, after := setsByName(from), setsByName(to)
		differ, speaks := map[string]bool{}, false
		for _, all := range []map[string]string{before, after} {
			for name := range all {
				if before[name] != after[name] {
					differ[name] = true
					both := before[name] + after[name]
					speaks = speaks || strings.Contains(both, " NS ") || strings.Contains(both, " DNAME ")
				}
			}
		}
		touched := map[string]bool{}
		others := Touched(from, to, func(n Name) bool {
			if touched[n.Key()] {
				t.Fatalf("%s twice", n)
			}
			touched[n.Key()] = true
			return true
		})
		if others == speaks {
			t.Fatalf("others as before: %v; an NS or DNAME set differs: %v", others, speaks)
		}
		if others && !maps.Equal(touched, differ) {
			t.Fatalf("touched %d names, %d differ", len(touched), len(differ))
		}
		if to != from {
			back, err := from.WithDelta(Diff(from, to))
			if err != nil || !maps.Equal(setsByName(back), after) {
				t.Fatalf("the difference does not lead there: %v", err)
			}
		}
	})
}

// Touched ends when it is told to, and then does not say that others are as before.
func TestTouchedEnds(t *testing.T) {
	from := zoneOf(t, "example.test.", updateZone)
	to, _, _, _ := from.Apply(Update{Updates: recs("n1.example.test. 5 IN A 192.0.2.9", "n2.example.test. 5 IN A 192.0.2.9", "n3.example.test. 5 IN A 192.0.2.9")})
	var names []string
	if Touched(from, to, func(n Name) bool { names = append(names, n.String()); return len(names) < 2 }) {
		t.Error("broken off, and yet others are said to be as before")
	}
	if want := []string{"n1.example.test.", "n2.example.test."}; !slices.Equal(names, want) {
		t.Errorf("%v, want %v", names, want)
	}
}
