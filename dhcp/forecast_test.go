package dhcp

import (
	"strings"
	"testing"
	"time"

	"loadshare/dhcp/config"
	"loadshare/dhcp/engine"
	"loadshare/dhcp/failover"
	"loadshare/dhcp/scope"
)

// "a forecast per pool ("empty in 9 h at this rate; raise backup_pct to 22")": what helps depends on who has the addresses.
func TestForecastSaysWhatHelps(t *testing.T) {
	pair := func(r failover.Role) *config.Config {
		return &config.Config{Pairs: []config.Pair{{Name: "pair", Role: r, BackupPct: 10}}, Engine: engine.Config{Pairs: []failover.Config{{Name: "pair"}}, Scopes: &scope.Table{}}}
	}
	draft, balanced := pair(failover.Backup), pair(failover.Backup)
	draft.Pairs[0].Draft, balanced.Engine.Pairs[0].Balancing = true, true
	view := func(free, backup int, f engine.Forecast) engine.ScopeView {
		return engine.ScopeView{Name: "s", Pair: "pair", Total: 100, Free: free, Backup: backup, Forecast: f}
	}
	nine := func(f engine.Forecast) engine.Forecast {
		f.PerHour, f.Mine, f.Empty = 1, 9, 9*time.Hour
		return f
	}
	for what, c := range map[string]struct {
		conf *config.Config
		view engine.ScopeView
		text string
	}{
		"alone":                                  {&config.Config{}, engine.ScopeView{Name: "s", Total: 100, Free: 10, Forecast: engine.Forecast{PerHour: 1, Mine: 10, Empty: 9 * time.Hour}}, "scope s is empty in 9 h at this rate (10 left of 100); make its ranges larger"},
		"a backup with too little":               {pair(failover.Backup), view(10, 9, nine(engine.Forecast{BackupPct: 22, Pct: 10, Share: 2})), "this server's share of scope s is empty in 9 h at this rate (9 left of 100); raise backup_pct from 10 to 22"},
		"the percentage says nothing with ISC":   {draft, view(10, 9, nine(engine.Forecast{BackupPct: 70, Pct: 50, Share: 9})), "make its ranges larger"},
		"nor with load balancing":                {balanced, view(10, 9, nine(engine.Forecast{BackupPct: 70, Pct: 50, Share: 9})), "make its ranges larger"},
		"a main whose partner has it":            {pair(failover.Main), view(0, 50, engine.Forecast{Pct: 10, Share: 5}), "nothing left to give in scope s; the partner has 50 that it could give: loadshare dhcp-pair rebalance"},
		"10 % of three are none, and stay none":  {pair(failover.Backup), view(3, 0, engine.Forecast{Pct: 10}), "nothing left to give in scope s; raise backup_pct from 10 to 17"},
		"a backup that is to have none":          {pair(failover.Backup), view(90, 0, engine.Forecast{Pct: 0}), ""},
		"a backup whose balance is not done yet": {pair(failover.Backup), view(90, 0, engine.Forecast{Pct: 10, Share: 9}), "the partner has 90 that it could give: loadshare dhcp-pair rebalance"},
		"nothing is wrong for a month":           {pair(failover.Main), view(50, 0, engine.Forecast{PerHour: 0.01, Mine: 50, Empty: 5000 * time.Hour, Pct: 10, Share: 5}), ""},
	} {
		got := forecastOf(c.conf, &c.view, time.Unix(1700000000, 0)).Text
		if !strings.Contains(got, c.text) || c.text == "" && got != "" {
			t.Errorf("%s: %q, want %q in it", what, got, c.text)
		}
	}
}
