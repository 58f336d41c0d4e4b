package vpp

import (
	"context"
	"sync"
)

// inFlight bounds the requests that one writing call, or one wait for what becomes of it, has under
// way at once. The pace of the client bounds them further.
const inFlight = 5

// parallel calls do for every item, for up to [inFlight] at once. After a failure it begins no
// more, and returns the first one.
func parallel[T any](ctx context.Context, items []T, do func(context.Context, T) error) error {
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		first error
		next  int
	)
	take := func() (item T, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		if first != nil || next == len(items) {
			return item, false
		}
		next++
		return items[next-1], true
	}
	for range min(inFlight, len(items)) {
		wg.Go(func() {
			for item, ok := take(); ok; item, ok = take() {
				if err := do(ctx, item); err != nil {
					mu.Lock()
					if first == nil {
						first = err
					}
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return first
}
