package process

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Quiet keeps what strangers can cause from filling the log: of each message a few a second, and then how many more there were
// (not_logged). The zero value is ready; it is safe for several goroutines.
type Quiet struct {
	mu   sync.Mutex // any goroutine logs
	seen map[string]*burst
}

type burst struct {
	second  int64
	count   int
	skipped int
}

const (
	perSecond = 5
	eachOne   = 20 // of what people want to see one by one, until it is a flood
)

// Warn logs a message that anybody can cause.
func (q *Quiet) Warn(log *slog.Logger, msg string, args ...any) {
	q.some(log, slog.LevelWarn, msg, perSecond, msg, args)
}

// Info logs a message that anybody can cause.
func (q *Quiet) Info(log *slog.Logger, msg string, args ...any) {
	q.some(log, slog.LevelInfo, msg, perSecond, msg, args)
}

// Error logs a message that anybody can cause.
func (q *Quiet) Error(log *slog.Logger, msg string, args ...any) {
	q.some(log, slog.LevelError, msg, perSecond, msg, args)
}

// Log logs a message that anybody can cause, at that level.
func (q *Quiet) Log(log *slog.Logger, level slog.Level, msg string, args []any) {
	q.some(log, level, msg, perSecond, msg, args)
}

// Each logs what counts one by one, a change of state for example, of one partner; one that only makes noise is cut short.
func (q *Quiet) Each(log *slog.Logger, level slog.Level, partner, msg string, args []any) {
	q.some(log, level, msg+" "+partner, eachOne, msg, args)
}

func (q *Quiet) some(log *slog.Logger, level slog.Level, key string, most int, msg string, args []any) {
	skipped, ok := q.pass(key, time.Now().Unix(), most)
	if !ok {
		return
	}
	if skipped > 0 {
		args = append(args, "not_logged", skipped)
	}
	log.Log(context.Background(), level, msg, args...)
}

// pass says whether to log now and how many were not before.
func (q *Quiet) pass(key string, second int64, most int) (skipped int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.seen == nil {
		q.seen = map[string]*burst{}
	}
	b := q.seen[key]
	if b == nil {
		b = &burst{}
		q.seen[key] = b
	}
	if second != b.second {
		b.second, b.count = second, 0
	}
	if b.count++; b.count > most {
		b.skipped++
		return 0, false
	}
	skipped, b.skipped = b.skipped, 0
	return skipped, true
}
