package h2

import (
	"sync"
	"testing"

	"github.com/applemdm/applemdm/internal/memhttp"
)

// A call costs the strings of its answer, here the name and the value of apns-id, and next to
// nothing else; net/http makes 36 to 50 allocations. One more is for the race detector, under
// which pools lose what they hold.
func TestCallsAllocateLittle(t *testing.T) {
	const flight = 200
	client, server := memhttp.Pipe("client", "server")
	go answerAll(server)
	c := New(client, Config{EarlyStreams: flight})
	calls := make([]*Call, flight)
	var running sync.WaitGroup
	for i := range calls {
		calls[i] = push()
		calls[i].Done = func(call *Call) {
			if call.Status != 200 {
				t.Error(call.Status, call.Err)
			}
			running.Done()
		}
	}
	total := testing.AllocsPerRun(20, func() {
		running.Add(flight)
		for _, call := range calls {
			if err := c.Start(call); err != nil {
				t.Error(err)
				running.Done()
			}
		}
		running.Wait()
	})
	if perCall := total / flight; perCall > 3 {
		t.Errorf("%.1f allocations for each call", perCall)
	}
	_ = c.Close()
	<-c.Done()
}
