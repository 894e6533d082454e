package demo

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"loadshare/internal/control"
)

// timeline prints what happens, line by line, with the seconds since the start.
type timeline struct {
	mu    sync.Mutex // lines come from the story, the watcher and the mailbox
	out   io.Writer
	color bool
	begun time.Time
}

// colors of the timeline, by what a line tells.
const (
	plain  = ""
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
	blue   = "36"
	gray   = "90"
)

func (t *timeline) paint(color, text string) string {
	if !t.color || color == plain {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// say prints one line: when, who, what.
func (t *timeline) say(color, who, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := fmt.Sprintf("%7.2fs", time.Since(t.begun).Seconds())
	fmt.Fprintf(t.out, "%s  %s %s\n", t.paint(gray, at), t.paint(bold, fmt.Sprintf("%-10s", who)), t.paint(color, fmt.Sprintf(format, args...)))
}

// text prints a line without a time.
func (t *timeline) text(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.out, format+"\n", args...)
}

// status is the part of the monitor's status that the timeline shows.
type status struct {
	Pools []poolStatus `json:"pools"`
}

type poolStatus struct {
	Record    string         `json:"record"`
	Published []string       `json:"published"`
	Members   []memberStatus `json:"members"`
}

type memberStatus struct {
	Address  string `json:"address"`
	State    string `json:"state"`
	Reason   string `json:"reason"`
	InDNS    bool   `json:"in_dns"`
	Restarts int    `json:"restarts"`
}

// dnsStatus is the part of a DNS server's status that the story needs.
type dnsStatus struct {
	State        string `json:"state"`
	Total        int    `json:"zones_total"`
	Synchronized int    `json:"zones_synchronized"`
}

// dnsStatus asks a DNS server through its control socket.
func (w *world) dnsStatus(ctx context.Context, n node) (s dnsStatus, err error) {
	client, err := control.Connect(w.control(n.name), control.TLS{})
	if err != nil {
		return s, err
	}
	return s, client.Get(ctx, "/v1/status", &s)
}

// monitorStatus asks the monitor through its control socket.
func (w *world) monitorStatus(ctx context.Context) (status, error) {
	var s status
	client, err := control.Connect(w.control("monitor"), control.TLS{})
	if err != nil {
		return s, err
	}
	err = client.Get(ctx, "/v1/status", &s)
	return s, err
}

// watch prints every change of state that the monitor reports, until ctx ends.
func (w *world) watch(ctx context.Context, t *timeline) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var before map[string]string
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s, err := w.monitorStatus(ctx)
		if err != nil {
			continue // it is starting or stopping; the story notices if it should not be
		}
		now := map[string]string{}
		for _, p := range s.Pools {
			w.compare(t, before, now, p)
		}
		before = now
	}
}

// compare prints what is new in one pool and notes it in now.
func (w *world) compare(t *timeline, before, now map[string]string, p poolStatus) {
	short, _, _ := strings.Cut(p.Record, ".")
	for _, m := range p.Members {
		key := p.Record + " " + m.Address
		now[key] = m.State
		if old, known := before[key]; known && old != m.State {
			t.say(stateColor(m.State), "monitor", "%s on %s: %s (%s)", short, w.nodeName(m.Address), m.State, m.Reason)
		}
	}
	now[p.Record] = strings.Join(p.Published, " ")
	if old, known := before[p.Record]; known && old != now[p.Record] {
		names := make([]string, 0, len(p.Published))
		for _, a := range p.Published {
			names = append(names, w.nodeName(a))
		}
		t.say(blue, "dns", "%s is now %s", p.Record, strings.Join(names, ", "))
	}
}

func (w *world) nodeName(addr string) string {
	for _, n := range w.webs {
		if n.addr.String() == addr {
			return n.name + " (" + addr + ")"
		}
	}
	return addr
}

func stateColor(state string) string {
	switch state {
	case "up":
		return green
	case "down", "flapping":
		return red
	case "suspect", "restarting", "recovering":
		return yellow
	}
	return plain
}

// operator returns a step that says one thing to the monitor, as the command line does.
func (w *world) operator(path string, what map[string]string) func(context.Context) error {
	return func(ctx context.Context) error {
		client, err := control.Connect(w.control("monitor"), control.TLS{})
		if err != nil {
			return err
		}
		var reply any
		return client.Post(ctx, path, what, &reply)
	}
}
