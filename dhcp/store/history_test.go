package store

import (
	"testing"
	"time"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/lease"
)

func event(at int64, ip lease.IP, hw string) engine.Event {
	c := lease.Client{HType: 1, CHAddr: hw}
	return engine.Event{At: at, What: 2, Client: c, Lease: lease.Lease{IP: ip, State: lease.Active, Client: c, Hostname: "host-" + hw}}
}

func times(list []engine.Event) (out []int64) {
	for _, e := range list {
		out = append(out, e.At)
	}
	return out
}

// "queryable by address/client/time range"
func TestHistoryQueries(t *testing.T) {
	s, _ := open(t, t.TempDir(), Options{})
	w := engine.Write{Batch: 1}
	for i := range int64(10) {
		w.History = append(w.History, event(100+i, lease.IP(1+i%2), string(rune('a'+i%3))))
	}
	commit(t, s, w, 200)
	for name, c := range map[string]struct {
		q    Query
		want []int64
		cut  bool
	}{
		"all":           {Query{}, []int64{100, 101, 102, 103, 104, 105, 106, 107, 108, 109}, false},
		"address":       {Query{IP: 2}, []int64{101, 103, 105, 107, 109}, false},
		"client":        {Query{Client: "b"}, []int64{101, 104, 107}, false},
		"host name":     {Query{Client: "host-c"}, []int64{102, 105, 108}, false},
		"time":          {Query{From: 103, To: 105}, []int64{103, 104, 105}, false},
		"newest":        {Query{Limit: 3}, []int64{107, 108, 109}, true},
		"newest of one": {Query{Limit: 2, IP: 1, To: 107}, []int64{104, 106}, true},
		"exactly":       {Query{Limit: 10}, []int64{100, 101, 102, 103, 104, 105, 106, 107, 108, 109}, false},
		"nobody":        {Query{Client: "host"}, nil, false},
	} {
		got, cut, err := s.History(c.q)
		if err != nil || cut != c.cut || !equal(times(got), c.want) {
			t.Errorf("%s: %v cut %v %v, want %v", name, times(got), cut, err, c.want)
		}
	}
	got, _, _ := s.History(Query{From: 104, To: 104})
	if want := event(104, 1, "b"); len(got) != 1 || got[0] != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func equal(a, b []int64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// "trimmed by age (default 30 days, bounded count)"; several events of one second and address are all kept.
func TestHistoryTrim(t *testing.T) {
	s, _ := open(t, t.TempDir(), Options{KeepMax: 16})
	now := time.Unix(100*86400, 0)
	day := func(n int64) int64 { return n * 86400 }
	w := engine.Write{Batch: 1, History: []engine.Event{event(day(60), 1, "a"), event(day(69), 1, "a"), event(day(71), 1, "a"), event(day(71), 1, "a")}}
	commit(t, s, w, 1)
	if err := s.Trim(now); err != nil {
		t.Fatal(err)
	}
	got, _, _ := s.History(Query{})
	if !equal(times(got), []int64{day(71), day(71)}) {
		t.Errorf("after 30 days: %v", times(got))
	}
	w = engine.Write{Batch: 2}
	for i := range int64(30) {
		w.History = append(w.History, event(day(80)+i, 2, "b"))
	}
	if s.Crowded() {
		t.Error("too many after 2 of 16")
	}
	commit(t, s, w, 2)
	if !s.Crowded() {
		t.Error("32 of 16 are not too many")
	}
	if err := s.Trim(now); err != nil {
		t.Fatal(err)
	}
	if s.Crowded() {
		t.Error("too many after they were removed")
	}
	got, _, _ = s.History(Query{})
	if len(got) != 15 || got[14].At != day(80)+29 {
		t.Errorf("%d are left of 32, the last of %d; at most 16 are to be", len(got), got[len(got)-1].At)
	}
}
