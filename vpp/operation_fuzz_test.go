package vpp

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/applemdm/applemdm/internal/lenient"
)

// begun returns an operation of four outcomes, about assets or users, and its only part.
func begun(tb testing.TB, c *Client, kind EventType, eventID string) (*Operation, *part) {
	tb.Helper()
	o := orderFor(kind, false)
	targets := Users("u-1", "u-2")
	switch kind {
	case EventAssociate, EventDisassociate:
		o.products = []product{{asset: AssetKey{"1", "STDQ"}}, {asset: AssetKey{"2", "STDQ"}}}
	default:
		targets = Users("u-1", "u-2", "u-3", "u-4")
	}
	var err error
	if o.targets, err = targets.holders("to"); err != nil {
		tb.Fatal(err)
	}
	op := newOperation(c, &o)
	p := o.whole()
	p.lost = kind == EventCreate
	op.accept(p, eventID)
	return op, p
}

func newIdle(tb testing.TB) *Client {
	tb.Helper()
	c, err := New(&Token{}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// Whatever Apple says of an event, each outcome is settled or is read back.
func FuzzEventStatus(f *testing.F) {
	seedJSON(f,
		`{"eventStatus":"FAILED","eventType":"ASSOCIATE","numRequested":4,"numCompleted":3,"failures":[{"errorNumber":9709,"errorInfo":{"assets":[{"adamId":1}],"clientUserIds":["u-2"]}}]}`,
		`{"eventStatus":"FAILED","numRequested":4,"numCompleted":2,"failures":[{"errorNumber":9716,"errorInfo":{"clientUserIds":["u-1","u-9"]}},{"errorInfo":{}},null]}`,
		`{"eventStatus":"FAILED","numRequested":7,"numCompleted":5,"failures":[{"errorInfo":{"assets":[{"adamId":"7"},{"adamId":"8"}],"clientUserIds":["u-4"]}}]}`,
		`{"eventStatus":"FAILED","failures":[]}`, `{"eventStatus":"PENDING","numCompleted":-5}`, `{"eventStatus":"COMPLETE"}`, `{"eventStatus":"ODD","numRequested":1e9}`,
	)
	c := newIdle(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		var answer statusAnswer
		if lenient.Decode(data, &answer) != nil {
			return
		}
		for _, kind := range []EventType{EventAssociate, EventDisassociate, EventRevoke, EventCreate, EventRetire} {
			op, p := begun(t, c, kind, "e")
			status := answer.status()
			op.mu.Lock()
			op.takeStatus(p, status, time.Now())
			open, all := op.openCells(p)
			op.mu.Unlock()
			switch {
			case all != 4, open != 0 && open != 4, (open == 0) != (p.phase == ended), status.State == EventFailed && open > 0 && p.phase != reading:
				t.Fatalf("%s after %s: %d of %d open, %+v", kind, data, open, all, p)
			}
			if progress := op.Progress(); progress.Done+progress.Failed+progress.Pending != 4 || progress.Pending < 0 {
				t.Fatalf("%s after %s: %+v", kind, data, progress)
			}
		}
	})
}

// A record that was tampered with is refused, or is one that can be recorded again.
func FuzzOperationRecord(f *testing.F) {
	seedJSON(f,
		`{"type":"ASSOCIATE","assets":[{"adamId":"1","pricingParam":"STDQ"}],"serialNumbers":["A","B"],"requests":[{"eventId":"e","sentAt":"2026-01-01T00:00:00Z","products":[0],"targets":[0,1],"status":"pending"}]}`,
		`{"type":"CREATE","users":[{"clientUserId":"u","email":"a@b"}],"requests":[{"products":[0],"targets":[0],"status":"failed","number":9716,"statusCode":400}]}`,
		`{"type":"DISASSOCIATE","subscriptions":[1,1],"clientUserIds":["u"],"deferred":false,"requests":[{"products":[0],"targets":[0],"status":"uncertain","message":"x","repeated":true}]}`,
	)
	c := newIdle(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		var record OperationRecord
		if json.Unmarshal(data, &record) != nil {
			return
		}
		op, err := c.ResumeOperation(&record)
		if (op == nil) != (err != nil) {
			t.Fatalf("%v, %v", op, err)
		}
		if err != nil {
			return
		}
		for _, o := range op.Result().Outcomes {
			if o.Status == "" || o.String() == "" {
				t.Fatalf("%q: %+v", data, o)
			}
		}
		if _, err := c.ResumeOperation(op.Record()); err != nil {
			t.Fatalf("%q cannot be recorded again: %v", data, err)
		}
	})
}

// Operations that nobody holds, and notices that nobody waits for, cost no memory.
func TestNoticesKeepNothingForNobody(t *testing.T) {
	c := newIdle(t)
	held, _ := begun(t, c, EventAssociate, "held")
	dropped, _ := begun(t, c, EventRetire, "dropped")
	c.noticed(&EventNotice{EventID: "unknown"})
	if len(c.notices.early) != 0 {
		t.Error("kept although no answer is expected")
	}
	c.notices.begin()
	for range 2 * maxEarly {
		c.noticed(&EventNotice{EventID: "unknown"})
	}
	if len(c.notices.early) != maxEarly {
		t.Errorf("%d kept", len(c.notices.early))
	}
	c.notices.end()
	if len(c.notices.early) != 0 {
		t.Error("kept although all answers are there")
	}
	if c.notices.take(&EventNotice{EventID: "dropped"}) == nil {
		t.Error("forgotten although it is held")
	}
	runtime.KeepAlive(dropped)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for left := -1; left != 1; { // the one that is held
		if ctx.Err() != nil {
			t.Fatalf("%d events are waited for", left)
		}
		runtime.GC()
		time.Sleep(time.Millisecond)
		c.notices.mu.Lock()
		left = len(c.notices.waiting)
		c.notices.mu.Unlock()
	}
	runtime.KeepAlive(held)
}
