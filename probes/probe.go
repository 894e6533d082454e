package probes

import (
	"context"
	"fmt"
	"net/netip"
	"time"
)

// Probe is a compiled Spec. It holds no state between looks and may look at many addresses at once.
type Probe struct {
	spec Spec
	port uint16
	look func(*attempt)
}

// Kind is the kind of the Spec, never empty.
func (p *Probe) Kind() Kind { return p.spec.Kind }

// Port is the port looked at: given, found by service name or the kind's own; 0 for icmp and exec without one.
func (p *Probe) Port() uint16 { return p.port }

// Timeout bounds one look.
func (p *Probe) Timeout() time.Duration { return p.spec.Timeout }

// Look looks once at addr and says what was seen. It returns within the timeout (give or take the
// scheduler), never panics, and leaves nothing running. When ctx ends first the Result is Untested.
func (p *Probe) Look(ctx context.Context, addr netip.Addr) (res Result) {
	start := time.Now()
	a := attempt{ctx: ctx, addr: netip.AddrPortFrom(addr.Unmap(), p.port), spec: &p.spec, start: start, deadline: start.Add(p.spec.Timeout)}
	defer func() {
		if e := recover(); e != nil {
			a.end(ReasonInternal, fmt.Sprint("panic: ", e), nil)
		}
		a.res.Total = time.Since(start)
		res = a.res
	}()
	switch {
	case ctx.Err() != nil:
		a.end(ReasonCancelled, "", nil)
	case !addr.IsValid():
		a.end(ReasonInternal, "no address was given", nil)
	default:
		a.look(p.look)
	}
	return res
}

// attempt is one look on its way: where to, until when, and the result so far.
type attempt struct {
	ctx      context.Context
	addr     netip.AddrPort
	spec     *Spec
	start    time.Time
	deadline time.Time
	step     int
	res      Result
}

func (a *attempt) look(f func(*attempt)) {
	f(a)
	// Whatever went wrong while we were told to stop says nothing about the service.
	if a.res.Outcome != OK && a.ctx.Err() != nil {
		a.end(ReasonCancelled, "", nil)
	}
}

// end sets the result; the outcome follows from the reason. got may be a buffer that is used again.
func (a *attempt) end(r Reason, detail string, got []byte) {
	a.res.Outcome, a.res.Reason, a.res.Detail, a.res.Step = r.Outcome(), r, detail, a.step
	a.res.Got = nil
	if len(got) > 0 {
		a.res.Got = append([]byte(nil), got[:min(len(got), MaxGot)]...)
	}
}

// endErr ends the attempt with what a network error means at that stage.
func (a *attempt) endErr(st stage, err error, got []byte) {
	r, detail := classify(st, err)
	if r == ReasonTimeout {
		detail = a.silence(st)
	}
	a.end(r, detail, got)
}

func (a *attempt) silence(st stage) string {
	what := "no answer"
	switch {
	case st == stageConnect:
		what = "no connection"
	case a.res.FirstByte > 0:
		what = "no complete answer"
	}
	return fmt.Sprintf("%s in %v", what, a.spec.Timeout)
}

// sawByte notes the time of the first byte of an answer.
func (a *attempt) sawByte() {
	if a.res.FirstByte == 0 {
		a.res.FirstByte = time.Since(a.start)
	}
}
