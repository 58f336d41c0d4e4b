// Package apnspush lets nanomdm push through package apns: a [Factory] is nanomdm's
// push.PushProviderFactory.
package apnspush

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/micromdm/nanomdm/mdm"
	"github.com/micromdm/nanomdm/push"

	"github.com/applemdm/applemdm/apns"
)

// Factory makes a provider for each topic, and keeps it: nanomdm asks for another one when the
// certificate was renewed, and gets the same one, which changes to the new certificate without losing
// a push or a connection that is in use. It is safe for concurrent use.
type Factory struct {
	options  apns.Options
	onResult func(apns.Result)

	mu        sync.Mutex
	providers map[string]*provider // by topic; nil after Shutdown
}

// New returns a Factory whose clients have these options; nil means defaults. If onResult is not nil,
// it is told what became of each push, before nanomdm is: a result whose Disposition is DropToken is
// nowhere else said to be final. It may be called by several goroutines at once.
func New(options *apns.Options, onResult func(apns.Result)) *Factory {
	f := &Factory{onResult: onResult, providers: map[string]*provider{}}
	if options != nil {
		f.options = *options
	}
	return f
}

// NewPushProvider returns the provider for the topic of the certificate, which shows that certificate
// from now on.
func (f *Factory) NewPushProvider(cert *tls.Certificate) (push.PushProvider, error) {
	certificate, err := fromTLS(cert)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.providers == nil {
		return nil, apns.ErrClosed
	}
	if known, ok := f.providers[certificate.Topic()]; ok {
		return known, known.renew(certificate)
	}
	made := &provider{onResult: f.onResult}
	made.certificate.Store(certificate)
	if made.client, err = apns.New(apns.CertificateFunc(made.current), &f.options); err != nil {
		return nil, err
	}
	f.providers[certificate.Topic()] = made
	return made, nil
}

// Shutdown ends all clients as apns.Client.Shutdown does.
func (f *Factory) Shutdown(ctx context.Context) error {
	f.mu.Lock()
	providers := f.providers
	f.providers = nil
	f.mu.Unlock()
	var errs []error
	for _, p := range providers {
		errs = append(errs, p.client.Shutdown(ctx))
	}
	return errors.Join(errs...)
}

// provider pushes for one topic.
type provider struct {
	client      *apns.Client
	certificate atomic.Pointer[apns.Certificate]
	onResult    func(apns.Result)
}

func (p *provider) current(context.Context) (*apns.Certificate, error) {
	return p.certificate.Load(), nil
}

func (p *provider) renew(certificate *apns.Certificate) error {
	p.certificate.Store(certificate)
	return p.client.Refresh(context.Background()) // reads the line above, and does not wait for a network
}

// Push sends all pushes and returns what became of them by token. The Err of a response is that of
// package apns, so that apns.DispositionOf says what to do; nanomdm's API shows its text.
func (p *provider) Push(ctx context.Context, pushes []*mdm.Push) (map[string]*push.Response, error) {
	responses := make(map[string]*push.Response, len(pushes))
	for result := range p.client.PushAll(ctx, sequence(pushes)) {
		if p.onResult != nil {
			p.onResult(result)
		}
		responses[result.Push.Token] = &push.Response{Id: result.ID, Err: result.Err}
	}
	return responses, nil
}

func sequence(pushes []*mdm.Push) func(yield func(apns.Push) bool) {
	return func(yield func(apns.Push) bool) {
		for _, p := range pushes {
			if p == nil {
				continue
			}
			target := apns.Target{Topic: p.Topic, Token: p.Token.String(), PushMagic: p.PushMagic}
			if !yield(apns.Push{Target: target}) {
				return
			}
		}
	}
}

// fromTLS makes the certificate of package apns, which checks that it is one for MDM pushes.
func fromTLS(cert *tls.Certificate) (*apns.Certificate, error) {
	if cert == nil {
		return nil, errors.New("there is no push certificate")
	}
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("the key of the push certificate: %w", err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
	for _, der := range cert.Certificate {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return apns.ParseCertificate(text)
}
