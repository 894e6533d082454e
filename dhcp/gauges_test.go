package dhcp

import (
	"net/http/httptest"
	"strings"
	"testing"

	"loadshare/internal/metrics"
)

// metric says whether the server's metrics have a line.
func (s *site) metric(line string) bool {
	rec := httptest.NewRecorder()
	s.server.count.reg.Handler(metrics.Health{}).ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	return strings.Contains("\n"+rec.Body.String(), "\n"+line)
}

// D39: the utilisation of subnets is collected once for both: the metrics of either server have the scopes of both, with the pair's state.
// What is no more has no series.
func TestMetricsShowScopesPairsAndAlarms(t *testing.T) {
	main, backup := twins(t, "")
	main.start(t)
	backup.start(t)
	untilNormal(t, main, backup)
	acquire(t, main.relay(t, backup), 1)
	for _, s := range []*site{main, backup} {
		for _, line := range []string{
			`loadshare_dhcp_scope_total{role="dhcp",scope="cluster"} 1022`, `loadshare_dhcp_scope_active{role="dhcp",scope="cluster"} 1`,
			`loadshare_dhcp_scope_backup{role="dhcp",scope="cluster"} 102`, `loadshare_dhcp_pair_state{pair="pair1",role="dhcp",state="normal"} 1`,
			`loadshare_dhcp_pair_connected{pair="pair1",role="dhcp"} 1`, `loadshare_dhcp_pair_unacked{pair="pair1",role="dhcp"} 0`, `loadshare_dhcp_ready{role="dhcp"} 1`,
		} {
			until(t, line, func() bool { return s.metric(line) })
		}
	}
	main.stop(t)
	until(t, "the state is another, and only that", func() bool {
		return backup.metric(`loadshare_dhcp_pair_state{pair="pair1",role="dhcp",state="communications-interrupted"} 1`) &&
			!backup.metric(`loadshare_dhcp_pair_state{pair="pair1",role="dhcp",state="normal"}`) && backup.metric(`loadshare_dhcp_pair_connected{pair="pair1",role="dhcp"} 0`)
	})
}

func TestMetricsForgetWhatIsNoMore(t *testing.T) {
	count := newCounters()
	s := &site{server: &Server{count: count}}
	g := newGauges(count.reg)
	two := []AlarmStatus{{Name: alarmPool, About: "a"}, {Name: alarmPool, About: "b"}}
	g.show(&Status{Scopes: []ScopeStatus{{Name: "a"}, {Name: "b", Free: 3}}}, two)
	if !s.metric(`loadshare_dhcp_alarms{name="pool-low",role="dhcp"} 2`) || !s.metric(`loadshare_dhcp_scope_free{role="dhcp",scope="b"} 3`) {
		t.Error("two scopes, and two alarms of one name")
	}
	g.show(&Status{Scopes: []ScopeStatus{{Name: "a"}}}, nil)
	if s.metric(`loadshare_dhcp_alarms`) || s.metric(`loadshare_dhcp_scope_free{role="dhcp",scope="b"}`) || !s.metric(`loadshare_dhcp_scope_free{role="dhcp",scope="a"} 0`) {
		t.Error("one scope, no alarm")
	}
}
