//go:build soak

package apns_test

import (
	"runtime"
	"testing"
	"time"
)

// TestSoak is the whole soak, in real time: go test -tags soak -run TestSoak ./apns
func TestSoak(t *testing.T) {
	goroutines := runtime.NumGoroutine()
	newSoak(t, soakSeed(t), 10*time.Second, 0).run(1_000_000, 5)
	for wait := time.Millisecond; runtime.NumGoroutine() > goroutines; wait *= 2 {
		if wait > 5*time.Second {
			buf := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), goroutines, buf[:runtime.Stack(buf, true)])
		}
		time.Sleep(wait)
	}
}
