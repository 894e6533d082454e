package room

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Serve has hs answer on over, which is l or TLS on l, until ctx ends, gives running requests the time drain to finish, and closes both. It returns nil when ctx
// ended. What hs itself would complain about, such as a client that goes away, goes to log as debug messages.
func (l *Listener) Serve(ctx context.Context, over net.Listener, hs *http.Server, drain time.Duration, log *slog.Logger) error {
	hs.ConnState = l.State
	hs.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	done := make(chan error, 1)
	go func() { done <- hs.Serve(over) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
		defer cancel()
		if hs.Shutdown(stop) != nil {
			hs.Close()
		}
		err = <-done
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
