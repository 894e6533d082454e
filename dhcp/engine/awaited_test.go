package engine

import "testing"

// What a client waits for is written at once; nobody waits for the end of a lease, nor for what the partner tells.
func TestWhoWaitsForAWrite(t *testing.T) {
	h := newHost(t, testConfig(t, nil))
	h.held = true
	d := h.device(1).behind(relayAt)
	d.discover()
	d.choose(h.reply().YIAddr)
	if n := len(h.waiting); n != 1 || !h.waiting[0].Awaited {
		t.Fatalf("the lease of a client that waits for its ACK: %+v", h.waiting)
	}
	h.flush()
	d.release(sharedAt)
	if n := len(h.waiting); n != 1 || h.waiting[0].Awaited {
		t.Errorf("the release: %+v", h.waiting)
	}
}
