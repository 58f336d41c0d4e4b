package vpptest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/applemdm/applemdm/internal/memhttp"
	"github.com/go-json-experiment/json/jsontext"
)

// maxElements is how many assignments or users one notification holds.
const maxElements = 100

// maxAttempts is how often a notification is sent until it is taken.
const maxAttempts = 3

// Notification is what became of a notification.
type Notification struct {
	ID, Type, EventID string
	Body              []byte
	Lost              bool  // [Delivery.Lose] said so; it was never sent
	Attempts          []int // the status that each attempt got, 0 for none at all
}

// Delivery says how notifications of a location travel. Nil functions leave them alone. They are
// called under the lock of the server and must not call its methods.
type Delivery struct {
	// Delay is how long before the first attempt; unequal delays bring disorder. Notifications of a
	// location without delay come in the order of what they tell.
	Delay func(Notification) time.Duration

	// Lose reports whether a notification is never sent.
	Lose func(Notification) bool

	// Copies is how many more times it is sent, with the same identifier.
	Copies func(Notification) int
}

// SetDelivery changes how the notifications from now on travel.
func (l *Location) SetDelivery(d Delivery) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.delivery = d
}

// delivery is a notification under way. attempts is guarded by postOffice.mu.
type delivery struct {
	id, kind, event string
	url, token      string
	body            []byte
	lost            bool
	attempts        []int
}

func (d *delivery) public() Notification {
	return Notification{
		ID: d.id, Type: d.kind, EventID: d.event, Body: d.body, Lost: d.lost, Attempts: slices.Clone(d.attempts),
	}
}

// newDelivery makes a notification; content is an object, or raw JSON.
func (l *Location) newDelivery(kind, event string, content any) *delivery {
	d := &delivery{
		id: uuidOf("notification", l.opts.UID, l.s.next()), kind: kind, event: event,
		url: l.client.hookURL, token: l.client.hookToken,
	}
	d.body = encode(object{
		"notificationId": d.id, "notificationType": kind, "notification": content, "uId": l.opts.UID,
	})
	l.sent = append(l.sent, d)
	return d
}

// notify sends a notification to a client that has subscribed its type.
func (l *Location) notify(kind, event string, content any) {
	if slices.Contains(l.client.hookTypes, kind) {
		l.send(kind, event, content)
	}
}

func (l *Location) send(kind, event string, content any) {
	if l.client.hookURL == "" {
		return
	}
	d := l.newDelivery(kind, event, content)
	public := d.public()
	if l.delivery.Lose != nil && l.delivery.Lose(public) {
		d.lost = true
		return
	}
	copies := 1
	if l.delivery.Copies != nil {
		copies += l.delivery.Copies(public)
	}
	var delay time.Duration
	if l.delivery.Delay != nil {
		delay = l.delivery.Delay(public)
	}
	for range copies {
		l.s.post.queue(l.s, d, delay)
	}
}

// Notify sends a notification of any type, subscribed or not, whose content is the JSON object
// given; it panics if that is no JSON. Without a notificationUrl nothing is sent.
func (l *Location) Notify(notificationType, content string) {
	raw := jsontext.Value(content)
	if !raw.IsValid() {
		panic("vpptest: the content of a notification has to be JSON")
	}
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.send(notificationType, "", raw)
}

// Notifications returns the notifications so far, those for the test of the URL included, in the
// order in which they were made.
func (l *Location) Notifications() []Notification {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.s.post.mu.Lock()
	defer l.s.post.mu.Unlock()
	out := make([]Notification, 0, len(l.sent))
	for _, d := range l.sent {
		out = append(out, d.public())
	}
	return out
}

// DeliverTo lets every notification, whatever its URL, go to h instead of the network: over a real
// HTTPS connection in memory. nil ends it.
func (s *Server) DeliverTo(h http.Handler) {
	var mem *memhttp.Server
	if h != nil {
		mem = memhttp.NewTLSServer(h, nil)
	}
	p := &s.post
	p.mu.Lock()
	old := p.mem
	p.mem, p.client = mem, s.opts.NotifyClient
	if mem != nil {
		p.client = mem.Client()
	}
	p.mu.Unlock()
	if old != nil {
		old.Close()
	}
}

// postOffice carries notifications, one after the other.
type postOffice struct {
	mu      sync.Mutex
	client  *http.Client
	own     *http.Transport // of the client that is made when none is given
	mem     *memhttp.Server // of DeliverTo
	waiting []*delivery
	busy    bool
	closed  bool
	carrier sync.WaitGroup
}

// queue brings d to the carrier after a delay.
func (p *postOffice) queue(s *Server, d *delivery, delay time.Duration) {
	if delay > 0 {
		s.clock.after(delay, func() { p.queue(s, d, 0) })
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.waiting = append(p.waiting, d)
	if !p.busy {
		p.busy = true
		p.carrier.Go(func() { p.carry(s) })
	}
}

// carry sends what waits and ends when nothing does.
func (p *postOffice) carry(s *Server) {
	for {
		p.mu.Lock()
		if len(p.waiting) == 0 || p.closed {
			p.busy = false
			p.mu.Unlock()
			return
		}
		d := p.waiting[0]
		p.waiting = p.waiting[1:]
		p.mu.Unlock()
		if s.deliver(s.ctx, d) {
			continue
		}
		p.mu.Lock()
		tries := len(d.attempts)
		p.mu.Unlock()
		if tries < maxAttempts {
			p.queue(s, d, s.retryDelay(tries))
		}
	}
}

// retryDelay is how long after so many attempts the next one follows.
func (s *Server) retryDelay(tries int) time.Duration {
	if s.opts.NotifyRetry > 0 {
		return s.opts.NotifyRetry
	}
	return time.Duration(tries) * time.Minute
}

// deliver makes one attempt, without any lock held, and reports whether the receiver took it.
func (s *Server) deliver(ctx context.Context, d *delivery) bool {
	ctx, cancel := context.WithTimeout(ctx, s.opts.NotifyTimeout)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	status := s.post.attempt(ctx, d)
	s.post.mu.Lock()
	defer s.post.mu.Unlock()
	d.attempts = append(d.attempts, status)
	return status/100 == 2
}

func (p *postOffice) attempt(ctx context.Context, d *delivery) (status int) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url, bytes.NewReader(d.body))
	if err != nil {
		return 0
	}
	r.Header.Set("Content-Type", jsonType)
	r.Header.Set("Authorization", "Bearer "+d.token)
	resp, err := p.sender().Do(r)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	return resp.StatusCode
}

// sender returns a client that does not follow redirects.
func (p *postOffice) sender() *http.Client {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.client == nil {
		p.own = http.DefaultTransport.(*http.Transport).Clone()
		p.client = &http.Client{Transport: p.own}
	}
	client := *p.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}

func (p *postOffice) close() {
	p.mu.Lock()
	p.closed = true
	p.waiting = nil
	own, mem := p.own, p.mem
	p.mu.Unlock()
	p.carrier.Wait()
	if own != nil {
		own.CloseIdleConnections()
	}
	if mem != nil {
		mem.Close()
	}
}
