package axm_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/axm/axmtest"
)

func TestNewChecksItsOptions(t *testing.T) {
	key := mustKey(t, businessID)
	static := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "a"})
	for want, opts := range map[string]*axm.Options{
		"Options.UserAgent":     {UserAgent: "line\nbreak"},
		"Options.MaxBody":       {MaxBody: -1},
		"Options.MaxInFlight":   {MaxInFlight: -1},
		"Options.API":           {API: "both"},
		"keys":                  {TokenSource: static, API: axm.APISchool},
		"Options.Budget.Reads":  {Budget: axm.Budget{Reads: axm.Rate{Requests: 20}}},
		"Options.Budget.Writes": {Budget: axm.Budget{Writes: axm.Rate{Requests: -1, Per: time.Second}}},
		"Options.TokenURL":      {TokenURL: "https://account.test"},
		"BaseURL":               {BaseURL: "ftp://a.test"},
		"Retry.Tries":           {Retry: axm.Retry{Tries: -1}},
	} {
		c, err := axm.New(key, opts)
		if e, ok := errors.AsType[*axm.InputError](err); !ok || e.Field != want || c != nil {
			t.Errorf("%+v: %v", opts, err)
		}
	}
	for want, opts := range map[string]*axm.Options{
		"keys":             nil,
		"Options.API":      {TokenSource: static},
		"Options.TokenURL": {TokenSource: static, API: axm.APISchool, TokenURL: "a/b"},
	} {
		_, err := axm.New(nil, opts)
		if e, ok := errors.AsType[*axm.InputError](err); !ok || e.Field != want {
			t.Errorf("%+v: %v", opts, err)
		}
	}
	c, err := axm.New(key, nil)
	if err != nil || c.State().Kind != axm.StateUnknown {
		t.Errorf("%+v, %v", c, err)
	}
	if api, err := c.API(t.Context()); api != axm.APIBusiness || err != nil {
		t.Error(api, err)
	}
}

// The options of the caller stay as they are, and later changes of them have no effect.
func TestOptionsAreCopied(t *testing.T) {
	opts := &axm.Options{BaseURL: "https://a.test"}
	if _, err := axm.New(mustKey(t, businessID), opts); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&axm.Options{BaseURL: "https://a.test"}, opts, cmp.AllowUnexported()); diff != "" {
		t.Error(diff)
	}
}

// businessOnly are the calls that a school does not have.
var businessOnly = map[string]func(ctx context.Context, c *axm.Client) error{
	"release devices": func(ctx context.Context, c *axm.Client) error {
		_, err := c.ReleaseDevicesIrreversibly(ctx, []string{"A1"})
		return err
	},
	"create server": func(ctx context.Context, c *axm.Client) error {
		_, err := c.CreateServer(ctx, axm.NewServer{ServerName: "Lab", Certificate: certificateFile("lab.pem")})
		return err
	},
	"update server": func(ctx context.Context, c *axm.Client) error {
		_, err := c.UpdateServer(ctx, "F1", axm.ServerUpdate{ServerName: "New"})
		return err
	},
	"delete server": func(ctx context.Context, c *axm.Client) error { return c.DeleteServer(ctx, "F1") },
	"move default families": func(ctx context.Context, c *axm.Client) error {
		_, err := c.MoveDefaultFamilies(ctx, "F1", "F2", axm.DefaultMac)
		return err
	},
}

func TestASchoolHasNoCallsOfBusiness(t *testing.T) {
	for op, do := range businessOnly {
		t.Run(op, func(t *testing.T) {
			s := newSiteOf(t, axmtest.School, nil, nil)
			err := do(t.Context(), s.client)
			e, ok := errors.AsType[*axm.NotInThisAPIError](err)
			if !ok || !errors.Is(err, axm.ErrNotInThisAPI) || e.Op != op || e.API != axm.APISchool {
				t.Errorf("%v", err)
			}
			if err.Error() != op+": the call is not in this API: the client is one of the school API" {
				t.Error(err)
			}
			if n := len(s.srv.Received()); n != 0 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestBadInputCostsNoRequest(t *testing.T) {
	s := newSite(t, nil, nil)
	ctx, c := t.Context(), s.client
	ec, page := certificateFile("ec.pem"), axm.ServerCertificate{Name: "x", Data: []byte("<html>")}
	damaged := certificateFile("lab.pem")
	damaged.Data = []byte(strings.Replace(string(damaged.Data), "MII", "MIJ", 1))
	nameless := axm.ServerCertificate{Data: certificateFile("lab.pem").Data}
	for want, do := range map[string]func() error{
		"serial: must not be empty": func() error { _, err := c.Device(ctx, ""); return err },
		`serial: is "A/ 1"; a serial number has neither spaces nor characters outside of ASCII`: func() error {
			_, err := c.AppleCare(ctx, "A/ 1")
			return err
		},
		"serial: has 65 characters; a serial number has at most 64": func() error {
			_, err := c.AssignedServer(ctx, strings.Repeat("A", 65))
			return err
		},
		"fields: must be names of attributes in Apple's spelling, such as serialNumber": func() error {
			_, err := c.Device(ctx, "A1", "serial,status")
			return err
		},
		"fields: must be names": func() error { _, err := c.Server(ctx, "F1", ""); return err },
		"ListOptions.PageSize: must be between 1 and 1000": func() error {
			return firstError(c.Devices(ctx, axm.ListOptions{PageSize: 1001}))
		},
		"fields: must be": func() error { return firstError(c.Servers(ctx, axm.ListOptions{Fields: []string{"a b"}})) },
		"ListOptions.Fields: must be empty": func() error {
			return firstError(c.ServerDevices(ctx, "F1", axm.ListOptions{Fields: []string{"status"}}))
		},
		"serverID: must not be empty": func() error { return firstError(c.ServerDevices(ctx, "", axm.ListOptions{})) },
		"id: must not be empty":       func() error { _, err := c.Server(ctx, ""); return err },
		"id: must not":                func() error { return c.DeleteServer(ctx, "a b") },
		"id: must":                    func() error { _, err := c.UpdateServer(ctx, "", axm.ServerUpdate{}); return err },
		"update: must change something": func() error {
			_, err := c.UpdateServer(ctx, "F1", axm.ServerUpdate{})
			return err
		},
		"ServerName: must not be empty": func() error { _, err := c.CreateServer(ctx, axm.NewServer{}); return err },
		"Certificate.Name: must not be empty": func() error {
			_, err := c.CreateServer(ctx, axm.NewServer{ServerName: "x", Certificate: nameless})
			return err
		},
		"Certificate.Data: must have an RSA key; Apple refuses others": func() error {
			_, err := c.UpdateServer(ctx, "F1", axm.ServerUpdate{Certificate: &ec})
			return err
		},
		"Certificate.Data: cannot be read: ": func() error {
			_, err := c.UpdateServer(ctx, "F1", axm.ServerUpdate{Certificate: &damaged})
			return err
		},
		"wrong file: want certificate, got HTML page": func() error {
			_, err := c.CreateServer(ctx, axm.NewServer{ServerName: "x", Certificate: page})
			return err
		},
		"families: needs at least one": func() error { _, err := c.MoveDefaultFamilies(ctx, "F1", "F2"); return err },
		"toID: must not be fromID": func() error {
			_, err := c.MoveDefaultFamilies(ctx, "F1", "F1", axm.DefaultMac)
			return err
		},
		"serials[1]: must not be empty": func() error {
			return firstError(c.AppleCareOf(ctx, []string{"A1", ""}))
		},
		"Budget.Writes: must have positive Requests and Per, or neither": func() error {
			return c.SetBudget(axm.Budget{Writes: axm.Rate{Per: time.Second}})
		},
	} {
		err := do()
		_, input := errors.AsType[*axm.InputError](err)
		_, file := errors.AsType[*axm.WrongFileError](err)
		if !input && !file || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if n := len(s.srv.Received()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// firstError returns the error that an iterator yields, which is the first that it yields.
func firstError[T any](seq func(func(T, error) bool)) error {
	var first error
	for _, err := range seq {
		first = err
		break
	}
	return first
}

func TestAtMostFourAreUnderWay(t *testing.T) {
	for _, tc := range []struct{ option, want int }{{0, 4}, {1, 1}, {9, 9}} {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t, &axmtest.Options{Latency: time.Second}, func(o *axm.Options) { o.MaxInFlight = tc.option })
			s.AddSerials("A1")
			var all sync.WaitGroup
			for range 30 {
				all.Go(func() {
					if _, err := s.client.Device(t.Context(), "A1"); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if peak := s.srv.Traffic().Peak; peak != tc.want {
				t.Errorf("%d at once, want %d", peak, tc.want)
			}
			s.clean(t)
		})
	}
}

// What makes something is not repeated when it may have been made.
func TestWhatMakesSomethingIsNotRepeated(t *testing.T) {
	for name, tc := range map[string]struct {
		fault    axmtest.Fault
		requests int
		fails    bool
	}{
		"429":     {axmtest.Fault{Kind: axmtest.BusySeconds, Status: 429, RetryAfter: time.Minute}, 2, false},
		"503":     {axmtest.Fault{Kind: axmtest.BusySeconds, RetryAfter: time.Second}, 1, true},
		"502":     {axmtest.Fault{Kind: axmtest.HTML}, 1, true},
		"lost":    {axmtest.Fault{Kind: axmtest.Lose}, 1, true},
		"refused": {axmtest.Fault{Kind: axmtest.Refuse}, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, nil)
				if err := s.ask(t); err != nil {
					t.Fatal(err)
				}
				tc.fault.Path = "/v1/mdmServers"
				s.srv.Fail(tc.fault)
				_, err := s.client.CreateServer(t.Context(), axm.NewServer{ServerName: "Lab", Certificate: certificateFile("lab.pem")})
				if n := s.srv.Count("POST", "/v1/mdmServers"); (err != nil) != tc.fails || n != tc.requests || len(s.Servers()) > 1 {
					t.Errorf("%v, %d requests, %d servers", err, n, len(s.Servers()))
				}
				s.clean(t, err)
			})
		})
	}
}

func TestADeletionWhoseAnswerGotLostIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		id := s.AddServer(axmtest.MDMServer{Name: "Lab"})
		s.srv.Fail(axmtest.Fault{Kind: axmtest.Lose, Method: "DELETE"})
		if err := s.client.DeleteServer(t.Context(), id); err != nil || s.srv.Count("DELETE", "") != 2 {
			t.Errorf("%v, %d requests", err, s.srv.Count("DELETE", ""))
		}
		for _, fault := range []axmtest.Fault{{Kind: axmtest.Busy, Status: 429}, {Kind: axmtest.HTML}} {
			fault.Method = "DELETE" // answered, so it has not been done
			s.srv.Fail(fault)
			if err := s.client.DeleteServer(t.Context(), id); !errors.Is(err, axm.ErrNotFound) {
				t.Error(err)
			}
		}
	})
}

// Clearing is not repeated either: a second time there is nothing to clear, which is refused.
func TestClearingIsNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		id := s.AddServer(axmtest.MDMServer{Name: "Lab", DefaultFamilies: []string{"MAC"}})
		s.srv.Fail(axmtest.Fault{Kind: axmtest.Lose, Method: "PATCH"})
		_, err := s.client.UpdateServer(t.Context(), id, axm.ServerUpdate{DefaultProductFamilies: new([]axm.DefaultFamily{})})
		if failed, ok := errors.AsType[*axm.TransportError](err); !ok || !failed.Sent || len(s.families(id)) != 0 || s.srv.Count("PATCH", "") != 1 {
			t.Errorf("%v, %q, %d requests", err, s.families(id), s.srv.Count("PATCH", ""))
		}
		s.clean(t, err)
	})
}

// A source that costs something is asked for the key when a token is needed, and not for each call.
func TestTheKeyIsReadOnceForEachToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		for i := range 3 {
			if _, err := s.client.Server(t.Context(), s.AddServer(axmtest.MDMServer{Name: "Lab"})); err != nil {
				t.Error(err)
			}
			if n := s.readCount(); n != 2+i/2 {
				t.Errorf("read %d times", n)
			}
			time.Sleep(30 * time.Minute)
		}
	})
}

func TestUserAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		if err := s.ask(t); err != nil {
			t.Fatal(err)
		}
		for _, r := range s.srv.Received() {
			if got := r.Header.Get("User-Agent"); got != axm.DefaultUserAgent {
				t.Errorf("%s: %q", r.Path, got)
			}
		}
	})
}

func TestAnIdentifierStaysOneElementOfThePath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		c := wireClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.RequestURI)
			_, _ = w.Write([]byte(`{"access_token":"a","data":{"id":"x"}}`))
		}), nil)
		if _, err := c.Server(t.Context(), "../../v1?x", "status"); err != nil {
			t.Error(err)
		}
		if want := "/v1/mdmServers/..%2F..%2Fv1%3Fx?fields%5BmdmServers%5D=status"; len(asked) != 2 || asked[1] != want {
			t.Errorf("%q", asked)
		}
		if _, err := c.Server(t.Context(), ".."); err == nil {
			t.Error("a dot element was sent")
		}
	})
}
