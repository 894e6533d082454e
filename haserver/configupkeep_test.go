package haserver

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loadshare/haserver/pairmsg"
	"loadshare/haserver/scavenge"
)

// upkeepOf reads the configuration of a zone with the given lines, and what is wrong with it.
func upkeepOf(t *testing.T, lines string) (Upkeep, string) {
	t.Helper()
	s := newSite(t)
	s.write(t, "dns.toml", confText+"[[zone]]\nname = \"third.test\"\n"+lines)
	conf, problems := LoadConfig(s.conf)
	if err := problems.Err(); err != nil {
		return Upkeep{}, err.Error()
	}
	return conf.Zones[2].Upkeep, ""
}

// "Off by default; keys `scavenge = "7d"`, `no_refresh = "1d"`"; `catalog = true` (no file), `catalog_member = false`.
func TestUpkeepKeys(t *testing.T) {
	const file = "file = \"db.other\"\n"
	day := 24 * time.Hour
	for lines, want := range map[string]Upkeep{
		file:                      {},
		file + `scavenge = "7d"`:  {Scavenge: scavenge.Policy{After: 7 * day, NoRefresh: day}},
		file + `scavenge = "10h"`: {Scavenge: scavenge.Policy{After: 10 * time.Hour, NoRefresh: 5 * time.Hour}},
		file + "scavenge = \"7d\"\nno_refresh = \"2d\"": {Scavenge: scavenge.Policy{After: 7 * day, NoRefresh: 2 * day}},
		file + "catalog_member = false":                 {Hidden: true},
		file + `catalog_group = "signed"`:               {Group: "signed"},
		"catalog = true\ntransfer = [\"key xfer\"]":     {Catalog: true},
	} {
		got, wrong := upkeepOf(t, lines)
		if diff := cmp.Diff(want, got); diff != "" || wrong != "" {
			t.Errorf("%s: %s %s", lines, diff, wrong)
		}
	}
	for lines, want := range map[string]string{
		"catalog = true\n" + file:                                   "file",
		"catalog = true\nupdate = [\"key ddns\"]":                   "update",
		"catalog = true\nscavenge = \"7d\"":                         "scavenge",
		file + "scavenge = \"1d\"\nno_refresh = \"1d\"":             "no_refresh",
		file + "no_refresh = \"1d\"":                                "no_refresh",
		file + "scavenge = \"10ms\"":                                "scavenge",
		file + `catalog_group = "` + strings.Repeat("x", 256) + `"`: "catalog_group",
		"": "file",
	} {
		if _, wrong := upkeepOf(t, lines); !strings.Contains(wrong, want) {
			t.Errorf("%s: said %q, want something about %s", lines, wrong, want)
		}
	}
}

// What the partner gets of it says the same there.
func TestUpkeepIsShared(t *testing.T) {
	for _, u := range []Upkeep{{}, {Catalog: true}, {Scavenge: scavenge.Policy{After: 90 * time.Minute, NoRefresh: 30 * time.Second}}, {Scavenge: scavenge.Policy{After: time.Hour}}} {
		var s pairmsg.ZoneSettings
		u.share(&s)
		got := Upkeep{Catalog: true, Group: "own", Scavenge: scavenge.Policy{After: 1}}
		err := got.take(s)
		want := u
		want.Group = "own"
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%+v: %s %v", s, diff, err)
		}
	}
	for _, text := range []string{"7d", "x y", "1d 1d", "1d -1h", "10ms 0s"} {
		got := Upkeep{Scavenge: scavenge.Policy{After: time.Hour}}
		if err := got.take(pairmsg.ZoneSettings{Scavenge: text}); err == nil || got.Scavenge.On() {
			t.Errorf("%q was taken as %+v: %v", text, got, err)
		}
	}
}
