package vpp

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// What is being handled is not forgotten, however much comes meanwhile.
func TestSeenIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &Receiver{seen: new(seen)}
		_, slow, _ := r.begin(t.Context(), "slow")
		for i := range 3 * maxSeen {
			first, e, err := r.begin(t.Context(), fmt.Sprint(i))
			if !first || err != nil {
				t.Fatal(i, first, err)
			}
			r.end(e, true)
		}
		if len(r.seen.byID) != maxSeen || len(r.seen.order) != maxSeen || r.seen.byID["slow"] != slow {
			t.Errorf("%d, %d", len(r.seen.byID), len(r.seen.order))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if first, _, err := r.begin(ctx, "slow"); first || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, %v", first, err)
		}
		r.end(slow, true)
		if first, _, err := r.begin(t.Context(), "slow"); first || err != nil {
			t.Errorf("%v, %v", first, err)
		}
		if first, _, err := r.begin(t.Context(), "0"); !first || err != nil || r.seen.byID["slow"] != nil {
			t.Errorf("%v, %v", first, err)
		}
	})
}
