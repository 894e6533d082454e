package ddns

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// M5: "a pool's name gets its members, plus addresses that only normal-dns
// lists, less those down or drained, with the pool's ttl; a name only in
// normal-dns and allowed by `records` is set as the file says; no other name is
// touched." The trap of the source: normal-dns at a restart re-adds dead nodes.
func TestReset(t *testing.T) {
	normal, problems := ParseNormal([]byte(`
update add www.example 1 A 10.0.0.1
update add www.example 1 A 10.0.0.2
update add www.example 1 A 10.0.0.8
update add www.example 1 A 10.0.0.9
update add ftp.example 7 A 10.0.0.5
update add pop.example 1 A 10.0.0.4
update add www.elsewhere 1 A 10.0.0.7
`))
	if len(problems) != 0 {
		t.Fatal(problems)
	}
	allow := Patterns{{Name: "*.example", Types: []string{"A"}}}
	st := Stamp{1, 1, "m"}
	got := Reset(ResetInput{
		Normal: normal, Allow: allow,
		Pools: []Pool{
			// 10.0.0.2 is a member that is down; 10.0.0.9 is drained; 10.0.0.8 only the file knows.
			{Want: Want{set("www.example", 30, "10.0.0.1"), st}, Members: []string{"10.0.0.1", "10.0.0.2"}, Out: []string{"10.0.0.2", "10.0.0.9"}},
			{Want: Want{set("new.example", 30, "10.0.0.1"), st}, Members: []string{"10.0.0.1"}},
		},
		Undecided: []Key{{"pop.example", "A"}},
	})
	want := []Want{
		{Set: set("ftp.example", 7, "10.0.0.5")},
		{Set: set("new.example", 30, "10.0.0.1"), Stamp: st},
		{Set: set("www.example", 30, "10.0.0.1", "10.0.0.8"), Stamp: st},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// M3: "The message deletes members that are down and adds members that are up."
// Values that only normal-dns lists are no strays (M5).
func TestSort(t *testing.T) {
	have := set("w.example", 9, "10.0.0.1", "10.0.0.2", "10.0.0.8", "10.0.0.66")
	want := set("w.example", 30, "10.0.0.1", "10.0.0.3")
	members := []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}
	normal := set("w.example", 1, "10.0.0.8", "10.0.0.1", "10.0.0.9")
	for _, c := range []struct {
		keep   bool
		target Set
	}{
		{false, set("w.example", 30, "10.0.0.1", "10.0.0.3", "10.0.0.8")},
		{true, set("w.example", 30, "10.0.0.1", "10.0.0.3", "10.0.0.66", "10.0.0.8")},
	} {
		got := Sort(have, want, members, normal, c.keep)
		if d := cmp.Diff(Sorting{Target: c.target, Strays: []string{"10.0.0.66"}}, got); d != "" {
			t.Errorf("keep=%v (-want +got)\n%s", c.keep, d)
		}
	}
}
