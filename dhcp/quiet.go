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

const perSecond = 5

func (q *quiet) warn(log *slog.Logger, msg string, args ...any) {
	q.log(log, slog.LevelWarn, msg, args)
}
func (q *quiet) info(log *slog.Logger, msg string, args ...any) {
	q.log(log, slog.LevelInfo, msg, args)
}

func (q *quiet) log(log *slog.Logger, level slog.Level, msg string, args []any) {
	skipped, ok := q.pass(msg, time.Now().Unix())
	if !ok {
		return
	}
	if skipped > 0 {
		args = append(args, "not_logged", skipped)
	}
	log.Log(background, level, msg, args...)
}

// pass says whether to log now and how many were not before.
func (q *quiet) pass(msg string, second int64) (skipped int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.seen == nil {
		q.seen = map[string]*burst{}
	}
	b := q.seen[msg]
	if b == nil {
		b = &burst{}
		q.seen[msg] = b
	}
	if second != b.second {
		b.second, b.count = second, 0
	}
	if b.count++; b.count > perSecond {
		b.skipped++
		return 0, false
	}
	skipped, b.skipped = b.skipped, 0
	return skipped, true
}
