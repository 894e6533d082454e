package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/names"
)

// Writes joined into one leave on disk what they leave one after the other.
func TestJoinIsOneAfterTheOther(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		apart, _, err := Open(dir+"/apart"+string(rune('0'+n)), Options{})
		if err != nil {
			rt.Fatal(err)
		}
		together, _, err := Open(dir+"/together"+string(rune('0'+n)), Options{})
		if err != nil {
			rt.Fatal(err)
		}
		var all engine.Write
		for i := range rapid.IntRange(1, 6).Draw(rt, "writes") {
			w := engine.Write{Batch: uint64(i + 1)}
			for ip := range lease.IP(3) {
				switch rapid.IntRange(0, 2).Draw(rt, "what") {
				case 0:
					w.Leases = append(w.Leases, lease.Lease{IP: ip, State: lease.Free, Start: int64(i)})
				case 1:
					w.Forget = append(w.Forget, ip)
				}
			}
			if rapid.Bool().Draw(rt, "job") {
				w.Jobs = append(w.Jobs, names.Job{ID: uint64(i)})
			} else {
				w.Done = append(w.Done, uint64(rapid.IntRange(0, i).Draw(rt, "done")))
			}
			w.Saved = []engine.PairSaved{{Name: "p"}}
			w.Saved[0].Saved.Since = int64(i)
			if _, err := apart.Commit(&w, 1); err != nil {
				rt.Fatal(err)
			}
			Join(&all, &w)
		}
		if _, err := together.Commit(&all, 1); err != nil {
			rt.Fatal(err)
		}
		one, err := apart.load()
		if err != nil {
			rt.Fatal(err)
		}
		two, err := together.load()
		if err != nil {
			rt.Fatal(err)
		}
		if d := cmp.Diff(one, two, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(engine.Start{}, "Store", "Seq")); d != "" {
			rt.Error(d)
		}
		_, _ = apart.Close(), together.Close()
	})
}
