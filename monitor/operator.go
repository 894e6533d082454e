package monitor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"loadshare/internal/config"
	"loadshare/internal/control"
	"loadshare/internal/events"
	"loadshare/monitor/decide"
	"loadshare/monitor/order"
)

// mostDrain bounds a drain: every override has an end.
const mostDrain = 30 * 24 * time.Hour

type readyJSON struct {
	Ready bool   `json:"ready"`
	Why   string `json:"why"`
	ID    string `json:"id"`
}

// handler is the part of a control server that the monitor needs.
type handler interface {
	Handle(pattern string, h control.Handler)
}

// serveOperator adds the monitor's answers to the operator's door.
func (l *loop) serveOperator(s handler) {
	id := l.cfg.ID // never changes while it runs
	get := func(path string, f func(r control.Request) (any, error)) {
		s.Handle("GET "+path, func(ctx context.Context, r control.Request) (out any, err error) {
			if e := l.look(ctx, func() { out, err = f(r) }); e != nil {
				return nil, e
			}
			return out, err
		})
	}
	get("/v1/status", func(control.Request) (any, error) { return l.status(), nil })
	get("/v1/pools", func(control.Request) (any, error) { return map[string]any{"pools": l.pools()}, nil })
	get("/v1/pool", l.onePool)
	s.Handle("GET /v1/ready", func(context.Context, control.Request) (any, error) {
		why := l.ready.why()
		return readyJSON{Ready: why == "", Why: why, ID: id}, nil
	})
	s.Handle("GET /v1/pool/why", l.why)
	s.Handle("GET /v1/events", l.events)
	s.Handle("POST /v1/pool/drain", l.drain)
	s.Handle("POST /v1/pool/undrain", l.undrain)
	s.Handle("POST /v1/normal-dns", l.normalDNS)
	s.Handle("POST /v1/guard/lift", l.liftHold)
	s.Handle("POST /v1/reload", func(ctx context.Context, _ control.Request) (any, error) {
		if err := l.env.Reload(ctx); err != nil {
			return nil, control.Refuse("%v", err)
		}
		return map[string]bool{"ok": true}, nil
	})
}

// onePool answers `pool show`: the first record set of that name, and those of other types.
func (l *loop) onePool(r control.Request) (any, error) {
	record, err := r.Need("record")
	if err != nil {
		return nil, err
	}
	ids := l.named(record)
	if len(ids) == 0 {
		return nil, control.Refuse("no pool %q; there are: %s", record, l.poolNames())
	}
	out := struct {
		poolJSON
		Also []poolJSON `json:"also"`
	}{Also: []poolJSON{}}
	for i, id := range ids {
		v, _ := l.machine.Pool(id)
		if i == 0 {
			out.poolJSON = l.poolJSON(v)
		} else {
			out.Also = append(out.Also, l.poolJSON(v))
		}
	}
	return out, nil
}

// named finds pools by record name, or by name and type ("www.mydomain.com/AAAA").
func (l *loop) named(record string) []order.PoolID {
	record = strings.TrimSpace(record)
	name, typ, exact := strings.Cut(record, "/")
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	var out []order.PoolID
	for _, id := range l.machine.Pools() {
		if id.Name() == name && (!exact || strings.EqualFold(string(id.Type()), typ)) {
			out = append(out, id)
		}
	}
	return out
}

func (l *loop) poolNames() string {
	const most = 20
	var names []string
	for _, id := range l.machine.Pools() {
		if !slices.Contains(names, id.Name()) {
			names = append(names, id.Name())
		}
		if len(names) == most {
			return strings.Join(names, ", ") + ", …"
		}
	}
	return orNothing(names)
}

type drainRequest struct {
	Address string `json:"address"`
	For     string `json:"for"`
	Reason  string `json:"reason"`
	Record  string `json:"record"`
}

type drainReply struct {
	Address string         `json:"address"`
	Pools   []order.PoolID `json:"pools"`
	Until   *time.Time     `json:"until"`
}

func (l *loop) drain(ctx context.Context, r control.Request) (any, error) {
	var q drainRequest
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	d, err := config.ParseDuration(q.For)
	if err != nil || d <= 0 || d > mostDrain {
		return nil, control.Refuse("for = %q: a drain needs an end, from 1s to %s, such as --for 1h", q.For, config.FormatDuration(mostDrain))
	}
	if strings.TrimSpace(q.Reason) == "" {
		return nil, control.Refuse("a drain needs a reason: --reason TEXT")
	}
	until := time.Now().Add(d)
	return l.override(ctx, q.Address, q.Record, &until, func(address string, pool order.PoolID) decide.Input {
		return decide.Drain{Address: address, Pool: pool, Until: until, By: r.By, Reason: q.Reason}
	})
}

func (l *loop) undrain(ctx context.Context, r control.Request) (any, error) {
	var q struct {
		Address string `json:"address"`
		Record  string `json:"record"`
	}
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	return l.override(ctx, q.Address, q.Record, nil, func(address string, pool order.PoolID) decide.Input {
		return decide.Undrain{Address: address, Pool: pool, By: r.By}
	})
}

// override takes an operator's drain or undrain in, for one pool or all that have the address.
func (l *loop) override(ctx context.Context, address, record string, until *time.Time, make func(string, order.PoolID) decide.Input) (any, error) {
	reply := drainReply{Address: address, Pools: []order.PoolID{}}
	if until != nil {
		reply.Until = ptr(*until)
	}
	var refused error
	err := l.do(ctx, func() []decide.Output {
		var pool order.PoolID
		address, reply.Pools = l.having(address, record)
		switch {
		case len(reply.Pools) == 0 && record != "":
			refused = control.Refuse("%s is no member of %s", reply.Address, record)
			return nil
		case len(reply.Pools) == 0:
			refused = control.Refuse("%s is no member of any pool", reply.Address)
			return nil
		case record != "" && len(reply.Pools) == 1:
			pool = reply.Pools[0]
		}
		outs := l.steps(make(address, pool))
		for _, o := range outs {
			if o.Refused != "" {
				refused = control.Refuse("%s", o.Refused)
			}
		}
		return outs
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		return nil, err
	}
	return reply, nil
}

// having finds the pools with a member of that address, and the address as the machine spells it.
func (l *loop) having(address, record string) (string, []order.PoolID) {
	address = strings.TrimSpace(address)
	var out []order.PoolID
	for _, id := range l.machine.Pools() {
		if record != "" && !slices.Contains(l.named(record), id) {
			continue
		}
		if v, ok := l.machine.Pool(id); ok {
			if m, ok := findMember(v, address); ok {
				out = append(out, id)
				address = m.Address
			}
		}
	}
	return address, out
}

// findMember finds a member by its address, target or value, however it is spelled.
func findMember(v decide.PoolView, address string) (decide.MemberView, bool) {
	canon := order.CanonicalValue(order.A, address)
	target := strings.ToLower(strings.TrimSuffix(address, "."))
	for _, m := range v.Members {
		if address != "" && (m.Address == canon || m.Address == target || m.Value == address) {
			return m, true
		}
	}
	return decide.MemberView{}, false
}

func (l *loop) liftHold(ctx context.Context, r control.Request) (any, error) {
	var q struct {
		Reason string `json:"reason"`
	}
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	if strings.TrimSpace(q.Reason) == "" {
		return nil, control.Refuse("lifting the guard needs a reason")
	}
	var refused string
	err := l.do(ctx, func() []decide.Output {
		outs := l.steps(decide.LiftHold{By: r.By, Reason: q.Reason})
		refused = outs[0].Refused
		return outs
	})
	if err == nil && refused != "" {
		err = control.Refuse("%s", refused)
	}
	return map[string]bool{"ok": err == nil}, err
}

// normalDNSReply is what differs from normal-dns, or was changed.
type normalDNSReply struct {
	Action  order.NormalDNSAction   `json:"action"`
	Agent   string                  `json:"agent"`
	Servers []order.NormalDNSServer `json:"servers"`
	NoFile  bool                    `json:"no_file"` // the agent has none: the pools alone were compared
}

func (l *loop) normalDNS(ctx context.Context, r control.Request) (any, error) {
	var q struct {
		Action order.NormalDNSAction `json:"action"`
	}
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	if q.Action != order.NormalDNSDiff && q.Action != order.NormalDNSApply {
		return nil, control.Refuse("action = %q: accepted: diff, apply", q.Action)
	}
	var ask order.NormalDNS
	var agents []*agentLink
	standby := ""
	err := l.look(ctx, func() {
		ask, agents = l.machine.NormalDNS(q.Action, order.ReasonNormalDNS), l.publishers()
		for _, id := range l.machine.Pools() {
			if v, ok := l.machine.Pool(id); ok && v.Role == decide.RoleStandby {
				standby = v.Holder
			}
		}
	})
	switch {
	case err != nil:
		return nil, err
	case q.Action == order.NormalDNSApply && standby != "":
		return nil, control.Refuse("monitor %s is in charge: apply normal-dns there", standby)
	case len(agents) == 0:
		return nil, control.Refuse("no publishing agent is connected")
	}
	applied, err := l.askNormal(ctx, agents, ask)
	if err != nil {
		return nil, control.Refuse("%v", err)
	}
	if q.Action == order.NormalDNSApply {
		l.told.note(ctx, events.Operator, string(order.ReasonNormalDNS), "normal-dns applied by "+r.By, nil)
		if err := l.do(ctx, func() []decide.Output { return l.steps(applied) }); err != nil {
			return nil, err
		}
	}
	if applied.Answer.Refused != "" {
		return nil, control.Refuse("agent %s refuses: %s %s", applied.Agent, applied.Answer.Refused, applied.Answer.Detail)
	}
	return normalDNSReply{Action: q.Action, Agent: applied.Agent, Servers: list(applied.Answer.Servers), NoFile: applied.Answer.NoFile}, nil
}

// events answers what happened after an event, or the newest ones.
func (l *loop) events(ctx context.Context, r control.Request) (any, error) {
	n, since := 200, uint64(0)
	if t := r.Query.Get("n"); t != "" {
		if _, err := fmt.Sscan(t, &n); err != nil || n < 1 || n > 5000 {
			return nil, control.Refuse("n = %q: accepted: a number from 1 to 5000", t)
		}
	}
	l.told.flush(ctx)
	var found []events.Event
	var err error
	if t := r.Query.Get("since"); t != "" {
		if _, err := fmt.Sscan(t, &since); err != nil {
			return nil, control.Refuse("since = %q: accepted: the number of an event", t)
		}
		found, err = l.history.Since(since, n)
	} else {
		found, err = l.history.Recent(events.Filter{Pool: r.Query.Get("pool"), Member: r.Query.Get("member")}, n)
	}
	return map[string]any{"events": list(found), "last": l.history.Last()}, err
}
