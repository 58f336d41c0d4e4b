package vpp

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
)

// ReceiverOptions are what a [Receiver] is made of.
type ReceiverOptions struct {
	// Token is the token that Apple was given with [Client.Subscribe].
	Token Secret

	// Tokens, if set, returns more tokens that are accepted: older ones while a new one is being
	// introduced, or those that a database holds. It is called for every request, those of strangers
	// too, so it should answer from memory. When it fails, the request is answered with 500.
	Tokens func(context.Context) ([]Secret, error)

	// Handle is told of every notification but the tests, once each, and of several at the same
	// time; it may keep them, but not change them. Unknown types come too: return nil for those.
	// Return nil when what it tells is safely kept; Apple forgets it then. After an error, which is
	// answered with 500, Apple delivers it again, in all three times within one to five minutes, and
	// then never more.
	//
	// ctx ends with the request and after Timeout; Handle should not outlast it. Without Handle,
	// notifications only end the waiting of operations.
	Handle func(context.Context, *Notification) error

	// Timeout is how long Tokens, and then Handle, may take: 10 s by default. Apple does not say how
	// long it waits for an answer.
	Timeout time.Duration
}

// Receiver is the [http.Handler] for the notifications about one location. It ends the waiting of
// operations of its client, and hands each notification on to [ReceiverOptions.Handle].
//
// It answers
//   - 200 what was handled, tests, and duplicates of what was handled,
//   - 400 what is no notification,
//   - 401 whoever does not have the token, without saying why,
//   - 405 other methods than POST,
//   - 413 bodies of more than 1 MiB,
//   - 421 notifications of another location, as long as the client knows its own: see [Client.UID],
//   - 500 when Handle or Tokens failed,
//   - 503 a duplicate when the first is still being handled after Timeout.
//
// Duplicates are told by the ID of the notification among the last 1024 of this Receiver. A process
// that has been started again and other replicas do not know them, so what Handle does must bear
// repetition. Nor need the process that receives be the one that waits: operations ask for their
// status by themselves, notifications only make them quicker. To hand one on, encode it, send it,
// and call [Client.Notice] there.
//
// For many locations make one each, at paths of their own, as in the example. The server that they
// run in should have a ReadTimeout. The Logger of the client is told what was answered, with status,
// type and ID; never of a header or a body.
//
// https://developer.apple.com/documentation/devicemanagement/subscribing-to-notifications
type Receiver struct {
	client *Client
	opts   ReceiverOptions

	mu    sync.Mutex
	stats ReceiverStats
	seen  *seen
}

// ReceiverStats counts what a [Receiver] has answered.
type ReceiverStats struct {
	Handled      int // 200; tests too
	Duplicates   int // 200, without doing it again
	Failed       int // 500 and 503: they come again
	Unauthorized int // 401
	Foreign      int // 421: of another location, so somebody has set its URL wrong
	Malformed    int // 400, 405 and 413
}

// NewReceiver returns a Receiver for the location of client, which takes the tokens of opts: one of
// Token and Tokens must be set. Both are copied. Its errors are [*InputError].
func NewReceiver(client *Client, opts *ReceiverOptions) (*Receiver, error) {
	switch {
	case client == nil:
		return nil, &InputError{Field: "client", Rule: "must not be nil"}
	case opts == nil || opts.Token.IsZero() && opts.Tokens == nil:
		return nil, &InputError{Field: "ReceiverOptions.Token", Rule: "must be set, or Tokens"}
	case opts.Timeout < 0:
		return nil, &InputError{Field: "ReceiverOptions.Timeout", Rule: "must not be negative"}
	}
	r := &Receiver{client: client, opts: *opts, seen: new(seen)}
	r.opts.Timeout = cmp.Or(r.opts.Timeout, 10*time.Second)
	return r, nil
}

// Stats returns what was answered so far.
func (r *Receiver) Stats() ReceiverStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stats
}

// Notice tells the operations of this client that wait what n says, for notifications that did not
// come through a [Receiver] of its own. Those of other locations, and copies, do no harm. It does
// no I/O.
func (c *Client) Notice(n *Notification) {
	if n.Event != nil && !c.isElsewhere(n) {
		c.noticed(n.Event)
	}
}

// isElsewhere reports whether n is of another location, as far as the client knows its own.
func (c *Client) isElsewhere(n *Notification) bool {
	uid := c.UID()
	return n.UID != "" && uid != "" && n.UID != uid
}

// verdict is what becomes of a request.
type verdict struct {
	status int
	count  func(*ReceiverStats) *int
	err    error
}

func (s *ReceiverStats) handled() *int      { return &s.Handled }
func (s *ReceiverStats) duplicates() *int   { return &s.Duplicates }
func (s *ReceiverStats) failed() *int       { return &s.Failed }
func (s *ReceiverStats) unauthorized() *int { return &s.Unauthorized }
func (s *ReceiverStats) foreign() *int      { return &s.Foreign }
func (s *ReceiverStats) malformed() *int    { return &s.Malformed }

// ServeHTTP takes one notification.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	n, v := r.receive(w, req)
	r.mu.Lock()
	*v.count(&r.stats)++
	r.mu.Unlock()
	switch v.status {
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodPost)
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(v.status)
	r.log(req.Context(), n, v)
}

// receive returns what to answer, and the notification if there is one.
func (r *Receiver) receive(w http.ResponseWriter, req *http.Request) (*Notification, verdict) {
	if req.Method != http.MethodPost {
		return nil, verdict{http.StatusMethodNotAllowed, (*ReceiverStats).malformed, nil}
	}
	if v := r.authorize(req); v.status != http.StatusOK {
		return nil, v
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxNotification))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, verdict{http.StatusRequestEntityTooLarge, (*ReceiverStats).malformed, err}
	}
	if err != nil {
		return nil, verdict{http.StatusBadRequest, (*ReceiverStats).malformed, err}
	}
	n, err := ParseNotification(body)
	if err != nil {
		return nil, verdict{http.StatusBadRequest, (*ReceiverStats).malformed, err}
	}
	return n, r.take(req.Context(), n)
}

// authorize says whether req has one of the tokens.
func (r *Receiver) authorize(req *http.Request) verdict {
	ctx, cancel := context.WithTimeout(req.Context(), r.opts.Timeout)
	defer cancel()
	accepted := []Secret{r.opts.Token}
	if r.opts.Tokens != nil {
		more, err := r.opts.Tokens(ctx)
		if err != nil {
			return verdict{http.StatusInternalServerError, (*ReceiverStats).failed, err}
		}
		accepted = append(accepted, more...)
	}
	if !hasToken(req.Header.Get("Authorization"), accepted) {
		return verdict{http.StatusUnauthorized, (*ReceiverStats).unauthorized, nil}
	}
	return verdict{status: http.StatusOK}
}

// hasToken reports whether an Authorization header has one of the accepted tokens. It compares all
// of them, so that its time does not tell which.
func hasToken(header string, accepted []Secret) bool {
	scheme, text, _ := strings.Cut(header, " ")
	shown, found := NewSecret(strings.TrimSpace(text)), false
	for _, token := range accepted {
		if token.Equal(shown) && !token.IsZero() {
			found = true
		}
	}
	return found && strings.EqualFold(scheme, "Bearer")
}

// take does what n is for, unless that was done before.
func (r *Receiver) take(ctx context.Context, n *Notification) verdict {
	if r.client.isElsewhere(n) {
		return verdict{http.StatusMisdirectedRequest, (*ReceiverStats).foreign, ErrOtherLocation}
	}
	if n.Type == NotificationTest {
		return verdict{http.StatusOK, (*ReceiverStats).handled, nil}
	}
	ctx, cancel := context.WithTimeout(ctx, r.opts.Timeout)
	defer cancel()
	first, entry, err := r.begin(ctx, n.ID)
	switch {
	case err != nil:
		return verdict{http.StatusServiceUnavailable, (*ReceiverStats).failed, err}
	case !first:
		return verdict{http.StatusOK, (*ReceiverStats).duplicates, nil}
	}
	done := false
	defer func() { r.end(entry, done) }() // also after a panic
	r.client.Notice(n)
	if r.opts.Handle != nil {
		if err := r.opts.Handle(ctx, n); err != nil {
			return verdict{http.StatusInternalServerError, (*ReceiverStats).failed, err}
		}
	}
	done = true
	return verdict{http.StatusOK, (*ReceiverStats).handled, nil}
}

// log tells the logger of the client what was answered. Who has no token tells nothing worth a
// warning: the internet is full of them.
func (r *Receiver) log(ctx context.Context, n *Notification, v verdict) {
	logger := r.client.opts.Logger
	if logger == nil {
		return
	}
	level := slog.LevelWarn
	if v.err == nil {
		level = slog.LevelDebug
	}
	attrs := []slog.Attr{slog.Int("status", v.status)}
	if n != nil {
		attrs = append(attrs, slog.String("type", string(n.Type)), slog.String("id", n.ID), slog.String("uid", n.UID))
	}
	if v.err != nil {
		attrs = append(attrs, slog.Any("error", v.err))
	}
	logger.LogAttrs(ctx, level, "notification", attrs...)
}
