package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const maxRendered = 80 // characters of a value in a problem

// urlPassword finds the password of a URL's user part; it is never printed.
var urlPassword = regexp.MustCompile(`(://[^/@:\s]*):[^/\s]*@`)

// render writes a decoded value as TOML would, shortened, passwords left out.
func render(v any) string {
	s := renderValue(v)
	if r := []rune(s); len(r) > maxRendered {
		s = string(r[:maxRendered-1]) + "…"
	}
	return s
}

func renderValue(v any) string {
	switch v := v.(type) {
	case string:
		return quote(urlPassword.ReplaceAllString(v, "$1:…@"))
	case []any:
		parts := make([]string, 0, min(len(v), maxRendered))
		for _, e := range v[:min(len(v), maxRendered)] {
			parts = append(parts, renderValue(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		return "a table"
	case []map[string]any:
		return "tables"
	case time.Time:
		return v.Format(time.RFC3339)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}

// quote writes a string in double quotes; printable text of any script stays as it is.
func quote(s string) string { return strconv.Quote(s) }
