package zone

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// naive answers from a list of names alone, word by word as RFC 1034 4.3.2 and RFC 4592 3.3.1 have it.
type naive struct {
	owners map[string]map[Type]bool // by lower-case name
	exists map[string]bool          // owners and every name above one
}

func naiveOf(z *Zone) naive {
	n := naive{map[string]map[Type]bool{}, map[string]bool{}}
	for s := range z.All() {
		key := s.Name.Key()
		if n.owners[key] == nil {
			n.owners[key] = map[Type]bool{}
		}
		n.owners[key][s.Type] = true
		for up := Name(key); ; up = up.Parent() {
			n.exists[string(up)] = true
			if up.Equal(z.origin) {
				break
			}
		}
	}
	return n
}

// ask returns the result and the wildcard for a question of type A.
func (n naive) ask(z *Zone, q Name) (Result, string) {
	for labels := z.origin.Labels() + 1; labels <= q.Labels(); labels++ { // from the apex downward
		up := q
		for up.Labels() > labels {
			up = up.Parent()
		}
		if n.owners[up.Key()][TypeNS] {
			return Referral, ""
		}
	}
	key := q.Key()
	if n.exists[key] {
		if n.owners[key][TypeA] {
			return Found, ""
		}
		return NoData, ""
	}
	encloser := q.Parent()
	for !n.exists[encloser.Key()] {
		encloser = encloser.Parent()
	}
	star := "\x01*" + encloser.Key()
	switch {
	case n.owners[star][TypeA]:
		return Found, star
	case n.owners[star] != nil:
		return NoData, star
	case n.exists[star]:
		return NoData, ""
	}
	return NoName, ""
}

// Zones of many leaves, with empty non-terminals, wildcards and cuts at every depth, answer as the naive reading does, also
// after half of the names are gone.
func TestLookupEqualsTheNaiveReading(t *testing.T) {
	labels := []string{"a", "b", "B", "c", "*", `\000`, `\001`, "ab", "abc", "host-with-a-longer-name", "zz", `\255`}
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 1))
		randomName := func() Name {
			n := must("example.test.")
			for range 1 + r.IntN(4) {
				l, err := parseName(labels[r.IntN(len(labels))], n)
				if err != nil {
					t.Fatal(err)
				}
				n = l
			}
			return n
		}
		z := zoneOf(t, "example.test.", head)
		var owners []Name
		for range 2500 {
			rec := Record{Name: randomName(), Type: TypeA, Class: ClassIN, TTL: 5, Data: "\x0a\x00\x00\x01"}
			switch r.IntN(40) {
			case 0:
				rec.Type, rec.Data = TypeNS, "\x01x\x00"
			case 1, 2, 3:
				rec.Type, rec.Data = TypeTXT, "\x01x"
			}
			owners = append(owners, rec.Name)
			z, _, _, _ = z.Apply(Update{Updates: []Record{rec}})
		}
		for round := range 2 {
			checkTree(t, z)
			n := naiveOf(z)
			var a Answer
			seen := map[Result]int{}
			for range 6000 {
				q := randomName()
				result, wildcard := n.ask(z, q)
				z.LookupInto(Question{Name: q, Type: TypeA}, &a)
				seen[a.Result]++
				if a.Result != result || a.Wildcard.Key() != wildcard {
					t.Fatalf("seed %d round %d: %s: %v by %q, the naive reading says %v by %q", seed, round, q, a.Result, a.Wildcard, result, wildcard)
				}
				if result == Found && (len(a.Answer) != 1 || !a.Answer[0].Name.Equal(q)) {
					t.Fatalf("%s: %s", q, section(a.Answer))
				}
			}
			for _, want := range []Result{Found, NoData, NoName, Referral} {
				if seen[want] == 0 && round == 1 {
					t.Errorf("seed %d: no question ended in %v: %v", seed, want, seen)
				}
			}
			var u Update
			for i, o := range owners {
				if i%2 == 0 {
					u.Updates = append(u.Updates, Record{Name: o, Type: TypeANY, Class: ClassANY})
				}
			}
			z, _, _, _ = z.Apply(u)
		}
	}
}

// RFC 4703 5.3: the messages a DHCP server sends for a name, as RFC 2136 understands them.
func TestApplyDHCPServersRFC4703(t *testing.T) {
	const mine, other = "AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=", "AAEBOSD+XR3Os/0LozeXVqcNc7FwCfQdWL3b/NaiUDlW2No="
	z := zoneOf(t, "example.test.", head)
	step := func(why string, want Rcode, prereq, updates string) {
		t.Helper()
		next, _, rcode, reason := z.Apply(Update{Prereq: split(prereq), Updates: split(updates)})
		if rcode != want {
			t.Fatalf("%s: %v (%s), want %v", why, rcode, reason, want)
		}
		z = next
	}
	n := "chi.example.test."
	add := n + " 5 IN A 192.0.2.1\n" + n + " 5 IN DHCID " + mine
	step("first client: the name is not in use (5.3.1)", NoError, n+" 0 NONE ANY", add)
	step("again: it is in use", YXDomain, n+" 0 NONE ANY", add)
	step("own DHCID there: replace (5.3.2)", NoError, n+" 0 IN DHCID "+mine, n+" 0 ANY A\n"+n+" 5 IN A 192.0.2.2")
	step("another client's DHCID: refused (5.3.3)", NXRRSet, n+" 0 IN DHCID "+other, n+" 0 ANY A")
	step("delete own address (5.5)", NoError, n+" 0 IN DHCID "+mine, n+" 0 NONE A 192.0.2.2")
	step("delete DHCID if no A or AAAA", NoError, n+" 0 IN DHCID "+mine+"\n"+n+" 0 NONE A\n"+n+" 0 NONE AAAA", n+" 0 ANY ANY")
	if got := z.Node(must(n)); !slices.Equal(lines(z.With(10)), lines(zoneOf(t, "example.test.", head))) {
		t.Errorf("left: %s", fmt.Sprint(got))
	}
}
