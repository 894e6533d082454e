package dhcp

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/failover"
	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
)

var background = context.Background()

// note logs and counts what the machine says of clients. Of the ordinary course of things nothing is logged but at level debug:
// history has it.
func (s *Server) note(n *engine.Note) {
	s.count.reasons[n.Reason].Add(1)
	level, msg := slog.LevelDebug, "client"
	switch n.Reason {
	case engine.PartnersClient:
		s.silent.drop(s)
	case engine.Acknowledged:
		s.tellAcked(n)
	case engine.ClockStepped, engine.MassExpiry, engine.StoreUnwell, engine.ClockDoubted, engine.PoolEmpty, engine.Answered, engine.Declined, engine.ReservedInUse,
		engine.JobGivenUp, engine.TooMany, engine.ProbedTooOften, engine.NotFromHolder:
		level, msg = slog.LevelWarn, "trouble"
	case engine.ClockAgreed, engine.Orphaned, engine.Forgotten, engine.Cleared, engine.NewRelay, engine.NoScope, engine.PairOver:
		level, msg = slog.LevelInfo, "told"
	default:
	}
	s.events.note(n, time.Now())
	s.floods.note(n, time.Now())
	if !s.log.Enabled(background, level) {
		return
	}
	args := []any{"reason", n.Reason.String()}
	if n.IP != 0 {
		args = append(args, "address", n.IP.String())
	}
	if !n.Client.IsZero() {
		args = append(args, "client", n.Client.String())
	}
	if n.Scope != "" {
		args = append(args, "scope", n.Scope)
	}
	if n.Relay != 0 {
		args = append(args, "relay", n.Relay.String())
	}
	if n.Port != "" {
		args = append(args, "port", printable(n.Port))
	}
	if n.Interface != "" {
		args = append(args, "interface", n.Interface)
	}
	if n.Text != "" {
		args = append(args, "text", n.Text)
	}
	if level == slog.LevelDebug {
		s.log.Debug(msg, args...)
		return
	}
	s.quiet.Log(s.log, level, "dhcp_"+strings.ReplaceAll(n.Reason.String(), " ", "_"), args)
}

// pairNote logs what an endpoint says of itself: changes of state always, with their reason (checklist D12, D50).
func (s *Server) pairNote(pair string, n *failover.Note) {
	if link := s.links[pair]; link != nil {
		link.noted(n)
	}
	args := []any{"pair", pair, "reason", n.Reason.String()}
	if n.Peer != 0 {
		args = append(args, "partner_state", n.Peer.String())
	}
	if n.IP != 0 {
		args = append(args, "address", n.IP.String())
	}
	if n.Reject != 0 {
		args = append(args, "reject", n.Reject.String())
	}
	if n.Count != 0 {
		args = append(args, "count", n.Count)
	}
	if n.Text != "" {
		args = append(args, "text", n.Text)
	}
	switch {
	case n.From != n.To:
		level := slog.LevelInfo
		if n.From == wire.Normal {
			level = slog.LevelWarn
		}
		args = append(args, "from", strings.ToUpper(n.From.String()), "to", strings.ToUpper(n.To.String()))
		s.quiet.Each(s.log, level, pair, "failover_state", args)
		s.poke()
	case badNews(n.Reason):
		s.quiet.Warn(s.log, "failover_trouble", args...)
	default:
		s.quiet.Info(s.log, "failover", args...)
	}
}

// badNews says whether somebody should look.
func badNews(r failover.Reason) bool {
	switch r {
	case failover.RolledBack, failover.DatabaseLost, failover.Conflict, failover.Unfit, failover.ConnectRefused, failover.RefusedConnect,
		failover.Disconnected, failover.Protocol, failover.TwoServers, failover.PeerLostStore, failover.PeerMCLT, failover.UpdateRefused,
		failover.RefusedUpdate, failover.TwoClients:
		return true
	default:
		return false
	}
}

// conflict is an address that both partners had given: it is resolved, and people are told (decision D-a).
func (s *Server) conflict(pair string, c *failover.TwoHolders) {
	s.quiet.Each(s.log, slog.LevelError, pair, "failover_conflict", []any{"pair", pair, "address", c.IP.String(), "kept", c.Kept.String(),
		"lost", c.Lost.String(), "held_until", stamp(c.LostUntil), "next", "loadshare lease show " + c.IP.String()})
	s.events.conflict(pair, c, time.Now())
	s.poke()
}

// stamp is a time for the log.
func stamp(at int64) string {
	if at >= lease.Forever {
		return "never ends"
	}
	return time.Unix(at, 0).UTC().Format(time.RFC3339)
}

// startLines tell what an operator looks for after a start (checklist D13).
func (s *Server) startLines() {
	conf := s.conf.Load()
	for i, p := range conf.Pairs {
		f := conf.Engine.Pairs[i]
		main, backup := p.Address, p.Partner
		if p.Role == failover.Backup {
			main, backup = backup, main
		}
		use := "disabled"
		if f.SafePeriod > 0 {
			use = "enabled"
		}
		s.log.Info("failover is enabled", "pair", p.Name, "role", p.Role.String(), "main", main.String(), "backup", backup.String(), "mclt", f.MCLT,
			"backup-pct", p.BackupPct, "dynamic-bootp-backup-pct", p.DynamicBOOTPPct, "use-safe-period", use, "safe-period", int64(f.SafePeriod/time.Second),
			"load-balancing", f.Balancing, "link", linkWord(p.Draft))
	}
}

func linkWord(draft bool) string {
	if draft {
		return "draft"
	}
	return "ours"
}

// logMessage logs a failover message at level debug, in the words of checklist D12.
func (s *Server) logMessage(way, pair string, m *wire.Message) {
	if !s.log.Enabled(background, slog.LevelDebug) {
		return
	}
	name := m.Body.Type().String()
	switch b := m.Body.(type) {
	case wire.BndUpd:
		for i := range b.Bindings {
			l := &b.Bindings[i]
			s.log.Debug("DHCPBNDUPD", "way", way, "pair", pair, "xid", m.XID, "address", l.IP.String(), "state", l.Status.String(), "client", l.Client.String(),
				"end", l.End, "potential", l.Potential)
		}
	case wire.BndAck:
		for _, a := range b.Answers {
			s.log.Debug("DHCPBNDACK", "way", way, "pair", pair, "xid", m.XID, "address", a.IP.String(), "reject", a.Reject.String(), "text", a.Text)
		}
	case wire.State:
		s.log.Debug("failover_message", "way", way, "pair", pair, "type", name, "state", b.State.String(), "startup", b.Startup)
	default:
		s.log.Debug("failover_message", "way", way, "pair", pair, "type", name, "xid", m.XID)
	}
}

// silent counts requests that the partner answers, and says so now and then: that is how one sees that a backup hears (checklist D12).
type silent struct {
	count int
	told  time.Time
}

const silentEvery = time.Minute

func (d *silent) drop(s *Server) {
	d.count++
	if now := time.Now(); now.Sub(d.told) >= silentEvery {
		s.log.Info("dropping requests because failover is in NORMAL state", "since_last_told", d.count, "hint", "the partner answers these clients")
		d.count, d.told = 0, now
	}
}
