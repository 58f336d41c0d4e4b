//go:build !soak

package apns_test

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestSoak is the soak that every run of the tests makes, in a bubble: its pauses take no time. The whole
// one is in soak_big_test.go.
func TestSoak(t *testing.T) {
	seed := soakSeed(t)
	synctest.Test(t, func(t *testing.T) { // which fails if a goroutine is left
		newSoak(t, seed, 30*time.Second, 20*time.Millisecond).run(30_000, 1)
	})
}
