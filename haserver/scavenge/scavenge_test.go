package scavenge

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"loadshare/haserver/zone"
)

const file = "$TTL 300\n@ SOA ns.example.test. admin 10 3600 600 86400 60\n@ NS ns.example.test.\nns A 192.0.2.53\nwww A 192.0.2.1\n"

const day = 86400

var week = Policy{After: 7 * day * time.Second, NoRefresh: day * time.Second}

type fataler interface {
	Helper()
	Fatal(args ...any)
}

func load(t fataler) *zone.Zone {
	t.Helper()
	z, problems := zone.Load(func(string) ([]byte, error) { return []byte(file), nil }, zone.Name("\x07example\x04test\x00"), "zone")
	if z == nil {
		t.Fatal(problems.Err())
	}
	return z
}

// client carries out messages of clients, such as "+pc A 192.0.2.9; -www A".
type client struct {
	zone *zone.Zone
	book Book
}

func (c *client) update(t fataler, now int64, message string) (written int) {
	t.Helper()
	var u zone.Update
	for _, text := range strings.Split(message, ";") {
		f := strings.SplitN(strings.TrimSpace(text)[1:], " ", 3)
		owner := f[0] + ".example.test."
		if f[0] == "@" {
			owner = "example.test."
		}
		name, err := zone.ParseName(owner)
		if err != nil {
			t.Fatal(err)
		}
		kind, _ := zone.ParseType(f[1])
		r := zone.Record{Name: name, Type: kind, Class: zone.ClassIN, TTL: 300}
		if len(f) > 2 {
			if r.Data, err = zone.ParseRdata(kind, f[2], c.zone.Origin()); err != nil {
				t.Fatal(err)
			}
		}
		if strings.TrimSpace(text)[0] == '-' {
			r.Class, r.TTL = zone.ClassNONE, 0
			if r.Data == "" {
				r.Class = zone.ClassANY
			}
		}
		u.Updates = append(u.Updates, r)
	}
	next, _, rcode, why := c.zone.Apply(u)
	if rcode != zone.NoError {
		t.Fatal(rcode, why)
	}
	for _, touch := range Touched(c.zone, next, u.Updates) {
		if c.book.Touch(touch, now, week) {
			written++
		}
	}
	c.zone = next
	return written
}

func (c *client) stale(now int64) []string {
	list, _ := c.book.Stale(c.zone, now, week, 1000)
	var out []string
	for _, s := range list {
		out = append(out, strings.TrimSuffix(zone.Name(s.Name).String(), ".example.test.")+" "+s.Type.String())
	}
	return out
}

// "Only records that came by dynamic update are ever scavenged, never those of the file, SOA, apex NS."
func TestWhatIsDynamic(t *testing.T) {
	for _, c := range []struct {
		title    string
		messages []string
		want     []string
	}{
		{"made by an update", []string{"+pc A 192.0.2.9"}, []string{"pc A"}},
		{"made, then one more record", []string{"+pc A 192.0.2.9", "+pc A 192.0.2.8"}, []string{"pc A"}},
		{"of the file", []string{"+www TXT \"x\""}, []string{"www TXT"}},
		{"of the file, refreshed", []string{"+www A 192.0.2.1"}, nil},
		{"of the file, added to", []string{"+www A 192.0.2.9"}, nil},
		{"of the file, with another TTL", []string{"-www A; +www A 192.0.2.1; +www A 192.0.2.2"}, nil},
		{"of the file, replaced whole", []string{"-www A; +www A 192.0.2.9"}, []string{"www A"}},
		{"NS of the apex", []string{"+@ NS x", "-@ NS ns; +@ NS y"}, nil},
		{"other sets of the apex", []string{"+@ MX 10 x"}, []string{"@ MX"}},
		{"SOA", []string{"+@ SOA ns admin 50 1 1 1 1"}, nil},
		{"ignored beside a CNAME", []string{"+c CNAME www; +c A 192.0.2.1"}, []string{"c CNAME"}},
		{"deleted again", []string{"+pc A 192.0.2.9", "-pc A"}, nil},
	} {
		t.Run(c.title, func(t *testing.T) {
			at := client{zone: load(t)}
			for _, m := range c.messages {
				at.update(t, 0, m)
			}
			got := at.stale(100 * day)
			for i := range got {
				got[i] = strings.Replace(got[i], "example.test. ", "@ ", 1)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// "Refresh = an update that re-adds an existing record (even if it changes nothing)"; "no refresh interval so that not every re-add writes".
func TestRefresh(t *testing.T) {
	c := client{zone: load(t)}
	for _, step := range []struct{ at, written int }{{0, 1}, {day / 2, 0}, {day - 1, 0}, {day, 1}, {day + 1, 0}, {3 * day, 1}} {
		if got := c.update(t, int64(step.at), "+pc A 192.0.2.9"); got != step.written {
			t.Errorf("at %d: %d marks written, want %d", step.at, got, step.written)
		}
	}
	if got := c.stale(10*day - 1); got != nil {
		t.Errorf("stale too early: %v", got)
	}
	if diff := cmp.Diff([]string{"pc A"}, c.stale(10*day)); diff != "" {
		t.Error(diff)
	}
	// A mark of a clock that was ahead does not keep a set from being refreshed.
	ahead := client{zone: load(t)}
	ahead.update(t, 1000*day, "+pc A 192.0.2.9")
	if ahead.update(t, day, "+pc A 192.0.2.9") != 1 {
		t.Error("the mark of the future stays")
	}
}

func TestStaleIsBoundedAndOldestFirst(t *testing.T) {
	c := client{zone: load(t)}
	for i := range 20 {
		c.update(t, int64(100-i), fmt.Sprintf("+h%02d A 192.0.2.9", i))
	}
	stale, _ := c.book.Stale(c.zone, 30*day, week, 3)
	if len(stale) != 3 || zone.Name(stale[0].Name).String() != "h19.example.test." {
		t.Errorf("stale %v", stale)
	}
	next, d, _, _ := c.zone.Apply(zone.Update{Updates: Removal(stale)})
	if len(d.Deleted) != 4 {
		t.Errorf("deleted %v", d.Deleted)
	}
	_, gone := c.book.Stale(next, 30*day, week, 3)
	if len(gone) != 3 {
		t.Errorf("gone %v", gone)
	}
	for _, s := range gone {
		c.book.Forget(s)
	}
	if c.book.Len() != 17 {
		t.Errorf("%d marks", c.book.Len())
	}
	if stale, _ := c.book.Stale(next, 30*day, Policy{}, 3); len(stale) != 0 {
		t.Errorf("off, and stale %v", stale)
	}
}

func TestLearn(t *testing.T) {
	var b Book
	s := Set{"\x01a\x00", zone.TypeA}
	for _, step := range []struct {
		at      int64
		written bool
		want    int64
	}{{5, true, 5}, {4, false, 5}, {5, false, 5}, {9, true, 9}} {
		written := b.Learn(s, step.at)
		if at, _ := b.At(s); written != step.written || at != step.want {
			t.Errorf("learned %d: %v, mark %d", step.at, written, at)
		}
	}
}

// "Never those of the file": loading a zone voids the marks up to then, those that the partner still has as well.
func TestVoid(t *testing.T) {
	c := client{zone: load(t)}
	c.update(t, 5, "+a A 192.0.2.9")
	c.update(t, 9, "+b A 192.0.2.9")
	a, b := Set{"\x01a\x07example\x04test\x00", zone.TypeA}, Set{"\x01b\x07example\x04test\x00", zone.TypeA}
	if diff := cmp.Diff([]Set{a}, c.book.Void(c.zone.Origin(), 7)); diff != "" {
		t.Error(diff)
	}
	if c.book.Learn(a, 7) || !c.book.Learn(a, 8) || c.book.Voided() != 7 {
		t.Errorf("marks up to 7 are void: %v", c.book)
	}
	stale, gone := c.book.Stale(c.zone, 100*day, week, 10)
	if diff := cmp.Diff([]Set{a, b}, stale); diff != "" || len(gone) != 0 {
		t.Error(diff, gone)
	}
}

// A client that refreshes once in every refresh interval never loses its records, and the file's are never deleted.
func TestTheLivingStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := client{zone: load(t)}
		now := int64(1000)
		c.update(t, now, "+pc A 192.0.2.9")
		for range rapid.IntRange(1, 20).Draw(t, "refreshes") {
			now += rapid.Int64Range(0, int64(week.Refresh()/time.Second)-1).Draw(t, "pause")
			if got := c.stale(now); got != nil {
				t.Fatalf("at %d: %v", now, got)
			}
			c.update(t, now, rapid.SampledFrom([]string{"+pc A 192.0.2.9", "-pc A; +pc A 192.0.2.8", "-pc A; +pc A 192.0.2.9", "+www A 192.0.2.1; +pc A 192.0.2.7"}).Draw(t, "message"))
		}
		if got := c.stale(now + 7*day); len(got) != 1 || got[0] != "pc A" {
			t.Fatalf("stale in the end: %v", got)
		}
	})
}
