package dhcp

import (
	"context"
	"os"
	"strings"
	"testing"
)

// "reload on SIGHUP (all or nothing, the old configuration stays on any error, the result is visible in status)"
func TestReloadIsAllOrNothing(t *testing.T) {
	s := newSite(t, single)
	s.start(t)
	r := s.relay(t)
	first := acquire(t, r, 1)
	for name, text := range map[string]string{
		"syntax":    "listen = [",
		"a mistake": strings.Replace(strings.Replace(single, `lease_time = "1h"`, `lease_time = "2h"`, 1), "127.1.3.254", "10.0.0.1", 1),
		"an address that cannot change": strings.Replace(strings.Replace(single, `lease_time = "1h"`, `lease_time = "2h"`, 1),
			`listen = ["127.0.0.1:0"]`, `listen = ["127.0.0.1:0", "127.0.0.4:0"]`, 1),
	} {
		if err := os.WriteFile(s.path(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.env.Reload(context.Background()); err == nil {
			t.Errorf("%s: accepted", name)
		}
		var st Status
		s.ask(t, "/v1/status", nil, &st)
		if st.Reload == nil || st.Reload.OK || st.Reload.Error == "" {
			t.Errorf("%s: status says %+v", name, st.Reload)
		}
		if l := acquire(t, r, 2); l.Time.Hours() != 1 {
			t.Errorf("%s: leases are for %s now", name, l.Time)
		}
	}
	s.text = strings.Replace(strings.Replace(single, `lease_time = "1h"`, `lease_time = "2h"`, 1), `name = "cluster"`, `name = "other"`, 1)
	s.config(t)
	if err := s.env.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	if l := renew(t, r, 1, first); l.Time.Hours() != 2 || l.IP != first.IP {
		t.Errorf("renewed after the reload: %+v", l)
	}
}

// Decision D-h: a scope that vanished from the configuration keeps its leases, which the operator sees.
func TestVanishedScopeIsAnOrphan(t *testing.T) {
	s := newSite(t, single)
	s.start(t)
	l := acquire(t, s.relay(t), 1)
	s.text = strings.Replace(single, `subnet = "127.0.0.0/8"
ranges = ["127.1.0.1-127.1.3.254"]`, `subnet = "127.2.0.0/16"
ranges = ["127.2.0.1-127.2.3.254"]`, 1)
	s.text = strings.Replace(s.text, `routers = ["127.0.0.1"]`, `routers = ["127.2.0.1"]`, 1)
	s.config(t)
	if err := s.env.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	var list LeaseList
	s.ask(t, "/v1/lease/orphans", nil, &list)
	if len(list.Leases) != 1 || list.Leases[0].Address != l.IP.String() || !list.Leases[0].Orphan {
		t.Errorf("%+v", list)
	}
	s.text = single
	s.config(t)
	if err := s.env.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	s.ask(t, "/v1/lease/orphans", nil, &list)
	if len(list.Leases) != 0 {
		t.Errorf("after the scope is back: %+v", list)
	}
}
