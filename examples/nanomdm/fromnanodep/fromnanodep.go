// Package fromnanodep lets package dep use what nanodep has stored, so that a server that was run
// with nanodep goes on where it is: with its tokens, its key pairs and its cursor. Any storage of
// nanodep will do, since all is done through its interfaces; storage is a nanodep storage and name a
// DEP name throughout, and errors for a name that has nothing are nanodep's storage.ErrNotFound.
//
// There is no dep.SessionStore here: that of nanodep cannot compare and store in one step, which the
// replicas of a service need. A dep.Client without one logs in by itself, once for each process.
package fromnanodep

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/micromdm/nanodep/client"
	"github.com/micromdm/nanodep/http/api"
	"github.com/micromdm/nanodep/storage"
	"github.com/micromdm/nanodep/sync"

	"github.com/applemdm/applemdm/dep"
)

// Token returns the server token that nanodep has stored, read anew for each session of the client.
func Token(store client.AuthTokensRetriever, name string) dep.TokenSource {
	return dep.TokenFunc(func(ctx context.Context) (*dep.Token, error) {
		stored, err := store.RetrieveAuthTokens(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("nanodep: tokens of %q: %w", name, err)
		}
		text, err := json.Marshal(stored)
		if err != nil {
			return nil, fmt.Errorf("nanodep: tokens of %q: %w", name, err)
		}
		return dep.ParseToken(text)
	})
}

// BaseURL returns the URL of the service that nanodep was configured to use, for
// dep.Options.BaseURL: "", which is Apple's, if none.
func BaseURL(ctx context.Context, store client.ConfigRetriever, name string) (string, error) {
	config, err := store.RetrieveConfig(ctx, name)
	if err != nil || config == nil {
		return "", err
	}
	return config.BaseURL, nil
}

// Cursor keeps the cursor of a dep.Syncer where nanodep's syncer keeps its own, and begins with what
// is there: nothing is read twice. What is kept from then on has more in it than Apple's cursor. The
// way back is open: nanodep learns from Apple that it is no cursor, and reads the full list.
func Cursor(store sync.CursorStorage, name string) dep.CursorStore {
	return cursors{store: store, name: name}
}

type cursors struct {
	store sync.CursorStorage
	name  string
}

func (c cursors) LoadCursor(ctx context.Context) (dep.Cursor, error) {
	text, err := c.store.RetrieveCursor(ctx, c.name)
	if err != nil {
		return dep.Cursor{}, err
	}
	return dep.ParseCursor(text)
}

func (c cursors) SaveCursor(ctx context.Context, cursor dep.Cursor) error {
	return c.store.StoreCursor(ctx, c.name, cursor.String())
}

// CredentialsStorage is what [Credentials] reads.
type CredentialsStorage interface {
	client.AuthTokensRetriever
	api.TokenPKICurrentRetriever
	api.TokenPKIStagingRetriever
}

// Credentials returns the token and the key pairs that nanodep has stored, to be kept with
// dep.Credentials.Reveal and renewed with its Stage and Promote. What nanodep does not have is nil:
// the token before the first one was uploaded, or the pairs.
func Credentials(ctx context.Context, store CredentialsStorage, name string) (dep.Credentials, error) {
	token, err := unlessMissing(Token(store, name).Token(ctx))
	if err != nil {
		return dep.Credentials{}, err
	}
	active, err := unlessMissing(keyPair(store.RetrieveCurrentTokenPKI(ctx, name)))
	if err != nil {
		return dep.Credentials{}, fmt.Errorf("nanodep: key pair of %q: %w", name, err)
	}
	staged, err := unlessMissing(keyPair(store.RetrieveStagingTokenPKI(ctx, name)))
	if err != nil {
		return dep.Credentials{}, fmt.Errorf("nanodep: staged key pair of %q: %w", name, err)
	}
	if active != nil && staged != nil && active.Certificate().Equal(staged.Certificate()) {
		staged = nil // nanodep keeps it in both places once it is in use
	}
	return dep.Credentials{Active: active, Token: token, Staged: staged}, nil
}

func keyPair(cert, key []byte, err error) (*dep.KeyPair, error) {
	if err != nil {
		return nil, err
	}
	return dep.ParseKeyPair(bytes.Join([][]byte{cert, key}, []byte("\n")))
}

func unlessMissing[T any](value *T, err error) (*T, error) {
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	return value, err
}
