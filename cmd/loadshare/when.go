package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"loadshare/internal/config"
)

const whenForms = `-3d (s, m, h, d, w), "Oct 31 00:00:00 2001" or "2001-10-31 00:00:00", local to this machine, or with a zone 2001-10-31T00:00:00Z`

// oldest is the oldest past that can be meant.
const oldest = 50 * 365 * 24 * time.Hour

// parseWhen reads a past moment as an operator says it (checklist D35): how long ago, or a date, local to now's place. Of a local time that
// was there twice, when clocks went back, it takes the later: what is asked with it then waits longer.
func parseWhen(text string, now time.Time) (time.Time, error) {
	fields := strings.Fields(text)
	bad := func(why string) (time.Time, error) {
		return time.Time{}, fmt.Errorf("%q: %s; accepted: %s", text, why, whenForms)
	}
	var t time.Time
	var ok bool
	switch {
	case len(fields) == 0:
		return bad("no time at all")
	case len(fields) == 1 && strings.HasPrefix(fields[0], "-"):
		ago, err := config.ParseDuration(fields[0])
		if err != nil || -ago > oldest {
			return bad("not so long ago that it can be meant")
		}
		t, ok = now.Add(ago), true
	case len(fields) == 1 && strings.HasSuffix(fields[0], "ago"), len(fields) == 2 && fields[1] == "ago":
		return bad("say it with a minus sign")
	default:
		var zoned bool
		var wall time.Time
		wall, zoned, ok = parseDate(fields)
		if zoned || !ok {
			t = wall
			break
		}
		if t, ok = localTime(wall, now.Location()); !ok {
			return bad("this time of day was left out there, when clocks went forward")
		}
	}
	switch {
	case !ok:
		return bad("not a moment")
	case t.After(now):
		return bad("it is in the future")
	case now.Sub(t) > oldest:
		return bad("it is too long ago to be meant")
	}
	return t.Truncate(time.Second), nil
}

// parseDate reads a date. Without a zone the result says in UTC what stood there.
func parseDate(fields []string) (t time.Time, zoned, ok bool) {
	if len(fields) == 4 {
		return sourceDate(fields)
	}
	text := strings.Join(fields, " ")
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, true, true
	}
	for _, layout := range []string{time.DateTime, "2006-01-02T15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, false, true
		}
	}
	return time.Time{}, false, false
}

// sourceDate reads the form of the source: month (its name or the first three letters), day, hour, year (or its last two digits).
func sourceDate(fields []string) (t time.Time, zoned, ok bool) {
	month := monthOf(fields[0])
	day, err := strconv.Atoi(strings.TrimSuffix(fields[1], ","))
	if err != nil || month == 0 {
		return time.Time{}, false, false
	}
	clock, err := time.Parse(time.TimeOnly, fields[2])
	if err != nil {
		if clock, err = time.Parse("15:04", fields[2]); err != nil {
			return time.Time{}, false, false
		}
	}
	year, err := strconv.Atoi(fields[3])
	if err != nil || year < 0 || len(fields[3]) != 2 && len(fields[3]) != 4 {
		return time.Time{}, false, false
	}
	if len(fields[3]) == 2 {
		year += 2000
	}
	t = time.Date(year, month, day, clock.Hour(), clock.Minute(), clock.Second(), 0, time.UTC)
	return t, false, t.Day() == day && t.Month() == month
}

func monthOf(word string) time.Month {
	for m := time.January; m <= time.December; m++ {
		if strings.EqualFold(word, m.String()) || strings.EqualFold(word, m.String()[:3]) {
			return m
		}
	}
	return 0
}

// localTime is the moment when clocks at that place showed what wall says; false: they never did. Of two it is the later.
func localTime(wall time.Time, place *time.Location) (time.Time, bool) {
	read := func(t time.Time) time.Time {
		l := t.In(place)
		return time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), l.Second(), 0, time.UTC)
	}
	// The offset that holds is one of those a day around.
	var found time.Time
	for _, at := range []time.Time{wall.Add(-26 * time.Hour), wall, wall.Add(26 * time.Hour)} {
		_, offset := at.In(place).Zone()
		if t := wall.Add(-time.Duration(offset) * time.Second); read(t).Equal(wall) && t.After(found) {
			found = t
		}
	}
	return found.In(place), !found.IsZero()
}
