package monitor

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"loadshare/internal/alert"
	"loadshare/internal/control"
)

// Times of watching other monitors (M6).
const (
	watchEvery   = 10 * time.Second
	watchTimeout = 5 * time.Second
	peerAwayMost = time.Minute
)

// watcher asks other monitors whether they are ready. It has its own goroutine
// and lock, because it may wait long for each of them.
type watcher struct {
	l *loop

	mu    sync.Mutex
	cfg   *Config
	peers []*peerState
}

type peerState struct {
	monitorJSON
	address control.Address
	alarmed bool
}

func newWatcher(l *loop) *watcher {
	w := &watcher{l: l}
	w.set(l.cfg)
	return w
}

// set changes who is watched.
func (w *watcher) set(cfg *Config) {
	w.mu.Lock()
	defer w.mu.Unlock()
	old := w.peers
	w.cfg, w.peers = cfg, nil
	for _, a := range cfg.Watch {
		if i := slices.IndexFunc(old, func(p *peerState) bool { return p.address == a }); i >= 0 {
			w.peers = append(w.peers, old[i])
			continue
		}
		now := time.Now().UTC()
		w.peers = append(w.peers, &peerState{address: a, monitorJSON: monitorJSON{Address: a.String(), Since: &now, LastError: "not asked yet"}})
	}
}

func (w *watcher) list() []monitorJSON {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]monitorJSON, 0, len(w.peers))
	for _, p := range w.peers {
		out = append(out, p.monitorJSON)
	}
	return out
}

func (w *watcher) start(ctx context.Context) {
	w.l.tasks.Go(func() {
		for sleep(ctx, watchEvery) {
			w.mu.Lock()
			peers, tls := slices.Clone(w.peers), w.cfg.WatchTLS
			w.mu.Unlock()
			for _, p := range peers {
				id, err := askPeer(ctx, p.address, tls)
				w.note(ctx, p, id, err)
			}
		}
	})
}

// askPeer asks one monitor who it is and whether it is ready.
func askPeer(ctx context.Context, a control.Address, tls control.TLS) (id string, err error) {
	if a.Socket != "" {
		tls = control.TLS{}
	}
	c, err := control.Connect(a.String(), tls)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, watchTimeout)
	defer cancel()
	var r readyJSON
	if err := c.Get(ctx, "/v1/ready", &r); err != nil {
		return "", err
	}
	if !r.Ready {
		return r.ID, fmt.Errorf("it is not ready: %s", r.Why)
	}
	return r.ID, nil
}

// note keeps what was heard, and tells people once when a monitor is away and
// once when it is back.
func (w *watcher) note(ctx context.Context, p *peerState, id string, err error) {
	if ctx.Err() != nil {
		return
	}
	w.mu.Lock()
	now := time.Now().UTC()
	was := p.OK
	p.OK, p.LastError = err == nil, ""
	if err != nil {
		p.LastError = err.Error()
	}
	if id != "" {
		p.ID = id
	}
	if was != p.OK {
		p.Since = &now
	}
	away := !p.OK && !p.alarmed && now.Sub(*p.Since) >= peerAwayMost
	back := p.OK && p.alarmed
	if away {
		p.alarmed = true
	}
	if back {
		p.alarmed = false
	}
	name, since, text := p.Address, *p.Since, p.LastError
	w.mu.Unlock()
	switch {
	case away:
		w.l.told.alert(ctx, alert.Alert{Incident: "monitor " + name, Kind: alert.Degraded, At: now, Title: "monitor at " + name + " is away",
			Next: "loadshare status -s " + name, Body: fmt.Sprintf("Not ready since %s: %s.\nThis monitor goes on; while both are there, one stands by.\n", utc(since), text)})
	case back:
		w.l.told.alert(ctx, alert.Alert{Incident: "monitor " + name, Kind: alert.Recovery, Final: true, At: now, Title: "monitor at " + name + " is back"})
	}
}
