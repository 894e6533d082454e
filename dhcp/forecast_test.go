package dhcp

import (
	"strings"
	"testing"
	"time"

	"loadshare/dhcp/config"
	"loadshare/dhcp/engine"
	"loadshare/dhcp/failover"
)

// "a forecast per pool ("empty in 9 h at this rate; raise backup_pct to 22")": what helps depends on who has the addresses.
func TestForecastSaysWhatHelps(t *testing.T) {
	pair := func(r failover.Role) *config.Config {
		return &config.Config{Pairs: []config.Pair{{Name: "pair", Role: r, BackupPct: 10}}}
	}
	for what, c := range map[string]struct {
		conf *config.Config
		view engine.ScopeView
		text string
	}{
		"alone":                        {&config.Config{}, engine.ScopeView{Name: "s", Total: 100, Free: 10, Forecast: engine.Forecast{PerHour: 1, Mine: 10, Empty: 9 * time.Hour}}, "scope s is empty in 9 h at this rate (10 left of 100); make its ranges larger"},
		"a backup with too little":     {pair(failover.Backup), engine.ScopeView{Name: "s", Pair: "pair", Total: 100, Free: 10, Backup: 9, Forecast: engine.Forecast{PerHour: 1, Mine: 9, Empty: 9 * time.Hour, BackupPct: 22}}, "empty in 9 h at this rate (9 left of 100); raise backup_pct from 10 to 22"},
		"a main whose partner has it":  {pair(failover.Main), engine.ScopeView{Name: "s", Pair: "pair", Total: 100, Backup: 50, Forecast: engine.Forecast{}}, "nothing left to give in scope s; the partner has 50 that it could give: loadshare dhcp-pair rebalance"},
		"nothing is wrong for a month": {pair(failover.Main), engine.ScopeView{Name: "s", Pair: "pair", Total: 100, Free: 50, Forecast: engine.Forecast{PerHour: 0.01, Mine: 50, Empty: 5000 * time.Hour}}, ""},
	} {
		got := forecastOf(c.conf, &c.view, time.Unix(1700000000, 0)).Text
		if !strings.Contains(got, c.text) || c.text == "" && got != "" {
			t.Errorf("%s: %q, want %q in it", what, got, c.text)
		}
	}
}
