package alert

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// 2xx is taken; what may pass is tried again; other answers are for ever.
func TestWebhook(t *testing.T) {
	status := http.StatusOK
	var got payload
	var key string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key = r.Header.Get("Idempotency-Key")
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		if status == http.StatusFound {
			w.Header().Set("Location", "http://192.0.2.1/")
		}
		w.WriteHeader(status)
	}))
	defer srv.Close()
	h := newWebhook(srv.URL+"/secret", nil)
	m := hello()
	m.Alerts = []Alert{{Incident: "i", Kind: Failure, Title: "down", At: time.Unix(1e9, 0).UTC(), Children: []string{"c"}}}
	for code, want := range map[int]string{200: "", 204: "", 500: "later", 503: "later", 429: "later", 408: "later", 400: "never", 404: "never", 410: "never", 302: "never"} {
		status = code
		err := h.Send(t.Context(), m)
		is := ""
		if err != nil {
			is = "later"
		}
		if isPermanent(err) {
			is = "never"
		}
		if is != want {
			t.Errorf("%d: %q (%v), want %q", code, is, err, want)
		}
	}
	if got.Version != 1 || got.ID != m.ID || got.Subject != m.Subject || got.Text != m.Text || len(got.Alerts) != 1 || got.Alerts[0].Title != "down" || key != m.ID {
		t.Errorf("the call carried %+v, key %q", got, key)
	}
	srv.Close()
	if err := h.Send(t.Context(), m); err == nil || isPermanent(err) || strings.Contains(err.Error(), "secret") {
		t.Errorf("nobody there: %v, want an error that may pass and does not show the URL", err)
	}
}
