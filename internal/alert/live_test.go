package alert

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"loadshare/internal/durable"
)

// Another configuration takes effect while it runs; one that cannot be taken over leaves the old one in force.
func TestConfigurationChangesWhileItRuns(t *testing.T) {
	taken := make(chan string, 10)
	place := func(name string) string {
		srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			var p payload
			if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
				t.Error(err)
			}
			taken <- name + " " + p.Alerts[0].Title
		}))
		t.Cleanup(srv.Close)
		return srv.URL
	}
	old, other := Config{Webhook: place("old")}, Config{Webhook: place("other")}
	store, err := durable.OpenBolt(filepath.Join(t.TempDir(), "alerts.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	l, err := NewLive(old, store, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Change(other); err != nil { // before it runs
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	for _, step := range []struct {
		to    Config
		bad   bool
		title string
		want  string
	}{
		{other, false, "one", "other one"},
		{old, false, "two", "old two"},
		{Config{Webhook: other.Webhook, CA: "/nonexistent"}, true, "three", "old three"},
		{other, false, "four", "other four"},
	} {
		if err := l.Change(step.to); (err != nil) != step.bad {
			t.Fatalf("change: %v", err)
		}
		if err := l.Send(Alert{Kind: Failure, Title: step.title}); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-taken:
			if got != step.want {
				t.Errorf("delivered %q, want %q", got, step.want)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("%q was not delivered", step.title)
		}
		for end := time.Now().Add(30 * time.Second); l.Stats().Queued > 0; time.Sleep(time.Millisecond) { // what is under way may come twice
			if time.Now().After(end) {
				t.Fatalf("%q stays in the queue", step.title)
			}
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
