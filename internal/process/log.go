package process

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// LogOptions are --log-format and --log-level.
type LogOptions struct {
	Format string // "text" or "json"; empty is "text"
	Level  string // "debug", "info", "warn" or "error"; empty is "info"
}

// NewLogger makes the logger of the process. An error is wrong usage.
func NewLogger(w io.Writer, o LogOptions) (*slog.Logger, error) {
	var level slog.Level
	switch o.Level {
	case "", "info":
	case "debug":
		level = slog.LevelDebug
	case "warn":
		level = slog.LevelWarn
	case "error":
		level = slog.LevelError
	default:
		return nil, fmt.Errorf("--log-level %q: accepted: debug, info, warn or error", o.Level)
	}
	ho := &slog.HandlerOptions{Level: level, ReplaceAttr: redact}
	switch o.Format {
	case "", "text":
		return slog.New(slog.NewTextHandler(w, ho)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, ho)), nil
	}
	return nil, fmt.Errorf("--log-format %q: accepted: text or json", o.Format)
}

// secretKeys are the keys whose values are never logged, alone or as the last
// word of a longer key: "tsig_secret". What names a key is "key_name".
var secretKeys = []string{"secret", "password", "passwd", "passphrase", "key", "token", "cookie", "authorization"}

func redact(_ []string, a slog.Attr) slog.Attr {
	key := strings.ToLower(a.Key)
	for _, s := range secretKeys {
		if key == s || strings.HasSuffix(key, "_"+s) {
			return slog.String(a.Key, "(not shown)")
		}
	}
	return a
}
