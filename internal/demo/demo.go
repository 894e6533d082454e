package demo

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Options of a demo run.
type Options struct {
	// Script plays the whole story and ends; otherwise the demo runs until ctx ends.
	Script bool
	// Keep leaves the directory with all configurations and logs behind.
	Keep bool
	Out  io.Writer
	// Color paints the timeline with ANSI colours.
	Color bool
}

// Run starts the whole system on loopback. With Script it returns nil only when
// every step held; without, it returns nil when ctx ends. Whatever it started
// has ended when it returns.
func Run(ctx context.Context, o Options) error {
	binary, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program's file: %w", err)
	}
	w, err := newWorld(binary)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t := &timeline{out: o.Out, color: o.Color, begun: time.Now()}
	p := newProcs(w)
	err = w.run(ctx, p, t, o)
	p.stopAll()
	if err != nil {
		t.text("\nThe logs and configurations are left in %s", w.dir)
		return err
	}
	if o.Keep {
		t.text("Everything is left in %s", w.dir)
		return nil
	}
	return os.RemoveAll(w.dir)
}

func (w *world) run(ctx context.Context, p *procs, t *timeline, o Options) error {
	if err := w.openMailbox(ctx, t); err != nil {
		return err
	}
	t.text("loadshare demo: an HA DNS pair, a DHCP pair, three nodes, five agents, one monitor, each a process of its own on %s/24.", w.webs[0].addr)
	if o.Script {
		t.text("It plays the story \"a service dies, then the main DNS server, then the main DHCP server\"; each step is proved by queries on the wire.\n")
	}
	if err := w.startAll(ctx, p, t); err != nil {
		return err
	}
	go w.watch(ctx, t)
	if o.Script {
		return w.story(ctx, p, t)
	}
	t.text("%s", w.howToPlay())
	return w.untilStopped(ctx, p)
}

// startAll starts the services and all roles, and waits until both DNS servers answer with every address.
func (w *world) startAll(ctx context.Context, p *procs, t *timeline) error {
	for i := range w.webs {
		for _, s := range w.services(i) {
			s.quiet = true
			if err := s.start(); err != nil {
				return err
			}
		}
	}
	for _, r := range w.roles() {
		if err := p.start(r); err != nil {
			return err
		}
	}
	t.say(plain, "demo", "all processes started, waiting for the first verdicts")
	return w.settled(ctx, p)
}

// settled waits until the monitor has seen every member up and DNS says so.
func (w *world) settled(ctx context.Context, p *procs) error {
	return until(ctx, 20*time.Second, func(ctx context.Context) error {
		if name, log := p.dead(); name != "" {
			return fmt.Errorf("%s ended by itself:\n%s", name, log)
		}
		s, err := w.monitorStatus(ctx)
		if err != nil {
			return err
		}
		for _, pool := range s.Pools {
			for _, m := range pool.Members {
				if m.State != "up" || !m.InDNS {
					return fmt.Errorf("%s on %s is %s (%s)", pool.Record, m.Address, m.State, m.Reason)
				}
			}
		}
		return w.holds("www."+domain, w.addresses(w.webs), w.dns...)(ctx)
	})
}

func (w *world) untilStopped(ctx context.Context, p *procs) error {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if name, log := p.dead(); name == "monitor" {
				return fmt.Errorf("%s ended by itself:\n%s", name, log)
			}
		}
	}
}

func (w *world) howToPlay() string {
	var b strings.Builder
	add := func(what, command string) { fmt.Fprintf(&b, "  %-38s %s\n", what, command) }
	b.WriteString("\nIt runs until Ctrl-C. In another terminal:\n\n")
	add("ask both DNS servers", fmt.Sprintf("dig +short @%s -p %d www.%s; dig +short @%s -p %[2]d www.%[3]s", w.dns[0].addr, dnsPort, domain, w.dns[1].addr))
	add("kill a web server", fmt.Sprintf("kill -9 $(cat %s)", w.service(w.webs[1], "http").pidfile))
	add("see the pools, and why", fmt.Sprintf("%s pool list -s %s", w.binary, w.control("monitor")))
	add("", fmt.Sprintf("%s pool why www.%s %s -s %s", w.binary, domain, w.webs[1].addr, w.control("monitor")))
	add("take a node out for ten minutes", fmt.Sprintf("%s pool drain %s --for 10m --reason 'new disk' -s %s", w.binary, w.webs[0].addr, w.control("monitor")))
	add("stop a DNS server, and start it again", fmt.Sprintf("kill -9 $(cat %s); %s dns -c %s", w.process(w.dns[0].name), w.binary, w.path(w.dns[0].name+".toml")))
	add("see the DHCP pair and its leases", fmt.Sprintf("%s dhcp-pair status -s %s; %[1]s lease list -s %[2]s", w.binary, w.control(w.dhcp[0].name)))
	add("configurations and logs", w.dir)
	return b.String()
}
