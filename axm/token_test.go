package axm_test

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/axm/axmtest"
)

// The form, and what is signed in it, as Apple's article has them.
func TestTokenRequest(t *testing.T) {
	for clientID, scope := range map[string]string{businessID: "business.api", schoolID: "school.api"} {
		synctest.Test(t, func(t *testing.T) {
			var form url.Values
			server := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != tokenPath {
					_, _ = io.WriteString(w, `{"data":[]}`)
					return
				}
				if cmp.Diff(wireHeader(r), headerOf(r)) != "" || r.Method != "POST" || r.URL.RawQuery != "" {
					t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
				}
				body, _ := io.ReadAll(r.Body)
				form, _ = url.ParseQuery(string(body))
				_, _ = io.WriteString(w, `{"access_token":"a.b","token_type":"Bearer","expires_in":3600}`)
			})
			c := wireClientOf(t, server, clientID, nil)
			if _, err := c.TokenSource().Token(); err != nil {
				t.Fatal(err)
			}
			assertion := form.Get("client_assertion")
			form.Del("client_assertion")
			want := url.Values{
				"grant_type": {"client_credentials"}, "client_id": {clientID}, "scope": {scope},
				"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
			}
			if diff := cmp.Diff(want, form); diff != "" {
				t.Error(diff)
			}
			checkAssertion(t, assertion, clientID)
		})
	}
}

func headerOf(r *http.Request) http.Header {
	got := r.Header.Clone()
	got.Del("Content-Length")
	got.Del("Accept-Encoding")
	return got
}

func checkAssertion(t *testing.T, text, clientID string) {
	t.Helper()
	claims := jwt.MapClaims{}
	token, err := jwt.ParseWithClaims(text, claims, func(*jwt.Token) (any, error) { return wirePrivate().Public().(*ecdsa.PublicKey), nil },
		jwt.WithValidMethods([]string{"ES256"}), jwt.WithTimeFunc(time.Now))
	if err != nil {
		t.Fatal(err)
	}
	jti, _ := claims["jti"].(string)
	delete(claims, "jti")
	now := float64(time.Now().Unix())
	want := jwt.MapClaims{
		"iss": clientID, "sub": clientID, "aud": "https://account.apple.com/auth/oauth2/v2/token",
		"iat": now - 60, "exp": now + 600,
	}
	if diff := cmp.Diff(want, claims); diff != "" || len(jti) < 16 {
		t.Errorf("jti %q %s", jti, diff)
	}
	if diff := cmp.Diff(map[string]any{"alg": "ES256", "typ": "JWT", "kid": keyID}, token.Header); diff != "" {
		t.Error(diff)
	}
}

func TestOneExchangeForAllWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &axmtest.Options{Latency: time.Second, RefuseReplay: true}, nil)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if err := s.ask(t); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if s.tokens() != 1 || s.readCount() != 1 || s.srv.Traffic().Peak > 4 {
			t.Errorf("%d tokens, %d reads of the key, %+v", s.tokens(), s.readCount(), s.srv.Traffic())
		}
		s.clean(t)
	})
}

func TestATokenIsRenewedBeforeItEnds(t *testing.T) {
	for name, tc := range map[string]struct {
		life, used time.Duration
		tokens     int
	}{
		"an hour, still good":  {time.Hour, 58 * time.Minute, 1},
		"an hour, soon to end": {time.Hour, 59*time.Minute + time.Second, 2},
		"short, still good":    {20 * time.Second, 17 * time.Second, 1},
		"short, soon to end":   {20 * time.Second, 18 * time.Second, 2},
		"ended":                {time.Hour, 24 * time.Hour, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, &axmtest.Options{TokenLife: tc.life}, nil)
				for range 2 {
					if err := s.ask(t); err != nil {
						t.Fatal(err)
					}
					time.Sleep(tc.used)
				}
				if s.tokens() != tc.tokens {
					t.Errorf("%d tokens", s.tokens())
				}
				s.clean(t)
			})
		})
	}
}

func TestARefusedTokenIsReplacedOnce(t *testing.T) {
	for name, style := range map[string]axmtest.UnauthorizedBody{
		"empty": axmtest.UnauthorizedEmpty, "HTML": axmtest.UnauthorizedHTML, "JSON": axmtest.UnauthorizedJSON,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, &axmtest.Options{Unauthorized: style}, nil)
				if err := s.ask(t); err != nil {
					t.Fatal(err)
				}
				s.Account().ExpireTokens()
				// A body must come again whole.
				made, err := s.client.CreateServer(t.Context(), axm.NewServer{ServerName: "Lab", Certificate: certificateFile("lab.pem")})
				if err != nil {
					t.Fatal(err)
				}
				if m, ok := s.Server(made.ID); !ok || m.Certificate == nil || m.CertificateName != "lab.pem" {
					t.Errorf("%+v", m)
				}
				if s.tokens() != 2 || s.srv.Count("POST", "/v1/mdmServers") != 2 {
					t.Errorf("%d tokens, %d requests", s.tokens(), s.srv.Count("POST", "/v1/mdmServers"))
				}
				if diff := cmp.Diff([]axm.StateKind{axm.StateOK}, s.kinds()); diff != "" {
					t.Error(diff)
				}
				s.hides(t)
			})
		})
	}
}

func TestOneNewTokenForAllWhoseOldOneIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &axmtest.Options{Latency: time.Second}, func(o *axm.Options) { o.MaxInFlight = 10 })
		if err := s.ask(t); err != nil {
			t.Fatal(err)
		}
		s.Account().ExpireTokens()
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if err := s.ask(t); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := s.srv.Count("GET", ""); s.tokens() != 2 || n != 21 {
			t.Errorf("%d tokens, %d requests", s.tokens(), n)
		}
		if diff := cmp.Diff([]axm.StateKind{axm.StateOK}, s.kinds()); diff != "" {
			t.Error(diff)
		}
		s.hides(t)
	})
}

func TestARefusalThatANewTokenDoesNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.srv.Fail(axmtest.Fault{Kind: axmtest.Answer, Path: "/v1/*", Status: 401, Count: -1})
		err := s.ask(t)
		if !errors.Is(err, axm.ErrUnauthorized) || s.tokens() != 2 || s.srv.Count("GET", "/v1/mdmServers") != 2 {
			t.Errorf("%v, %d tokens", err, s.tokens())
		}
		if state := s.client.State(); state.Kind != axm.StateUnauthorized || state.Err == nil || state.Kind.Usable() {
			t.Errorf("%+v", state)
		}
		s.hides(t, err)
	})
}

func TestWhenTheNewTokenIsRefusedThatIsToldInstead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		if err := s.ask(t); err != nil {
			t.Fatal(err)
		}
		s.Account().Delete()
		err := s.ask(t)
		if !errors.Is(err, axm.ErrInvalidClient) {
			t.Error(err)
		}
		if diff := cmp.Diff([]axm.StateKind{axm.StateOK, axm.StateKeyRejected}, s.kinds()); diff != "" {
			t.Error(diff)
		}
		s.hides(t, err)
	})
}

func TestAReplacedKeyTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		if err := s.ask(t); err != nil {
			t.Fatal(err)
		}
		old := s.Account().Key().ID
		renewed := s.Account().GenerateKey()
		s.Account().RevokeKey(old)
		s.Account().ExpireTokens()
		if err := s.ask(t); !errors.Is(err, axm.ErrInvalidClient) {
			t.Error(err)
		}
		s.store(t, renewed)
		if err := s.ask(t); err != nil { // at once: the pause is for the same key
			t.Error(err)
		}
		want := []axm.StateKind{axm.StateOK, axm.StateKeyRejected, axm.StateOK}
		if diff := cmp.Diff(want, s.kinds()); diff != "" {
			t.Error(diff)
		}
		s.hides(t)
	})
}

func TestARefusedKeyIsLeftInPeace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.Account().Delete()
		first := s.ask(t)
		time.Sleep(9 * time.Second)
		second := s.ask(t)
		a, _ := errors.AsType[*axm.AuthError](first)
		b, ok := errors.AsType[*axm.AuthError](second)
		if !ok || a == b || cmp.Diff(a.Error(), b.Error()) != "" || s.tokens() != 1 {
			t.Errorf("%v, then %v, %d requests", first, second, s.tokens())
		}
		time.Sleep(time.Second)
		if err := s.ask(t); err == nil || s.tokens() != 2 {
			t.Errorf("%v, %d requests", err, s.tokens())
		}
	})
}

func TestAKeyOfTheOtherService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSiteOf(t, axmtest.School, nil, nil)
		if err := s.ask(t); err != nil {
			t.Error(err)
		}
		if api, err := s.client.API(t.Context()); err != nil || api != axm.APISchool {
			t.Error(api, err)
		}
		s.clean(t)
		wrong := s.newClient(t, func(o *axm.Options) { o.API = axm.APIBusiness })
		if _, err := wrong.Device(t.Context(), "A1"); !errors.Is(err, axm.ErrInvalidClient) {
			t.Error(err)
		}
	})
}

// The hosts are Apple's own: the clients of the simulator reach those too.
func TestTheHostFollowsTheKey(t *testing.T) {
	for kind, host := range map[axmtest.OrgKind]string{axmtest.Business: "api-business.apple.com", axmtest.School: "api-school.apple.com"} {
		synctest.Test(t, func(t *testing.T) {
			s := newSiteOf(t, kind, &axmtest.Options{TLS: true}, func(o *axm.Options) { o.BaseURL, o.TokenURL = "", "" })
			if err := s.ask(t); err != nil {
				t.Fatal(err)
			}
			got := s.srv.Received()
			if len(got) != 2 || got[0].Host != "account.apple.com" || got[0].Path != tokenPath || got[1].Host != host {
				t.Errorf("%+v", got)
			}
			s.clean(t)
		})
	}
}

// answering returns a client whose every request gets the same answer, which is that of the token
// service first.
func answering(t *testing.T, status int, header http.Header, body string) *axm.Client {
	t.Helper()
	return wireClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, values := range header {
			w.Header()[name] = values
		}
		sent, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(sent))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, strings.ReplaceAll(body, "@assertion@", form.Get("client_assertion")))
	}), nil)
}

func TestTokenRefusals(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		header http.Header
		body   string
		want   axm.AuthError
		is     []error
		text   string
	}{
		"invalid client": {
			400, http.Header{"X-Apple-Request-Uuid": {"u-1"}}, `{"error":"invalid_client"}`,
			axm.AuthError{StatusCode: 400, Code: "invalid_client", RequestID: "u-1", Body: []byte(`{"error":"invalid_client"}`)},
			[]error{axm.ErrInvalidClient, axm.ErrTokenRefused}, "status 400 invalid_client: no access token was given: the key is not accepted",
		},
		"with a description": {
			400, nil, `{"error":"invalid_scope","error_description":"no such scope","error_uri":"https://example.test/"}`,
			axm.AuthError{StatusCode: 400, Code: "invalid_scope", Description: "no such scope", URI: "https://example.test/",
				Body: []byte(`{"error":"invalid_scope","error_description":"no such scope","error_uri":"https://example.test/"}`)},
			[]error{axm.ErrInvalidScope, axm.ErrTokenRefused}, `"no such scope"`,
		},
		"unauthorized client": {
			401, nil, `{"error":"unauthorized_client"}`,
			axm.AuthError{StatusCode: 401, Code: "unauthorized_client", Body: []byte(`{"error":"unauthorized_client"}`)},
			[]error{axm.ErrUnauthorizedClient, axm.ErrTokenRefused}, "",
		},
		"another code": {
			400, nil, `{"error":"invalid_request"}`,
			axm.AuthError{StatusCode: 400, Code: "invalid_request", Body: []byte(`{"error":"invalid_request"}`)},
			[]error{axm.ErrTokenRefused}, "",
		},
		"with status 200": {
			200, nil, `{"error":"invalid_request"}`, axm.AuthError{StatusCode: 200, Code: "invalid_request"}, []error{axm.ErrTokenRefused}, "",
		},
		"HTML": {
			403, nil, `<html>`, axm.AuthError{StatusCode: 403, Body: []byte(`<html>`)}, []error{axm.ErrTokenRefused}, "",
		},
		"gateway": {
			502, nil, `<html>`, axm.AuthError{StatusCode: 502, Body: []byte(`<html>`)}, []error{axm.ErrServer}, "",
		},
		"busy": {
			429, http.Header{"Retry-After": {"9"}}, ``, axm.AuthError{StatusCode: 429, RetryAfter: 9 * time.Second},
			[]error{axm.ErrTooManyRequests}, "(retry after 9s)",
		},
		"down": {503, nil, `x`, axm.AuthError{StatusCode: 503, Body: []byte(`x`)}, []error{axm.ErrUnavailable}, ""},
		"moved": {
			307, http.Header{"Location": {"https://elsewhere.test/"}}, ``, axm.AuthError{StatusCode: 307},
			[]error{axm.ErrUnexpectedAnswer}, "",
		},
		"wrong clock": {
			400, http.Header{"Date": {"Fri, 31 Dec 1999 23:50:00 GMT"}}, `{"error":"invalid_client"}`,
			axm.AuthError{StatusCode: 400, Code: "invalid_client", ClockSkew: 10 * time.Minute, Body: []byte(`{"error":"invalid_client"}`)},
			[]error{axm.ErrInvalidClient}, "differs from Apple's by 10m0s",
		},
		"no token":       {200, nil, `{"token_type":"Bearer"}`, axm.AuthError{StatusCode: 200}, []error{axm.ErrUnexpectedAnswer}, ""},
		"a number":       {200, nil, `{"access_token":7}`, axm.AuthError{StatusCode: 200}, []error{axm.ErrUnexpectedAnswer}, ""},
		"cut off":        {200, nil, `{"access_token":"a.b`, axm.AuthError{StatusCode: 200}, []error{axm.ErrUnexpectedAnswer}, ""},
		"not for header": {200, nil, `{"access_token":"a\nb"}`, axm.AuthError{StatusCode: 200}, []error{axm.ErrUnexpectedAnswer}, ""},
		"echo": {
			400, nil, `{"error":"invalid_client","error_description":"bad @assertion@"}`,
			axm.AuthError{StatusCode: 400, Code: "invalid_client", Description: "bad [redacted]",
				Body: []byte(`{"error":"invalid_client","error_description":"bad [redacted]"}`)},
			[]error{axm.ErrInvalidClient}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, err := answering(t, tc.status, tc.header, tc.body).Device(t.Context(), "A1")
				got, ok := errors.AsType[*axm.AuthError](err)
				if !ok {
					t.Fatalf("%T %v", err, err)
				}
				for _, is := range tc.is {
					if !errors.Is(err, is) {
						t.Errorf("%v is not %v", err, is)
					}
				}
				if !strings.Contains(err.Error(), tc.text) || strings.ContainsAny(err.Error(), "\r\n") {
					t.Errorf("%q", err)
				}
				tc.want.ClientID, tc.want.KeyID = businessID, keyID
				plain := *got
				plain.Err = nil
				if diff := cmp.Diff(tc.want, plain); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// sources is a caller's own TokenSource.
type sources func() (*oauth2.Token, error)

func (f sources) Token() (*oauth2.Token, error) { return f() }

func TestATokenSourceOfTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		s := newSite(t, nil, nil)
		c := s.newClient(t, func(o *axm.Options) {
			o.API = axm.APIBusiness
			o.TokenSource = sources(func() (*oauth2.Token, error) {
				asked.Add(1)
				return &oauth2.Token{AccessToken: s.Account().AccessToken(), Expiry: time.Now().Add(time.Hour)}, nil
			})
		})
		s.AddSerials("A1")
		for _, tc := range []struct {
			before func()
			asked  int32
		}{
			{func() {}, 1},
			{func() { time.Sleep(58 * time.Minute) }, 1},
			{func() { time.Sleep(time.Minute) }, 2},
			{s.Account().ExpireTokens, 3},
		} {
			tc.before()
			if d, err := c.Device(t.Context(), "A1"); err != nil || d.ID != "A1" || asked.Load() != tc.asked {
				t.Errorf("%+v, %v, asked %d times, want %d", d, err, asked.Load(), tc.asked)
			}
		}
		if api, err := c.API(t.Context()); api != axm.APIBusiness || err != nil || s.tokens() != 0 {
			t.Error(api, err, s.tokens())
		}
	})
}

func TestATokenSourceThatHasNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		text := s.Account().AccessToken()
		c := s.newClient(t, func(o *axm.Options) {
			o.API = axm.APIBusiness
			o.TokenSource = oauth2.StaticTokenSource(&oauth2.Token{AccessToken: text})
		})
		s.Account().ExpireTokens()
		_, err := c.Device(t.Context(), "A1")
		if !errors.Is(err, axm.ErrUnauthorized) || s.srv.Count("GET", "/v1/*/*") != 1 {
			t.Errorf("%v, %d requests", err, s.srv.Count("GET", "/v1/*/*"))
		}
	})
}

func TestATokenSourceThatFails(t *testing.T) {
	broken := errors.New("the store is away")
	for name, tc := range map[string]struct {
		source sources
		input  bool
	}{
		"failure": {func() (*oauth2.Token, error) { return nil, broken }, false},
		"nil":     {func() (*oauth2.Token, error) { return nil, nil }, true},
		"empty":   {func() (*oauth2.Token, error) { return new(oauth2.Token), nil }, true},
		"blank":   {func() (*oauth2.Token, error) { return &oauth2.Token{AccessToken: "a b"}, nil }, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, nil, nil)
			c := s.newClient(t, func(o *axm.Options) { o.API, o.TokenSource = axm.APISchool, tc.source })
			_, err := c.Device(t.Context(), "A1")
			_, input := errors.AsType[*axm.InputError](err)
			if input != tc.input || !tc.input && !errors.Is(err, broken) {
				t.Error(err)
			}
		})
	}
}

// A client gives its tokens to another one, which shares them.
func TestOurTokenSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		other := s.newClient(t, func(o *axm.Options) { o.API, o.TokenSource = axm.APIBusiness, s.client.TokenSource() })
		s.AddSerials("A1")
		if _, err := other.Device(t.Context(), "A1"); err != nil {
			t.Error(err)
		}
		token, err := s.client.TokenSource().Token()
		if err != nil || token.Type() != "Bearer" || time.Until(token.Expiry) != time.Hour || s.tokens() != 1 {
			t.Errorf("%v, %d tokens", err, s.tokens())
		}
		s.clean(t)
		s.Account().Delete()
		time.Sleep(time.Hour)
		if token, err := s.client.TokenSource().Token(); !errors.Is(err, axm.ErrInvalidClient) || token != nil {
			t.Error(err)
		}
	})
}

func TestAKeyThatCannotBeRead(t *testing.T) {
	broken := errors.New("the vault is sealed")
	for name, tc := range map[string]struct {
		source axm.KeyFunc
		input  bool
	}{
		"failure": {func(context.Context) (*axm.Key, error) { return nil, broken }, false},
		"nil":     {func(context.Context) (*axm.Key, error) { return nil, nil }, true},
		"empty":   {func(context.Context) (*axm.Key, error) { return &axm.Key{ClientID: businessID}, nil }, true},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := axm.New(tc.source, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, deviceErr := c.Device(t.Context(), "A1")
			_, apiErr := c.API(t.Context())
			deleteErr := c.DeleteServer(t.Context(), "F1")
			_, serverErr := c.Server(t.Context(), "F1")
			for _, err := range []error{deviceErr, apiErr, deleteErr, serverErr} {
				_, input := errors.AsType[*axm.InputError](err)
				if input != tc.input || !tc.input && !errors.Is(err, broken) {
					t.Error(err)
				}
			}
		})
	}
}

func TestWaitingForATokenEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.srv.Fail(axmtest.Fault{Kind: axmtest.Late, Path: tokenPath, Delay: 20 * time.Second})
		var first sync.WaitGroup
		first.Go(func() {
			if err := s.ask(t); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := s.client.Device(ctx, "A1")
		failed, ok := errors.AsType[*axm.TransportError](err)
		if !ok || failed.Sent || !errors.Is(err, context.DeadlineExceeded) || failed.Op != "read device" {
			t.Errorf("%+v", err)
		}
		first.Wait()
	})
}

// A try that comes late has an assertion that is good still.
func TestAnAssertionOutlivesThePauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, func(o *axm.Options) { o.Retry.MaxWait = 20 * time.Minute })
		s.srv.Fail(axmtest.Fault{Kind: axmtest.BusySeconds, Path: tokenPath, RetryAfter: 19 * time.Minute, Count: 3})
		if err := s.ask(t); err != nil || time.Since(startOfTime) < 57*time.Minute {
			t.Error(err, time.Since(startOfTime))
		}
		s.clean(t)
	})
}

func TestTheTokenServiceIsAskedAgain(t *testing.T) {
	for name, fault := range map[string]axmtest.Fault{
		"reset": {Kind: axmtest.Reset}, "gateway": {Kind: axmtest.HTML}, "busy": {Kind: axmtest.BusySeconds, Status: 429, RetryAfter: 3 * time.Second},
		"lost": {Kind: axmtest.Lose}, "plain text": {Kind: axmtest.WrongType},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, nil)
				fault.Path = tokenPath
				s.srv.Fail(fault)
				if err := s.ask(t); err != nil {
					t.Error(err)
				}
				s.clean(t)
			})
		})
	}
	synctest.Test(t, func(t *testing.T) { // and when it never answers
		s := newSite(t, nil, nil)
		s.srv.Fail(axmtest.Fault{Kind: axmtest.Reset, Path: tokenPath, Count: -1})
		err := s.ask(t)
		failed, ok := errors.AsType[*axm.TransportError](err)
		if !ok || failed.Op != "ask for an access token" || failed.Path != tokenPath || failed.Attempts != 4 {
			t.Errorf("%+v", err)
		}
		s.hides(t, err)
	})
}
