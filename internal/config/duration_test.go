package config

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestDurations: "Time values are Go durations plus d and w" (contract).
func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"12s": 12 * time.Second, "1h": time.Hour, "3d": 72 * time.Hour, "2w": 14 * 24 * time.Hour, "0": 0,
		"1w2d3h": 9*24*time.Hour + 3*time.Hour, "1.5d": 36 * time.Hour, "-3d": -72 * time.Hour, "+1m": time.Minute, "250ms": 250 * time.Millisecond, "1µs": time.Microsecond,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-", "5", "d", "1x", "1d2", "1 d", "--1d", "1.d.d", "99999999999w", "106752d", "9223372036854775808ns", "1D"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q: accepted as %v", text, got)
		}
	}
	for d, want := range map[time.Duration]string{
		72 * time.Hour: "3d", 90 * time.Minute: "1h30m", 2 * time.Second: "2s", 0: "0s",
		1500 * time.Millisecond: "1.5s", -36 * time.Hour: "-1d12h", 24*time.Hour + time.Second: "1d1s",
	} {
		if got := FormatDuration(d); got != want {
			t.Errorf("%v: %q, want %q", int64(d), got, want)
		}
	}
}

// TestDurationRoundTrip: ParseDuration reads back what FormatDuration writes.
func TestDurationRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Min(-1<<63+1).Draw(t, "d"))
		if got, err := ParseDuration(FormatDuration(d)); err != nil || got != d {
			t.Fatalf("%d: %q: %d, %v", int64(d), FormatDuration(d), int64(got), err)
		}
	})
}

func TestTTLRateShare(t *testing.T) {
	doc := parse(t, `
a = 30
b = "2m"
c = "1500ms"
d = -1
e = 2147483648
r1 = "3/10m"
r2 = "0/10m"
r3 = "3/0s"
r4 = "3"
p1 = "100%"
p2 = "101%"
p3 = 50
`)
	r := doc.Root()
	for k, want := range map[string]uint32{"a": 30, "b": 120, "c": 7, "d": 7, "e": 7, "absent": 7} {
		if got := r.TTL(k, 7); got != want {
			t.Errorf("%s: %d, want %d", k, got, want)
		}
	}
	def := Rate{1, time.Second}
	for k, want := range map[string]string{"r1": "3/10m", "r2": "1/1s", "r3": "1/1s", "r4": "1/1s"} {
		if got := r.Rate(k, def); got.String() != want {
			t.Errorf("%s: %s, want %s", k, got, want)
		}
	}
	for k, want := range map[string]int{"p1": 100, "p2": 5, "p3": 5} {
		if got := r.Percent(k, 5); got != want {
			t.Errorf("%s: %d, want %d", k, got, want)
		}
	}
	if got := len(doc.Problems()); got != 8 {
		t.Errorf("%d problems, want 8: %v", got, said(doc))
	}
}
