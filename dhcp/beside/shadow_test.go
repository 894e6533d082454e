package beside

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loadshare/dhcp/option"
)

func voice(change func(*Told)) Told {
	t := Told{
		Client: client(1), XID: 7, Type: 1, Served: true, Scope: "voice", Classes: []string{"phone", "known"}, Seconds: 3600,
		Options: option.List{{Code: option.Routers, Data: []byte{10, 0, 0, 1}}, {Code: option.SubnetMask, Data: []byte{255, 255, 255, 0}}},
	}
	if change != nil {
		change(&t)
	}
	return t
}

// Decision D-j: "The silent partner computes the reply it would have sent to each packet it hears, and the link compares options, pool and
// class with the real one: 'backup would give another router in scope voice'."
func TestDecisionDj(t *testing.T) {
	silent := func(f func(*Told)) func(*Told) {
		return func(t *Told) {
			t.Served = false
			if f != nil {
				f(t)
			}
		}
	}
	set := func(c option.Code, v string) func(*Told) {
		return func(t *Told) { t.Options = append(option.List(nil), t.Options...); t.Options.Set(c, []byte(v)) }
	}
	for name, c := range map[string]struct {
		main, backup func(*Told)
		want         map[Reason]string
	}{
		"the same":                  {nil, silent(nil), nil},
		"the same in another order": {nil, silent(func(t *Told) { t.Options = option.List{t.Options[1], t.Options[0]} }), nil},
		"another router":            {nil, silent(set(option.Routers, "\x0a\x00\x00\x02")), map[Reason]string{AnotherOption: "backup would give another router in scope voice"}},
		"the main is silent":        {silent(set(option.Routers, "\x0a\x00\x00\x02")), nil, map[Reason]string{AnotherOption: "main would give another router in scope voice"}},
		"no mask":                   {nil, silent(func(t *Told) { t.Options = t.Options[:1] }), map[Reason]string{NoOption: "backup would give no subnet mask in scope voice"}},
		"one more":                  {nil, silent(set(42, "\x0a\x00\x00\x02")), map[Reason]string{MoreOption: "backup would give a ntp-servers in scope voice, which the other does not"}},
		"another pool":              {nil, silent(func(t *Told) { t.Scope = "data" }), map[Reason]string{AnotherScope: "backup would give an address of another scope to clients of scope voice"}},
		"another class, for another time": {nil, silent(func(t *Told) { t.Classes, t.Seconds = []string{"phone"}, 60 }), map[Reason]string{
			AnotherClass: "backup would give what another class gets to clients in scope voice", AnotherLeaseTime: "backup would give another lease time in scope voice",
		}},
		"both served":     {nil, set(option.Routers, "\x0a\x00\x00\x02"), map[Reason]string{AnotherOption: "the two servers differ: one gives another router in scope voice"}},
		"another message": {nil, silent(func(t *Told) { t.XID, t.Seconds = 8, 1 }), nil},
		"another type":    {nil, silent(func(t *Told) { t.Type, t.Seconds = 3, 1 }), nil},
		"another client":  {nil, silent(func(t *Told) { t.Client, t.Seconds = client(2), 1 }), nil},
	} {
		w := newTwo(t)
		w.connect()
		w.step(0, voice(c.main))
		w.step(1, voice(c.backup))
		w.pass(3 * time.Second)
		for i, m := range w.m {
			got := map[Reason]string{}
			for _, f := range m.Findings() {
				got[f.Reason] = f.String()
				if f.Count != 1 || f.First != f.Last || f.Who == "" != (name == "both served") {
					t.Errorf("%s: %+v", name, f)
				}
			}
			if diff := cmp.Diff(c.want, got, cmp.Transformer("nil", func(m map[Reason]string) []string {
				var out []string
				for r := AnotherScope; r <= MoreOption; r++ {
					out = append(out, m[r])
				}
				return out
			})); diff != "" {
				t.Errorf("%s, server %d: %s", name, i, diff)
			}
		}
	}
}

// A finding is of the configurations of its time, and is not told for ever; the same one is counted.
func TestFindingsEnd(t *testing.T) {
	w := newTwo(t)
	find := func() {
		for xid := range uint32(3) {
			w.step(0, voice(func(t *Told) { t.XID = xid }))
			w.step(1, voice(func(t *Told) { t.XID, t.Served, t.Seconds = xid, false, 60 }))
		}
		w.pass(2 * time.Second)
		for i, m := range w.m {
			if list := m.Findings(); len(list) != 1 || list[0].Reason != AnotherLeaseTime || list[0].Count != 3 {
				t.Fatalf("server %d: %+v", i, list)
			}
		}
	}
	w.connect()
	find()
	w.step(0, Configured{summary("10.0.0.2")})
	for i, m := range w.m {
		if list := m.Findings(); len(list) != 0 {
			t.Errorf("server %d, of the old configuration: %+v", i, list)
		}
	}
	find()
	w.pass(time.Hour + time.Minute)
	for i, m := range w.m {
		if list := m.Findings(); len(list) != 0 {
			t.Errorf("server %d, after an hour: %+v", i, list)
		}
	}
}

// "Bounded sizes and rates": what comes faster than it is told is left out, and what the partner never heard of waits for a while only.
func TestShadowsAreBounded(t *testing.T) {
	w := newTwo(t)
	w.connect()
	w.pass(time.Minute)
	frames := w.frames
	for n := range 100_000 {
		w.step(0, voice(func(t *Told) { t.XID = uint32(n) }))
	}
	w.pass(time.Second)
	if s := &w.m[0].shadows; len(s.waiting) > maxUnmatched || len(s.order) > maxUnmatched || len(s.unsent) > 0 {
		t.Errorf("%d wait, %d are to be sent", len(s.waiting), len(s.unsent))
	}
	if n := w.frames - frames; n > 10 {
		t.Errorf("%d frames in a second", n)
	}
	w.pass(2 * toldTime)
	w.step(1, voice(func(t *Told) { t.XID, t.Seconds, t.Served = 100_000-1, 1, false })) // too late to be the same message
	w.pass(2 * time.Second)
	if list := w.m[0].Findings(); len(list) != 0 {
		t.Errorf("%+v", list)
	}
}
