package process

import (
	"context"
	"errors"
	"sync"
)

// Together runs the parts of a role until ctx ends or one of them fails, then ends the context of the rest and waits for them. The error
// joins those of all parts.
func Together(ctx context.Context, parts ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, len(parts))
	var all sync.WaitGroup
	for i, part := range parts {
		all.Go(func() {
			if errs[i] = part(ctx); errs[i] != nil {
				cancel()
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}
