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
