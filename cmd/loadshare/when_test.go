package main

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // for places with summer time, wherever the test runs
)

// Checklist D35: "-<num><s|m|h|d|w> (e.g. -3d) or Oct 31 00:00:00 2001, local time of the CLI".
func TestD35PastMoments(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2001, 11, 3, 12, 0, 0, 500, berlin) // UTC+1
	for text, want := range map[string]string{
		"-3d": "2001-10-31T11:00:00Z", "-90m": "2001-11-03T09:30:00Z", "-1w": "2001-10-27T11:00:00Z", "-30s": "2001-11-03T10:59:30Z", "-1h": "2001-11-03T10:00:00Z",
		"-0s":                   "2001-11-03T11:00:00Z",
		"Oct 31 00:00:00 2001":  "2001-10-30T23:00:00Z", // local, winter time
		"october 31 00:00 01":   "2001-10-30T23:00:00Z", // name of the month, two digits of the year
		"Jul 1, 12:00:00 2001":  "2001-07-01T10:00:00Z", // summer time was two hours ahead
		"2001-10-31 00:00:00":   "2001-10-30T23:00:00Z",
		"2001-10-31T00:00:00":   "2001-10-30T23:00:00Z",
		"2001-10-31":            "2001-10-30T23:00:00Z",
		"2001-10-31T00:00:00Z":  "2001-10-31T00:00:00Z", // with a zone
		" 2001-11-03 11:59 ":    "2001-11-03T10:59:00Z",
		"2001-10-28 02:30:00":   "2001-10-28T01:30:00Z", // was there twice: the later
		"Oct 28 01:59:59 2001":  "2001-10-27T23:59:59Z",
		"2001-10-31T00:00:00+5": "",
	} {
		got, err := parseWhen(text, now)
		if want == "" {
			if err == nil {
				t.Errorf("%q is accepted: %v", text, got)
			}
			continue
		}
		if err != nil || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%q: %v %v, want %s", text, got.UTC(), err, want)
		}
	}
	for text, why := range map[string]string{
		"": "no time", "3d": "not a moment", "+3d": "not a moment", "-3": "not so long", "-d": "not so long", "-3x": "not so long", "-9999w": "not so long",
		"-3d ago": "minus sign", "3d ago": "minus sign", "Oct 31 00:00:00 2002": "future", "2001-11-03 12:00:01": "future", "Feb 30 00:00:00 2001": "not a moment",
		"Oct 32 00:00:00 2001": "not a moment", "Okt 31 00:00:00 2001": "not a moment", "Oct 31 24:00:00 2001": "not a moment", "Oct 31 00:00:00 1": "not a moment",
		"Oct 31 2001": "not a moment", "2001-03-25 02:30:00": "left out", "1900-01-01": "too long ago", "yesterday": "not a moment", "Oct 31 00:00:00 -1": "not a moment",
	} {
		if got, err := parseWhen(text, now); err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), "accepted: -3d") {
			t.Errorf("%q: %v, %v; want %q", text, got, err, why)
		}
	}
}

func FuzzParseWhen(f *testing.F) {
	for _, s := range []string{"-3d", "Oct 31 00:00:00 2001", "2001-10-31T00:00:00Z", "2001-10-28 02:30:00", "-1w2d", "Feb 29 00:00 00"} {
		f.Add(s)
	}
	now := time.Date(2001, 11, 3, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseWhen(text, now)
		if err == nil && (got.After(now) || now.Sub(got) > oldest+time.Second) {
			t.Errorf("%q is %v", text, got)
		}
	})
}
