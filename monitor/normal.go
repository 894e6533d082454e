package monitor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"loadshare/monitor/decide"
	"loadshare/monitor/order"
)

const (
	normalTimeout = 30 * time.Second
	// normalPart is how many bytes of pools go into one order for normal-dns;
	// the rest of the frame is for the names of all others.
	normalPart = order.MaxFrame / 2
)

// resetToNormal sends the waiting order for normal-dns to one publishing agent;
// it waits again when none can take it.
func (l *loop) resetToNormal(ctx context.Context) {
	agents := l.publishers()
	if l.normal == nil || l.normalRunning || len(agents) == 0 {
		return
	}
	ask := *l.normal
	l.normalRunning = true
	l.tasks.Go(func() {
		in, err := l.askNormal(ctx, agents, ask)
		l.look(ctx, func() {
			l.normalRunning = false
			if err == nil {
				l.normal = nil
			} else {
				l.log.Warn("normal-dns not applied yet", "error", err)
			}
		})
		if err == nil {
			l.give(ctx, in)
		}
	})
}

// askNormal asks the agents in turn until one answers.
func (l *loop) askNormal(ctx context.Context, agents []*agentLink, ask order.NormalDNS) (decide.NormalDNSApplied, error) {
	parts, failed := splitNormal(ask), []string{}
	for _, a := range agents {
		answer, err := askParts(ctx, a, parts)
		if err == nil {
			return decide.NormalDNSApplied{Agent: a.addr.String(), Answer: answer}, nil
		}
		failed = append(failed, a.addr.String()+": "+err.Error())
	}
	if len(failed) == 0 {
		return decide.NormalDNSApplied{}, fmt.Errorf("no publishing agent is connected")
	}
	return decide.NormalDNSApplied{}, fmt.Errorf("no publishing agent answered: %s", strings.Join(failed, "; "))
}

// askParts asks one agent all parts and joins the answers, server by server.
func askParts(ctx context.Context, a *agentLink, parts []order.NormalDNS) (order.NormalDNSAnswer, error) {
	var all order.NormalDNSAnswer
	for _, part := range parts {
		cctx, cancel := context.WithTimeout(ctx, normalTimeout)
		m, err := a.call(cctx, part)
		cancel()
		if err != nil {
			return all, err
		}
		switch m := m.(type) {
		case order.NormalDNSAnswer:
			if m.Refused != order.Taken {
				return m, nil
			}
			all = joinNormal(all, m)
		case order.Receipt:
			return all, fmt.Errorf("refused: %s %s", m.Refused, m.Detail)
		default:
			return all, fmt.Errorf("it answered with %T", m)
		}
	}
	return all, nil
}

// joinNormal adds the answer on one part to those before it.
func joinNormal(all, m order.NormalDNSAnswer) order.NormalDNSAnswer {
	all.NoFile = m.NoFile
	for _, s := range m.Servers {
		i := slices.IndexFunc(all.Servers, func(o order.NormalDNSServer) bool { return o.Server == s.Server })
		if i < 0 {
			all.Servers = append(all.Servers, s)
			continue
		}
		have := &all.Servers[i]
		said := make(map[string]bool, len(have.Lines))
		for _, line := range have.Lines {
			said[line] = true
		}
		for _, line := range s.Lines {
			if !said[line] { // names that only the file lists come with every part
				have.Lines = append(have.Lines, line)
			}
		}
		have.Applied = have.Applied && s.Applied
		if have.Error == "" {
			have.Error = s.Error
		}
	}
	if m.Detail != "" {
		all.Detail = strings.TrimPrefix(all.Detail+"; "+m.Detail, "; ")
	}
	return all
}

// splitNormal makes parts that fit one frame each. The pools of the other parts
// are undecided in each, so that it does not touch their names.
func splitNormal(ask order.NormalDNS) []order.NormalDNS {
	var parts []order.NormalDNS
	var part []order.Publish
	size := 0
	flush := func() {
		if len(part) == 0 && len(parts) > 0 {
			return
		}
		p := order.NormalDNS{Action: ask.Action, Pools: part, Undecided: slices.Clone(ask.Undecided), Out: map[order.PoolID][]string{}, Reason: ask.Reason}
		mine := map[order.PoolID]bool{}
		for _, o := range part {
			mine[o.Pool] = true
		}
		for _, o := range ask.Pools {
			if !mine[o.Pool] {
				p.Undecided = append(p.Undecided, o.Pool)
			}
		}
		for id, out := range ask.Out {
			if mine[id] || len(ask.Pools) == 0 {
				p.Out[id] = out
			}
		}
		parts, part, size = append(parts, p), nil, 0
	}
	for _, o := range ask.Pools {
		frame, err := order.Encode(order.Envelope{Body: o})
		if err != nil {
			continue // such a pool cannot be published either, and said so
		}
		if size+len(frame) > normalPart && len(part) > 0 {
			flush()
		}
		part, size = append(part, o), size+len(frame)
	}
	flush()
	return parts
}
