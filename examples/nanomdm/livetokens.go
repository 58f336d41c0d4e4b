package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/micromdm/nanomdm/mdm"
	"github.com/micromdm/nanomdm/storage"

	"github.com/applemdm/applemdm/apns"
)

// liveTokens is a storage of nanomdm that keeps quiet about push tokens that APNs has said are no
// longer in use, so that nanomdm answers for their enrolments that there is nothing to push to. A
// TokenUpdate brings a token back. It remembers in memory only, some 150 bytes for each device
// that it has heard of since the start: after a restart each of these tokens costs one more push.
type liveTokens struct {
	storage.AllStorage

	mu      sync.Mutex
	retired map[string]bool
	updated map[string]time.Time // when a TokenUpdate named the token last, since the start
}

// retire forgets the token of a push if its result says so, and reports whether it did. A refusal
// that is older than what the device has said since is out of date.
func (l *liveTokens) retire(result apns.Result) bool {
	if result.Disposition() != apns.DropToken {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	refusal, ok := errors.AsType[*apns.Error](result.Err)
	if updated, known := l.updated[result.Push.Token]; known && ok && !refusal.Since.IsZero() && updated.After(refusal.Since) {
		return false
	}
	if l.retired == nil {
		l.retired = map[string]bool{}
	}
	l.retired[result.Push.Token] = true
	return true
}

// RetrievePushInfo leaves out what is retired, as the interface demands of enrolments that cannot be
// pushed to.
func (l *liveTokens) RetrievePushInfo(ctx context.Context, ids []string) (map[string]*mdm.Push, error) {
	pushes, err := l.AllStorage.RetrievePushInfo(ctx, ids)
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, push := range pushes {
		if l.retired[push.Token.String()] {
			delete(pushes, id)
		}
	}
	return pushes, err
}

// StoreTokenUpdate stores what the device says, and believes it.
func (l *liveTokens) StoreTokenUpdate(r *mdm.Request, update *mdm.TokenUpdate) error {
	if err := l.AllStorage.StoreTokenUpdate(r, update); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.updated == nil {
		l.updated = map[string]time.Time{}
	}
	token := update.Token.String()
	l.updated[token] = time.Now()
	delete(l.retired, token)
	return nil
}
