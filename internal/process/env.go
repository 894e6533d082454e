package process

import (
	"context"
	"log/slog"
	"time"
)

// Env is what a role gets from its process. Tests and `demo`, which run roles
// without a process of their own, fill in what they need with NewEnv.
type Env struct {
	Log     *slog.Logger
	Version string
	Path    string // the configuration file, to be read again at a reload

	// Ready says once that the role has started, READY=1 to systemd. It waits for
	// nothing that another host must bring. More calls do nothing.
	Ready func()
	// Stopping says that the role is on its way down by itself; Run says so
	// when its context ends.
	Stopping func()
	// Reloads are requests to read Path again. The role validates all of it,
	// then swaps, and answers each on Done; on an error the old stays.
	Reloads <-chan Reload

	// Reload asks for a reload as SIGHUP does and returns its result: for
	// POST /v1/reload. It ends with ctx at the latest.
	Reload func(ctx context.Context) error
	// LastReload is the result of the newest reload, nil when there was none;
	// the "reload" of status.
	LastReload func() *ReloadResult
	// Watch gives the function that is asked, at half of systemd's WatchdogSec,
	// whether the role is alive. It must return soon. Without it the role
	// counts as alive.
	Watch func(alive func() bool)
}

// Reload is one request to read the configuration again. Done has room for the
// answer: nil, or why the old configuration stays.
type Reload struct{ Done chan<- error }

// ReloadResult is how a reload ended.
type ReloadResult struct {
	At    time.Time `json:"at"`
	OK    bool      `json:"ok"`
	Error string    `json:"error"` // empty when OK
}

// NewEnv is an Env without a process around it: Ready, Stopping and Watch do
// nothing, and Reload works through Reloads as in a process.
func NewEnv(log *slog.Logger, path string) Env {
	r := newReloader()
	return Env{
		Log: log, Path: path,
		Ready: func() {}, Stopping: func() {}, Watch: func(func() bool) {},
		Reloads: r.requests, Reload: r.reload, LastReload: r.last,
	}
}

// PassReloads turns requests to reload into functions for the role's loop, until ctx ends. reload reads the file again.
func (e Env) PassReloads(ctx context.Context, to chan<- func(), reload func(path string) error) {
	for {
		select {
		case r := <-e.Reloads:
			select {
			case to <- func() { r.Done <- reload(e.Path) }:
			case <-ctx.Done():
				r.Done <- ctx.Err()
			}
		case <-ctx.Done():
			return
		}
	}
}
