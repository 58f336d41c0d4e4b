// Package fromnanoaxm lets package axm use what nanoaxm has stored. Any storage of nanoaxm will do,
// since all is done through its interfaces; name is an AxM name throughout.
//
// [Key] is the one to use: the client then makes its assertions by itself. [Token] is for a storage
// that shares one assertion among processes, or that keeps the private key to itself.
package fromnanoaxm

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/micromdm/nanoaxm/client"
	"github.com/micromdm/nanoaxm/storage"
	"golang.org/x/oauth2"

	"github.com/applemdm/applemdm/axm"
)

// Key returns the key that nanoaxm has stored, read anew for each access token.
func Key(store storage.AuthCredentialsRetriever, name string) axm.KeySource {
	return axm.KeyFunc(func(ctx context.Context) (*axm.Key, error) {
		stored, err := store.RetrieveAuthCredentials(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("nanoaxm: credentials of %q: %w", name, err)
		}
		return axm.ParseKey(stored.ClientID, stored.KeyID, stored.PrivateKeyPEM)
	})
}

// Token returns a source of access tokens for axm.Options.TokenSource. It uses the client assertion
// that nanoaxm has stored, which lasts for months; the storage makes another one when that one is
// about to expire, or at once when Apple refuses it. Each token costs one request, through httpClient,
// to Apple's host; the axm.Client asks once an hour.
func Token(store storage.ClientAssertionRefresher, name string, httpClient *http.Client) oauth2.TokenSource {
	return &tokens{
		assertions: client.NewClientAssertionTokenManager(name, store, uuid.NewString),
		httpClient: httpClient,
		name:       name,
	}
}

type tokens struct {
	assertions *client.ClientAssertionTokenManager
	httpClient *http.Client
	name       string
}

// timeout bounds one exchange, for the caller of Token has no context to give.
const timeout = time.Minute

func (t *tokens) Token() (*oauth2.Token, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	token, err := t.exchange(ctx, false)
	if refused, ok := errors.AsType[*client.ErrorResponse](err); ok && refused.ErrorString == "invalid_client" {
		token, err = t.exchange(ctx, true)
	}
	if err != nil {
		return nil, fmt.Errorf("nanoaxm: access token of %q: %w", t.name, err)
	}
	return token, nil
}

func (t *tokens) exchange(ctx context.Context, renewAssertion bool) (*oauth2.Token, error) {
	assertion, err := t.assertions.GetOrRefreshToken(ctx, renewAssertion)
	if err != nil {
		return nil, err
	}
	answer, err := client.DoGetToken(ctx, t.httpClient, assertion.ClientID, assertion.ClientAssertion)
	if err != nil {
		return nil, err
	}
	return &oauth2.Token{
		AccessToken: answer.AccessToken,
		TokenType:   answer.TokenType,
		Expiry:      time.Now().Add(time.Duration(answer.ExpiresIn) * time.Second),
	}, nil
}
