package merge

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// Decision H-h: what gives way as a whole is kept record by record, less what the other side has anyway.
func TestOverruled(t *testing.T) {
	base := load(t, "same A 192.0.2.1\ngone A 192.0.2.2\ngone A 192.0.2.3\ntwice A 192.0.2.4\nttl A 192.0.2.5\n")
	own := load(t, "same A 192.0.2.1\ngone A 192.0.2.3\nttl 60 A 192.0.2.5\nnew A 192.0.2.6\nnew TXT text\nboth A 192.0.2.7\n")
	adopted := load(t, "gone A 192.0.2.2\nttl A 192.0.2.5\nnew A 192.0.2.9\nboth A 192.0.2.7\nother A 192.0.2.8\n")
	var got []string
	for _, c := range Overruled(base, own, adopted, pairmsg.Backup, 7) {
		if c.Winner != pairmsg.Backup || c.At != 7 || c.Reason != ReasonOverruled || len(c.ID) != idDigits {
			t.Errorf("%+v", c)
		}
		for what, list := range map[string][]zone.Record{"kept": c.Kept, "lost": c.Lost, "removed": c.Removed} {
			for _, r := range list {
				got = append(got, what+" "+r.String())
			}
		}
	}
	slices.Sort(got)
	want := []string{
		"kept gone.example.test. 300 IN A 192.0.2.2",
		"kept new.example.test. 300 IN A 192.0.2.9",
		"kept ttl.example.test. 300 IN A 192.0.2.5",
		"lost new.example.test. 300 IN A 192.0.2.6",
		`lost new.example.test. 300 IN TXT "text"`,
		"lost ttl.example.test. 60 IN A 192.0.2.5",
		"removed gone.example.test. 300 IN A 192.0.2.2",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
