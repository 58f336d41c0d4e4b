package h2

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"golang.org/x/net/http2/hpack"
)

// ledger makes calls and counts how often they end.
type ledger struct {
	t testing.TB
	c *Conn

	mu    sync.Mutex
	calls []*Call
	ends  map[*Call]int
}

func (l *ledger) call(path, body string) *Call {
	call := &Call{Fields: request(path), Body: []byte(body), Done: l.done}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, call)
	return call
}

func (l *ledger) done(call *Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ends == nil {
		l.ends = make(map[*Call]int)
	}
	l.ends[call]++
}

// start makes a call and starts it.
func (l *ledger) start(path, body string) *Call {
	l.t.Helper()
	call := l.call(path, body)
	if err := l.c.Start(call); err != nil {
		l.t.Fatalf("Start(%s): %v", path, err)
	}
	return call
}

// refused expects Start to fail with want, and Done not to be called.
func (l *ledger) refused(want error) {
	l.t.Helper()
	call := &Call{Fields: request("/refused"), Done: func(*Call) { l.t.Error("Done of a call that was refused") }}
	err := l.c.Start(call)
	if !errors.Is(err, want) || !Unprocessed(err) {
		l.t.Errorf("Start: %v, want %v; unprocessed: %v", err, want, Unprocessed(err))
	}
}

// ended waits until the bubble is at rest and expects the call to have ended.
func (l *ledger) ended(call *Call) *Call {
	l.t.Helper()
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ends[call] != 1 {
		l.t.Fatalf("the call has ended %d times", l.ends[call])
	}
	return call
}

// open expects the call not to have ended.
func (l *ledger) open(call *Call) {
	l.t.Helper()
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ends[call] != 0 {
		l.t.Fatalf("the call has ended: %d, %v", call.Status, call.Err)
	}
}

func (l *ledger) check() {
	l.t.Helper()
	for _, call := range l.calls {
		if l.ends[call] != 1 {
			l.t.Errorf("a call ended %d times: %v", l.ends[call], call.Fields)
		}
	}
}

func request(path string) []hpack.HeaderField {
	return []hpack.HeaderField{
		{Name: ":method", Value: "POST"},
		{Name: ":scheme", Value: "https"},
		{Name: ":authority", Value: "push.test"},
		{Name: ":path", Value: path, Sensitive: true},
	}
}
