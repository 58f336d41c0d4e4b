package rest

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/applemdm/applemdm/internal/field"
	"github.com/applemdm/applemdm/internal/poll"
)

// Retry says how often and how patiently a call is repeated. The zero value has the defaults.
type Retry struct {
	// Tries is the most attempts that one call makes, the first one included: 4 by default, 1 to
	// repeat nothing.
	Tries int

	// MinWait is the first pause and MaxWait the longest: 500 ms and 30 s by default. A service
	// that asks, with Retry-After, for a pause longer than MaxWait ends the call; its error then
	// says how long.
	MinWait, MaxWait time.Duration
}

func (r Retry) check() error {
	switch {
	case r.Tries < 0:
		return &field.InputError{Field: "Retry.Tries", Rule: "must not be negative"}
	case r.MinWait < 0 || r.MaxWait < 0:
		return &field.InputError{Field: "Retry", Rule: "must not have a negative wait"}
	}
	return nil
}

func (r Retry) withDefaults() Retry {
	if r.Tries == 0 {
		r.Tries = 4
	}
	if r.MinWait == 0 {
		r.MinWait = 500 * time.Millisecond
	}
	if r.MaxWait == 0 {
		r.MaxWait = 30 * time.Second
	}
	return r
}

// pause is the time between failed attempt number n, counted from 0, and the next one. A service that
// asks for none, perhaps because its clock is ahead, gets the back-off all the same.
func (r Retry) pause(n int, resp *Response) time.Duration {
	if resp != nil && resp.RetryAfter > 0 {
		return resp.RetryAfter
	}
	return poll.Backoff{Min: r.MinWait, Max: r.MaxWait}.Delay(n)
}

// allows reports whether pausing that long is bearable, and leaves time for another attempt.
func (r Retry) allows(ctx context.Context, pause time.Duration) bool {
	if pause > r.MaxWait {
		return false
	}
	deadline, ok := ctx.Deadline()
	return !ok || time.Until(deadline) > pause
}

// parseRetryAfter reads the Retry-After header in both of its forms. A date that has passed, and a
// text that is neither, ask for no pause; seconds without end for as long as a Duration can say.
func parseRetryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	seconds, err := strconv.ParseUint(value, 10, 64)
	if err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, uint64(math.MaxInt64/time.Second))) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(date.Sub(now), 0)
	}
	return 0
}
