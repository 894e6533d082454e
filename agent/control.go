package agent

import (
	"context"
	"errors"
	"sync"
	"time"

	"loadshare/internal/alert"
	"loadshare/internal/control"
	"loadshare/internal/process"
)

// readiness is why the agent cannot do its job now; "" when it can. Many ask,
// the loop sets.
type readiness struct {
	mu  sync.Mutex
	why string
}

func (r *readiness) set(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.why = why
}

func (r *readiness) get() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.why
}

func (r *readiness) err() error {
	if why := r.get(); why != "" {
		return errors.New(why)
	}
	return nil
}

// statusJSON is the contract's, and more.
type statusJSON struct {
	Name        string                `json:"name"`
	Version     string                `json:"version"`
	Services    []serviceJSON         `json:"services"`
	Publish     publishJSON           `json:"publish"`
	FrozenSince *time.Time            `json:"frozen_since"`
	Monitors    []monitorJSON         `json:"monitors"`
	Alerts      *alert.Status         `json:"alerts"` // null where nothing delivers
	Reload      *process.ReloadResult `json:"reload"`
}

type serviceJSON struct {
	Name        string     `json:"name"`
	Restarts    int        `json:"restarts"`
	LastRestart *time.Time `json:"last_restart"`
	LastResult  string     `json:"last_result"`
}

type publishJSON struct {
	Policy  string       `json:"policy"`
	Servers []serverJSON `json:"servers"`
	Queued  int          `json:"queued"`
}

type serverJSON struct {
	Address   string     `json:"address"`
	OK        bool       `json:"ok"`
	LastError string     `json:"last_error"`
	Asked     *time.Time `json:"last_asked"` // null: nothing was asked of it yet
}

type monitorJSON struct {
	ID        string     `json:"id"`
	Connected bool       `json:"connected"`
	LastHeard *time.Time `json:"last_heard"`
	Holds     []string   `json:"holds"`
}

type readyJSON struct {
	Ready bool   `json:"ready"`
	Why   string `json:"why"`
}

// handler is the part of a control server that the agent needs.
type handler interface {
	Handle(pattern string, h control.Handler)
}

func (l *loop) serveOperator(s handler) {
	s.Handle("GET /v1/status", func(ctx context.Context, _ control.Request) (any, error) {
		var out statusJSON
		err := l.do(ctx, func(now time.Time) { out = l.status(now) })
		return out, err
	})
	s.Handle("GET /v1/ready", func(context.Context, control.Request) (any, error) {
		why := l.ready.get()
		return readyJSON{Ready: why == "", Why: why}, nil
	})
	s.Handle("POST /v1/reload", func(ctx context.Context, _ control.Request) (any, error) {
		if err := l.env.Reload(ctx); err != nil {
			return nil, control.Refuse("%v", err)
		}
		return map[string]bool{"ok": true}, nil
	})
}

// status is built on the loop.
func (l *loop) status(now time.Time) statusJSON {
	st := l.machine.Status(now)
	out := statusJSON{
		Name: l.cfg.Name, Version: l.env.Version, Reload: l.env.LastReload(),
		Services: []serviceJSON{}, Publish: publishJSON{Servers: []serverJSON{}, Queued: st.Queued},
		Monitors: []monitorJSON{}, FrozenSince: instant(st.FrozenSince),
	}
	if l.delivery != nil {
		out.Alerts = l.delivery().Status()
	}
	if p := l.cfg.Publish; p != nil {
		out.Publish.Policy = policyName(p.Policy)
	}
	for _, s := range st.Services {
		out.Services = append(out.Services, serviceJSON{s.Name, s.Restarts, instant(s.LastRestart), s.LastResult})
	}
	for _, s := range st.Servers {
		out.Publish.Servers = append(out.Publish.Servers, serverJSON{s.Address, s.OK, s.LastErr, instant(s.Asked)})
	}
	for _, m := range st.Monitors {
		j := monitorJSON{ID: m.ID, Connected: l.sessions[m.ID] != nil, LastHeard: instant(m.Heard), Holds: []string{}}
		for _, id := range m.Holds {
			j.Holds = append(j.Holds, string(id))
		}
		out.Monitors = append(out.Monitors, j)
	}
	return out
}

func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Round(0)
	return &t
}
