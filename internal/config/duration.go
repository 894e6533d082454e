package config

import (
	"fmt"
	"math"
	"strings"
	"time"
)

const (
	day  = 24 * time.Hour
	week = 7 * day
)

// ParseDuration reads a Go duration in which d (24 h) and w (7 d) are units
// too, largest first or not: "12s", "1h30m", "3d", "1w2d", "-1.5d".
func ParseDuration(str string) (time.Duration, error) {
	bad := fmt.Errorf("%q is not a duration such as 12s, 1h30m, 3d or 1w", str)
	rest, negative := strings.CutPrefix(str, "-")
	if !negative {
		rest = strings.TrimPrefix(rest, "+")
	}
	if rest == "0" {
		return 0, nil
	}
	if rest == "" {
		return 0, bad
	}
	var total time.Duration
	for rest != "" {
		end := strings.IndexFunc(rest, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
		if end <= 0 {
			return 0, bad
		}
		number := rest[:end]
		rest = rest[end:]
		end = strings.IndexAny(rest, ".0123456789")
		if end < 0 {
			end = len(rest)
		}
		unit := rest[:end]
		rest = rest[end:]
		part, ok := parsePart(number, unit)
		if !ok || part > math.MaxInt64-total {
			return 0, bad
		}
		total += part
	}
	if negative {
		total = -total
	}
	return total, nil
}

// parsePart reads one number with its unit. Days and weeks are read as so many
// times the hours, with the library's rounding of fractions.
func parsePart(number, unit string) (time.Duration, bool) {
	times := time.Duration(1)
	switch unit {
	case "d":
		unit, times = "h", day/time.Hour
	case "w":
		unit, times = "h", week/time.Hour
	}
	d, err := time.ParseDuration(number + unit)
	if err != nil || d > math.MaxInt64/times {
		return 0, false
	}
	return d * times, true
}

// FormatDuration writes a duration as a configuration does, without zero parts:
// "3d", "1h30m", "2s", "1.5s", "250ms". ParseDuration reads it back exactly.
func FormatDuration(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	if d == math.MinInt64 { // its negation does not exist
		return d.String()
	}
	var b strings.Builder
	if d < 0 {
		b.WriteByte('-')
		d = -d
	}
	for _, u := range []struct {
		size time.Duration
		name string
	}{{day, "d"}, {time.Hour, "h"}, {time.Minute, "m"}} {
		if n := d / u.size; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, u.name)
			d -= n * u.size
		}
	}
	if d > 0 {
		b.WriteString(d.String())
	}
	return b.String()
}
