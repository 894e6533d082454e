package alert

import (
	"time"

	"loadshare/internal/config"
)

// Times of the sending loop.
const (
	// linger is how long the first alert waits for others of its incident.
	linger = time.Second
	// The wait after the first failure of a sender, doubled at each further one up to the second.
	firstRetry, lastRetry = 2 * time.Second, time.Minute
)

// pace says when the next message may go. It is pure: times come in as arguments.
type pace struct {
	rate config.Rate
	// tokens at the moment filled; a message costs one.
	tokens float64
	filled time.Time
	// held: something has waited for a token, so what waits goes as a digest.
	held bool
	// failures in a row, and the time before which nothing is tried.
	failures int
	retryAt  time.Time
}

func newPace(r config.Rate, now time.Time) pace {
	if r.Count <= 0 || r.Per <= 0 {
		r = DefaultRate
	}
	return pace{rate: r, tokens: float64(r.Count), filled: now}
}

// fill adds the tokens that time has brought.
func (p *pace) fill(now time.Time) {
	if d := now.Sub(p.filled); d > 0 {
		p.tokens = min(float64(p.rate.Count), p.tokens+float64(p.rate.Count)*float64(d)/float64(p.rate.Per))
	}
	p.filled = now
}

// wait is how long nothing may be sent, 0 when it may now. oldest is when the oldest waiting alert came.
func (p *pace) wait(now, oldest time.Time) time.Duration {
	p.fill(now)
	if d := p.retryAt.Sub(now); d > 0 {
		return d
	}
	if d := oldest.Add(linger).Sub(now); d > 0 && d <= linger {
		return d
	}
	if p.tokens < 1 {
		p.held = true
		return max(time.Duration((1-p.tokens)/float64(p.rate.Count)*float64(p.rate.Per)), time.Millisecond)
	}
	return 0
}

// sent notes a message that was taken.
func (p *pace) sent() {
	p.tokens--
	p.held, p.failures, p.retryAt = false, 0, time.Time{}
}

// failed notes a try that may succeed later.
func (p *pace) failed(now time.Time) {
	p.retryAt = now.Add(min(firstRetry<<min(p.failures, 10), lastRetry))
	p.failures++
}
