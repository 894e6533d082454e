package haserver

import (
	"bytes"
	"log/slog"
	"testing"

	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
)

// What a partner can cause again and again does not fill the log: one that connects, says that it stops, and comes back without end.
func TestPartnerThatComesAndGoes(t *testing.T) {
	var log bytes.Buffer
	s := newSite(t)
	s.log = slog.New(slog.NewTextHandler(&log, nil))
	s.start(t)
	for range 1000 {
		s.server.note(&pair.Note{Reason: pair.Contact, From: pairmsg.Interrupted, To: pairmsg.Negotiating})
		s.server.note(&pair.Note{Reason: pair.PartnerStopped, From: pairmsg.Negotiating, To: pairmsg.Interrupted})
	}
	s.stop(t)
	if n := bytes.Count(log.Bytes(), []byte("pair_state")); n < 5 || n > 50 {
		t.Errorf("%d lines:\n%.500s", n, log.String())
	}
}
