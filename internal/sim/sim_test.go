package sim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestEventsHappenByTimeThenByOrder(t *testing.T) {
	w := New(1, start)
	var got []string
	add := func(s string) func() { return func() { got = append(got, s) } }
	w.After(2*time.Second, "", add("c"))
	w.After(time.Second, "", func() {
		add("a")()
		w.At(start, "", add("a2")) // the past is now
	})
	w.After(time.Second, "", add("b"))
	w.After(time.Minute, "", add("never"))
	if err := w.Run(start.Add(10*time.Second), nil); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a", "b", "a2", "c"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if !w.Now().Equal(start.Add(10 * time.Second)) {
		t.Errorf("ended at %v", w.Now())
	}
}

// play is a small life with every kind of chance; it returns all that happened.
func play(seed uint64) string {
	w := New(seed, start)
	n := w.Network(Quality{Delay: time.Millisecond, Jitter: 100 * time.Millisecond, Loss: 0.2, Duplicate: 0.2, Late: 0.1, LateBy: time.Second})
	var log strings.Builder
	for i := range 50 {
		w.After(w.Between(0, time.Second), "", func() {
			n.Send("a", "b", "", func() { fmt.Fprintf(&log, "%v %d\n", w.Now().Sub(start), i) })
		})
	}
	if err := w.Run(start.Add(time.Minute), nil); err != nil {
		return err.Error()
	}
	return log.String()
}

func TestOneSeedIsOneRun(t *testing.T) {
	a, b, c := play(7), play(7), play(8)
	if a != b {
		t.Error("the same seed gave two runs")
	}
	if a == c {
		t.Error("two seeds gave one run")
	}
}

func TestNetworkLosesDuplicatesReordersAndIsCut(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(play(7)), "\n")
	seen := map[string]int{}
	ordered, last := true, -1
	for _, l := range lines {
		var d string
		var i int
		fmt.Sscan(l, &d, &i)
		seen[strings.Fields(l)[1]]++
		ordered = ordered && i > last
		last = i
	}
	twice := 0
	for _, n := range seen {
		if n > 1 {
			twice++
		}
	}
	if len(seen) == 50 || twice == 0 || ordered {
		t.Errorf("of 50 messages %d arrived, %d twice, in order %t", len(seen), twice, ordered)
	}

	w := New(1, start)
	n := w.Network(Quality{Delay: time.Second})
	got := 0
	send := func(from, to string) { n.Send(from, to, "", func() { got++ }) }
	n.Cut("a", "b")
	send("a", "b") // lost: cut when sent
	send("b", "a") // passes: the other direction
	n.Heal("a", "b")
	send("a", "c") // lost: cut when it arrives
	w.After(time.Millisecond, "", func() { n.CutBoth("a", "c") })
	if err := w.Run(start.Add(time.Minute), nil); err != nil {
		t.Fatal(err)
	}
	if got != 1 || n.Whole("c", "a") || !n.Whole("a", "b") {
		t.Errorf("%d messages passed, want 1", got)
	}
}

func TestDiskForgetsWhatWasNotSynced(t *testing.T) {
	kept := map[int]bool{}
	for seed := range uint64(50) {
		d := New(seed, start).Disk()
		d.Put("a", []byte("1"))
		d.Put("b", []byte("1"))
		d.Sync()
		d.Put("a", []byte("2"))
		d.Put("b", nil)
		d.Put("c", []byte("3"))
		d.Crash()
		r := d.Read()
		n := 0
		if string(r["a"]) == "2" {
			n++
		}
		if _, ok := r["b"]; !ok {
			n++
		}
		if string(r["c"]) == "3" {
			n++
		}
		kept[n] = true
		// a prefix: the later one never without the earlier
		if string(r["c"]) == "3" && n != 3 || string(r["a"]) != "1" && string(r["a"]) != "2" {
			t.Fatalf("seed %d: not a prefix: %v", seed, d.Keys())
		}
	}
	if len(kept) != 4 {
		t.Errorf("crashes kept %v writes, all of 0 to 3 should happen", kept)
	}
}

func TestClockIsWrongAsTold(t *testing.T) {
	w := New(1, start)
	c := w.Clock(10*time.Second, 0.01)
	if err := w.Run(start.Add(100*time.Second), nil); err != nil {
		t.Fatal(err)
	}
	if got := c.Now().Sub(start); got != 111*time.Second {
		t.Errorf("it shows %v, want 111s: 100 s, 10 s off, 1 s drifted", got)
	}
	if got := c.True(c.Now()); !got.Equal(w.Now()) {
		t.Errorf("True is not the inverse: %v", got)
	}
	c.Jump(-time.Minute)
	if got := c.Now().Sub(start); got != 51*time.Second {
		t.Errorf("after the jump it shows %v, want 51s", got)
	}
}

func TestNothingHappensToTheDead(t *testing.T) {
	w := New(1, start)
	var l Life
	n := 0
	do := func() { n++ }
	w.After(time.Second, "", l.Bind(do)) // before it was born
	l.Start()
	w.After(time.Second, "", l.Bind(do)) // dies before
	w.After(time.Millisecond, "", func() {
		l.Stop()
		l.Start()
		w.After(time.Second, "", l.Bind(do)) // happens
	})
	if err := w.Run(start.Add(time.Minute), nil); err != nil {
		t.Fatal(err)
	}
	if n != 1 || !l.Alive() || l.Run() != 2 {
		t.Errorf("%d things happened, want 1", n)
	}
}

func TestFailureHasSeedAndLastEvents(t *testing.T) {
	w := New(42, start)
	broken := errors.New("broken")
	for i := range 500 {
		w.After(time.Duration(i)*time.Second, fmt.Sprintf("event %d.", i), func() {})
	}
	err := w.Run(start.Add(time.Hour), func() error {
		if w.Now().Sub(start) >= 400*time.Second {
			return broken
		}
		return nil
	})
	var f *Failure
	if !errors.As(err, &f) || !errors.Is(err, broken) || f.Seed != 42 || len(f.Last) != kept {
		t.Fatalf("got %v", err)
	}
	if s := err.Error(); !strings.Contains(s, "seed 42") || !strings.Contains(s, "event 400.") || strings.Contains(s, "event 401.") || strings.Contains(s, "event 200.") {
		t.Errorf("not the last events: %s", s)
	}
	w = New(1, start)
	w.After(0, "", func() { w.Fail("from %s", "inside") })
	if err := w.Run(start.Add(time.Hour), nil); err == nil || !strings.Contains(err.Error(), "from inside") {
		t.Errorf("got %v", err)
	}
}
