package dhcp

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
)

// A client behind a relay gets a lease with its options, renews it, gives it back; the operator sees all of it.
func TestSingleServesAClientBehindARelay(t *testing.T) {
	s := newSite(t, single)
	s.start(t)
	r := s.relay(t)
	l := acquire(t, r, 1)
	if !netip.MustParsePrefix("127.1.0.0/22").Contains(l.IP) || l.Time != time.Hour || l.Server != s.addr.Addr() || string(l.Options[3]) != "\x7f\x00\x00\x01" {
		t.Errorf("lease: %+v", l)
	}
	if again := renew(t, r, 1, l); again.IP != l.IP {
		t.Errorf("renewed: %+v", again)
	}
	other := acquire(t, r, 2)
	if other.IP == l.IP {
		t.Fatalf("%s is given twice", l.IP)
	}
	var st Status
	s.ask(t, "/v1/status", nil, &st)
	if len(st.Scopes) != 1 || st.Scopes[0].Active != 2 || st.Scopes[0].Total != 1022 || st.Scopes[0].Subnet != "127.0.0.0/8" || st.Role != "single" || !st.Ready || st.Store.Leases != 2 {
		t.Errorf("status: %+v", st)
	}
	var shown LeaseStatus
	s.ask(t, "/v1/lease/show", url.Values{"address": {l.IP.String()}}, &shown)
	if shown.State != "active" || shown.Hardware != "02:00:00:00:00:01" || shown.Hostname != "host1" || shown.Scope != "cluster" {
		t.Errorf("lease show: %+v", shown)
	}
	if err := r.Release(client(1), l); err != nil {
		t.Fatal(err)
	}
	until(t, "the released address is free", func() bool {
		s.ask(t, "/v1/lease/show", url.Values{"address": {l.IP.String()}}, &shown)
		return shown.State == "free"
	})
	var list LeaseList
	s.ask(t, "/v1/lease/list", url.Values{"state": {"active"}}, &list)
	if len(list.Leases) != 1 || list.Leases[0].Address != other.IP.String() {
		t.Errorf("lease list: %+v", list)
	}
	until(t, "the history has it, once it is on disk", func() bool {
		var h History
		s.ask(t, "/v1/lease/history", url.Values{"client": {"02:00:00:00:00:01"}}, &h)
		var what []string
		for _, e := range h.Events {
			what = append(what, e.What)
		}
		got := strings.Join(what, " ")
		return strings.HasPrefix(got, "granted") && strings.Contains(got, "released")
	})
}
