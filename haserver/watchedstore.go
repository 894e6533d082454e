package haserver

import (
	"sync/atomic"
	"time"

	"loadshare/internal/durable"
)

// watchedStore is a store that knows since when it has not come on with what it is to write.
type watchedStore struct {
	durable.Store
	writing atomic.Int32
	since   atomic.Int64 // when the oldest write under way began, or another one ended after that; nanoseconds since 1970
}

func (w *watchedStore) Commit(b *durable.Batch) error {
	if w.writing.Add(1) == 1 {
		w.since.Store(time.Now().UnixNano())
	}
	defer func() {
		w.since.Store(time.Now().UnixNano())
		w.writing.Add(-1)
	}()
	return w.Store.Commit(b)
}

// hangs is how long nothing that is to be written was; 0: nothing is to be.
func (w *watchedStore) hangs(now time.Time) time.Duration {
	if w.writing.Load() == 0 {
		return 0
	}
	return max(0, now.Sub(time.Unix(0, w.since.Load())))
}
