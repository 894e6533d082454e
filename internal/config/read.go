package config

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// String is the string at key, def when absent or of another type.
func (s *Section) String(key, def string) string {
	v, ok := s.get(key)
	if !ok {
		return def
	}
	str, ok := v.(string)
	if !ok {
		s.Fail(key, "a string in quotes")
		return def
	}
	return str
}

// Required is the string at key; absent or empty it is a problem.
func (s *Section) Required(key string) string {
	str := s.String(key, "")
	if str == "" && (!s.Has(key) || s.isString(key)) {
		s.Fail(key, "a string that is not empty")
	}
	return str
}

func (s *Section) isString(key string) bool {
	_, ok := s.Raw(key).(string)
	return ok
}

// OneOf is the string at key, which must be one of accepted; def when absent.
func (s *Section) OneOf(key, def string, accepted ...string) string {
	v, ok := s.get(key)
	if !ok {
		return def
	}
	if str, ok := v.(string); ok {
		for _, a := range accepted {
			if str == a {
				return str
			}
		}
	}
	s.Fail(key, quotedOr(accepted))
	return def
}

func quotedOr(words []string) string {
	q := make([]string, len(words))
	for i, w := range words {
		q[i] = quote(w)
	}
	if len(q) < 2 {
		return strings.Join(q, "")
	}
	return strings.Join(q[:len(q)-1], ", ") + " or " + q[len(q)-1]
}

// Bool is true or false at key, def when absent.
func (s *Section) Bool(key string, def bool) bool {
	v, ok := s.get(key)
	if !ok {
		return def
	}
	b, ok := v.(bool)
	if !ok {
		s.Fail(key, "true or false")
		return def
	}
	return b
}

// Int is the whole number at key, from min to max; max 0 is no upper limit.
func (s *Section) Int(key string, def, min, max int) int {
	v, ok := s.get(key)
	if !ok {
		return def
	}
	n, ok := inRange(v, min, max)
	if !ok {
		s.Fail(key, "a number "+rangeText(min, max))
		return def
	}
	return n
}

func inRange(v any, min, max int) (int, bool) {
	n, ok := v.(int64)
	if !ok || n < int64(min) || max != 0 && n > int64(max) || n > math.MaxInt || n < math.MinInt {
		return 0, false
	}
	return int(n), true
}

func rangeText(min, max int) string {
	if max == 0 {
		return fmt.Sprintf("of %d or more", min)
	}
	return fmt.Sprintf("from %d to %d", min, max)
}

// Duration is the duration at key ("5s", "1h30m", "3d", "2w"), from min to max;
// max 0 is no upper limit.
func (s *Section) Duration(key string, def, min, max time.Duration) time.Duration {
	v, ok := s.get(key)
	if !ok {
		return def
	}
	if str, isString := v.(string); isString {
		d, err := ParseDuration(str)
		if err == nil && d >= min && (max == 0 || d <= max) {
			return d
		}
	}
	s.Fail(key, durationRange(min, max))
	return def
}

func durationRange(min, max time.Duration) string {
	if max == 0 {
		return fmt.Sprintf("a duration of %s or more, such as \"5s\", \"1h30m\" or \"3d\"", FormatDuration(min))
	}
	return fmt.Sprintf("a duration from %s to %s, such as \"5s\", \"1h30m\" or \"3d\"", FormatDuration(min), FormatDuration(max))
}

// maxTTL is the largest TTL there is (RFC 2181 section 8).
const maxTTL = 1<<31 - 1

// TTL is the time to live at key in seconds, written as a number of seconds or
// as a duration of whole seconds. Below 5 it is used, with a warning.
func (s *Section) TTL(key string, def uint32) uint32 {
	v, ok := s.get(key)
	if !ok {
		return def
	}
	seconds := int64(-1)
	switch v := v.(type) {
	case int64:
		seconds = v
	case string:
		if d, err := ParseDuration(v); err == nil && d%time.Second == 0 {
			seconds = int64(d / time.Second)
		}
	}
	if seconds < 0 || seconds > maxTTL {
		s.Fail(key, fmt.Sprintf("seconds from 0 to %d, or a duration such as \"30s\"", maxTTL))
		return def
	}
	if seconds < 5 {
		s.Warn(key, "with a ttl below 5 s almost every lookup reaches your servers; many resolvers raise it anyway")
	}
	return uint32(seconds)
}

// Rate is so many in a window of time, written "3/10m". The zero Rate is none.
type Rate struct {
	Count int
	Per   time.Duration
}

// String writes the rate as a configuration does.
func (r Rate) String() string { return fmt.Sprintf("%d/%s", r.Count, FormatDuration(r.Per)) }

// Rate is the rate at key, at least 1 in more than no time; def when absent.
func (s *Section) Rate(key string, def Rate) Rate {
	v, ok := s.get(key)
	if !ok {
		return def
	}
	if str, isString := v.(string); isString {
		if r, ok := parseRate(str); ok {
			return r
		}
	}
	s.Fail(key, "a count and a window, such as \"3/10m\"")
	return def
}

func parseRate(str string) (Rate, bool) {
	count, window, ok := strings.Cut(str, "/")
	if !ok {
		return Rate{}, false
	}
	n, ok := parseCount(count)
	d, err := ParseDuration(window)
	return Rate{n, d}, ok && n > 0 && err == nil && d > 0
}

// Percent is a share at key, written "50%", from 0 to 100; def, in percent, when absent.
func (s *Section) Percent(key string, def int) int {
	v, ok := s.get(key)
	if !ok {
		return def
	}
	if str, isString := v.(string); isString {
		if digits, isPercent := strings.CutSuffix(str, "%"); isPercent {
			if n, ok := parseCount(digits); ok && n <= 100 {
				return n
			}
		}
	}
	s.Fail(key, "a share from \"0%\" to \"100%\"")
	return def
}

// parseCount reads a plain decimal number of at most nine digits.
func parseCount(str string) (int, bool) {
	if str == "" || len(str) > 9 {
		return 0, false
	}
	n := 0
	for _, c := range []byte(str) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}
