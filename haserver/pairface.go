package haserver

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
	"loadshare/internal/control"
)

// pairFace is what the operator's door needs of the loop; *Server is one.
type pairFace interface {
	// operate carries out a command; refused is why not, in words for the operator.
	operate(ctx context.Context, o pair.Operate) (refused string, err error)
	pairStatus() pair.Status
}

// AlarmStatus is something that a person must know of, as long as it lasts.
type AlarmStatus struct {
	Name  string     `json:"name"` // one of alarmNames
	Since *time.Time `json:"since"`
	Text  string     `json:"text"`
}

// alarmNames are the names of all alarms of a server of a pair: those of the machine, and those that only the server knows of.
func alarmNames() []string {
	return append(slices.Clone(pair.AlarmNames), "config-differs", "client-unheard")
}

// moment is a time of the machine as JSON has it; nil: never.
func moment(micro int64) *time.Time {
	if micro == 0 {
		return nil
	}
	t := time.UnixMicro(micro).UTC().Truncate(time.Millisecond)
	return &t
}

// fillPair says how the pair stands.
func (st *Status) fillPair(p pair.Status, partner string) {
	st.Role, st.RoleConfigured, st.RoleSince = p.Role.String(), p.Configured.String(), moment(p.RoleSince)
	st.State, st.Reason = p.State.String(), p.Reason.String()
	if at := moment(p.Since); at != nil {
		st.Since = *at
	}
	st.Partner.Address = partner
	if partner != "" {
		if p.LastHeard != 0 && p.Partner != pairmsg.Alone { // who was refused has not said it
			st.Partner.State = p.Partner.String()
		}
		st.Partner.LastHeard, st.Partner.Connected = moment(p.LastHeard), p.Connected
		st.Partner.ClockAhead, st.Partner.Unfit = p.Skew.Seconds(), p.PartnerUnfit
	}
	if st.Unfit == "" {
		st.Unfit = p.Unfit
	}
	st.AcceptingUpdates = p.Accepting && st.Unfit == ""
	switch {
	case st.AcceptingUpdates:
	case st.Unfit != "":
		st.Why = st.Unfit
	case p.Closed != pair.NoReason:
		st.Why = p.Closed.String()
	default:
		st.Why = "the main takes them"
	}
	st.Copies, st.Owed, st.BehindSince, st.Held = p.Copies, p.Owed, moment(p.Behind), p.Held
	if p.State != pairmsg.Alone {
		st.Synchronized, st.Pending, st.Failed = p.Complete, st.Total-p.Complete-p.Failed, p.Failed // also those without content yet
		for i := range st.Zones {
			st.Zones[i].fillSync(p.Zones)
		}
	}
	for _, a := range p.Alarms {
		st.Alarms = append(st.Alarms, AlarmStatus{a.Name, moment(a.Since), a.Text})
	}
}

// fillSync says how the synchronisation of one zone stands. zones are sorted by their keys.
func (z *ZoneStatus) fillSync(zones []pair.ZoneStatus) {
	name, err := zone.ParseName(z.Name)
	if err != nil {
		return
	}
	i, ok := slices.BinarySearchFunc(zones, name.Key(), func(z pair.ZoneStatus, key string) int { return strings.Compare(z.Zone, key) })
	if !ok { // no content yet
		z.Sync, z.Withheld = pair.ServerPending.String(), pair.ZoneNew.String()
		return
	}
	p := &zones[i]
	z.Sync, z.SyncReason, z.SyncError, z.Withheld = p.Sync.String(), p.Why.String(), p.Error, p.Unseen.String()
}

// percent is the share of synchronised zones, rounded down: 100 means all.
func percent(complete, total int) int {
	if total == 0 {
		return 100
	}
	return 100 * complete / total
}

// pairHandlers registers what the operator may ask of the pair.
func (s *Server) pairHandlers(door *control.Server) {
	var face pairFace = s
	if s.conf.HA != nil {
		s.count.ha.register(s.count.reg)
		s.pairMetrics(face)
	}
	door.Handle("POST /v1/ha/partner-down", s.command(face, "partner-down", pair.SetPartnerDown))
	door.Handle("POST /v1/ha/swap", s.command(face, "swap", pair.Swap))
	door.Handle("POST /v1/ha/serve-alone", s.command(face, "serve-alone", pair.ServeAlone))
	door.Handle("POST /v1/ha/sync", s.zoneSync(face))
	door.Handle("POST /v1/pair/sync", s.pairSync)
	door.Handle("GET /v1/ha/stats", s.haStatistics)
	door.Handle("GET /v1/ha/conflicts", s.conflictList)
	door.Handle("POST /v1/ha/conflicts/restore", s.conflictRestore)
}

// CommandRequest is the body of POST /v1/ha/partner-down, swap and serve-alone.
type CommandRequest struct {
	Reason string `json:"reason"` // for those who wonder afterwards
}

// command is a handler that gives an order to the pair and answers with its state afterwards.
func (s *Server) command(face pairFace, word string, c pair.Command) control.Handler {
	return func(ctx context.Context, r control.Request) (any, error) {
		var in CommandRequest
		if err := r.Decode(&in); err != nil {
			return nil, err
		}
		if c != pair.SetPartnerDown && strings.TrimSpace(in.Reason) == "" {
			return nil, control.Refuse("a reason is needed: --reason TEXT")
		}
		if err := s.order(ctx, face, pair.Operate{Command: c, Reason: in.Reason}); err != nil {
			return nil, err
		}
		p := face.pairStatus()
		s.log.Warn("operator_command", "command", word, "by", r.By, "reason", in.Reason, "state", p.State.String(), "role", p.Role.String())
		return map[string]any{"role": p.Role.String(), "state": p.State.String(), "accepting_updates": p.Accepting}, nil
	}
}

// order carries out a command; what the machine refuses is refused to the operator.
func (s *Server) order(ctx context.Context, face pairFace, o pair.Operate) error {
	refused, err := face.operate(ctx, o)
	if err == nil && refused != "" {
		err = control.Refuse("%s", refused)
	}
	return err
}

// SyncRequest is the body of POST /v1/ha/sync.
type SyncRequest struct {
	Zones []string `json:"zones"` // none: all
	From  string   `json:"from"`  // "main" or "backup": its content as it is; "": what each side changed is merged
}

func (s *Server) zoneSync(face pairFace) control.Handler {
	return func(ctx context.Context, r control.Request) (any, error) {
		var in SyncRequest
		if err := r.Decode(&in); err != nil {
			return nil, err
		}
		o := pair.Operate{Command: pair.SyncNow}
		switch in.From {
		case "":
		case pairmsg.FromMain.String():
			o.Source = pairmsg.FromMain
		case pairmsg.FromBackup.String():
			o.Source = pairmsg.FromBackup
		default:
			return nil, control.Refuse("from %q: accepted: main or backup; without it what each side changed is merged", in.From)
		}
		for _, text := range in.Zones {
			z, err := s.named(text)
			if err != nil {
				return nil, err
			}
			o.Zones = append(o.Zones, z.name)
		}
		if err := s.order(ctx, face, o); err != nil {
			return nil, err
		}
		s.log.Info("zone_sync_ordered", "zones", in.Zones, "from", in.From, "by", r.By)
		n := len(o.Zones)
		if n == 0 {
			n = len(s.view.Load().zones)
		}
		return map[string]any{"zones": n}, nil
	}
}

// StatsReply is the answer to GET /v1/ha/stats (checklist H37).
type StatsReply struct {
	Kind     string            `json:"kind"` // total, or sample: the last whole interval (?sample=1)
	From     time.Time         `json:"from"`
	To       time.Time         `json:"to"`
	Current  map[string]string `json:"current"` // ha-state-current and so on
	Counters []Statistic       `json:"counters"`
	Max      []Statistic       `json:"max"`
}

// Statistic is one figure with its name and what it is.
type Statistic struct {
	Name  string `json:"name"`
	Value uint64 `json:"value"`
	Help  string `json:"help"`
}

func (s *Server) haStatistics(_ context.Context, r control.Request) (any, error) {
	now := time.Now()
	reply := StatsReply{Kind: "total", Current: map[string]string{}}
	sample := s.count.ha.total(now)
	if r.Query.Get("sample") != "" {
		reply.Kind, sample = "sample", s.count.ha.lastSample(now)
	}
	reply.From, reply.To = sample.from.UTC(), sample.to.UTC()
	for i, c := range haCountNames {
		reply.Counters = append(reply.Counters, Statistic{c.name, sample.counts[i], c.help})
	}
	for i, m := range haMaxNames {
		reply.Max = append(reply.Max, Statistic{m.name, sample.maxes[i], m.help})
	}
	st := s.status()
	reply.Current["ha-state-current"] = st.State
	reply.Current["ha-partner-state"] = st.Partner.State
	reply.Current["ha-unacked"] = strconv.FormatUint(st.Owed, 10)
	if at := st.Partner.LastHeard; at != nil {
		reply.Current["ha-last-heard-seconds"] = strconv.FormatFloat(max(0, now.Sub(*at).Seconds()), 'f', 3, 64)
	}
	return reply, nil
}

// pairMetrics shows how the pair stands in the metrics.
func (s *Server) pairMetrics(face pairFace) {
	reg, now := s.count.reg, recently(face.pairStatus)
	alarms := recently(func() []AlarmStatus { return s.status().Alarms })
	gauge := func(name, help string, of func(pair.Status) float64, labels ...string) {
		reg.GaugeFunc("dns_ha_"+name, help, func() float64 { return of(now()) }, labels...)
	}
	is := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	for state := pairmsg.Startup; state <= pairmsg.PartnerDown; state++ {
		gauge("state", "1 for the state of this server, 0 for the others.", func(p pair.Status) float64 { return is(p.State == state) }, "state", state.String())
		gauge("partner_state", "1 for the state that the partner said last, 0 for the others.", func(p pair.Status) float64 { return is(p.Partner == state) }, "state", state.String())
	}
	gauge("main", "1 when this server is the main now.", func(p pair.Status) float64 { return is(p.Role == pairmsg.Main) })
	gauge("accepting_updates", "1 when this server takes updates.", func(p pair.Status) float64 { return is(p.Accepting) })
	gauge("copies", "On how many disks an answered update is.", func(p pair.Status) float64 { return float64(p.Copies) })
	gauge("unacked", "Changes that the partner has not confirmed.", func(p pair.Status) float64 { return float64(p.Owed) })
	gauge("clock_ahead_seconds", "How far the partner's clock is ahead.", func(p pair.Status) float64 { return p.Skew.Seconds() })
	for _, name := range alarmNames() {
		gauge("alarm", "1 while the alarm stands.", func(pair.Status) float64 {
			return is(slices.ContainsFunc(alarms(), func(a AlarmStatus) bool { return a.Name == name }))
		}, "name", name)
	}
	gauge("alarms", "Alarms that stand.", func(pair.Status) float64 { return float64(len(alarms())) })
	gauge("last_heard_seconds", "For how long the partner has been silent; -1 when it never spoke.", func(p pair.Status) float64 {
		if p.LastHeard == 0 {
			return -1
		}
		return max(0, time.Since(time.UnixMicro(p.LastHeard)).Seconds())
	})
	for _, part := range []struct {
		sync string
		of   func(pair.Status) int
	}{
		{"complete", func(p pair.Status) int { return p.Complete }}, {"pending", func(p pair.Status) int { return p.Pending }}, {"failed", func(p pair.Status) int { return p.Failed }},
	} {
		gauge("zones", "Zones by how their synchronisation stands.", func(p pair.Status) float64 { return float64(part.of(p)) }, "sync", part.sync)
	}
}

// recently asks once for all figures of a scrape.
func recently[T any](ask func() T) func() T {
	var mu sync.Mutex
	var at time.Time
	var last T
	return func() T {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(at) > 250*time.Millisecond {
			last, at = ask(), time.Now()
		}
		return last
	}
}
