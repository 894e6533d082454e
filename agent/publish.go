package agent

import (
	"context"
	"errors"
	"net/netip"
	"sync"

	"loadshare/agent/plan"
	"loadshare/ddns"
	"loadshare/ddns/send"
	"loadshare/internal/ask"
)

// askedAtOnce is how many exchanges with one server may be under way.
const askedAtOnce = 32

// dnsEdge carries the plan's reads and writes out. The answers it gives are
// always about the token that asked.
type dnsEdge interface {
	read(ctx context.Context, r plan.Read) plan.ReadDone
	write(ctx context.Context, w plan.Write) plan.WriteDone
}

// publisher is dnsEdge over packages ask and send.
type publisher struct {
	client *ask.Client
	sender *send.Sender
	zones  ask.Zones
	mu     sync.Mutex // guards slots; reads and writes are goroutines
	slots  map[netip.AddrPort]chan struct{}
}

func newPublisher(p *Publish) *publisher {
	if p == nil {
		p = &Publish{}
	}
	client := ask.Client{Key: p.Key, Timeout: p.Timeout}
	return &publisher{client: &client, sender: &send.Sender{Client: client, UDP: p.UDP}, slots: map[netip.AddrPort]chan struct{}{}}
}

// slot waits for one of the server's places; false when ctx ended before.
func (p *publisher) slot(ctx context.Context, server netip.AddrPort) (free func(), ok bool) {
	p.mu.Lock()
	places := p.slots[server]
	if places == nil {
		places = make(chan struct{}, askedAtOnce)
		p.slots[server] = places
	}
	p.mu.Unlock()
	select {
	case places <- struct{}{}:
		return func() { <-places }, true
	case <-ctx.Done():
		return nil, false
	}
}

func (p *publisher) read(ctx context.Context, r plan.Read) plan.ReadDone {
	out := plan.ReadDone{Token: r.Token}
	fail := func(err error) plan.ReadDone {
		out.Fault, out.Err = faultOf(err), err.Error()
		return out
	}
	server, err := netip.ParseAddrPort(r.Server)
	if err != nil {
		return fail(err)
	}
	free, ok := p.slot(ctx, server)
	if !ok {
		return fail(&ask.Silent{Server: server, Err: ctx.Err()})
	}
	defer free()
	if out.Zone = ddns.CanonicalName(r.Zone); out.Zone == "" {
		if out.Zone, err = p.zones.Find(ctx, p.client, server, r.Key.Name); err != nil {
			return fail(err)
		}
	}
	// Both at once: each becomes a prerequisite, so they need not be of one moment.
	var gen ask.Set
	var genErr error
	var asked sync.WaitGroup
	if r.Generation != "" {
		asked.Go(func() { gen, genErr = p.client.Set(ctx, server, r.Generation, "TXT") })
	}
	set, err := p.client.Set(ctx, server, r.Key.Name, r.Key.Type)
	asked.Wait()
	if err != nil {
		p.forgetIf(err, server, r.Key.Name)
		return fail(err)
	}
	if genErr != nil {
		return fail(genErr)
	}
	out.Have.Set = ddns.Set(set).Normalize()
	out.Have.Generation = gen.Values
	return out
}

// forgetIf lets the zone be found again when the server does not have it any more.
func (p *publisher) forgetIf(err error, server netip.AddrPort, name string) {
	if faultOf(err) == plan.NoZone {
		p.zones.Forget(server, name)
	}
}

func faultOf(err error) plan.Fault {
	var silent *ask.Silent
	var noZone *ask.NotAuthoritative
	switch {
	case errors.As(err, &silent):
		return plan.Silent
	case errors.As(err, &noZone):
		return plan.NoZone
	}
	return plan.Final
}

func (p *publisher) write(ctx context.Context, w plan.Write) plan.WriteDone {
	out := plan.WriteDone{Token: w.Token}
	server, err := netip.ParseAddrPort(w.Server)
	if err != nil {
		out.Fault, out.Err = plan.Final, err.Error()
		return out
	}
	free, ok := p.slot(ctx, server)
	if !ok {
		out.Fault, out.Err = plan.Silent, ctx.Err().Error()
		return out
	}
	defer free()
	out.Fault, out.Err = p.send(ctx, server, w.Change)
	return out
}

func (p *publisher) send(ctx context.Context, server netip.AddrPort, c ddns.Change) (plan.Fault, string) {
	r := p.sender.Send(ctx, server, c)
	text := ""
	if r.Err != nil {
		text = r.Err.Error()
	}
	switch r.Kind {
	case send.Done:
		return plan.NoFault, ""
	case send.PrereqFailed:
		return plan.Changed, text
	case send.Retry:
		return plan.Silent, text
	case send.Refused:
	}
	// NOTAUTH without a word about the key, and NOTZONE, are about the zone.
	if r.TSIG == "" && (r.Rcode == "NOTAUTH" || r.Rcode == "NOTZONE") {
		for _, o := range c.Ops {
			p.zones.Forget(server, o.Name)
		}
		return plan.NoZone, text
	}
	return plan.Final, text
}
