package dep_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/internal/exchange"
)

// plainServer logs everybody in and answers everything else with what answer returns.
type plainServer struct {
	answer func(r *http.Request, body string) (status int, text string)

	mu       sync.Mutex
	requests []string // method, target and body
}

func (s *plainServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	if r.URL.Path == "/session" {
		_, _ = io.WriteString(w, `{"auth_session_token":"demo-session"}`)
		return
	}
	s.requests = append(s.requests, strings.TrimSpace(r.Method+" "+r.RequestURI+" "+string(body)))
	status, text := s.answer(r, string(body))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

func (s *plainServer) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// always answers everything alike.
func always(status int, text string) *plainServer {
	return &plainServer{answer: func(*http.Request, string) (int, string) { return status, text }}
}

// everyCall has every method of Client that makes requests, with good input and, where the answer
// has a body that counts, an answer whose types are wrong.
var everyCall = []struct {
	name  string
	call  func(ctx context.Context, c *dep.Client) error
	wrong []string
}{
	{"Account", func(ctx context.Context, c *dep.Client) error { _, err := c.Account(ctx); return err },
		[]string{`{"server_name":5}`, `{"urls":{}}`, `{"urls":[{"limit":{"maximum":"1000"}}]}`}},
	{"Devices", func(ctx context.Context, c *dep.Client) error { _, err := exchange.Collect(c.Devices(ctx)); return err },
		[]string{`{"cursor":5}`, `{"cursor":"c","devices":{}}`, `{"cursor":"c","more_to_follow":"no"}`, `{"cursor":"c","devices":["DEMO1"]}`,
			`{"cursor":"c","devices":[1]}`, `{"cursor":"c","devices":[[]]}`}},
	{"Changes", func(ctx context.Context, c *dep.Client) error {
		_, err := exchange.Collect(c.Changes(ctx, dep.Cursor{Value: "c", Phase: dep.PhaseSync}))
		return err
	}, []string{`{"cursor":5}`, `{"devices":"none"}`}},
	{"DeviceDetails", func(ctx context.Context, c *dep.Client) error {
		_, err := c.DeviceDetails(ctx, []string{"DEMO1"})
		return err
	}, []string{`{"devices":["DEMO1"]}`, `{"devices":{"DEMO1":"SUCCESS"}}`}},
	{"Disown", func(ctx context.Context, c *dep.Client) error {
		_, err := c.Disown(ctx, []string{"DEMO1"})
		return err
	}, []string{`{"devices":["DEMO1"]}`, `{"devices":{"DEMO1":true}}`}},
	{"ReplacementDetails", func(ctx context.Context, c *dep.Client) error {
		_, err := c.ReplacementDetails(ctx, "DEMO1")
		return err
	}, []string{`{"serial_number":["DEMO1"]}`}},
	{"LockActivation", func(ctx context.Context, c *dep.Client) error {
		_, err := c.LockActivation(ctx, dep.LockRequest{SerialNumber: "DEMO1"})
		return err
	}, []string{`{"response_status":0}`}},
	{"BetaTokens", func(ctx context.Context, c *dep.Client) error { _, err := c.BetaTokens(ctx); return err },
		[]string{`{"betaEnrollmentTokens":{}}`, `{"betaEnrollmentTokens":["t"]}`}},
	{"DefineProfile", func(ctx context.Context, c *dep.Client) error {
		_, err := c.DefineProfile(ctx, &dep.Profile{ProfileName: "p", URL: "https://mdm.example.org"})
		return err
	}, []string{`{"profile_uuid":1}`, `{"profile_uuid":"A","devices":[]}`}},
	{"Profile", func(ctx context.Context, c *dep.Client) error { _, err := c.Profile(ctx, "A"); return err },
		[]string{`{"is_supervised":"true"}`, `{"anchor_certs":["not base64!"]}`, `{"devices":"DEMO1"}`}},
	{"AssignProfile", func(ctx context.Context, c *dep.Client) error {
		_, err := c.AssignProfile(ctx, "A", []string{"DEMO1"})
		return err
	}, []string{`{"devices":["DEMO1"]}`, `{"devices":{},"retry_after_seconds":"3600"}`}},
	{"RemoveProfile", func(ctx context.Context, c *dep.Client) error {
		_, err := c.RemoveProfile(ctx, []string{"DEMO1"})
		return err
	}, []string{`{"devices":"DEMO1"}`}},
	{"DiscoveryURL", func(ctx context.Context, c *dep.Client) error { _, err := c.DiscoveryURL(ctx); return err },
		[]string{`{"mdm_service_discovery_url":{}}`}},
	{"SetDiscoveryURL", func(ctx context.Context, c *dep.Client) error {
		return c.SetDiscoveryURL(ctx, "https://mdm.example.org")
	}, nil},
	{"RemoveDiscoveryURL", func(ctx context.Context, c *dep.Client) error { return c.RemoveDiscoveryURL(ctx) }, nil},
	{"Classes", func(ctx context.Context, c *dep.Client) error { _, err := exchange.Collect(c.Classes(ctx)); return err },
		[]string{`{"classes":{}}`, `{"classes":[{"course":"co-1"}]}`}},
	{"ClassChanges", func(ctx context.Context, c *dep.Client) error {
		_, err := exchange.Collect(c.ClassChanges(ctx, dep.Cursor{}))
		return err
	}, []string{`{"classes":{}}`}},
	{"Persons", func(ctx context.Context, c *dep.Client) error { _, err := exchange.Collect(c.Persons(ctx)); return err },
		[]string{`{"persons":{}}`}},
	{"PersonChanges", func(ctx context.Context, c *dep.Client) error {
		_, err := exchange.Collect(c.PersonChanges(ctx, dep.Cursor{}))
		return err
	}, []string{`{"persons":{}}`}},
	{"Courses", func(ctx context.Context, c *dep.Client) error { _, err := exchange.Collect(c.Courses(ctx)); return err },
		[]string{`{"courses":{}}`}},
	{"CourseChanges", func(ctx context.Context, c *dep.Client) error {
		_, err := exchange.Collect(c.CourseChanges(ctx, dep.Cursor{}))
		return err
	}, []string{`{"courses":{}}`}},
	{"Locations", func(ctx context.Context, c *dep.Client) error {
		_, err := exchange.Collect(c.Locations(ctx))
		return err
	},
		[]string{`{"locations":{}}`}},
	{"LocationChanges", func(ctx context.Context, c *dep.Client) error {
		_, err := exchange.Collect(c.LocationChanges(ctx, dep.Cursor{}))
		return err
	}, []string{`{"locations":{}}`}},
}

// accountThen answers the account with nothing in particular and everything else with text, so that
// the roster calls get to the answer that is wrong.
func accountThen(name, text string) *plainServer {
	return &plainServer{answer: func(r *http.Request, _ string) (int, string) {
		if r.URL.Path == "/account" && name != "Account" {
			return 200, `{}`
		}
		return 200, text
	}}
}

func TestAnswersThatAreNotWhatWasAskedFor(t *testing.T) {
	for _, call := range everyCall {
		if call.wrong == nil {
			continue // the body of the answer does not count
		}
		bodies := append([]string{
			``, ` `, "\n", `null`, ` null `, `null and more`, `[]`, `"text"`, `17`, `{`, `{"cursor":`, `{} {}`, `<html>login</html>`,
		}, call.wrong...)
		for _, body := range bodies {
			t.Run(call.name+" "+body, func(t *testing.T) {
				server := accountThen(call.name, body)
				err := call.call(t.Context(), wireClient(t, server, nil))
				e, ok := errors.AsType[*dep.Error](err)
				if !ok || !errors.Is(err, dep.ErrUnexpectedAnswer) {
					t.Fatalf("error %T: %v", err, err)
				}
				if e.StatusCode != 200 || string(e.Body) != body || e.Code != "" || e.Op == "" {
					t.Errorf("error %+v", e)
				}
				if n := len(server.seen()); n > 2 {
					t.Errorf("%d requests", n)
				}
			})
		}
	}
}

func TestEmptyAnswersThatSuffice(t *testing.T) {
	for _, call := range everyCall {
		if call.wrong != nil {
			continue
		}
		for _, body := range []string{``, `null`, `{}`, `OK`, `<html></html>`} {
			if err := call.call(t.Context(), wireClient(t, always(200, body), nil)); err != nil {
				t.Errorf("%s, answer %q: %v", call.name, body, err)
			}
		}
	}
}

// Every status but 200 is an error with all that came, also those that HTTP calls a success.
func TestEveryOtherStatusIsAnError(t *testing.T) {
	for _, call := range everyCall {
		for _, status := range []int{201, 202, 204, 206, 301, 400, 404, 410, 501} {
			text := "WHATEVER_IT_IS"
			if status == 204 {
				text = ""
			}
			err := call.call(t.Context(), wireClient(t, always(status, text), nil))
			e, ok := errors.AsType[*dep.Error](err)
			if !ok || e.StatusCode != status || e.Code != text || string(e.Body) != text {
				t.Errorf("%s, status %d: error %v", call.name, status, err)
			}
		}
	}
}

func TestBadInputCostsNoRequest(t *testing.T) {
	serials := func(field string, call func(ctx context.Context, c *dep.Client, serials []string) error) map[string]func(context.Context, *dep.Client) error {
		with := func(serials ...string) func(context.Context, *dep.Client) error {
			return func(ctx context.Context, c *dep.Client) error { return call(ctx, c, serials) }
		}
		return map[string]func(context.Context, *dep.Client) error{
			field: with(), field + "[1]": with("DEMO1", ""), field + "[0]": with("DEMO 1"), field + "[2]": with("A", "B", strings.Repeat("C", 65)),
		}
	}
	cases := map[string]map[string]func(context.Context, *dep.Client) error{
		"DeviceDetails": serials("serials", func(ctx context.Context, c *dep.Client, s []string) error {
			_, err := c.DeviceDetails(ctx, s)
			return err
		}),
		"Disown": serials("serials", func(ctx context.Context, c *dep.Client, s []string) error { _, err := c.Disown(ctx, s); return err }),
		"RemoveProfile": serials("serials", func(ctx context.Context, c *dep.Client, s []string) error {
			_, err := c.RemoveProfile(ctx, s)
			return err
		}),
		"AssignProfile": serials("serials", func(ctx context.Context, c *dep.Client, s []string) error {
			_, err := c.AssignProfile(ctx, "A", s)
			return err
		}),
		"AssignProfile, UUID": {
			"profileUUID": func(ctx context.Context, c *dep.Client) error {
				_, err := c.AssignProfile(ctx, "", []string{"A"})
				return err
			},
		},
		"AssignProfile, UUID of another kind": {
			"profileUUID": func(ctx context.Context, c *dep.Client) error {
				_, err := c.AssignProfile(ctx, "A/B", []string{"A"})
				return err
			},
		},
		"Profile": {
			"profileUUID": func(ctx context.Context, c *dep.Client) error { _, err := c.Profile(ctx, ""); return err },
		},
		"Profile, UUID of another kind": {
			"profileUUID": func(ctx context.Context, c *dep.Client) error { _, err := c.Profile(ctx, "A&B=C"); return err },
		},
		"DefineProfile": {
			"Profile": func(ctx context.Context, c *dep.Client) error { _, err := c.DefineProfile(ctx, nil); return err },
			"Profile.ProfileName": func(ctx context.Context, c *dep.Client) error {
				_, err := c.DefineProfile(ctx, &dep.Profile{URL: "https://mdm.example.org"})
				return err
			},
			"Profile.Devices[1]": func(ctx context.Context, c *dep.Client) error {
				_, err := c.DefineProfile(ctx, &dep.Profile{ProfileName: "p", URL: "https://mdm.example.org", Devices: []string{"A", ""}})
				return err
			},
			"define the profile": func(ctx context.Context, c *dep.Client) error {
				_, err := c.DefineProfile(ctx, &dep.Profile{ProfileName: "p", URL: "https://mdm.example.org", Unknown: unknown("x", `{`)})
				return err
			},
		},
		"DefineProfile, a member twice": {
			"define the profile": func(ctx context.Context, c *dep.Client) error {
				_, err := c.DefineProfile(ctx, &dep.Profile{ProfileName: "p", URL: "https://mdm.example.org", Unknown: unknown("url", `"x"`)})
				return err
			},
		},
		"ReplacementDetails": {
			"serial": func(ctx context.Context, c *dep.Client) error { _, err := c.ReplacementDetails(ctx, ""); return err },
		},
		"ReplacementDetails, not ASCII": {
			"serial": func(ctx context.Context, c *dep.Client) error {
				_, err := c.ReplacementDetails(ctx, "DÉMO")
				return err
			},
		},
		"LockActivation": {
			"LockRequest.SerialNumber": func(ctx context.Context, c *dep.Client) error {
				_, err := c.LockActivation(ctx, dep.LockRequest{LostMessage: "x"})
				return err
			},
		},
	}
	for _, url := range []string{"", "http://mdm.example.org", "https://", "mdm.example.org", "https://mdm.example.org:port", "://"} {
		cases["SetDiscoveryURL "+url] = map[string]func(context.Context, *dep.Client) error{
			"discoveryURL": func(ctx context.Context, c *dep.Client) error { return c.SetDiscoveryURL(ctx, url) },
		}
	}
	long := dep.Cursor{Value: strings.Repeat("c", 1001)}
	for name, call := range map[string]func(context.Context, *dep.Client) error{
		"Changes": func(ctx context.Context, c *dep.Client) error {
			_, err := exchange.Collect(c.Changes(ctx, long))
			return err
		},
		"ClassChanges": func(ctx context.Context, c *dep.Client) error {
			_, err := exchange.Collect(c.ClassChanges(ctx, long))
			return err
		},
		"PersonChanges": func(ctx context.Context, c *dep.Client) error {
			_, err := exchange.Collect(c.PersonChanges(ctx, long))
			return err
		},
		"CourseChanges": func(ctx context.Context, c *dep.Client) error {
			_, err := exchange.Collect(c.CourseChanges(ctx, long))
			return err
		},
		"LocationChanges": func(ctx context.Context, c *dep.Client) error {
			_, err := exchange.Collect(c.LocationChanges(ctx, long))
			return err
		},
	} {
		cases[name] = map[string]func(context.Context, *dep.Client) error{"cursor": call}
	}
	for name, fields := range cases {
		for field, call := range fields {
			t.Run(name+" "+field, func(t *testing.T) {
				all := 0
				server := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { all++ }) // the login counts too
				err := call(t.Context(), wireClient(t, server, nil))
				if e, ok := errors.AsType[*dep.InputError](err); !ok || e.Field != field || e.Rule == "" {
					t.Errorf("error %T %v, want one of the field %q", err, err, field)
				}
				if all != 0 {
					t.Errorf("%d requests", all)
				}
			})
		}
	}
}

// Nothing is asked of an iterator that nobody ranges over.
func TestIteratorsAskNothingBeforeRange(t *testing.T) {
	server := always(200, `{"cursor":"c"}`)
	c := wireClient(t, server, nil)
	_, _, _ = c.Devices(t.Context()), c.Changes(t.Context(), dep.Cursor{}), c.Classes(t.Context())
	if n := len(server.seen()); n != 0 {
		t.Errorf("%d requests", n)
	}
	for range 2 {
		if _, err := exchange.Collect(c.Devices(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{`POST /server/devices {"limit":200}`, `POST /server/devices {"limit":200}`}
	if diff := cmp.Diff(want, server.seen()); diff != "" {
		t.Errorf("requests of two ranges (-want +got):\n%s", diff)
	}
}

func TestPageLimits(t *testing.T) {
	const account = `{"urls":[{"uri":"/server/devices","limit":{"default":100,"maximum":150}},
		{"uri":"/devices/sync","limit":{"default":100,"maximum":5000}},{"uri":"/roster/class","limit":{}},
		{"uri":"/roster/class/sync","limit":{"default":7,"maximum":7}}]}`
	for _, test := range []struct {
		name     string
		pageSize int
		read     bool // the account is read before
		want     []string
	}{
		{"default, account unknown", 0, false, []string{`POST /server/devices {"limit":1000}`, `POST /devices/sync {"cursor":"c","limit":1000}`}},
		{"default", 0, true, []string{"GET /account", `POST /server/devices {"limit":150}`, `POST /devices/sync {"cursor":"c","limit":1000}`}},
		{"smaller than what is published", 20, true, []string{"GET /account", `POST /server/devices {"limit":20}`, `POST /devices/sync {"cursor":"c","limit":20}`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := &plainServer{answer: func(r *http.Request, _ string) (int, string) {
				if r.URL.Path == "/account" {
					return 200, account
				}
				return 200, `{"cursor":"c"}`
			}}
			c := wireClient(t, server, func(o *dep.Options) { o.PageSize = test.pageSize })
			if test.read {
				if _, err := c.Account(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := exchange.Collect(c.Changes(t.Context(), dep.Cursor{})); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, server.seen()); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}

	t.Run("rosters read the account once", func(t *testing.T) {
		server := &plainServer{answer: func(r *http.Request, _ string) (int, string) {
			if r.URL.Path == "/account" {
				return 200, account
			}
			return 200, `{"cursor":"c"}`
		}}
		c := wireClient(t, server, nil)
		for range 2 {
			if _, err := exchange.Collect(c.ClassChanges(t.Context(), dep.Cursor{})); err != nil {
				t.Fatal(err)
			}
		}
		pages := []string{`POST /roster/class {"limit":200}`, `POST /roster/class/sync {"cursor":"c","limit":7}`}
		want := append(append([]string{"GET /account"}, pages...), pages...)
		if diff := cmp.Diff(want, server.seen()); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}

// A caller that changes the account it got does not change what the client knows.
func TestAccountIsTheCallers(t *testing.T) {
	server := &plainServer{answer: func(r *http.Request, _ string) (int, string) {
		if r.URL.Path == "/account" {
			return 200, `{"urls":[{"uri":"/server/devices","limit":{"maximum":150}}]}`
		}
		return 200, `{"cursor":"c"}`
	}}
	c := wireClient(t, server, nil)
	account, err := c.Account(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	account.URLs[0].URI, account.URLs[0].Limit.Maximum = "/", 1
	if _, err := exchange.Collect(c.Devices(t.Context())); err != nil {
		t.Fatal(err)
	}
	if got := server.seen()[1]; got != `POST /server/devices {"limit":150}` {
		t.Errorf("request %s", got)
	}
}

func TestNewRefusesBadOptions(t *testing.T) {
	for field, opts := range map[string]*dep.Options{
		"Options.UserAgent":       {UserAgent: "démo/1"},
		"Options.MaxBody":         {MaxBody: -1},
		"Options.ProtocolVersion": {ProtocolVersion: -1},
		"Options.PageSize":        {PageSize: 1001},
		"Options.AssignMethod":    {AssignMethod: "PATCH"},
		"Options.ExpiryWarning":   {ExpiryWarning: -time.Second},
		"BaseURL":                 {BaseURL: "mdmenrollment.apple.com"},
		"Retry.Tries":             {Retry: dep.Retry{Tries: -1}},
		"Retry":                   {Retry: dep.Retry{MinWait: -1}},
	} {
		c, err := dep.New(wireToken, opts)
		if e, ok := errors.AsType[*dep.InputError](err); !ok || e.Field != field || c != nil {
			t.Errorf("%s: client %v, error %v", field, c, err)
		}
	}
	if _, err := dep.New(nil, nil); err == nil {
		t.Error("no token was taken")
	}
	if _, err := dep.New(wireToken, &dep.Options{PageSize: -1}); err == nil {
		t.Error("a negative page size was taken")
	}
	if _, err := dep.New(wireToken, nil); err != nil {
		t.Errorf("with defaults: %v", err)
	}
}

func TestTokenThatIsNotCompleteCostsNoRequest(t *testing.T) {
	for name, source := range map[string]dep.TokenSource{
		"nil":   dep.TokenFunc(func(context.Context) (*dep.Token, error) { return nil, nil }),
		"empty": &dep.Token{},
		"error": dep.TokenFunc(func(context.Context) (*dep.Token, error) { return nil, fmt.Errorf("no token") }),
	} {
		requests := 0
		server := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests++ })
		var opts dep.Options
		wireClient(t, server, func(o *dep.Options) { opts = *o })
		c, err := dep.New(source, &opts)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Account(t.Context()); err == nil || requests != 0 {
			t.Errorf("%s: error %v after %d requests", name, err, requests)
		}
	}
}
