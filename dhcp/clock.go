package dhcp

import (
	"context"

	"loadshare/dhcp/engine"
	"loadshare/internal/control"
)

// vouch ends the doubt about the clock when the kernel says that a time daemon disciplines it (decision D-g): "on when the partner or NTP
// agrees". Without that, and without a partner, a clock that was rightly set forward would be doubted until somebody says that it is right.
func (s *Server) vouch(v *view) {
	if v.doubted && s.ntp() && s.loop.tell(engine.ClockSure{}) {
		s.log.Info("clock", "reason", "synchronised", "text", "a time daemon disciplines the clock of this host: it is believed")
	}
}

// ClockOrder says that the clock is right.
type ClockOrder struct {
	Reason string `json:"reason"` // for the log
}

// clockSure is the operator who has looked at the clock.
func (s *Server) clockSure(_ context.Context, r control.Request) (any, error) {
	var o ClockOrder
	if err := r.Decode(&o); err != nil {
		return nil, err
	}
	v, err := s.look()
	if err != nil {
		return nil, err
	}
	if !v.doubted {
		return nil, control.Refuse("nobody doubts the clock of this server")
	}
	s.log.Info("operator", "order", "clock-sure", "by", r.By, "reason", o.Reason)
	if !s.loop.tell(engine.ClockSure{}) {
		return nil, errStopping
	}
	s.poke()
	return Done{OK: true, Text: "the clock is believed: new clients are served and leases end again; leases of before the jump end later by as much"}, nil
}
