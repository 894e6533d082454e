package events_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"loadshare/internal/durable"
	"loadshare/internal/events"
)

func openStore(t interface {
	Helper()
	Fatal(...any)
}, path string) durable.Store {
	t.Helper()
	s, err := durable.OpenBolt(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func openLog(t *testing.T, keep events.Limits) *events.Log {
	t.Helper()
	s := openStore(t, filepath.Join(t.TempDir(), "events.db"))
	t.Cleanup(func() { s.Close() })
	l, err := events.Open(s, keep)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func appendAll(t *testing.T, l *events.Log, ev ...events.Event) {
	t.Helper()
	if err := l.Append(ev...); err != nil {
		t.Fatal(err)
	}
}

func recent(t interface {
	Helper()
	Fatal(...any)
}, l *events.Log, f events.Filter, n int) []events.Event {
	t.Helper()
	list, err := l.Recent(f, n)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func since(t *testing.T, l *events.Log, seq uint64, n int) []events.Event {
	t.Helper()
	list, err := l.Since(seq, n)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func texts(evs []events.Event) []string {
	var out []string
	for _, e := range evs {
		out = append(out, e.Text)
	}
	return out
}

var base = time.Now().UTC().Truncate(time.Millisecond)

func numbered(from, to int) []events.Event {
	var out []events.Event
	for i := from; i <= to; i++ {
		out = append(out, events.Event{At: base, Kind: events.Member, Text: fmt.Sprint(i)})
	}
	return out
}

// The last n that are chosen come back, oldest first.
func TestRecentChooses(t *testing.T) {
	l := openLog(t, events.Limits{})
	appendAll(t, l,
		events.Event{At: base, Kind: events.Member, Pool: "www/A", Member: "192.0.2.1", Text: "1"},
		events.Event{At: base.Add(1 * time.Minute), Kind: events.Restart, Pool: "www/A", Member: "192.0.2.1", Text: "2"},
		events.Event{At: base.Add(2 * time.Minute), Kind: events.Member, Pool: "smtp/A", Member: "192.0.2.1", Text: "3"},
		events.Event{At: base.Add(3 * time.Minute), Kind: events.Member, Pool: "www/A", Member: "192.0.2.2", Text: "4", Incident: "i1"})
	for name, test := range map[string]struct {
		f    events.Filter
		n    int
		want []string
	}{
		"all":      {events.Filter{}, 10, []string{"1", "2", "3", "4"}},
		"last two": {events.Filter{}, 2, []string{"3", "4"}},
		"pool":     {events.Filter{Pool: "www/A"}, 10, []string{"1", "2", "4"}},
		"member":   {events.Filter{Pool: "www/A", Member: "192.0.2.1"}, 10, []string{"1", "2"}},
		"kinds":    {events.Filter{Kinds: []events.Kind{events.Restart, events.Drift}}, 10, []string{"2"}},
		"since":    {events.Filter{Since: base.Add(time.Minute)}, 10, []string{"2", "3", "4"}},
		"until":    {events.Filter{Until: base.Add(time.Minute)}, 10, []string{"1"}},
		"incident": {events.Filter{Incident: "i1"}, 10, []string{"4"}},
		"nothing":  {events.Filter{Pool: "x"}, 10, nil},
		"none":     {events.Filter{}, 0, nil},
	} {
		if diff := cmp.Diff(test.want, texts(recent(t, l, test.f, test.n))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestEventSurvivesWhole(t *testing.T) {
	l := openLog(t, events.Limits{})
	e := events.Event{
		At: base, Kind: events.Publish, Pool: "www/A", Member: "192.0.2.1", Check: "http", From: "up", To: "down",
		Reason: "fell", Text: "gone", Order: "o1", Data: map[string]string{"bytes": "HTTP/1.0 500"}, Incident: "i1",
	}
	appendAll(t, l, e)
	e.Seq = 1
	if diff := cmp.Diff([]events.Event{e}, recent(t, l, events.Filter{}, 1)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// "bounded by count": the oldest make room, whatever the size of the batches.
func TestCountBound(t *testing.T) {
	l := openLog(t, events.Limits{Count: 10})
	for i := 1; i <= 25; i++ {
		appendAll(t, l, numbered(i, i)...)
	}
	if got := texts(recent(t, l, events.Filter{}, 100)); len(got) != 10 || got[0] != "16" {
		t.Errorf("after 25 single events: %v, want the last 10", got)
	}
	appendAll(t, l, numbered(26, 60)...)
	if got := texts(recent(t, l, events.Filter{}, 100)); len(got) != 10 || got[0] != "51" {
		t.Errorf("after a batch larger than the bound: %v, want the last 10", got)
	}
}

// "bounded by age": what is too old goes with the next event.
func TestAgeBound(t *testing.T) {
	l := openLog(t, events.Limits{Age: time.Hour})
	old := events.Event{At: base.Add(-2 * time.Hour), Text: "old"}
	appendAll(t, l, old, old, events.Event{At: base.Add(-time.Minute), Text: "young"})
	appendAll(t, l, events.Event{Text: "new"})
	if diff := cmp.Diff([]string{"young", "new"}, texts(recent(t, l, events.Filter{}, 10))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A new process goes on where the old one stopped: events are there, numbers are not used again.
func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	s := openStore(t, path)
	l, err := events.Open(s, events.Limits{Age: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	appendAll(t, l, numbered(1, 3)...)
	s.Close()
	s = openStore(t, path)
	if l, err = events.Open(s, events.Limits{Age: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if l.Last() != 3 || len(recent(t, l, events.Filter{}, 10)) != 3 {
		t.Errorf("after a restart Last %d, want 3 and three events", l.Last())
	}
	// All of them age out; the numbers go on all the same.
	appendAll(t, l, events.Event{At: base.Add(-5 * time.Hour), Text: "late"})
	s.Close()
	s = openStore(t, path)
	defer s.Close()
	if l, err = events.Open(s, events.Limits{Age: time.Hour}); err != nil {
		t.Fatal(err)
	}
	appendAll(t, l, events.Event{Text: "next"})
	if l.Last() != 5 {
		t.Errorf("the fifth event ever has number %d", l.Last())
	}
}

func TestSinceFollows(t *testing.T) {
	l := openLog(t, events.Limits{Count: 5})
	appendAll(t, l, numbered(1, 4)...)
	if diff := cmp.Diff([]string{"3", "4"}, texts(since(t, l, 2, 10))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := since(t, l, 4, 10); got != nil {
		t.Errorf("nothing is new, got %v", got)
	}
	appendAll(t, l, numbered(5, 9)...)
	if diff := cmp.Diff([]string{"5", "6"}, texts(since(t, l, 2, 2))); diff != "" {
		t.Errorf("a reader that fell behind gets the oldest left (-want +got):\n%s", diff)
	}
}

// For every history and every filter, Recent is what a plain list would give.
func TestRecentIsThePlainList(t *testing.T) {
	dir, runs := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		keep := rapid.IntRange(1, 700).Draw(t, "keep")
		runs++
		s := openStore(t, filepath.Join(dir, fmt.Sprint(runs)))
		defer s.Close()
		l, err := events.Open(s, events.Limits{Count: keep})
		if err != nil {
			t.Fatal(err)
		}
		var all []events.Event
		for range rapid.IntRange(1, 8).Draw(t, "batches") {
			var batch []events.Event
			for range rapid.IntRange(1, 200).Draw(t, "size") {
				batch = append(batch, events.Event{At: base, Pool: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "pool"), Text: fmt.Sprint(len(all) + len(batch))})
			}
			if err := l.Append(batch...); err != nil {
				t.Fatal(err)
			}
			all = append(all, batch...)
			all = all[max(0, len(all)-keep):]
		}
		f := events.Filter{Pool: rapid.SampledFrom([]string{"", "a", "x"}).Draw(t, "filter")}
		n := rapid.IntRange(0, 900).Draw(t, "n")
		var want []string
		for _, e := range all {
			if f.Match(e) {
				want = append(want, e.Text)
			}
		}
		want = want[max(0, len(want)-n):]
		if diff := cmp.Diff(want, texts(recent(t, l, f, n)), cmp.Transformer("nil", func(s []string) []string { return append([]string{}, s...) })); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

func BenchmarkAppendBatch100(b *testing.B) {
	s := openStore(b, filepath.Join(b.TempDir(), "events.db"))
	defer s.Close()
	l, err := events.Open(s, events.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	batch := numbered(1, 100)
	for b.Loop() {
		if err := l.Append(batch...); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRecentRareIn50000(b *testing.B) {
	s := openStore(b, filepath.Join(b.TempDir(), "events.db"))
	defer s.Close()
	l, err := events.Open(s, events.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; i < 50_000; i += 1000 {
		if err := l.Append(numbered(i, i+999)...); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if got := recent(b, l, events.Filter{Pool: "rare"}, 20); got != nil {
			b.Fatal(got)
		}
	}
}
