package dhcp

import (
	"log/slog"
	"sync"
	"time"
)

// quiet keeps what strangers can cause from filling the log: of each message a few a second, and then how many more there were.
type quiet struct {
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

func (q *quiet) warn(log *slog.Logger, msg string, args ...any) {
	q.log(log, slog.LevelWarn, msg, args)
}
func (q *quiet) info(log *slog.Logger, msg string, args ...any) {
	q.log(log, slog.LevelInfo, msg, args)
}

func (q *quiet) log(log *slog.Logger, level slog.Level, msg string, args []any) {
	q.some(log, level, msg, perSecond, msg, args)
}

// each is for changes of state and conflicts of one pair, of which every one counts; a partner that only makes noise is cut short.
func (q *quiet) each(log *slog.Logger, level slog.Level, pair, msg string, args []any) {
	q.some(log, level, msg+" "+pair, eachOne, msg, args)
}

func (q *quiet) some(log *slog.Logger, level slog.Level, key string, most int, msg string, args []any) {
	skipped, ok := q.pass(key, time.Now().Unix(), most)
	if !ok {
		return
	}
	if skipped > 0 {
		args = append(args, "not_logged", skipped)
	}
	log.Log(background, level, msg, args...)
}

// pass says whether to log now and how many were not before.
func (q *quiet) pass(key string, second int64, most int) (skipped int, ok bool) {
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
