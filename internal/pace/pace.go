// Package pace spaces the requests of one credential.
package pace

import (
	"context"
	"math"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/applemdm/applemdm/internal/poll"
)

const (
	// DefaultRate holds until the service has published one, in requests per second.
	DefaultRate = 15

	// margin is how much of the published rate is used: requests that left evenly do not arrive so.
	margin = 0.95

	leastRate = 0.25             // requests per second, however often Apple complains
	oneStorm  = time.Second      // complaints within it are about the same requests
	recovery  = 10 * time.Second // after so long without a complaint, a tenth of the published rate comes back
	longest   = time.Hour        // what is believed of Retry-After
)

// Pacer spaces the requests of one client, whatever goroutines they come from. It lets them out
// evenly, never faster than the published rate, and none while Apple wants to be left alone. B is
// what Apple said to be left alone with.
type Pacer[B any] struct {
	limiter *rate.Limiter

	mu        sync.Mutex
	published float64 // requests per second, from the service configuration
	current   float64 // at most published
	changed   time.Time
	heldUntil time.Time
	heldBy    B // the answer that asked for it
}

// New returns a Pacer of the default rate.
func New[B any]() *Pacer[B] {
	return &Pacer[B]{
		limiter:   rate.NewLimiter(DefaultRate*margin, 1),
		published: DefaultRate,
		current:   DefaultRate,
	}
}

// Wait returns when the next request may be sent. It fails at once when that would be after the
// deadline of ctx.
func (p *Pacer[B]) Wait(ctx context.Context) error {
	for {
		if err := p.waitHeld(ctx); err != nil {
			return err
		}
		p.recover()
		if err := p.limiter.Wait(ctx); err != nil {
			return err
		}
		if left, _ := p.Held(); left <= 0 { // or Apple asked for quiet meanwhile
			return nil
		}
	}
}

func (p *Pacer[B]) waitHeld(ctx context.Context) error {
	for {
		left, _ := p.Held()
		if left <= 0 {
			return nil
		}
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < left {
			return context.DeadlineExceeded
		}
		if err := poll.Wait(ctx, left); err != nil {
			return err
		}
	}
}

// Held returns how long Apple still wants to be left alone, and the answer that said so.
func (p *Pacer[B]) Held() (time.Duration, B) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Until(p.heldUntil), p.heldBy
}

// Heed keeps to what an answer asks for that stands for status: it slows down after one of too many
// requests, and holds all requests for retryAfter, if that is more than 0, after it and after failures
// of the service. by tells the answer.
func (p *Pacer[B]) Heed(status int, retryAfter time.Duration, by func() B) {
	if status == http.StatusTooManyRequests {
		p.Slow()
	}
	if status >= http.StatusTooManyRequests && retryAfter > 0 {
		p.Hold(retryAfter, by())
	}
}

// Hold keeps all requests back for d.
func (p *Pacer[B]) Hold(d time.Duration, by B) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := time.Now().Add(min(d, longest)); until.After(p.heldUntil) {
		p.heldUntil, p.heldBy = until, by
	}
}

// Publish takes over the rate that the service publishes; 0 or less is none.
func (p *Pacer[B]) Publish(perSecond int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	published := float64(perSecond)
	if perSecond <= 0 {
		published = DefaultRate
	}
	if p.current == p.published {
		p.current = published
	}
	p.published, p.current = published, min(p.current, published)
	p.apply()
}

// Slow halves the pace: Apple complained. Complaints about requests that were under way together
// count once.
func (p *Pacer[B]) Slow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.current < p.published && now.Sub(p.changed) < oneStorm {
		return
	}
	p.current = max(p.current/2, min(leastRate, p.published))
	p.changed = now
	p.apply()
}

// recover brings back what Slow took away, a step for each while that has passed.
func (p *Pacer[B]) recover() {
	p.mu.Lock()
	defer p.mu.Unlock()
	steps := math.Floor(float64(time.Since(p.changed)) / float64(recovery))
	if p.current >= p.published || steps < 1 {
		return
	}
	p.current = min(p.current+steps*p.published/10, p.published)
	p.changed = p.changed.Add(time.Duration(steps) * recovery)
	p.apply()
}

func (p *Pacer[B]) apply() { p.limiter.SetLimit(rate.Limit(p.current * margin)) }
