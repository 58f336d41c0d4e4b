package content_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/internal/memhttp"
	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/content"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// While Apple wants to be left alone for long, it is.
func TestApplesWishForQuietIsRespected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		if err := s.ownedApp(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.srv.ResetReceived()
		s.srv.Fail(vpptest.Fault{Kind: vpptest.BusySeconds, Status: 429, Path: "/v1/catalog/de" + ownedPath, RetryAfter: 5 * time.Minute})
		for i, ask := range []func() error{
			func() error { return s.ownedApp(t.Context()) },
			func() error { return s.client.Test(t.Context()) },
		} {
			err := ask()
			e, ok := errors.AsType[*content.Error](err)
			if !ok || !errors.Is(err, vpp.ErrTooManyRequests) || e.RetryAfter != 5*time.Minute || e.Op != []string{"read owned apps", "test the developer token"}[i] {
				t.Errorf("%v", err)
			}
		}
		if n := len(s.srv.Received()); n != 1 {
			t.Errorf("%d requests", n)
		}
		start := time.Now()
		time.Sleep(4*time.Minute + 50*time.Second) // the rest may be waited for
		if err := s.client.Test(t.Context()); err != nil || time.Since(start) < 5*time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if _, err := s.lookup.Items(t.Context(), []vpp.AdamID{"1"}, content.LookupQuery{}); err != nil {
			t.Error(err) // another service
		}
	})
}

// handle returns clients of a handler, without a content token.
func handle(t *testing.T, h http.HandlerFunc) (*content.Client, *content.Lookup) {
	t.Helper()
	s := memhttp.NewServer(h)
	t.Cleanup(s.Close)
	key, _ := newKey(t)
	opts := &content.Options{HTTPClient: s.Client(), BaseURL: s.URL, Storefront: "us", Retry: vpp.Retry{Tries: 1}}
	client, err := content.New(key, nil, opts)
	if err != nil {
		t.Fatal(err)
	}
	lookup, err := content.NewLookup(nil, opts)
	if err != nil {
		t.Fatal(err)
	}
	return client, lookup
}

func TestPagesWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		client, _ := handle(t, func(w http.ResponseWriter, r *http.Request) {
			if offset := r.URL.Query().Get("offset"); asked > 0 && offset != fmt.Sprint(asked) {
				t.Errorf("offset %q in request %d", offset, asked)
			}
			asked++
			fmt.Fprintf(w, `{"data":[{"id":"%d"}],"next":"/v1/catalog/us/genres/1?offset=%d"}`, asked, asked)
		})
		_, err := client.Genre(t.Context(), "1", content.Query{})
		if _, ok := errors.AsType[*content.Error](err); !ok || !errors.Is(err, vpp.ErrUnexpectedAnswer) || asked != 100 {
			t.Errorf("%v after %d requests", err, asked)
		}
	})
}

func TestRefusalsWithoutAContentToken(t *testing.T) {
	for status, want := range map[int][2]error{ // of the client, of the lookup
		401: {content.ErrDeveloperToken, vpp.ErrForbidden},
		403: {vpp.ErrForbidden, vpp.ErrForbidden},
		404: {content.ErrNotFound, content.ErrNotFound},
	} {
		synctest.Test(t, func(t *testing.T) {
			client, lookup := handle(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) })
			if _, err := client.Storefront(t.Context(), "de", content.Query{}); !errors.Is(err, want[0]) {
				t.Errorf("%d: %v", status, err)
			}
			if _, err := lookup.Items(t.Context(), []vpp.AdamID{"1"}, content.LookupQuery{}); !errors.Is(err, want[1]) {
				t.Errorf("lookup, %d: %v", status, err)
			}
		})
	}
}

func TestFileDeveloperKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		file := filepath.Join(t.TempDir(), "AuthKey.p8")
		var source content.FileDeveloperKey
		renew := func() {
			s.srv.RevokeDeveloperKey()
			k := s.srv.DeveloperKey()
			source = content.FileDeveloperKey{TeamID: " " + k.TeamID, KeyID: k.KeyID + "\n", Path: file}
			if err := os.WriteFile(file, k.P8, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		client, err := content.New(content.DeveloperTokenFunc(func(ctx context.Context) (*content.DeveloperToken, error) {
			return source.DeveloperToken(ctx)
		}), nil, &content.Options{HTTPClient: s.srv.Client(), BaseURL: s.srv.URL + "/v1"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := source.DeveloperToken(t.Context()); !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
		for range 2 {
			renew()
			if err := client.Test(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = source.DeveloperToken(t.Context())
		if _, ok := errors.AsType[*vpp.WrongFileError](err); !ok {
			t.Error(err)
		}
	})
}

func TestASourceOfContentTokensThatFails(t *testing.T) {
	s := newSite(t, nil, nil)
	gone := errors.New("the vault is closed")
	source := vpp.TokenFunc(func(context.Context) (*vpp.Token, error) { return nil, gone })
	client, err := content.New(s, source, &content.Options{HTTPClient: s.srv.Client(), BaseURL: s.srv.URL + "/v1", Storefront: "us"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.OwnedApps(t.Context(), []vpp.AdamID{"1"}, content.Query{})
	if !errors.Is(err, gone) || err.Error() != "read owned apps: read the content token: the vault is closed" {
		t.Error(err)
	}
	if _, err := client.App(t.Context(), "1", content.Query{}); err != nil {
		t.Error(err)
	}
}
