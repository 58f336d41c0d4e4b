package apns

import (
	"context"
	"fmt"

	"github.com/applemdm/applemdm/internal/poll"
)

// refresh reads the certificate and, if it is another one, takes the connections that show the old
// one out of use.
func (p *pool) refresh(ctx context.Context) (*Certificate, error) {
	cert, err := p.certs.Certificate(ctx)
	if err == nil && cert.isZero() {
		err = errNoCertificate
	}
	if err != nil {
		return nil, fmt.Errorf("read the push certificate: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.cert == nil:
	case p.cert.Fingerprint() == cert.Fingerprint():
		return p.cert, nil
	default:
		if err := CheckTopic(p.cert, cert); err != nil {
			return nil, err
		}
		p.breaker = breaker{}
	}
	p.cert = cert
	p.state.certificate(cert)
	signal(p.wake)
	return cert, nil
}

// topic returns that of the certificate, which is read if it has not been yet: once for all who wait.
func (p *pool) topic(ctx context.Context) (string, error) {
	if cert := p.certificate(); cert != nil {
		return cert.Topic(), nil
	}
	select {
	case p.reading <- struct{}{}:
		defer func() { <-p.reading }()
	case <-ctx.Done():
		return "", &TransportError{Err: poll.Cause(ctx)}
	}
	cert := p.certificate()
	if cert == nil {
		var err error
		if cert, err = p.refresh(ctx); err != nil {
			return "", &TransportError{Err: err}
		}
	}
	return cert.Topic(), nil
}

func (p *pool) certificate() *Certificate {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cert
}
