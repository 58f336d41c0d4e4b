package content_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/internal/leak"
	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/content"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// ownedApp asks for an app that is owned.
func (s *site) ownedApp(ctx context.Context) error {
	found, err := s.client.OwnedApps(ctx, []vpp.AdamID{"2"}, content.Query{})
	if err == nil && len(found.Items) != 1 {
		return fmt.Errorf("found %+v", found)
	}
	return err
}

const ownedPath = "/stoken-authenticated-apps"

func TestDeveloperTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Millisecond * 1500) // no whole second
		key, private := newKey(t)
		token, err := key.DeveloperToken(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		checkDeveloperToken(t, string(token.Reveal()), &private.PublicKey)
		if now := time.Now(); token.Expired(now) || token.Expired(now.Add(59*time.Minute)) || !token.Expired(now.Add(time.Hour)) {
			t.Errorf("expires at %v", token.Expiry)
		}
	})
}

func TestParseDeveloperKeyRefuses(t *testing.T) {
	_, private := newKey(t)
	good := p8(t, private)
	for _, c := range []struct {
		team, id string
		file     []byte
		want     string
	}{
		{"TEAM12345", wireKeyID, good, "teamID: must have ten characters, A to Z and 0 to 9"},
		{wireTeam, "key1234567", good, "keyID: must have ten characters, A to Z and 0 to 9"},
		{wireTeam, wireKeyID, []byte(wireSToken), "wrong file: want EC P-256 private key, as the School and Business Manager API uses, got Apps and Books content token (.vpptoken)"},
		{wireTeam, wireKeyID, append(good, good...), "private key: is not the only one in the file"},
	} {
		key, err := content.ParseDeveloperKey(c.team, c.id, c.file)
		if key != nil || err == nil || err.Error() != c.want {
			t.Errorf("%v, %v, want %s", key, err, c.want)
		}
	}
	for _, text := range []string{"", "a b", "a\nb", "ü"} {
		if token, err := content.NewDeveloperToken(text, time.Time{}); err == nil || token != nil {
			t.Errorf("%q: %v", text, token)
		}
	}
}

func TestSourcesThatGiveNothing(t *testing.T) {
	for name, source := range map[string]content.DeveloperTokenSource{
		"nil key":     (*content.DeveloperKey)(nil),
		"empty key":   &content.DeveloperKey{},
		"nil token":   (*content.DeveloperToken)(nil),
		"empty token": &content.DeveloperToken{},
	} {
		c, err := content.New(source, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = c.Test(t.Context())
		if _, ok := errors.AsType[*vpp.InputError](err); !ok || !strings.HasPrefix(err.Error(), "test the developer token: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := newSite(t, nil, nil)
	for name, source := range map[string]vpp.TokenSource{"nil token": (*vpp.Token)(nil), "empty token": &vpp.Token{}} {
		c, err := content.New(s, source, &content.Options{HTTPClient: s.srv.Client(), BaseURL: s.srv.URL + "/v1", Storefront: "us"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.OwnedApps(t.Context(), []vpp.AdamID{"1"}, content.Query{})
		if _, ok := errors.AsType[*vpp.InputError](err); !ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	gone := errors.New("the vault is closed")
	c, err := content.New(content.DeveloperTokenFunc(func(context.Context) (*content.DeveloperToken, error) { return nil, gone }), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Test(t.Context()); !errors.Is(err, gone) || err.Error() != "test the developer token: get a developer token: the vault is closed" {
		t.Error(err)
	}
}

func TestARefusedDeveloperTokenIsMadeAnewOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		if err := s.ownedApp(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.srv.RevokeDeveloperKey()
		if err := s.ownedApp(t.Context()); err != nil || len(s.signed) != 2 {
			t.Errorf("%v, %d developer tokens", err, len(s.signed))
		}
		s.srv.ResetReceived()
		s.srv.Fail(vpptest.Fault{Kind: vpptest.Answer, Status: 401, Path: "/v1/test", Count: -1})
		err := s.client.Test(t.Context())
		if !errors.Is(err, content.ErrDeveloperToken) || len(s.signed) != 3 || s.srv.Count("GET", "/v1/test") != 2 {
			t.Errorf("%v, %d developer tokens, %d requests", err, len(s.signed), s.srv.Count("GET", "/v1/test"))
		}
		s.hides(t, err)
	})
}

func TestAStaticDeveloperTokenIsSentOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		token, err := content.NewDeveloperToken(s.srv.DeveloperToken(), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		c, err := content.New(token, nil, &content.Options{HTTPClient: s.srv.Client(), BaseURL: s.srv.URL + "/v1", Storefront: "us"})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Test(t.Context()); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Hour) // it has expired, which nobody told
		if err := c.Test(t.Context()); !errors.Is(err, content.ErrDeveloperToken) || s.srv.Count("GET", "/v1/test") != 2 {
			t.Errorf("%v, %d requests", err, s.srv.Count("GET", "/v1/test"))
		}
		known, err := content.NewDeveloperToken(s.srv.DeveloperToken(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if c, err = content.New(known, nil, &content.Options{HTTPClient: s.srv.Client(), BaseURL: s.srv.URL + "/v1"}); err != nil {
			t.Fatal(err)
		}
		if err := c.Test(t.Context()); !errors.Is(err, content.ErrDeveloperToken) || s.srv.Count("GET", "/v1/test") != 2 {
			t.Errorf("%v, %d requests", err, s.srv.Count("GET", "/v1/test"))
		}
	})
}

func TestDeveloperTokensAreRenewedEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		for _, step := range []struct {
			wait   time.Duration
			signed int
		}{{0, 1}, {54 * time.Minute, 1}, {2 * time.Minute, 2}, {54 * time.Minute, 2}, {24 * time.Hour, 3}} {
			time.Sleep(step.wait)
			if err := s.client.Test(t.Context()); err != nil || len(s.signed) != step.signed {
				t.Errorf("%v, %d developer tokens, want %d", err, len(s.signed), step.signed)
			}
		}
		s.wantNoViolations(t)
	})
}

// Tokens that live shorter than they are renewed early are not asked for with every call.
func TestShortDeveloperTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		asked := 0
		short := content.DeveloperTokenFunc(func(context.Context) (*content.DeveloperToken, error) {
			asked++
			return content.NewDeveloperToken(s.srv.DeveloperToken(), time.Now().Add(time.Minute))
		})
		c, err := content.New(short, nil, &content.Options{HTTPClient: s.srv.Client(), BaseURL: s.srv.URL + "/v1"})
		if err != nil {
			t.Fatal(err)
		}
		for range 60 {
			if err := c.Test(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if asked != 2 {
			t.Errorf("asked %d times", asked)
		}
	})
}

func TestConcurrentCallsShareTheirCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &vpptest.Options{Latency: time.Second}, nil)
		var failed atomic.Int32
		storm := func() {
			var calls sync.WaitGroup
			for range 20 {
				calls.Go(func() {
					if s.ownedApp(t.Context()) != nil {
						failed.Add(1)
					}
				})
			}
			calls.Wait()
		}
		storm()
		s.srv.RevokeDeveloperKey()
		s.loc.RevokeTokens()
		s.loc.IssueToken(vpptest.TokenOptions{})
		storm()
		if failed.Load() != 0 || len(s.signed) != 2 || s.reads != 3 {
			t.Errorf("%d failed, %d developer tokens, %d content tokens", failed.Load(), len(s.signed), s.reads)
		}
		if n := s.srv.Count("GET", "/mdm/v2/client/config"); n != 1 {
			t.Errorf("%d reads of the client configuration", n)
		}
	})
}

func TestARenewedContentTokenTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		if err := s.ownedApp(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.loc.RevokeTokens()
		err := s.ownedApp(t.Context())
		if !errors.Is(err, vpp.ErrTokenInvalid) || len(s.received(ownedPath)) != 2 {
			t.Errorf("%v after %d requests", err, len(s.received(ownedPath)))
		}
		s.hides(t, err)
		s.loc.IssueToken(vpptest.TokenOptions{Newline: true})
		// The refused one is tried once more, as it is all that there was.
		if err := s.ownedApp(t.Context()); err != nil || len(s.received(ownedPath)) != 4 {
			t.Errorf("%v after %d requests", err, len(s.received(ownedPath)))
		}
		s.loc.RevokeTokens()
		s.loc.IssueToken(vpptest.TokenOptions{})
		if err := s.ownedApp(t.Context()); err != nil || len(s.received(ownedPath)) != 6 {
			t.Errorf("%v after %d requests", err, len(s.received(ownedPath)))
		}
	})
}

func TestAnExpiredContentTokenIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		if err := s.ownedApp(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * 365 * 24 * time.Hour)
		err := s.ownedApp(t.Context())
		if !errors.Is(err, vpp.ErrTokenExpired) || len(s.received(ownedPath)) != 1 {
			t.Errorf("%v after %d requests", err, len(s.received(ownedPath)))
		}
		s.loc.IssueToken(vpptest.TokenOptions{Expires: time.Now().Add(time.Hour)})
		if err := s.ownedApp(t.Context()); err != nil {
			t.Error(err)
		}
		s.wantNoViolations(t)
	})
}

// A wrong clock is told, because nothing else would lead anybody to it.
func TestAWrongClockIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		theirs := time.Now().Add(-2 * time.Hour).UTC().Format(http.TimeFormat)
		s.srv.Fail(vpptest.Fault{Kind: vpptest.Answer, Status: 401, Path: "/v1/test", Count: -1, Header: http.Header{"Date": {theirs}}})
		err := s.client.Test(t.Context())
		if !errors.Is(err, content.ErrDeveloperToken) || !strings.Contains(err.Error(), "2h0m0s ahead") {
			t.Error(err)
		}
	})
}

// Whoever waits for somebody else to get a credential waits no longer than for anything else.
func TestWaitingForACredentialEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		slow := content.DeveloperTokenFunc(func(ctx context.Context) (*content.DeveloperToken, error) {
			time.Sleep(time.Hour)
			return s.DeveloperToken(ctx)
		})
		c, err := content.New(slow, nil, &content.Options{HTTPClient: s.srv.Client(), BaseURL: s.srv.URL + "/v1", Storefront: "us"})
		if err != nil {
			t.Fatal(err)
		}
		go func() { _ = c.Test(t.Context()) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err = c.Apps(ctx, []vpp.AdamID{"1"}, content.Query{})
		line, ok := errors.AsType[*vpp.TransportError](err)
		if !ok || !errors.Is(err, context.DeadlineExceeded) || line.Sent || line.Op != "read apps" || line.Path != "/catalog/us/apps" {
			t.Errorf("%+v", err)
		}
		_, err = c.Apps(ctx, []vpp.AdamID{"1"}, content.Query{})
		if _, ok := errors.AsType[*vpp.TransportError](err); !ok {
			t.Errorf("%T: %v", err, err)
		}
		time.Sleep(2 * time.Hour)
	})
}

func TestSecretsDoNotPrint(t *testing.T) {
	s := newSite(t, nil, nil)
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := content.ParseDeveloperKey(wireTeam, wireKeyID, p8(t, private))
	if err != nil {
		t.Fatal(err)
	}
	token, err := key.DeveloperToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ownedApp(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.signed = append(s.signed, token)
	for _, v := range []any{key, *key, token, *token, s.client, s.lookup} {
		s.shown.Note(v)
		slog.New(slog.NewTextHandler(s.shown, nil)).Info("value", "v", v)
	}
	s.shown.Search(t, leak.Key(private)...)
	for want, v := range map[string]fmt.Stringer{
		"developer key KEY1234567 of team TEAM123456":                                key,
		"developer token until " + token.Expiry.UTC().Format("2006-01-02T15:04:05Z"): token,
		"developer token": &content.DeveloperToken{},
	} {
		if v.String() != want {
			t.Errorf("%q, want %q", v, want)
		}
	}
}

// The content token goes to no other host, and stays behind in no cookie jar.
func TestTheCookieStaysAtHome(t *testing.T) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, nil, func(o *content.Options) { o.HTTPClient.Jar = jar })
	home, err := url.Parse(s.srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	jar.SetCookies(home, []*http.Cookie{{Name: "itvt", Value: "of-another-location"}})
	s.srv.Fail(vpptest.Fault{Kind: vpptest.Answer, Status: 429, Header: http.Header{"Set-Cookie": {"itvt=strange; Path=/"}, "Retry-After": {"0"}}, Path: "/v1/catalog/de" + ownedPath})
	if err := s.ownedApp(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := s.lookup.Items(t.Context(), []vpp.AdamID{"2"}, content.LookupQuery{}); err != nil {
		t.Error(err)
	}
	if cookies := jar.Cookies(home); len(cookies) != 1 || cookies[0].Value != "of-another-location" {
		t.Errorf("in the jar: %v", cookies)
	}
	s.srv.Fail(vpptest.Fault{Kind: vpptest.Redirect, Count: -1})
	if err := s.ownedApp(t.Context()); !errors.Is(err, vpp.ErrUnexpectedAnswer) {
		t.Error(err)
	}
	if _, err := s.lookup.Items(t.Context(), []vpp.AdamID{"2"}, content.LookupQuery{}); err == nil {
		t.Error("the lookup followed a redirect")
	}
	want := "itvt=" + strings.TrimSpace(string(s.loc.Token()))
	for _, r := range s.srv.Received() {
		if cookie := r.Header.Get("Cookie"); cookie != "" && cookie != want || r.Host == "elsewhere.test" {
			t.Errorf("cookie %q to %s%s", cookie, r.Host, r.Path)
		}
	}
	s.hides(t)
}
