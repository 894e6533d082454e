package monitor

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"loadshare/internal/alert"
	"loadshare/monitor/order"
)

// owedAlarm is how long a DNS server may owe changes before people are told.
const owedAlarm = time.Minute

// owedServers knows which DNS servers have not taken changes (M5: owed, and
// given on return). One incident a server, however many pools it owes.
type owedServers struct {
	servers map[string]*owedServer
}

type owedServer struct {
	since   time.Time
	pools   map[order.PoolID]map[netip.AddrPort]bool // by which agents' reports
	err     string
	alarmed bool
}

func newOwedServers() *owedServers { return &owedServers{servers: map[string]*owedServer{}} }

// note takes in one report. A server owes a pool while an agent says so and
// none has said of the same or a newer order that the server has it.
func (o *owedServers) note(agent netip.AddrPort, m order.Published) {
	for _, s := range m.Servers {
		have := o.servers[s.Server]
		switch s.State {
		case order.ServerOwed:
			if have == nil {
				have = &owedServer{since: time.Now(), pools: map[order.PoolID]map[netip.AddrPort]bool{}}
				o.servers[s.Server] = have
			}
			if len(have.pools) == 0 {
				have.since = time.Now()
			}
			if have.pools[m.Pool] == nil {
				have.pools[m.Pool] = map[netip.AddrPort]bool{}
			}
			have.pools[m.Pool][agent] = true
			have.err = s.Error
		case order.ServerWritten, order.ServerAnswers:
			if have != nil {
				delete(have.pools, m.Pool)
			}
		}
	}
}

// alerts are what to tell people now.
func (o *owedServers) alerts(now time.Time) []alert.Alert {
	var out []alert.Alert
	for _, name := range sortedKeys(o.servers) {
		s := o.servers[name]
		switch {
		case len(s.pools) == 0 && s.alarmed:
			s.alarmed = false
			out = append(out, alert.Alert{Incident: "dns " + name, Kind: alert.Recovery, Final: true, At: now, Title: "DNS server " + name + " has taken what it missed"})
		case len(s.pools) > 0 && !s.alarmed && now.Sub(s.since) >= owedAlarm:
			s.alarmed = true
			a := alert.Alert{Incident: "dns " + name, Kind: alert.Degraded, At: now, Title: "DNS server " + name + " does not take changes",
				Next: "loadshare pool show " + firstPool(s),
				Body: fmt.Sprintf("Since %s: %s.\nThe agents keep what it owes and give it on its return; it may answer old addresses until then.\n", utc(s.since), strings.TrimSpace(orWord(s.err, "no answer")))}
			for _, p := range sortedKeys(s.pools) {
				a.Children = append(a.Children, string(p))
			}
			out = append(out, a)
		}
	}
	return out
}

func firstPool(s *owedServer) string { return sortedKeys(s.pools)[0].Name() }
