package process

import (
	"context"
	"errors"
	"sync"
	"time"
)

// reloader carries reload requests to the role and keeps the newest result.
type reloader struct {
	requests chan Reload

	// mu: asked for from signals and from the control socket, read by status.
	mu     sync.Mutex
	result *ReloadResult
}

func newReloader() *reloader { return &reloader{requests: make(chan Reload)} }

var errReloadTimeout = errors.New("the role did not finish the reload in time; the configuration in use is unknown, see its log")

// reload sends one request and waits for its answer.
func (r *reloader) reload(ctx context.Context) error {
	err := r.ask(ctx)
	res := &ReloadResult{At: time.Now().UTC().Truncate(time.Millisecond), OK: err == nil}
	if err != nil {
		res.Error = err.Error()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result = res
	return err
}

func (r *reloader) ask(ctx context.Context) error {
	done := make(chan error, 1)
	select {
	case r.requests <- Reload{Done: done}:
	case <-ctx.Done():
		return errReloadTimeout
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return errReloadTimeout
	}
}

func (r *reloader) last() *ReloadResult {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.result
}
