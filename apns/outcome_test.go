package apns

import (
	"context"
	"testing"
	"time"
)

// The state is told in the order in which the pool decides: an answer that came before a refusal must not
// be told after it, or the client would count as well while nothing is sent. So whoever tells has the
// pool's lock until that is done.
func TestTheStateIsToldUnderTheLock(t *testing.T) {
	opts, err := (*Options)(nil).withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	for name, tell := range map[string]func(*pool, *conn){
		"an answer":       func(p *pool, c *conn) { p.answered(c, &job{}) },
		"a refusal":       func(p *pool, c *conn) { p.refuse(c.cert, ErrCertificate) },
		"a failure":       func(p *pool, c *conn) { p.failed(c.cert, ErrClosed, false); p.failed(c.cert, ErrClosed, false) },
		"a certificate":   func(p *pool, c *conn) { p.use(c.cert) },
		"another's topic": func(p *pool, c *conn) { _ = p.read(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPool(&opts, nil, CertificateFunc(func(context.Context) (*Certificate, error) {
				return nil, ErrTopicChanged
			}))
			p.cert = &Certificate{}
			c := &conn{cert: p.cert, opened: time.Now()}
			p.state.mu.Lock()
			done := make(chan struct{})
			go func() {
				defer close(done)
				tell(p, c)
			}()
			time.Sleep(5 * time.Millisecond)
			if p.mu.TryLock() {
				p.mu.Unlock()
				t.Error("the lock is free")
			}
			p.state.mu.Unlock()
			<-done
		})
	}
}

// Those who share an outcome stand in the order of their time, whoever takes the place of one whose time
// is over: the one in front is the only one whose deadline is watched.
func TestAnHeirKeepsTheOrder(t *testing.T) {
	opts, err := (*Options)(nil).withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	p := newPool(&opts, nil, nil)
	newJob := func(ctx context.Context) *job {
		j := &job{ctx: ctx, deadline: time.Now().Add(time.Minute)}
		j.fill("", "", "0")
		return j
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	leader, heir, second, third := newJob(over), newJob(t.Context()), newJob(t.Context()), newJob(t.Context())
	p.line(leader)
	p.line(heir) // joins
	leader.started = true
	p.line(second) // waits
	p.leave(leader, &TransportError{})
	p.line(third)
	if p.leaders[heir.hash] != heir || heir.successor != nil {
		t.Fatal("the one who joined first does not lead alone")
	}
	if heir.joined.pop() != second || heir.joined.pop() != third || !heir.joined.empty() {
		t.Error("the younger comes before the older")
	}
}
