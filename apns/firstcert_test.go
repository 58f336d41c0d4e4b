package apns_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/apns/apnstest"
)

// A source that has no certificate for a while is asked again.
func TestASourceThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := anyToken(t)
		broken := errors.New("the vault is sealed")
		source := &vault{err: broken}
		client := newClientWith(t, srv, source, nil)
		_, err := client.Push(t.Context(), pushTo(1))
		wants(t, err, apns.RetryLater, broken)
		lost(t, err)
		if err := client.Refresh(t.Context()); !errors.Is(err, broken) {
			t.Errorf("Refresh: %v", err)
		}
		source.put(nil, nil)
		if err := client.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), "must not be empty") {
			t.Errorf("Refresh without a certificate: %v", err)
		}
		source.put(issue(t, srv, apnstest.CertOptions{}), nil)
		if err := client.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Push(t.Context(), pushTo(1)); err != nil {
			t.Fatal(err)
		}
		srv.Disconnect()
		source.put(nil, broken)
		_, err = client.Push(t.Context(), pushTo(2))
		wants(t, err, apns.RetryLater, broken, context.DeadlineExceeded)
		source.put(issue(t, srv, apnstest.CertOptions{}), nil)
		if _, err := client.Push(t.Context(), pushTo(3)); err != nil {
			t.Error(err)
		}
	})
}

// counted counts the calls of a source.
type counted struct {
	vault
	calls atomic.Int32
}

func (c *counted) Certificate(ctx context.Context) (*apns.Certificate, error) {
	c.calls.Add(1)
	time.Sleep(time.Millisecond)
	return c.vault.Certificate(ctx)
}

// Before the first certificate, a source that fails is not asked by every push.
func TestASourceThatFailsIsLeftInPeace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := anyToken(t)
		broken := errors.New("the vault is sealed")
		source := &counted{vault: vault{err: broken}}
		client := newClientWith(t, srv, source, nil)
		push := func() error {
			_, err := client.Push(t.Context(), pushTo(1))
			return err
		}
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { wants(t, push(), apns.RetryLater, broken) })
		}
		wg.Wait()
		wants(t, push(), apns.RetryLater, broken)
		if calls := source.calls.Load(); calls != 1 {
			t.Errorf("%d calls for 101 pushes", calls)
		}
		for range 600 {
			wants(t, push(), apns.RetryLater, broken)
			time.Sleep(100 * time.Millisecond)
		}
		if calls := source.calls.Load(); calls < 8 || calls > 20 {
			t.Errorf("%d calls in a minute", calls)
		}
		source.put(issue(t, srv, apnstest.CertOptions{}), nil)
		time.Sleep(10 * time.Second)
		if err := push(); err != nil {
			t.Error(err)
		}
	})
}

// That somebody does not wait for the first certificate is not the fault of the source, and that it
// takes for ever is not a reason to wait longer than Timeout.
func TestWaitingForTheFirstCertificate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := anyToken(t)
		cert := issue(t, srv, apnstest.CertOptions{})
		var hang atomic.Bool
		hang.Store(true)
		client := newClientWith(t, srv, apns.CertificateFunc(func(ctx context.Context) (*apns.Certificate, error) {
			if hang.Load() {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return cert, nil
		}), nil)
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		first, second := make(chan error, 1), make(chan error, 1)
		start := time.Now()
		go func() {
			_, err := client.Push(short, pushTo(1))
			first <- err
		}()
		synctest.Wait()
		go func() {
			_, err := client.Push(t.Context(), pushTo(2))
			second <- err
		}()
		wants(t, <-first, apns.RetryLater, context.DeadlineExceeded)
		wants(t, <-second, apns.RetryLater, context.DeadlineExceeded)
		if took := time.Since(start); took != 30*time.Second {
			t.Errorf("the second push took %v", took)
		}
		hang.Store(false)
		time.Sleep(time.Second)
		go func() {
			_, err := client.Push(t.Context(), pushTo(3))
			second <- err
		}()
		if err := <-second; err != nil {
			t.Error(err)
		}
	})
}
