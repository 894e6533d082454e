package monitor

import (
	"slices"
	"strconv"
	"time"

	"loadshare/internal/alert"
	"loadshare/internal/process"
	"loadshare/monitor/decide"
	"loadshare/monitor/order"
)

// The JSON of `status`. Times are RFC 3339 in UTC, null when never.
type statusJSON struct {
	Role      string                `json:"role"`
	ID        string                `json:"id"`
	Since     time.Time             `json:"since"`
	Version   string                `json:"version"`
	Ready     bool                  `json:"ready"`
	Why       string                `json:"why"`
	Pools     []poolJSON            `json:"pools"`
	Monitors  []monitorJSON         `json:"monitors"`
	Agents    []agentJSON           `json:"agents"`
	Checks    []checkJSON           `json:"checks"`
	Guard     guardJSON             `json:"guard"`
	Lateness  float64               `json:"lateness_seconds"`
	LeaseSecs float64               `json:"lease_seconds"`
	Alerts    *alert.Status         `json:"alerts"` // null where nothing delivers
	Reload    *process.ReloadResult `json:"reload"`
}

type poolJSON struct {
	Record    string       `json:"record"`
	Type      order.RRType `json:"type"`
	Zone      string       `json:"zone"`
	TTL       uint32       `json:"ttl"`
	Published []string     `json:"published"`
	// State is holder, standby or none; Holder the monitor that is obeyed.
	State     string        `json:"state"`
	Holder    string        `json:"holder"`
	Decided   bool          `json:"decided"`
	Reason    order.Reason  `json:"reason"`
	Cause     string        `json:"cause"`
	Floor     int           `json:"floor"`
	Epoch     uint64        `json:"epoch"`
	Gen       uint64        `json:"generation"`
	Open      bool          `json:"open"`
	Members   []memberJSON  `json:"members"`
	Receipt   *receiptJSON  `json:"receipt"`
	Servers   []serverJSON  `json:"servers"`
	Answers   []answerJSON  `json:"answers"`
	Strays    []string      `json:"strays"`
	Reporters []publishJSON `json:"agents"`
}

type memberJSON struct {
	Address      string       `json:"address"`
	Value        string       `json:"value"`
	State        string       `json:"state"`
	Since        *time.Time   `json:"since"`
	Reason       order.Reason `json:"reason"`
	InDNS        bool         `json:"in_dns"`
	Kept         order.Reason `json:"kept"`
	Restarts     int          `json:"restarts"`
	LastRestart  *time.Time   `json:"last_restart"`
	LastResult   string       `json:"last_result"`
	Incident     string       `json:"incident"`
	DrainedUntil *time.Time   `json:"drained_until"`
	DrainedBy    string       `json:"drained_by"`
	DrainReason  string       `json:"drain_reason"`
	Checks       []checkJSON  `json:"checks"`
}

type checkJSON struct {
	Name      string     `json:"name"`
	ID        string     `json:"id"`
	Address   string     `json:"address"`
	Verdict   string     `json:"verdict"`
	Outcome   string     `json:"outcome"`
	Reason    string     `json:"reason"`
	Detail    string     `json:"detail"`
	At        *time.Time `json:"at"`
	LastOK    *time.Time `json:"last_ok"`
	Failures  int        `json:"failures"`
	Successes int        `json:"successes"`
	Fall      int        `json:"fall"`
	Rise      int        `json:"rise"`
	Interval  float64    `json:"interval_seconds"`
	Blocked   string     `json:"blocked_by"`
}

// receiptJSON is when what was known about the last change (ahead, 3).
type receiptJSON struct {
	SeenAt     *time.Time `json:"seen_at"`
	DecidedAt  *time.Time `json:"decided_at"`
	WrittenAt  *time.Time `json:"written_at"`
	AnsweredAt *time.Time `json:"answered_at"`
	// ProvedAt is when this monitor's own questions were answered as decided by every server.
	ProvedAt  *time.Time `json:"proved_at"`
	DrainedBy *time.Time `json:"drained_by"`
	Text      string     `json:"text"`
}

type serverJSON struct {
	Address    string     `json:"address"`
	State      string     `json:"state"`
	WrittenAt  *time.Time `json:"written_at"`
	AnsweredAt *time.Time `json:"answered_at"`
	Attempts   int        `json:"attempts"`
	LastError  string     `json:"last_error"`
}

type answerJSON struct {
	Server    string     `json:"server"`
	At        *time.Time `json:"at"`
	Values    []string   `json:"values"`
	TTL       uint32     `json:"ttl"`
	OK        bool       `json:"ok"`
	LastError string     `json:"last_error"`
}

type publishJSON struct {
	Agent string `json:"agent"`
	Order string `json:"order"`
	Done  bool   `json:"done"`
}

type monitorJSON struct {
	ID        string     `json:"id"`
	Address   string     `json:"address"`
	Self      bool       `json:"self"`
	OK        bool       `json:"ok"`
	Since     *time.Time `json:"since"`
	LastError string     `json:"last_error"`
	// Holds counts the pools that it is obeyed for, as far as agents say so.
	Holds int `json:"holds"`
}

type agentJSON struct {
	Address   string     `json:"address"`
	Name      string     `json:"name"`
	Connected bool       `json:"connected"`
	Since     *time.Time `json:"since"`
	Publishes bool       `json:"publishes"`
	Services  []string   `json:"services"`
	Pending   int        `json:"pending"`
	LastError string     `json:"last_error"`
}

type guardJSON struct {
	Holding bool         `json:"holding"`
	Reason  order.Reason `json:"reason"`
	Since   *time.Time   `json:"since"`
	Held    []string     `json:"held"`
}

// ptr is a time for JSON: null when it never was.
func ptr(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func itoa(n int) string { return strconv.Itoa(n) }

// printable is bytes as a person can read them, quoted.
func printable(b []byte) string { return strconv.QuoteToASCII(string(b)) }

func list[T any](in []T) []T {
	if in == nil {
		return []T{}
	}
	return in
}

// status is the whole state, on the loop.
func (l *loop) status() statusJSON {
	s := statusJSON{Role: "monitor", ID: l.cfg.ID, Since: l.started.UTC(), Version: l.env.Version, Why: l.ready.why(),
		Lateness: l.prober.Lateness().Seconds(), LeaseSecs: l.plan.decide.Lease.Seconds(), Pools: l.pools(), Monitors: l.monitors(), Agents: []agentJSON{}, Checks: []checkJSON{}}
	s.Ready = s.Why == ""
	if l.delivery != nil {
		s.Alerts = l.delivery().Status()
	}
	if l.env.LastReload != nil {
		s.Reload = l.env.LastReload()
	}
	for _, a := range l.plan.agents {
		h := l.links[a]
		s.Agents = append(s.Agents, agentJSON{Address: a.String(), Name: h.welcome.Agent, Connected: h.up, Since: ptr(h.since),
			Publishes: l.plan.publishing[a] && (h.welcome.Publishes || !h.up), Services: list(h.welcome.Services), Pending: h.link.undone(), LastError: h.lastErr})
	}
	for _, j := range l.plan.jobs {
		if j.pool == "" {
			if c, ok := l.machine.Check(j.check.ID); ok {
				s.Checks = append(s.Checks, l.checkJSON(c))
			}
		}
	}
	g := l.machine.Guard()
	s.Guard = guardJSON{Holding: g.Holding, Reason: g.Reason, Since: ptr(g.Since), Held: list(g.Held)}
	return s
}

func (l *loop) pools() []poolJSON {
	out := []poolJSON{}
	for _, id := range l.machine.Pools() {
		if v, ok := l.machine.Pool(id); ok {
			out = append(out, l.poolJSON(v))
		}
	}
	return out
}

func (l *loop) poolJSON(v decide.PoolView) poolJSON {
	p := poolJSON{
		Record: v.ID.Name(), Type: v.ID.Type(), Zone: l.zoneOf(v), TTL: v.TTL, Published: list(v.Published), State: v.Role.String(), Holder: v.Holder,
		Decided: v.Decided, Reason: v.Reason, Cause: v.Cause, Floor: v.Floor, Epoch: v.Stamp.Epoch, Gen: v.Stamp.Generation, Open: v.Open,
		Members: []memberJSON{}, Servers: []serverJSON{}, Answers: []answerJSON{}, Strays: []string{}, Reporters: []publishJSON{},
	}
	if v.Role == decide.RoleHolder {
		p.Holder = l.cfg.ID
	}
	for _, m := range v.Members {
		p.Members = append(p.Members, l.memberJSON(m))
	}
	for _, s := range v.Servers {
		p.Servers = append(p.Servers, serverJSON{Address: s.Server, State: string(s.State), WrittenAt: s.WrittenAt, AnsweredAt: s.AnsweredAt, Attempts: s.Attempts, LastError: s.Error})
	}
	for _, a := range l.cfg.DNS.Agents {
		if r, ok := l.last[a][v.ID]; ok {
			p.Reporters = append(p.Reporters, publishJSON{Agent: a.String(), Order: r.Order, Done: r.Done})
			for _, s := range r.Strays {
				if len(r.Undo) == 0 && !slices.Contains(p.Strays, s) {
					p.Strays = append(p.Strays, s)
				}
			}
		}
	}
	st := l.proof.state[v.ID]
	if st != nil {
		for _, server := range l.cfg.DNS.Servers {
			if a, ok := st.answers[server]; ok {
				p.Answers = append(p.Answers, answerJSON{Server: server.String(), At: ptr(a.at), Values: list(a.values), TTL: a.ttl, OK: a.match, LastError: a.err})
			}
		}
	}
	p.Receipt = receiptOf(v, st)
	return p
}

// zoneOf is the zone of a pool's name: the configured one, or what the servers said; "" when that is not known yet.
func (l *loop) zoneOf(v decide.PoolView) string {
	if v.Zone != "" {
		return v.Zone
	}
	return l.zones[v.ID.Name()]
}

func (l *loop) memberJSON(m decide.MemberView) memberJSON {
	out := memberJSON{Address: m.Address, Value: m.Value, State: m.State.String(), Since: ptr(m.Since), Reason: m.Reason, InDNS: m.InDNS, Kept: m.Kept,
		Restarts: m.Restarts, LastRestart: ptr(m.LastRestart), LastResult: m.LastResult, Incident: m.Incident, Checks: []checkJSON{}}
	if m.Drain != nil {
		out.DrainedUntil, out.DrainedBy, out.DrainReason = ptr(m.Drain.Until), m.Drain.By, m.Drain.Reason
	}
	for _, c := range m.Checks {
		out.Checks = append(out.Checks, l.checkJSON(c))
	}
	return out
}

func (l *loop) checkJSON(c decide.CheckView) checkJSON {
	out := checkJSON{ID: string(c.ID), Name: string(c.ID), Verdict: c.Verdict.String(), Reason: c.Reason, Detail: c.Detail, At: ptr(c.LastAt), LastOK: ptr(c.LastOK),
		Failures: c.Failures, Successes: c.Successes, Blocked: string(c.Blocked)}
	if !c.LastAt.IsZero() {
		out.Outcome = c.Outcome.String()
	}
	if i, ok := l.plan.byID[c.ID]; ok {
		j := l.plan.jobs[i]
		out.Name, out.Fall, out.Rise, out.Interval = j.name, j.check.Fall, j.check.Rise, j.check.Interval.Seconds()
		if j.addr.IsValid() {
			out.Address = j.addr.String()
		}
	}
	return out
}

// receiptOf is the timeline of the last decision; nil before the first.
func receiptOf(v decide.PoolView, st *proofState) *receiptJSON {
	t := v.Last
	if t.DecidedAt.IsZero() {
		return nil
	}
	r := &receiptJSON{SeenAt: ptr(t.SeenAt), DecidedAt: ptr(t.DecidedAt), WrittenAt: ptr(t.WrittenAt), AnsweredAt: ptr(t.AnsweredAt), DrainedBy: ptr(t.DrainedBy)}
	var proved time.Time
	if st != nil && st.proved == v.Stamp {
		proved = st.provedAt
		r.ProvedAt = ptr(proved)
	}
	r.Text = receiptText(t, proved)
	return r
}

// receiptText is the receipt as one line, each time counted from the one it starts with.
func receiptText(t decide.Timeline, proved time.Time) string {
	from, text := t.SeenAt, "first seen "+utc(t.SeenAt)
	if from.IsZero() {
		from, text = t.DecidedAt, "decided "+utc(t.DecidedAt)
	} else {
		text += ", decided " + after(from, t.DecidedAt)
	}
	text += ", written " + after(from, t.WrittenAt) + ", answered by all " + after(from, t.AnsweredAt)
	if !proved.IsZero() {
		text += ", seen by this monitor " + after(from, proved)
	}
	if t.DrainedBy.IsZero() {
		return text + ", caches not drained yet"
	}
	return text + ", caches drained by " + utc(t.DrainedBy)
}

func after(from, t time.Time) string {
	if t.IsZero() {
		return "not yet"
	}
	d := t.Sub(from)
	if d < time.Second {
		return "+" + d.Round(10*time.Microsecond).String()
	}
	return "+" + d.Round(time.Millisecond).String()
}

// monitors are this one, those it watches, and those that agents say they obey.
func (l *loop) monitors() []monitorJSON {
	holds := map[string]int{}
	for _, id := range l.machine.Pools() {
		if v, ok := l.machine.Pool(id); ok {
			switch v.Role {
			case decide.RoleHolder:
				holds[l.cfg.ID]++
			case decide.RoleStandby:
				holds[v.Holder]++
			case decide.RoleNone:
			}
		}
	}
	out := []monitorJSON{{ID: l.cfg.ID, Address: l.cfg.Control.Listen.String(), Self: true, OK: l.ready.why() == "", Since: ptr(l.started), LastError: l.ready.why(), Holds: holds[l.cfg.ID]}}
	delete(holds, l.cfg.ID)
	for _, w := range l.watcher.list() {
		w.Holds = holds[w.ID]
		delete(holds, w.ID)
		out = append(out, w)
	}
	for _, id := range sortedKeys(holds) {
		out = append(out, monitorJSON{ID: id, OK: true, Holds: holds[id]})
	}
	return out
}
