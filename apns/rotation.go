package apns

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/applemdm/applemdm/internal/poll"
)

// refresh reads the certificate and, if it is another one, takes the connections that show the old
// one out of use. One with another topic is not taken: the error is a [*TopicError], and the old one
// stays.
//
// One reads at a time, until the outcome is taken in, so that whoever asked later has the last word.
func (p *pool) refresh(ctx context.Context) error {
	if err := p.startReading(ctx); err != nil {
		return err
	}
	defer p.stopReading()
	return p.read(ctx)
}

func (p *pool) startReading(ctx context.Context) error {
	select {
	case p.reading <- struct{}{}:
		return nil
	case <-ctx.Done():
		return poll.Cause(ctx)
	}
}

func (p *pool) stopReading() { <-p.reading }

func (p *pool) read(ctx context.Context) error {
	cert, err := p.certs.Certificate(ctx)
	if err == nil && cert.isZero() {
		err = errNoCertificate
	}
	if err == nil {
		err = CheckTopic(p.certificate(), cert)
	}
	switch {
	case errors.Is(err, ErrTopicChanged):
		p.mu.Lock()
		p.state.topicChanged(err)
		p.mu.Unlock()
		fallthrough
	case err != nil:
		return fmt.Errorf("read the push certificate: %w", err)
	}
	p.use(cert)
	return nil
}

// use makes cert the one that new connections show.
func (p *pool) use(cert *Certificate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state.certificate(cert)
	if p.cert != nil && p.cert.Fingerprint() == cert.Fingerprint() {
		return
	}
	p.cert, p.breaker = cert, breaker{}
	signal(p.wake)
}

// topic returns that of the certificate, which is read if it has not been yet.
func (p *pool) topic(ctx context.Context) (string, error) {
	cert := p.certificate()
	if cert == nil {
		var err error
		if cert, err = p.firstCertificate(ctx); err != nil {
			return "", &TransportError{Err: err}
		}
	}
	return cert.Topic(), nil
}

// firstCertificate reads the certificate once for all who wait for it. What a source fails with is
// what they get for a while.
func (p *pool) firstCertificate(ctx context.Context) (*Certificate, error) {
	limited, cancel := context.WithTimeout(ctx, p.opts.Timeout)
	defer cancel()
	if err := p.startReading(limited); err != nil {
		return nil, err
	}
	defer p.stopReading()
	if cert := p.certificate(); cert != nil {
		return cert, nil
	}
	if err := p.source.refusal(time.Now()); err != nil {
		return nil, err
	}
	err := p.read(limited)
	if err != nil && ctx.Err() == nil { // or else it may be the caller's doing
		p.source.failed(time.Now(), err)
	}
	return p.certificate(), err
}

func (p *pool) certificate() *Certificate {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cert
}

// sourcePause spares a source that has not had a certificate yet.
type sourcePause struct {
	failures int // in a row
	err      error
	until    time.Time
}

var sourceBackoff = poll.Backoff{Min: time.Second, Max: 10 * time.Second}

func (s *sourcePause) failed(now time.Time, err error) {
	s.until = now.Add(sourceBackoff.Delay(s.failures))
	s.failures++
	s.err = err
}

// refusal is what to answer without asking the source, or nil.
func (s *sourcePause) refusal(now time.Time) error {
	if now.Before(s.until) {
		return s.err
	}
	return nil
}
