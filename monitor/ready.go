package monitor

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"loadshare/monitor/decide"
)

// lateMost is how far behind its schedule probing may be for the role to be ready.
const lateMost = 5 * time.Second

// readiness is why the role cannot do its job; written by the loop, read by anybody.
type readiness struct {
	text atomic.Pointer[string]
	beat atomic.Int64 // unix nanoseconds of the loop's last turn
}

func (r *readiness) set(why string) { r.text.Store(&why) }

func (r *readiness) why() string {
	if p := r.text.Load(); p != nil {
		return *p
	}
	return "starting"
}

// err is why for a health check.
func (r *readiness) err() error {
	if why := r.why(); why != "" {
		return errors.New(why)
	}
	return nil
}

// turned notes that the loop turns now.
func (l *loop) turned() { l.ready.beat.Store(time.Now().UnixNano()) }

// alive reports whether the loop still turns.
func (r *readiness) alive() bool { return time.Since(time.Unix(0, r.beat.Load())) < 20*time.Second }

// live is alive for a health check.
func (r *readiness) live() error {
	if !r.alive() {
		return errors.New("the loop does not turn")
	}
	return nil
}

// judgeReady looks whether the role can do its job now.
//
// Systemd is told at the first turn, whatever else is away: probing and alerts
// work from then on. Waiting for an agent there would have systemd end a monitor
// after TimeoutStartSec, again and again, just while everything else is down.
func (l *loop) judgeReady() {
	l.turned()
	l.env.Ready()
	why := l.whyNotReady()
	if why != l.ready.why() {
		if why == "" {
			l.log.Info("ready")
		} else {
			l.log.Warn("not ready", "why", why)
		}
	}
	l.ready.set(why)
}

func (l *loop) whyNotReady() string {
	if late := l.prober.Lateness(); late > lateMost {
		return fmt.Sprintf("probing is %s behind its schedule: this host is too busy", late.Round(100*time.Millisecond))
	}
	if len(l.cfg.Pools) == 0 || len(l.publishers()) > 0 {
		return ""
	}
	for _, id := range l.machine.Pools() {
		if v, ok := l.machine.Pool(id); ok && v.Role == decide.RoleStandby {
			return ""
		}
	}
	if len(l.cfg.DNS.Agents) > 0 {
		h := l.links[l.cfg.DNS.Agents[0]]
		return fmt.Sprintf("no publishing agent is connected; the first one, %s: %s", l.cfg.DNS.Agents[0], h.lastErr)
	}
	return "no publishing agent is configured"
}
