package haserver

import (
	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// note logs and counts what the machine says of itself. A change of state is told always (a partner that comes and goes without end is
// told of a few times a second), the way of every zone only when it was asked
// for (ha_details) or is bad news.
func (s *Server) note(n *pair.Note) {
	s.count.ha.note(*n)
	if n.From != n.To && n.To == pairmsg.Normal || n.Reason == pair.OperatorSwapped {
		s.settingsDue(false)
		s.conflictsDue()
	}
	args := []any{"reason", n.Reason.String()}
	if n.Zone != "" {
		args = append(args, "zone", plain(zone.Name(n.Zone)))
	}
	if n.Text != "" {
		args = append(args, "text", n.Text)
	}
	if n.From != n.To {
		args = append(args, "from", n.From.String(), "to", n.To.String())
	}
	if text := hint(n); text != "" {
		args = append(args, "hint", text)
	}
	switch {
	case n.From != n.To:
		if n.From == pairmsg.Normal {
			s.quiet.Warn(s.log, "pair_state", args...)
		} else {
			s.quiet.Info(s.log, "pair_state", args...)
		}
	case badNews(n.Reason):
		s.quiet.Warn(s.log, "pair_trouble", args...)
	case n.Zone == "":
		s.quiet.Info(s.log, "pair", args...)
	case s.view.Load().details():
		s.quiet.Info(s.log, "pair_zone", args...)
	default:
		s.log.Debug("pair_zone", args...)
	}
}

// badNews says whether somebody should look.
func badNews(r pair.Reason) bool {
	switch r {
	case pair.OwnUnfit, pair.PartnerUnfit, pair.VersionDiffers, pair.RoleClash, pair.SameStore, pair.HelloLate, pair.ZoneExpired,
		pair.SyncTimeout, pair.SyncError, pair.Drift, pair.DamagedZone, pair.NotFitting, pair.WindowFull,
		pair.Flapping, pair.RolledBack, pair.PartnerOlder, pair.AckLate, pair.ClockSkew, pair.Conflicted:
		return true
	default:
		return false
	}
}
