package apns

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/applemdm/applemdm/internal/poll"
)

// Push wakes one device, or one user of it, so that it connects to the server. It carries no command.
type Push struct {
	// Target says whom to wake: what the TokenUpdate of the device or user said last.
	Target

	// Key is the caller's own, such as the id of an enrolment. It comes back with the [Result].
	Key any

	// Expiration is how long APNs keeps the push for a device that is offline, at most 30 days:
	// [Options.Expiration] by default. Keep says not to keep it at all.
	Expiration time.Duration
	Keep       Keep

	// Priority is [PriorityImmediate] by default.
	Priority Priority

	// ID is the apns-id, a UUID in lower case. Without one, APNs makes one up.
	ID string
}

// Keep says whether APNs keeps a push for a device that is offline.
type Keep int

const (
	KeepUntilExpiration Keep = iota // the default
	KeepNot                         // one attempt, now
)

// Priority says how much APNs minds the battery of the device.
type Priority int

const (
	PriorityImmediate  Priority = 10 // the default
	PriorityConserving Priority = 5  // may be delayed, bundled, or dropped
	PriorityNeverWake  Priority = 1  // never wakes the device
)

func (p Priority) value() string {
	switch p {
	case PriorityConserving:
		return "5"
	case PriorityNeverWake:
		return "1"
	}
	return "10"
}

// check returns what is wrong with the push for a certificate of that topic.
func (p *Push) check(topic string) error {
	if err := p.Target.Validate(); err != nil {
		return err
	}
	switch {
	case p.Topic != "" && p.Topic != topic:
		return &InputError{Field: "Push.Topic", Rule: fmt.Sprintf("is %q, but the push certificate is for %q", p.Topic, topic)}
	case p.Expiration < 0 || p.Expiration > maxExpiration:
		return &InputError{Field: "Push.Expiration", Rule: "must be between 0 and 30 days"}
	case p.Keep != KeepUntilExpiration && p.Keep != KeepNot:
		return &InputError{Field: "Push.Keep", Rule: "must be KeepUntilExpiration or KeepNot"}
	case p.Keep == KeepNot && p.Expiration != 0:
		return &InputError{Field: "Push.Expiration", Rule: "must be 0 for a push that is not kept"}
	case p.Priority != 0 && p.Priority != PriorityImmediate && p.Priority != PriorityConserving && p.Priority != PriorityNeverWake:
		return &InputError{Field: "Push.Priority", Rule: "must be 10, 5 or 1"}
	case p.ID != "" && !isUUID(p.ID):
		return &InputError{Field: "Push.ID", Rule: "must be a UUID in lower case, 8-4-4-4-12"}
	}
	return nil
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, r := range []byte(s) {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (r == '-') || !dash && !strings.ContainsRune("0123456789abcdef", rune(r)) {
			return false
		}
	}
	return true
}

// Result is what became of a push.
type Result struct {
	Push Push
	ID   string // apns-id, as APNs knows the push; "" if it never answered
	Err  error  // nil: APNs has accepted it. Otherwise an *Error, a *TransportError or an *InputError

	// Shared says that another push to the same device, which was sent after this one was asked for,
	// has served both, and that this is its outcome. See [Options.HoldOff].
	Shared bool
}

// Disposition is what to do with the push or its token.
func (r *Result) Disposition() Disposition { return DispositionOf(r.Err) }

// DispositionOf is what to do after a push whose outcome is err. Whatever got no answer can be sent
// again later.
func DispositionOf(err error) Disposition {
	if err == nil {
		return Accepted
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Disposition
	}
	if _, lost := errors.AsType[*TransportError](err); lost && isNoCertificate(err) {
		return FixCertificate
	}
	if _, ok := errors.AsType[*InputError](err); ok {
		return FixRequest
	}
	for _, certificate := range []error{ErrCertificate, ErrCertificateEnvironment, ErrCertificateNotShown, ErrTopic, ErrTopicChanged} {
		if errors.Is(err, certificate) {
			return FixCertificate
		}
	}
	return RetryLater
}

// isNoCertificate reports whether the source has something that is no certificate.
func isNoCertificate(err error) bool {
	_, incomplete := errors.AsType[*InputError](err)
	_, other := errors.AsType[*WrongFileError](err)
	return incomplete || other || errors.Is(err, ErrCertificateExpired)
}

// Push sends one push and waits for APNs to answer. It returns the apns-id when APNs has accepted
// it, which is not yet proof of delivery: that is the device that connects. Errors are an [*Error] if
// APNs refused, a [*TransportError] if there was no answer, an [*InputError] before anything was
// sent.
//
// A push that surely was not processed, or whose connection died, is sent again on another one: a
// second wake-up does no harm. It is sent three times at the most, not counting ten tries that surely
// were not processed. When ctx ends first, Push returns its error; the push may still go out.
//
// https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns
func (c *Client) Push(ctx context.Context, push Push) (string, error) {
	var j *job
	if err := c.submit(ctx, push, func(started *job) { j = started }, (*job).tell); err != nil {
		return "", err
	}
	select {
	case <-j.told:
		id, err := j.id, j.err
		c.jobs.put(j)
		if err != nil {
			return "", err
		}
		return id, nil
	case <-ctx.Done():
		return "", &TransportError{Sent: true, Err: poll.Cause(ctx)}
	}
}

// PushAll sends every push of a sequence and returns the results in the order in which they arrive,
// one for each push. It is for any number of pushes: it holds a few thousand at a time and starts one
// goroutine, which ranges over pushes. Tell pushes apart by their Key.
//
// Nothing happens before the range. Leaving the loop, or the end of ctx, stops it: what was taken
// from pushes and not yet sent is dropped (with the end of ctx, its results say so), what was sent is
// not waited for. PushAll then waits for pushes to return. If pushes panics, so does the range.
//
//	for r := range client.PushAll(ctx, pushes) {
//		switch r.Disposition() {
//		case apns.DropToken: …
//		}
//	}
func (c *Client) PushAll(ctx context.Context, pushes iter.Seq[Push]) iter.Seq[Result] {
	return func(yield func(Result) bool) {
		b := newBatch(ctx, c)
		defer b.close()
		b.start(pushes)
		for results := b.take(); results != nil; results = b.take() {
			for i := range results {
				if !yield(results[i]) {
					return
				}
			}
		}
	}
}

// submit checks push and hands it to the pool. Unless there is an error, begin is called before that
// and finish once when the outcome is there.
func (c *Client) submit(ctx context.Context, push Push, begin, finish func(*job)) error {
	if err := poll.Cause(ctx); err != nil {
		return &TransportError{Err: err}
	}
	topic, err := c.pool.topic(ctx)
	if err != nil {
		return err
	}
	if err := push.check(topic); err != nil {
		return err
	}
	j := c.jobs.get()
	j.ctx, j.push, j.finish = ctx, push, finish
	now := time.Now()
	j.deadline = now.Add(c.opts.Timeout)
	j.patience = min(answerTimeout, c.opts.Timeout/2)
	expiration := "0"
	if push.Keep == KeepUntilExpiration {
		expiration = c.expirations.after(now, cmp.Or(push.Expiration, c.opts.Expiration))
	}
	j.fill(c.pool.dialer.authority, topic, expiration)
	begin(j)
	c.pool.send(j)
	return nil
}

func (j *job) result() Result {
	return Result{Push: j.push, ID: j.id, Err: j.err, Shared: j.shared}
}
