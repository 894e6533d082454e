package alert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"loadshare/internal/config"
	"loadshare/internal/durable"
)

// fakeSender takes what it is told to take.
type fakeSender struct {
	mu     sync.Mutex
	errors []error // of the next sends; then nil
	got    []Message
	at     []time.Time
	tries  int
}

func (f *fakeSender) Send(_ context.Context, m Message) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tries++
	if len(f.errors) > 0 {
		err := f.errors[0]
		f.errors = f.errors[1:]
		if err != nil {
			return err
		}
	}
	f.got, f.at = append(f.got, m), append(f.at, time.Now())
	return nil
}

func (f *fakeSender) Close() error { return nil }

var errAway = errors.New("connection refused")

func errGone() error { return &Permanent{errors.New("550 no such user")} }

// bench is a notifier over a store in a file, in a bubble of synctest.
type bench struct {
	t      *testing.T
	path   string
	config Config
	sender *fakeSender
	store  durable.Store
	n      *Notifier
	cancel context.CancelFunc
	done   chan error
}

func newBench(t *testing.T, c Config) *bench {
	b := &bench{t: t, path: filepath.Join(t.TempDir(), "alert.db"), config: c, sender: &fakeSender{}}
	b.config.From, b.config.Role, b.config.Host = "loadshare@mydomain.com", "monitor", "mon1"
	b.start()
	return b
}

func (b *bench) start() {
	b.t.Helper()
	var err error
	if b.store, err = durable.OpenBolt(b.path); err != nil {
		b.t.Fatal(err)
	}
	places := []place{{name: "mail to root", to: []string{"root@mydomain.com"}, sender: b.sender}}
	if b.n, err = newNotifier(b.config, b.store, slog.New(slog.DiscardHandler), places); err != nil {
		b.t.Fatal(err)
	}
	b.n.OnSummary(func() string { return "all is well" })
	ctx, cancel := context.WithCancel(b.t.Context())
	b.cancel, b.done = cancel, make(chan error, 1)
	go func() { b.done <- b.n.Run(ctx) }()
}

func (b *bench) stop() {
	b.t.Helper()
	b.cancel()
	if err := <-b.done; err != nil {
		b.t.Errorf("Run: %v", err)
	}
	if err := b.store.Close(); err != nil {
		b.t.Error(err)
	}
}

func (b *bench) send(a Alert) {
	b.t.Helper()
	if err := b.n.Send(a); err != nil {
		b.t.Fatal(err)
	}
}

// after lets time pass and returns what was taken until then.
func (b *bench) after(d time.Duration) []Message {
	time.Sleep(d)
	synctest.Wait()
	b.sender.mu.Lock()
	defer b.sender.mu.Unlock()
	return b.sender.got
}

func (b *bench) subjects(ms []Message) string {
	var out []string
	for _, m := range ms {
		out = append(out, strings.TrimPrefix(m.Subject, "[loadshare] "))
	}
	return strings.Join(out, "; ")
}

func inBubble(t *testing.T, c Config, f func(*bench)) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, c)
		defer b.stop()
		f(b)
	})
}

func failure(incident string) Alert {
	return Alert{Incident: incident, Kind: Failure, Title: incident + " is down", Next: "loadshare pool why " + incident, Body: "3 probes failed.", Evidence: "HTTP/1.0 500"}
}

// "one thread per incident (References/In-Reply-To)", stable for what is told twice, and a Final ends it.
func TestThreadOfAnIncident(t *testing.T) {
	inBubble(t, Config{}, func(b *bench) {
		b.send(failure("www"))
		first := b.after(2 * time.Second)[0]
		if first.InReplyTo != "" || first.References != nil {
			t.Errorf("the first of a thread answers %q", first.InReplyTo)
		}
		b.send(Alert{Incident: "www", Kind: Restart, Title: "restarted"})
		second := b.after(2 * time.Second)[1]
		b.stop() // the thread outlives the process
		b.start()
		b.send(Alert{Incident: "www", Kind: Recovery, Title: "www is up", Final: true})
		third := b.after(2 * time.Second)[2]
		if second.InReplyTo != first.ID || third.InReplyTo != first.ID {
			t.Errorf("In-Reply-To %q and %q, want both %q", second.InReplyTo, third.InReplyTo, first.ID)
		}
		if want := []string{first.ID, second.ID}; strings.Join(third.References, " ") != strings.Join(want, " ") {
			t.Errorf("References %v, want %v", third.References, want)
		}
		if first.ID == second.ID || second.ID == third.ID || !strings.HasSuffix(first.ID, "@mydomain.com") {
			t.Errorf("IDs %s, %s, %s: want three of our domain", first.ID, second.ID, third.ID)
		}
		b.send(failure("www"))
		if again := b.after(2 * time.Second)[3]; again.InReplyTo != "" || again.ID == first.ID {
			t.Errorf("after the end a new thread begins, got an answer to %q with ID %s", again.InReplyTo, again.ID)
		}
	})
}

// "the next command to type first, then what happened with times, evidence; children folded into the incident's mail".
func TestContentOfAMail(t *testing.T) {
	inBubble(t, Config{}, func(b *bench) {
		a := failure("node1")
		a.Children = []string{"www.mydomain.com 192.0.2.1", "smtp.mydomain.com 192.0.2.1"}
		b.send(a)
		b.send(Alert{Incident: "node1", Kind: Restart, Title: "apache restarted", Body: "exit 0 after 2 s"})
		got := b.after(5 * time.Second)
		if len(got) != 1 {
			t.Fatalf("two alerts of one incident at once made %d mails", len(got))
		}
		text := got[0].Text
		last := -1
		for _, part := range []string{"    loadshare pool why node1", "apache restarted", "exit 0 after 2 s", "node1 is down", "3 probes failed.", "www.mydomain.com 192.0.2.1", "smtp.mydomain.com", "    HTTP/1.0 500", "-- \nloadshare monitor on mon1, incident node1"} {
			i := strings.Index(text, part)
			if i < 0 || i < last {
				t.Errorf("%q is missing or out of order in:\n%s", part, text)
			}
			last = i
		}
		if !strings.HasPrefix(text, "Type this first:") {
			t.Errorf("the mail does not begin with what to type:\n%s", text)
		}
	})
}

// "what is over the rate is collected into one digest mail, never lost".
func TestRateMakesADigest(t *testing.T) {
	inBubble(t, Config{Rate: config.Rate{Count: 3, Per: 3 * time.Minute}}, func(b *bench) {
		for i := range 10 {
			b.send(failure(fmt.Sprintf("pool%d", i)))
		}
		got := b.after(10 * time.Second)
		if b.subjects(got) != "pool0 is down; pool1 is down; pool2 is down" {
			t.Errorf("at once: %s, want as many as there are tokens", b.subjects(got))
		}
		got = b.after(time.Minute)
		if len(got) != 4 || got[3].Subject != "[loadshare] digest: 7 alerts in 7 incidents" {
			t.Fatalf("with the next token: %s", b.subjects(got[3:]))
		}
		for i := 3; i < 10; i++ {
			if !strings.Contains(got[3].Text, fmt.Sprintf("pool%d is down", i)) {
				t.Errorf("pool%d is lost", i)
			}
		}
		// What the digest told begins no second thread: later mail answers the digest.
		b.send(Alert{Incident: "pool5", Kind: Recovery, Title: "pool5 is up"})
		if got = b.after(2 * time.Minute); len(got) != 5 || got[4].InReplyTo != got[3].ID {
			t.Errorf("after the digest: %s answering %q, want one answer to %s", b.subjects(got[4:]), got[len(got)-1].InReplyTo, got[3].ID)
		}
		if s := b.n.Stats(); s.Queued != 0 || s.Sent != 5 || s.GivenUp != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

// "451 then success": tried again, once taken, under the same Message-ID.
func TestTemporaryFailureIsRetried(t *testing.T) {
	inBubble(t, Config{}, func(b *bench) {
		b.sender.errors = []error{errAway, errAway, nil}
		b.send(failure("www"))
		if got := b.after(2500 * time.Millisecond); len(got) != 0 || b.sender.tries != 1 {
			t.Errorf("%d sent after %d tries; the first retry comes 2 s after the failure", len(got), b.sender.tries)
		}
		if s := b.n.Stats(); s.Queued != 1 || !strings.Contains(s.LastError, "connection refused") || s.Oldest.IsZero() {
			t.Errorf("stats while it waits: %+v", s)
		}
		got := b.after(10 * time.Second)
		if len(got) != 1 || b.sender.tries != 3 {
			t.Errorf("%d sent after %d tries, want 1 after 3", len(got), b.sender.tries)
		}
		if s := b.n.Stats(); s.LastError != "" || s.Failed != 2 {
			t.Errorf("stats after success: %+v", s)
		}
	})
}

// "server away and back": nothing is lost in an hour without a mail server, not even with a restart in between,
// and the tries are spaced.
func TestServerAwayAndBack(t *testing.T) {
	inBubble(t, Config{}, func(b *bench) {
		for range 10_000 {
			b.sender.errors = append(b.sender.errors, errAway)
		}
		for i := range 4 {
			b.send(failure(fmt.Sprintf("pool%d", i)))
			b.after(15 * time.Minute)
		}
		if b.sender.tries > 80 {
			t.Errorf("%d tries in an hour, want at most about one a minute", b.sender.tries)
		}
		b.stop()
		b.sender.errors = nil
		b.start()
		got := b.after(time.Minute)
		text := ""
		for _, m := range got {
			text += m.Text
		}
		for i := range 4 {
			if !strings.Contains(text, fmt.Sprintf("pool%d is down", i)) {
				t.Errorf("pool%d is lost", i)
			}
		}
	})
}

// "5xx give up after the digest and say so in the log/metric": refused alone, repeated in a digest, then given up.
func TestRefusalGoesIntoTheDigest(t *testing.T) {
	inBubble(t, Config{}, func(b *bench) {
		b.sender.errors = []error{errGone(), nil}
		b.send(failure("a"))
		got := b.after(10 * time.Second)
		if len(got) != 1 || !strings.Contains(got[0].Subject, "digest") || !strings.Contains(got[0].Text, "a is down") {
			t.Errorf("after one refusal: %s, want a digest with it", b.subjects(got))
		}
		b.sender.errors = []error{errGone(), errGone()}
		b.send(failure("b"))
		got = b.after(20 * time.Second)
		if s := b.n.Stats(); len(got) != 1 || s.GivenUp != 1 || s.Queued != 0 {
			t.Errorf("after two refusals: %s, stats %+v, want it given up", b.subjects(got), s)
		}
		b.send(failure("c"))
		if got = b.after(time.Minute); len(got) != 2 {
			t.Errorf("after a refusal the next alert was not sent: %s", b.subjects(got))
		}
	})
}

func TestDailySummary(t *testing.T) {
	inBubble(t, Config{Summary: DefaultSummary}, func(b *bench) {
		got := b.after(49 * time.Hour)
		if len(got) != 2 {
			t.Fatalf("%d mails in two days", len(got))
		}
		if at := got[0].At.UTC(); at.Hour() != 7 || at.Minute() != 0 || !strings.Contains(got[0].Text, "all is well") || got[0].Subject != "[loadshare] summary of monitor on mon1" {
			t.Errorf("at %s: %q\n%s", at, got[0].Subject, got[0].Text)
		}
	})
}

// An alert is on disk when Send returns: a process that dies at once loses nothing, and numbers go on.
func TestSendIsDurable(t *testing.T) {
	inBubble(t, Config{}, func(b *bench) {
		b.sender.errors = []error{errAway}
		b.send(failure("a"))
		b.stop()
		b.start()
		if got := b.after(10 * time.Second); len(got) != 1 || got[0].Subject != "[loadshare] a is down" {
			t.Errorf("after the restart: %s", b.subjects(got))
		}
	})
}

// A destination that left the configuration leaves nothing behind.
func TestFormerDestinationIsForgotten(t *testing.T) {
	inBubble(t, Config{}, func(b *bench) {
		b.sender.errors = []error{errAway}
		b.send(failure("a"))
		b.stop()
		store, err := durable.OpenBolt(b.path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := newNotifier(b.config, store, slog.New(slog.DiscardHandler), []place{{name: "webhook", sender: &fakeSender{}}}); err != nil {
			t.Fatal(err)
		}
		left := 0
		if err := store.Scan([]byte(keyRoot), prefixEnd(keyRoot), func(_, _ []byte) bool { left++; return true }); err != nil {
			t.Fatal(err)
		}
		if left != 0 {
			t.Errorf("%d keys are left", left)
		}
		store.Close()
		b.start()
	})
}

// "everything bounded": the queue has an end, and says what it gave up.
func TestQueueIsBounded(t *testing.T) {
	store, err := durable.OpenBolt(filepath.Join(t.TempDir(), "alert.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	q, err := openQueue(store, "mail", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var b durable.Batch
	for i := range MaxQueue + 5 {
		e, err := q.put(&b, Alert{Title: fmt.Sprint(i)}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		gone := q.join(e)
		if (i >= MaxQueue) != (len(gone) == 1) {
			t.Fatalf("alert %d drove out %d", i, len(gone))
		}
	}
	if err := store.Commit(&b); err != nil {
		t.Fatal(err)
	}
	again, err := openQueue(store, "mail", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if len(again.waiting) != MaxQueue || again.waiting[0].Alert.Title != "5" || again.next != MaxQueue+6 {
		t.Errorf("from disk: %d waiting, first %q, next %d", len(again.waiting), again.waiting[0].Alert.Title, again.next)
	}
}

// The contract: "Times are RFC 3339 in UTC, null when never; last_error is \"\" when there is none."
func TestStatusShowsNeverAsNull(t *testing.T) {
	data, err := json.Marshal(Stats{}.Status())
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"queued":0,"oldest":null,"sent":0,"failed":0,"given_up":0,"last_error":"","last_error_at":null,"last_sent":null}`; string(data) != want {
		t.Errorf("got %s\nwant %s", data, want)
	}
	at := time.Date(2026, 11, 22, 4, 0, 0, 0, time.FixedZone("CET", 3600))
	if got := (Stats{Queued: 1, Oldest: at}).Status().Oldest.Format(time.RFC3339); got != "2026-11-22T03:00:00Z" {
		t.Errorf("oldest %s", got)
	}
}
