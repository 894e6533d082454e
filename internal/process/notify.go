package process

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// notifier tells systemd how the process does. Without NOTIFY_SOCKET it is silent.
type notifier struct {
	log   *slog.Logger
	every time.Duration // half of WatchdogSec; 0 without a watchdog

	// mu: the role gives alive while the watchdog asks for it.
	mu      sync.Mutex
	alive   func() bool
	isReady bool
}

func newNotifier(log *slog.Logger) *notifier {
	n := &notifier{log: log, alive: func() bool { return true }}
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("systemd's watchdog cannot be used", "error", err)
	}
	n.every = interval / 2
	return n
}

func (n *notifier) say(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		n.log.Warn("systemd could not be told", "state", state, "error", err)
	}
}

func (n *notifier) ready() {
	n.mu.Lock()
	n.isReady = true
	n.mu.Unlock()
	n.say(daemon.SdNotifyReady)
}

// reload says that one begins, and returns what says that it has ended. Before
// the first ready it says nothing: systemd would take the end of the reload for
// the end of the start.
func (n *notifier) reload() (ended func()) {
	n.mu.Lock()
	isReady := n.isReady
	n.mu.Unlock()
	if !isReady {
		return func() {}
	}
	n.say(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec())
	return func() { n.say(daemon.SdNotifyReady) }
}

func (n *notifier) stopping() { n.say(daemon.SdNotifyStopping) }

func (n *notifier) watch(alive func() bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.alive = alive
}

func (n *notifier) isAlive() bool {
	n.mu.Lock()
	alive := n.alive
	n.mu.Unlock()
	return alive()
}

// watchdog says WATCHDOG=1 while the role is alive, until ctx ends. A role that
// is not is logged, and systemd restarts it when WatchdogSec is over.
func (n *notifier) watchdog(ctx context.Context) {
	if n.every <= 0 {
		return
	}
	tick := time.NewTicker(n.every)
	defer tick.Stop()
	for {
		if n.isAlive() {
			n.say(daemon.SdNotifyWatchdog)
		} else {
			n.log.Error("the role says it is not alive, the watchdog is not fed")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
