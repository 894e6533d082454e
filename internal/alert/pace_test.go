package alert

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"loadshare/internal/config"
)

// Whatever is sent and whenever: in no window are there more messages than the bucket and its filling allow.
func TestPaceKeepsTheRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := config.Rate{Count: rapid.IntRange(1, 20).Draw(t, "count"), Per: time.Duration(rapid.IntRange(1, 3600).Draw(t, "seconds")) * time.Second}
		begin := time.Unix(1e9, 0)
		p := newPace(rate, begin)
		now, sent := begin, 0
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, int(rate.Per)).Draw(t, "later")))
			for range rapid.IntRange(1, 30).Draw(t, "burst") {
				if p.wait(now, begin.Add(-time.Hour)) > 0 {
					break
				}
				p.sent()
				sent++
			}
			most := float64(rate.Count) + float64(rate.Count)*float64(now.Sub(begin))/float64(rate.Per)
			if float64(sent) > most+1e-6 {
				t.Fatalf("%d sent after %s, want at most %.2f", sent, now.Sub(begin), most)
			}
		}
		// And nothing waits for ever: after the time that wait says, a token is there.
		for p.tokens >= 1 {
			p.sent()
		}
		d := p.wait(now, begin.Add(-time.Hour))
		if d <= 0 || p.wait(now.Add(d+time.Millisecond), begin.Add(-time.Hour)) > 0 {
			t.Fatalf("a token was promised in %s and is not there", d)
		}
	})
}

// The waits between tries double up to a minute, and end with the first success.
func TestBackOff(t *testing.T) {
	now := time.Unix(1e9, 0)
	p := newPace(DefaultRate, now)
	for i, want := range []time.Duration{2, 4, 8, 16, 32, 60, 60, 60} {
		p.failed(now)
		if got := p.wait(now, now.Add(-time.Hour)); got != want*time.Second {
			t.Errorf("after failure %d: %s, want %ds", i+1, got, want)
		}
		now = now.Add(want * time.Second)
	}
	p.sent()
	p.failed(now)
	if got := p.wait(now, now.Add(-time.Hour)); got != 2*time.Second {
		t.Errorf("after a success it begins again with %s", got)
	}
}
