package monitor

import (
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"loadshare/internal/metrics"
)

// Lessons, 11: one series for each pool, member and check, and they follow the state.
func TestMetricsFollowTheState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begin(t, siteConfig)
		defer r.end()
		r.must("POST", "/v1/pool/drain", nil, `{"address":"192.0.2.2","for":"10m","reason":"new disk"}`)
		w.until("out", time.Second, w.bothServersAnswer("192.0.2.1"))
		time.Sleep(3 * time.Second)
		synctest.Wait()
		has := func(want ...string) {
			t.Helper()
			rec := httptest.NewRecorder()
			r.meters.registry.Handler(metrics.Health{}).ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
			for _, line := range want {
				if !strings.Contains(rec.Body.String(), line+"\n") {
					t.Errorf("no line %q", line)
				}
			}
		}
		has(`loadshare_member_up{member="192.0.2.1",pool="www.mydomain.com/A",role="monitor"} 1`,
			`loadshare_member_up{member="192.0.2.2",pool="www.mydomain.com/A",role="monitor"} 0`,
			`loadshare_check_up{check="tcp-80",member="192.0.2.2",pool="www.mydomain.com/A",role="monitor"} 1`,
			`loadshare_pool_published_members{pool="www.mydomain.com/A",role="monitor"} 1`,
			`loadshare_drained_members{role="monitor"} 1`,
			`loadshare_agents_connected{role="monitor"} 4`)
		r.must("POST", "/v1/pool/undrain", nil, `{"address":"192.0.2.2"}`)
		w.until("back", 5*time.Second, w.bothServersAnswer(both()...))
		time.Sleep(3 * time.Second)
		synctest.Wait()
		has(`loadshare_drained_members{role="monitor"} 0`, `loadshare_pool_published_members{pool="www.mydomain.com/A",role="monitor"} 2`)
	})
}
