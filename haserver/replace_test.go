package haserver

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"loadshare/haserver/digest"
	"loadshare/haserver/zone"
)

// What was found out ahead for one generation and put right for a later one is what would be found out for that: the same content and serial, by
// a difference that leads there from the tip.
func TestReplacementOfAZoneThatMoved(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	name := mustName("example.test")
	some := func(serial int) *zone.Zone {
		var b strings.Builder
		fmt.Fprintf(&b, "$TTL 60\n@ SOA ns admin %d 10 10 10 10\n@ NS ns\n", serial)
		for i := range 12 {
			if ttl := 30 + 30*rnd.IntN(2); rnd.IntN(3) > 0 {
				for a := range 1 + rnd.IntN(2) {
					fmt.Fprintf(&b, "h%d %d A 192.0.2.%d\n", i, ttl, a+rnd.IntN(2))
				}
			}
		}
		z, problems := zone.Load(func(string) ([]byte, error) { return []byte(b.String()), nil }, name, "db")
		if err := problems.Err(); err != nil {
			t.Fatal(err)
		}
		return z
	}
	moved := 0
	for range 2000 {
		base, tip, other := some(10), some(11+rnd.IntN(3)), some(5+rnd.IntN(20))
		if rnd.IntN(10) == 0 {
			tip = other.With(11)
		}
		r := replaceAhead(base, other)
		serial := zone.NextSerial(tip.Serial())
		next, d, note := r.on(tip, serial)
		want, _, wantNote := replaceBy(tip, other, serial)
		if next.Serial() != want.Serial() || digest.Of(next) != digest.Of(want) || note != wantNote {
			t.Fatalf("serial %d, not %d; %q, not %q", next.Serial(), want.Serial(), note, wantNote)
		}
		got, err := tip.WithDelta(d)
		if err != nil || digest.Of(got) != digest.Of(want) || got.Serial() != want.Serial() {
			t.Fatalf("%v; the difference leads elsewhere", err)
		}
		if next != want && !d.IsZero() {
			moved++
		}
	}
	if moved < 1000 {
		t.Errorf("put right only %d times", moved)
	}
}
