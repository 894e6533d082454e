package engine

import (
	"slices"

	"loadshare/dhcp/packet"
	"loadshare/dhcp/scope"
)

// shadow says what this server told the client, or would have told it (decision D-j). t is nil when it was not worked out. When there is
// much to do both partners take the same eighth of the exchanges.
func (m *Machine) shadow(a *ask, s *scope.Scope, served bool, t *scope.Terms) {
	i := m.scopePair[s]
	if i < 0 || a.id.Denied || a.late || m.pairs[i].cfg.ISC {
		return
	}
	if m.shadows.spent > m.shadows.burst/2 && a.p.XID%8 != 0 || !m.shadows.take(m.now.Mono) {
		return
	}
	if t == nil {
		r := m.reservation(a, s)
		if r == nil && a.p.Type == packet.Discover && !m.cfg.Scopes.Admits(a.id, s, false) {
			return
		}
		terms := m.terms(a, s, r)
		t = &terms
	}
	classes := make([]string, 0, len(a.id.Classes))
	for _, c := range a.id.Classes {
		classes = append(classes, c.Name)
	}
	m.out.Shadows = append(m.out.Shadows, Shadow{
		Pair: m.pairs[i].cfg.Name, Client: a.c, XID: a.p.XID, Type: a.p.Type, Served: served, Scope: s.Name, Classes: classes,
		Seconds: uint32(m.desired(a, t)), Options: slices.Clone(t.Options),
	})
}
