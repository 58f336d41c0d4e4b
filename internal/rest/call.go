package rest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/applemdm/applemdm/internal/poll"
)

// ErrBodyTooLarge is in the chain of a [*TransportError] when an answer was longer than allowed.
var ErrBodyTooLarge = errors.New("the answer is too large")

// TransportError says that a call got no answer of the service: the line failed, the answer could
// not be read to its end, or the caller's context ended. errors.Is finds the context's error, or
// the one of the network, below it.
type TransportError struct {
	Op       string // what the call was for
	Method   string
	Path     string
	Attempts int  // how often it was tried
	Sent     bool // whether a request may have reached the service, which then may have acted on it
	Err      error
}

func (e *TransportError) Error() string {
	return fmt.Sprintf("%s: %s %s: no answer (attempts: %d): %v", e.Op, e.Method, e.Path, e.Attempts, e.Err)
}

func (e *TransportError) Unwrap() error { return e.Err }

// Attempt tells of one attempt of a call. It carries neither headers nor bodies.
type Attempt struct {
	Op        string
	Method    string
	Path      string
	Number    int // counted from 1 within the call
	Status    int // 0 without an answer
	RequestID string
	Bytes     int           // of the body of the answer
	Duration  time.Duration // from sending to the end of the body
	Wait      time.Duration // until the next attempt; 0 if there is none
	Err       error         // why there is no answer
}

// call is one use of [Engine.Do]. go-retryablehttp drives it: it sends, asks observe what came of
// it, sleeps for as long as wait says, and has prepare called before it sends again. One goroutine
// does all that; only the trace of net/http runs on another.
type call struct {
	engine *Engine
	req    Request

	attempts int
	started  time.Time
	line     atomic.Int32 // how far the attempt got: untold, unsent or sent
	everSent bool         // an attempt may have reached the service

	inSlot   bool
	response *Response // of the last attempt; nil if it got none
	verdict  int       // the status that response stands for
	err      error     // of the last attempt
	pause    time.Duration
}

// How far an attempt got. A transport that does not tell may have sent it.
const (
	untold int32 = iota // the transport has not asked for a connection yet, or traces nothing
	unsent              // it asked for one
	sent                // it wrote the headers
)

func (c *call) run(ctx context.Context, target string) (*Response, error) {
	defer c.leaveSlot()
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:      func(string) { c.line.CompareAndSwap(untold, unsent) },
		WroteHeaders: func() { c.line.Store(sent) },
	})
	req, err := c.build(traced, target)
	if err != nil {
		return nil, c.fail(ctx, err)
	}
	if err := c.prepare(req.Request); err != nil {
		return nil, c.fail(ctx, err)
	}
	sender := &retryablehttp.Client{
		HTTPClient:   c.engine.http,
		RetryMax:     c.engine.Retry.Tries - 1,
		CheckRetry:   c.observe,
		Backoff:      c.wait,
		PrepareRetry: c.prepare,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	_, err = sender.Do(req)
	switch {
	case c.err != nil:
		return nil, c.fail(ctx, c.err)
	case err != nil && ctx.Err() != nil: // while it waited
		return nil, c.fail(ctx, err)
	}
	return c.response, nil
}

// build makes the request with all that stays the same for every attempt.
func (c *call) build(ctx context.Context, target string) (*retryablehttp.Request, error) {
	var body any
	if len(c.req.Body) > 0 { // an empty one would travel in chunks, as one of unknown length
		body = c.req.Body
	}
	return retryablehttp.NewRequestWithContext(ctx, c.req.Method, target, body)
}

// prepare makes the request ready for one attempt: it waits for its turn and a slot, then signs.
// Without them what the attempt before it came to stands.
func (c *call) prepare(req *http.Request) error {
	if err := c.takePlace(req.Context()); err != nil {
		if c.response == nil && c.err == nil {
			c.err = err
		}
		return err
	}
	if c.req.Doubt != nil && c.mayHaveActed() {
		c.req.Doubt()
	}
	c.response, c.err = nil, nil
	c.line.Store(untold)
	c.started = time.Now()
	req.Header = c.header()
	if c.req.Sign != nil {
		c.err = c.req.Sign(req)
	}
	return c.err
}

// takePlace waits for a turn and then for a slot. While it waits for the slot, other answers may put
// the turn off.
func (c *call) takePlace(ctx context.Context) error {
	for {
		if err := c.takeTurn(ctx); err != nil {
			return err
		}
		if err := c.takeSlot(ctx); err != nil {
			return err
		}
		if c.engine.TurnOff == nil || !c.engine.TurnOff() {
			return nil
		}
		c.leaveSlot()
	}
}

// mayHaveActed reports whether the service may have done what the last attempt asked for, although it
// is not known to have.
func (c *call) mayHaveActed() bool {
	if c.attempts == 0 || c.line.Load() == unsent {
		return false
	}
	return c.response == nil || c.verdict >= http.StatusInternalServerError && c.verdict != http.StatusServiceUnavailable
}

// takeTurn waits for the limiter, which refuses at once when the turn would come after the
// deadline. Nothing has its turn after the end of ctx, so that what is not sent is known to be.
func (c *call) takeTurn(ctx context.Context) error {
	wait := c.engine.Turn
	if wait == nil && c.engine.Limiter != nil {
		wait = c.engine.Limiter.Wait
	}
	if wait == nil {
		return ctx.Err()
	}
	err := wait(ctx)
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
	}
	return err
}

func (c *call) takeSlot(ctx context.Context) error {
	if c.engine.Slots == nil {
		return nil
	}
	select {
	case c.engine.Slots <- struct{}{}:
		c.inSlot = true
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *call) leaveSlot() {
	if c.inSlot {
		<-c.engine.Slots
		c.inSlot = false
	}
}

// header returns a new header for each attempt: net/http may still read that of the last one.
func (c *call) header() http.Header {
	header := make(http.Header, len(c.engine.Header)+len(c.req.Header)+1)
	maps.Copy(header, c.engine.Header.Clone())
	maps.Copy(header, c.req.Header.Clone())
	return header
}

// observe reads what came of an attempt and decides whether there is another one.
func (c *call) observe(ctx context.Context, resp *http.Response, err error) (bool, error) {
	c.attempts++
	c.everSent = c.everSent || c.line.Load() != unsent
	c.response, c.err = nil, err
	if err == nil {
		c.response, c.err = c.read(resp)
	}
	c.leaveSlot()
	c.verdict = c.judge()
	again := c.attempts < c.engine.Retry.Tries && ctx.Err() == nil && c.worthRepeating(ctx)
	c.pause = 0
	if again {
		c.pause = c.engine.Retry.pause(c.attempts-1, c.response)
		again = c.engine.Retry.allows(ctx, c.pause)
	}
	if !again {
		c.pause = 0
	}
	c.report(ctx)
	if err == nil && c.req.Answered != nil {
		c.req.Answered(resp.Header)
	}
	return again, nil
}

// wait is what go-retryablehttp sleeps between attempts.
func (c *call) wait(_, _ time.Duration, _ int, _ *http.Response) time.Duration { return c.pause }

// read takes the whole body, bounded, and closes it. What go-retryablehttp drains and closes later
// is empty.
func (c *call) read(resp *http.Response) (*Response, error) {
	defer func() {
		resp.Body.Close()
		resp.Body = http.NoBody
	}()
	limit := c.engine.MaxBody
	body, ok := c.engine.buffers.Get().(*bytes.Buffer)
	if !ok {
		body = new(bytes.Buffer)
	}
	if resp.ContentLength > 0 {
		body.Grow(int(min(resp.ContentLength, limit, DefaultMaxBody)) + bytes.MinRead)
	}
	n, err := body.ReadFrom(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read the answer (status %d): %w", resp.StatusCode, err)
	}
	if n > limit {
		return nil, fmt.Errorf("status %d: %w: more than %d bytes", resp.StatusCode, ErrBodyTooLarge, limit)
	}
	return &Response{
		Status:     resp.StatusCode,
		Header:     resp.Header,
		Body:       body.Bytes(),
		RequestID:  resp.Header.Get(c.engine.RequestIDHeader),
		RetryAfter: parseRetryAfter(resp.Header.Get("Retry-After"), time.Now()),
		buffer:     body,
		pool:       &c.engine.buffers,
	}, nil
}

// judge returns the status that the answer stands for, or 0 if there is none.
func (c *call) judge() int {
	switch {
	case c.response == nil:
		return 0
	case c.engine.Judge == nil:
		return c.response.Status
	}
	return c.engine.Judge(c.response)
}

// worthRepeating decides by what happened, without regard to how often or how long.
func (c *call) worthRepeating(ctx context.Context) bool {
	if c.err != nil {
		if errors.Is(c.err, ErrBodyTooLarge) {
			return false
		}
		temporary, _ := retryablehttp.DefaultRetryPolicy(ctx, nil, c.err)
		return temporary && (c.req.Repeatable || c.line.Load() == unsent)
	}
	switch status := c.verdict; {
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		return true
	case status >= 500 && status != http.StatusNotImplemented:
		return c.req.Repeatable
	}
	return false
}

// report tells the log and the trace of the attempt that observe just saw.
func (c *call) report(ctx context.Context) {
	a := Attempt{
		Op: c.req.Op, Method: c.req.Method, Path: c.req.Path.String(), Number: c.attempts,
		Duration: time.Since(c.started), Wait: c.pause, Err: plainError(c.err),
	}
	level := slog.LevelDebug
	if c.response != nil {
		a.Status, a.RequestID, a.Bytes = c.response.Status, c.response.RequestID, len(c.response.Body)
	}
	if a.Err != nil || c.verdict >= 400 {
		level = slog.LevelWarn
	}
	if c.engine.Trace != nil {
		c.engine.Trace(a)
	}
	if c.engine.Logger == nil {
		return
	}
	attrs := []slog.Attr{
		slog.String("op", a.Op), slog.String("method", a.Method), slog.String("path", a.Path),
		slog.Int("attempt", a.Number), slog.Int("status", a.Status), slog.Int("bytes", a.Bytes),
		slog.Duration("duration", a.Duration),
	}
	if a.RequestID != "" {
		attrs = append(attrs, slog.String("request_id", a.RequestID))
	}
	if a.Wait > 0 {
		attrs = append(attrs, slog.Duration("wait", a.Wait))
	}
	if a.Err != nil {
		attrs = append(attrs, slog.Any("error", a.Err))
	}
	c.engine.Logger.LogAttrs(ctx, level, "request", attrs...)
}

// fail returns err as the end of the call, or the end of ctx, which explains every other error.
func (c *call) fail(ctx context.Context, err error) error {
	if cause := poll.Cause(ctx); cause != nil {
		err = cause
	}
	return &TransportError{
		Op: c.req.Op, Method: c.req.Method, Path: c.req.Path.String(),
		Attempts: c.attempts, Sent: c.everSent, Err: plainError(err),
	}
}

// plainError takes off the method and URL that net/http puts around its errors: ours have them
// already, without the query.
func plainError(err error) error {
	if wrapped, ok := err.(*url.Error); ok {
		return wrapped.Err
	}
	return err
}
