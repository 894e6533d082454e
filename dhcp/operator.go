package dhcp

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"loadshare/dhcp/config"
	"loadshare/dhcp/engine"
	"loadshare/dhcp/failover"
	"loadshare/internal/control"
	"loadshare/internal/process"
)

// handlers registers what the operator may ask: see asked.go.
func (s *Server) handlers(door *control.Server, env process.Env) {
	door.Handle("GET /v1/status", func(context.Context, control.Request) (any, error) {
		st, err := s.status()
		st.Reload = env.LastReload()
		return st, err
	})
	door.Handle("GET /v1/ready", func(context.Context, control.Request) (any, error) {
		st, err := s.status()
		return map[string]any{"ready": st.Ready, "why": st.Why}, err
	})
	door.Handle("POST /v1/reload", func(ctx context.Context, _ control.Request) (any, error) {
		if err := env.Reload(ctx); err != nil {
			return nil, control.Refuse("%v", err)
		}
		return Done{OK: true, Text: "the configuration was read again"}, nil
	})
	door.Handle("GET /v1/dhcp-pair/status", s.askPairs)
	for path, command := range map[string]failover.Command{
		"partner-down": failover.SetPartnerDown, "recover": failover.RecoverFrom, "maintenance": failover.Maintain, "pause": failover.Pause,
		"resume": failover.Resume, "rebalance": failover.Rebalance,
	} {
		door.Handle("POST /v1/dhcp-pair/"+path, func(ctx context.Context, r control.Request) (any, error) { return s.orderPair(ctx, r, path, command) })
	}
	door.Handle("POST /v1/dhcp-pair/sync", s.orderSync)
	door.Handle("POST /v1/clock/sure", s.clockSure)
	s.leaseHandlers(door)
}

func (s *Server) askPairs(_ context.Context, r control.Request) (any, error) {
	st, err := s.status()
	if err != nil {
		return nil, err
	}
	out := PairList{Pairs: st.Pairs}
	if name := r.Query.Get("pair"); name != "" {
		out.Pairs = nil
		for _, p := range st.Pairs {
			if p.Name == name {
				out.Pairs = []PairStatus{p}
			}
		}
		if out.Pairs == nil {
			return nil, s.noSuchPair(name)
		}
	}
	return out, nil
}

func (s *Server) noSuchPair(name string) error {
	var names []string
	for _, p := range s.conf.Load().Pairs {
		names = append(names, p.Name)
	}
	if len(names) == 0 {
		return control.Refuse("this server is single: it has no [[failover]]")
	}
	if name == "" {
		return control.Refuse("several pairs: name one of %s", strings.Join(names, ", "))
	}
	return control.Refuse("no pair %q: there are %s", name, strings.Join(names, ", "))
}

// which is the pair that an order is for.
func (s *Server) which(name string) (*config.Pair, error) {
	list := s.conf.Load().Pairs
	for i := range list {
		if list[i].Name == name || name == "" && len(list) == 1 {
			return &list[i], nil
		}
	}
	return nil, s.noSuchPair(name)
}

// whichOrGone is the name of the pair that an order is for: also one that was taken out of the configuration.
func (s *Server) whichOrGone(name string) (string, error) {
	if name == "" && len(s.conf.Load().Pairs) == 1 {
		return s.conf.Load().Pairs[0].Name, nil
	}
	v, err := s.look()
	if err != nil {
		return "", err
	}
	gone := []string{}
	for _, n := range slices.Sorted(maps.Keys(v.pairs)) {
		if n == name {
			return n, nil
		}
		if v.pairs[n].Config.Gone {
			gone = append(gone, n)
		}
	}
	if name == "" && len(gone) == 1 && len(s.conf.Load().Pairs) == 0 {
		return gone[0], nil
	}
	if len(gone) > 0 {
		return "", control.Refuse("no pair %q: taken out of the configuration, and not over, are %s (--pair NAME)", name, strings.Join(gone, ", "))
	}
	return "", s.noSuchPair(name)
}

// orderPair carries out an operator's order for one pair.
func (s *Server) orderPair(ctx context.Context, r control.Request, word string, command failover.Command) (any, error) {
	var o PairOrder
	if err := r.Decode(&o); err != nil {
		return nil, err
	}
	pair, err := s.whichOrGone(o.Pair)
	if err != nil {
		return nil, err
	}
	at := int64(0)
	if o.At != nil {
		at = o.At.Unix()
		if at <= 0 {
			return nil, control.Refuse("the date %s is no time that anybody served", o.At)
		}
	}
	s.log.Info("operator", "order", word, "pair", pair, "by", r.By, "reason", o.Reason, "new_site", o.NewSite, "force", o.Force)
	refused, err := s.loop.order(ctx, func(id uint64) engine.Input {
		return engine.Pair{Name: pair, Input: failover.Operate{ID: id, Command: command, At: at, Force: o.Force || o.NewSite, Words: r.By + ": " + o.Reason}}
	})
	if err != nil {
		return nil, err
	}
	if refused != "" {
		return nil, control.Refuse("%s", refused)
	}
	s.poke()
	return Done{OK: true, Text: s.whatFollows(pair, command)}, nil
}

// whatFollows tells what an order has begun.
func (s *Server) whatFollows(pair string, command failover.Command) string {
	v, err := s.look()
	if err != nil {
		return "done"
	}
	shown := v.pairs[pair]
	text := fmt.Sprintf("%s is in %s now", pair, shown.State)
	switch command {
	case failover.SetPartnerDown:
		text += "; the partner must not serve anybody until it has spoken with this server"
		if !takeover(shown).After(v.at) {
			text += "; its free addresses are given from now on"
		}
	case failover.RecoverFrom:
		text += "; this server serves nobody until its partner has told it all leases and the MCLT since that time is over; this clears itself"
	case failover.Maintain:
		text += "; the partner serves alone; stop this server now, it recovers when it is started again"
	case failover.Pause:
		text += "; loadshare dhcp-pair resume ends it"
	default:
	}
	if n := s.next(shown, v.at); n != nil {
		text += fmt.Sprintf("; in %s: %s", short(time.Duration(n.Seconds)*time.Second), n.What)
	}
	return text
}
