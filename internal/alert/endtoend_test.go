package alert

import (
	"context"
	"log/slog"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"loadshare/internal/durable"
)

// The whole way over a real mail server: it is away when the alert comes and then back; it answers 451 once; one of two
// groups is refused for good, which the other does not feel; the recovery answers the failure.
func TestMailEndToEnd(t *testing.T) {
	first, stopFirst := startSink(t, "", nil, false)
	stopFirst()
	tc, _ := certificate(t)
	store, err := durable.OpenBolt(filepath.Join(t.TempDir(), "alert.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	n, err := New(Config{
		Relay: relayTo(t, first.addr, Opportunistic), From: "loadshare@mydomain.com", Role: "monitor",
		To: [][]string{{"root@mydomain.com"}, {"gone@mydomain.com"}},
	}, store, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	if err := n.Send(Alert{Incident: "www", Kind: Failure, Title: "www is down"}); err != nil {
		t.Fatal(err)
	}
	s, _ := startSink(t, first.addr, tc, false)
	s.mu.Lock()
	s.errors = []error{&smtp.SMTPError{Code: 451, Message: "greylisted"}}
	s.refuse["gone@mydomain.com"] = &smtp.SMTPError{Code: 550, Message: "no such user"}
	s.mu.Unlock()
	got := s.wait(t, 1)[0]
	if err := n.Send(Alert{Incident: "www", Kind: Recovery, Title: "www is up", Final: true}); err != nil {
		t.Fatal(err)
	}
	second := s.wait(t, 2)[1]
	if !got.TLS || !second.TLS {
		t.Errorf("STARTTLS was offered and not used: %v, %v", got.TLS, second.TLS)
	}
	if got.Header.Get("Subject") != "[loadshare] www is down" || second.Header.Get("Subject") != "[loadshare] www is up" {
		t.Errorf("subjects %q, %q", got.Header.Get("Subject"), second.Header.Get("Subject"))
	}
	if id := got.Header.Get("Message-Id"); id == "" || second.Header.Get("In-Reply-To") != id || second.Header.Get("References") != id {
		t.Errorf("the recovery answers %q, want %q", second.Header.Get("In-Reply-To"), id)
	}
	for _, m := range s.wait(t, 2) {
		if len(m.To) != 1 || m.To[0] != "root@mydomain.com" {
			t.Errorf("a mail went to %v", m.To)
		}
	}
	// The mail server knows of the second mail a moment before we do.
	for deadline := time.Now().Add(time.Minute); n.Stats().Sent != 2 && time.Now().Before(deadline); {
		runtime.Gosched()
	}
	if s := n.Stats(); s.Sent != 2 || s.Failed == 0 {
		t.Errorf("stats %+v", s)
	}
}
