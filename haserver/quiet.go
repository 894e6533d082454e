package haserver

import (
	"log/slog"
	"sync"
	"time"
)

// quiet keeps what strangers can cause from filling the log: of each message a few a second, and then how many
// more there were.
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
	if skipped, ok := q.pass(msg); ok {
		log.Warn(msg, counted(args, skipped)...)
	}
}

func (q *quiet) info(log *slog.Logger, msg string, args ...any) {
	if skipped, ok := q.pass(msg); ok {
		log.Info(msg, counted(args, skipped)...)
	}
}

func (q *quiet) error(log *slog.Logger, msg string, args ...any) {
	if skipped, ok := q.pass(msg); ok {
		log.Error(msg, counted(args, skipped)...)
	}
}

// pass says whether to log now and how many were not before.
func (q *quiet) pass(msg string) (skipped int, ok bool) {
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
	if now := time.Now().Unix(); now != b.second {
		b.second, b.count = now, 0
	}
	b.count++
	if b.count > perSecond {
		b.skipped++
		return 0, false
	}
	skipped, b.skipped = b.skipped, 0
	return skipped, true
}

func counted(args []any, skipped int) []any {
	if skipped == 0 {
		return args
	}
	return append(args, "not_logged", skipped)
}
