package axm

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/applemdm/applemdm/internal/poll"
	"github.com/applemdm/applemdm/internal/rest"
)

// Budget is how many requests a client sends, repetitions included, those for tokens not. Apple
// publishes no limits; with others, about 20 reads a minute and 10 writes an hour have been seen to be
// allowed, and far more too. The zero Budget sets none, and what Apple says when there were too many
// is obeyed anyway. Set one where several clients share an account, or to stay clear of refusals:
//
//	axm.Budget{Reads: axm.Rate{Requests: 20, Per: time.Minute}}
type Budget struct {
	Reads  Rate // GET
	Writes Rate // everything else
}

// Rate is so many requests in any stretch of time that long. The zero Rate is no limit.
type Rate struct {
	Requests int
	Per      time.Duration
}

// Usage is what has been used of a [Rate].
type Usage struct {
	Rate Rate
	Sent int // requests within the last Rate.Per; 0 without a Rate

	// Next is when the next request may be sent, by the Rate and by what Apple said last; not after
	// now if at once.
	Next time.Time
}

func (b Budget) check(name string) error {
	for part, rate := range map[string]Rate{".Reads": b.Reads, ".Writes": b.Writes} {
		if rate.Requests < 0 || rate.Per < 0 || (rate.Requests == 0) != (rate.Per == 0) {
			return &InputError{Field: name + part, Rule: "must have positive Requests and Per, or neither"}
		}
	}
	return nil
}

// SetBudget replaces [Options.Budget] from the next request on. What the old rate still counts, counts
// for the new one too. Its errors are [*InputError].
func (c *Client) SetBudget(b Budget) error {
	if err := b.check("Budget"); err != nil {
		return err
	}
	c.reads.set(b.Reads)
	c.writes.set(b.Writes)
	return nil
}

// Budget returns what has been used of the budget. It does no I/O.
func (c *Client) Budget() (reads, writes Usage) { return c.reads.usage(), c.writes.usage() }

const (
	longestHold = time.Hour // what is believed of Retry-After

	// Without Retry-After, requests are held back for this long after one was refused, twice as long
	// after the next, and so on.
	shortestPause = 5 * time.Second
	longestPause  = 80 * time.Second
)

// budget lets out the requests of one kind. It spaces nothing: they go at once while there is
// something left, and none while Apple wants to be left alone.
type budget struct {
	patience time.Duration // how long a request waits at most while Apple wants to be left alone

	mu        sync.Mutex
	rate      Rate
	sent      []time.Time // within the last rate.Per, oldest first
	changed   chan struct{}
	heldUntil time.Time
	heldBy    *Error // the answer that asked for it
	refused   int    // answers in a row that asked for it
}

func newBudget(rate Rate, patience time.Duration) *budget {
	return &budget{rate: rate, patience: patience, changed: make(chan struct{})}
}

// set replaces the rate, and wakes those who wait for room under the old one.
func (b *budget) set(rate Rate) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rate = rate
	b.wake()
}

// wake lets those who wait look again. The caller holds mu.
func (b *budget) wake() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// wait returns when the next request may be sent. It fails at once when that would be after the
// deadline of ctx, and with what Apple said when it wants to be left alone for too long.
func (b *budget) wait(ctx context.Context) error {
	for {
		pause, changed := b.take(time.Now())
		if pause <= 0 {
			return poll.Cause(ctx)
		}
		if said := b.tooLong(); said != nil {
			return said
		}
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < pause {
			return context.DeadlineExceeded
		}
		if err := poll.WaitOr(ctx, pause, changed); err != nil {
			return err
		}
	}
}

// take counts a request that is sent now, or returns how long it has to wait.
func (b *budget) take(now time.Time) (time.Duration, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	pause := b.next(now).Sub(now)
	if pause <= 0 && b.rate.Requests > 0 {
		b.sent = append(b.sent, now)
	}
	return pause, b.changed
}

// next returns when there is room for a request.
func (b *budget) next(now time.Time) time.Time {
	for len(b.sent) > 0 && now.Sub(b.sent[0]) >= b.rate.Per {
		b.sent = b.sent[1:]
	}
	next := b.heldUntil
	if over := len(b.sent) - b.rate.Requests; b.rate.Requests > 0 && over >= 0 {
		if free := b.sent[over].Add(b.rate.Per); free.After(next) {
			next = free
		}
	}
	return next
}

func (b *budget) usage() Usage {
	b.mu.Lock()
	defer b.mu.Unlock()
	next := b.next(time.Now())
	return Usage{Rate: b.rate, Sent: len(b.sent), Next: next}
}

// tooLong returns what Apple said if it wants to be left alone for longer than a request waits, and
// for how long now.
func (b *budget) tooLong() *Error {
	b.mu.Lock()
	defer b.mu.Unlock()
	left := time.Until(b.heldUntil)
	if left <= b.patience {
		return nil
	}
	said := *b.heldBy
	said.RetryAfter = left
	return &said
}

// off reports whether Apple wants to be left alone, which it may have said to others since a request
// had its turn.
func (b *budget) off() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Now().Before(b.heldUntil)
}

// judge says what an answer stands for, and holds all requests of the kind when it asks for that. A
// 503 says nothing of whether the request was processed, so it is one failure among others.
func (b *budget) judge(resp *rest.Response) int {
	switch resp.Status {
	case http.StatusTooManyRequests:
		b.hold(resp)
	case http.StatusServiceUnavailable:
		if resp.RetryAfter > 0 {
			b.hold(resp)
		}
		return http.StatusInternalServerError
	default:
		b.mu.Lock()
		b.refused = 0
		b.mu.Unlock()
	}
	return resp.Status
}

func (b *budget) hold(resp *rest.Response) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	pause := resp.RetryAfter
	if pause == 0 {
		if now.Before(b.heldUntil) { // one of those that were under way together
			return
		}
		pause = poll.Backoff{Min: shortestPause, Max: longestPause}.Delay(b.refused)
	}
	b.refused++
	if until := now.Add(min(pause, longestHold)); until.After(b.heldUntil) {
		b.heldUntil, b.heldBy = until, refusal("", resp)
		b.wake()
	}
}
