package link

import (
	"context"
	"testing"
)

// TestEnding: "the same context is watched on as it is", "what was watched before is released first", and "after release the function is
// not running and never will".
func TestEnding(t *testing.T) {
	called := make(chan string, 4)
	say := func(what string) func() { return func() { called <- what } }
	first, endFirst := context.WithCancel(t.Context())
	second, endSecond := context.WithCancel(t.Context())
	var e ending
	e.watch(first, say("first"))
	e.watch(first, say("first again"))
	e.watch(second, say("second"))
	endFirst()
	endSecond()
	if got := <-called; got != "second" {
		t.Errorf("called: %s", got)
	}
	e.release()
	third, endThird := context.WithCancel(t.Context())
	e.watch(third, say("third"))
	e.watch(context.Background(), say("never")) // has no end, and releases the one before
	endThird()
	e.release()
	if len(called) != 0 {
		t.Errorf("called after release: %s", <-called)
	}
}
