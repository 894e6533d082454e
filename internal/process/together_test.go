package process

import (
	"context"
	"errors"
	"testing"
)

// One part that fails ends the others; the error joins what all of them say.
func TestTogether(t *testing.T) {
	first, second := errors.New("first"), errors.New("second")
	waits := func(err error) func(context.Context) error {
		return func(ctx context.Context) error { <-ctx.Done(); return err }
	}
	err := Together(t.Context(), waits(nil), func(context.Context) error { return first }, waits(second))
	if !errors.Is(err, first) || !errors.Is(err, second) {
		t.Errorf("error is %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Together(ctx, waits(nil), waits(nil)); err != nil {
		t.Errorf("the end of the context is no failure: %v", err)
	}
}
