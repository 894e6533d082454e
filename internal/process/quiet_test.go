package process

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

// What strangers cause does not fill the log.
func TestQuietLog(t *testing.T) {
	var b bytes.Buffer
	log := slog.New(slog.NewTextHandler(&b, nil))
	q := &Quiet{}
	for range 1000 {
		q.Warn(log, "noise")
	}
	if n := strings.Count(b.String(), "noise"); n > 2*perSecond {
		t.Errorf("%d lines", n)
	}
}

// "logs cannot be flooded": also by changes of state, of which each is told while they are few.
func TestChangesOfStateAreToldUntilTheyAreAFlood(t *testing.T) {
	var q Quiet
	told, skipped := 0, 0
	for i := range 100 {
		if n, ok := q.pass("failover_state pair1", int64(i/50), eachOne); ok {
			told++
			skipped += n
		}
	}
	if told != 2*eachOne || skipped != 50-eachOne {
		t.Errorf("%d told, %d counted", told, skipped)
	}
	if _, ok := q.pass("failover_state pair2", 1, eachOne); !ok {
		t.Error("another pair's are not told")
	}
}
