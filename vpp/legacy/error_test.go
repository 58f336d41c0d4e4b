package legacy_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/applemdm/applemdm/internal/leak"
	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/legacy"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// answering answers the service configuration with nothing and everything else with these.
type answering struct {
	status int
	header http.Header
	body   string
	seen   atomic.Int32 // requests but those for the service configuration
	last   atomic.Pointer[string]
}

func (s *answering) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if r.URL.Path == configPath {
		_, _ = io.WriteString(w, `{"status":0}`)
		return
	}
	s.seen.Add(1)
	s.last.Store(new(string(body)))
	for name, values := range s.header {
		w.Header()[name] = values
	}
	w.WriteHeader(s.status)
	_, _ = io.WriteString(w, s.body)
}

func askOf(t *testing.T, c *legacy.Client) error {
	t.Helper()
	_, err := c.Assets(t.Context(), legacy.AssetFilter{})
	return err
}

// What each documented number is, at a glance.
func TestNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for sentinel, numbers := range map[error][]int{
			vpp.ErrInvalidRequest: {9600, 9602, 9614, 9623}, vpp.ErrTokenInvalid: {9601, 9622}, vpp.ErrServer: {9603, 9608, 9612, 9613},
			legacy.ErrNotFound: {9604}, legacy.ErrOwner: {9605, 9611, 9615, 9638, 9639, 9640}, vpp.ErrNotRevocable: {9607},
			vpp.ErrUserNotFound: {9609, 9636}, vpp.ErrNotEnoughLicenses: {9610, 9631}, legacy.ErrAlreadyAssigned: {9616, 9630},
			legacy.ErrMoved: {9617}, legacy.ErrUserRetired: {9618}, legacy.ErrNotAssigned: {9619}, legacy.ErrUserDeleted: {9620},
			vpp.ErrTokenExpired: {9621}, legacy.ErrLicenseRefunded: {9624}, vpp.ErrTokenRevoked: {9625}, legacy.ErrLicenseTaken: {9626},
			legacy.ErrTooOften: {9627, 9632}, vpp.ErrNotDeviceAssignable: {9628}, legacy.ErrBatchLost: {9629, 9633},
			vpp.ErrServiceRemoved: {9634}, vpp.ErrAccountUnusable: {9635}, vpp.ErrForbidden: {9637}, vpp.ErrAccountTaken: {9641},
			legacy.ErrTermsNotAccepted: {9642}, legacy.ErrLicenseLocked: {9643}, vpp.ErrMaintenance: {9644, 9729},
			legacy.ErrManagedByApple: {9645}, vpp.ErrTooManyRequests: {9646}, nil: {9606, 9999},
		} {
			for _, number := range numbers {
				server := &answering{status: 200, body: fmt.Sprintf(`{"status":-1,"errorNumber":%d,"errorMessage":"because"}`, number)}
				err := askOf(t, wireClient(t, server, nil))
				e, ok := errors.AsType[*vpp.Error](err)
				if !ok || int(e.Number) != number || e.Message != "because" || e.StatusCode != 200 || sentinel != nil && !errors.Is(err, sentinel) || sentinel == nil && e.Err != nil {
					t.Errorf("%d: %v", number, err)
				}
				if sentinel == nil && err.Error() != fmt.Sprintf(`read assets: status 200 error %d: "because"`, number) {
					t.Error(err)
				}
			}
		}
	})
}

func TestAnswersThatAreNotWhatWasAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tc := range []struct {
			status int
			body   string
			is     error
		}{
			{200, ``, vpp.ErrUnexpectedAnswer}, {200, `null`, vpp.ErrUnexpectedAnswer}, {200, `[]`, vpp.ErrUnexpectedAnswer},
			{200, `<html>`, vpp.ErrUnexpectedAnswer}, {200, `{"status":0,"assets":[{"adamIdStr":`, vpp.ErrUnexpectedAnswer},
			{200, `{"status":0,"assets":{}}`, vpp.ErrUnexpectedAnswer}, {200, `{"status":-1}`, vpp.ErrUnexpectedAnswer},
			{200, `{"status":0,"assets":[{"totalCount":"many"}]}`, vpp.ErrUnexpectedAnswer}, {200, `{"status":"-3"}`, vpp.ErrUnexpectedAnswer},
			{200, `{"status":0,"assets":[{"productTypeId":"x"}]}`, vpp.ErrUnexpectedAnswer},
			{204, ``, vpp.ErrUnexpectedAnswer}, {302, ``, vpp.ErrUnexpectedAnswer}, {400, `bad`, nil}, {401, ``, vpp.ErrTokenInvalid},
			{403, ``, vpp.ErrForbidden}, {404, `<html>`, nil}, {410, ``, vpp.ErrServiceRemoved}, {429, ``, vpp.ErrTooManyRequests},
			{500, ``, vpp.ErrServer}, {502, `<html>`, vpp.ErrServer}, {503, `{"errorNumber":9729,"errorMessage":"x"}`, vpp.ErrMaintenance},
			{500, `{"errorNumber":9999,"errorMessage":"x"}`, vpp.ErrServer},
		} {
			server := &answering{status: tc.status, body: tc.body}
			err := askOf(t, wireClient(t, server, nil))
			e, ok := errors.AsType[*vpp.Error](err)
			if !ok || e.StatusCode != tc.status || string(e.Body) != tc.body || tc.is != nil && !errors.Is(err, tc.is) || tc.is == nil && e.Err != nil {
				t.Errorf("%d %s: %v", tc.status, tc.body, err)
			}
			if ok && (strings.ContainsAny(err.Error(), "\r\n") || len(err.Error()) > 300) {
				t.Errorf("%q", err)
			}
		}
	})
}

func TestAMessageWithoutANumberIsARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &answering{status: 200, body: `{"status":-1,"errorMessage":"no"}`}
		err := askOf(t, wireClient(t, server, nil))
		if e, ok := errors.AsType[*vpp.Error](err); !ok || e.Number != 0 || e.Message != "no" || err.Error() != `read assets: status 200: "no"` {
			t.Error(err)
		}
	})
}

// Failures of Apple's are repeated although they come with status 200; refusals are not.
func TestWhatIsRepeated(t *testing.T) {
	for number, want := range map[int]int32{9603: 4, 9608: 4, 9612: 4, 9613: 4, 9644: 4, 9646: 4, 9729: 4, 9602: 1, 9625: 1, 9643: 1, 9999: 1} {
		synctest.Test(t, func(t *testing.T) {
			server := &answering{status: 200, body: fmt.Sprintf(`{"status":-1,"errorNumber":%d}`, number)}
			c := wireClient(t, server, func(o *legacy.Options) { o.Retry = vpp.Retry{} })
			if err := askOf(t, c); err == nil || server.seen.Load() != want {
				t.Errorf("%d: %d requests, %v", number, server.seen.Load(), err)
			}
		})
	}
}

// Apple asks to repeat at once after an internal error, and to stay away after more than five.
func TestManyInternalErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		fail := func(n int) {
			f := vpptest.LegacyErrorFault(9603)
			f.Path, f.Count = "/mdm/getVPPAssetsSrv", n
			s.srv.Fail(f)
		}
		fail(3)
		start := time.Now()
		if err := s.ask(t); err != nil || time.Since(start) > 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		fail(4)
		if err := s.ask(t); !errors.Is(err, vpp.ErrServer) {
			t.Error(err)
		}
		fail(2)
		err := s.ask(t)
		e, ok := errors.AsType[*vpp.Error](err)
		if !ok || e.Number != 9603 || e.RetryAfter != 2*time.Minute || s.srv.PendingFaults() != 0 {
			t.Errorf("%v, %d left", err, s.srv.PendingFaults())
		}
		s.srv.ResetReceived()
		time.Sleep(time.Minute)
		start = time.Now()
		_, err = s.client.ClientConfig(t.Context())
		e, ok = errors.AsType[*vpp.Error](err)
		if !ok || e.Number != 9603 || e.RetryAfter != time.Minute || e.Op != "read the client configuration" || time.Since(start) != 0 || len(s.srv.Received()) != 0 {
			t.Errorf("%v after %v and %d requests", err, time.Since(start), len(s.srv.Received()))
		}
		time.Sleep(40 * time.Second) // the rest is waited for
		if err := s.ask(t); err != nil || time.Since(start) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		fail(4) // begins to count anew
		if err := s.ask(t); !errors.Is(err, vpp.ErrServer) || strings.Contains(err.Error(), "retry after") {
			t.Error(err)
		}
	})
}

// While Apple sheds load, nobody comes back early.
func TestRetryAfterHoldsAllCalls(t *testing.T) {
	for name, answer := range map[string]*answering{
		"503, seconds": {status: 503, header: http.Header{"Retry-After": {"120"}}},
		"503, date":    {status: 503, header: http.Header{"Retry-After": {"Sat, 01 Jan 2000 00:02:00 GMT"}}},
		"302":          {status: 302, header: http.Header{"Retry-After": {"120"}, "Location": {"http://elsewhere.test/"}}},
		"9644":         {status: 200, header: http.Header{"Retry-After": {"120"}}, body: `{"status":-1,"errorNumber":9644}`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := answer
				c := wireClient(t, server, func(o *legacy.Options) { o.Retry = vpp.Retry{} })
				for i, want := range []time.Duration{2 * time.Minute, time.Minute} {
					err := askOf(t, c)
					e, ok := errors.AsType[*vpp.Error](err)
					if !ok || !errors.Is(err, vpp.ErrMaintenance) || e.RetryAfter.Round(time.Second) != want || server.seen.Load() != 1 {
						t.Errorf("%d: %v after %d requests", i, err, server.seen.Load())
					}
					time.Sleep(time.Minute)
				}
				server.status, server.header, server.body = 200, nil, `{"status":0}`
				if err := askOf(t, c); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestTooManyRequestsSlowDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		seconds := func() float64 {
			start := time.Now()
			for range 60 {
				if err := s.ask(t); err != nil {
					t.Fatal(err)
				}
			}
			return time.Since(start).Seconds()
		}
		if err := s.ask(t); err != nil {
			t.Fatal(err)
		}
		if took := seconds(); took < 4 || took > 5 {
			t.Errorf("60 calls took %v s", took)
		}
		s.srv.Fail(vpptest.LegacyErrorFault(9646))
		if err := s.ask(t); err != nil {
			t.Fatal(err)
		}
		if took := seconds(); took < 7 || took > 10 {
			t.Errorf("60 calls took %v s after a complaint", took)
		}
	})
}

// The token travels in the body of each request, and shows nowhere else.
func TestTheTokenShowsNowhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, asOwn)
		s.store(s.IssueToken(vpptest.TokenOptions{Secret: strings.Repeat("?", 30)}))
		text := string(s.source)
		if !strings.Contains(text, "/") { // which JSON may escape
			t.Fatal(text)
		}
		quote, err := json.Marshal(map[string]any{"status": -1, "errorNumber": 9602, "errorMessage": "bad " + text})
		if err != nil {
			t.Fatal(err)
		}
		escaped := strings.ReplaceAll(string(quote), "/", `\/`)
		faults := []vpptest.Fault{
			{Kind: vpptest.Answer, Status: 200, Body: string(quote)}, {Kind: vpptest.Answer, Status: 200, Body: escaped},
			{Kind: vpptest.Answer, Status: 502, Body: "<html>" + text + "</html>"}, {Kind: vpptest.Answer, Status: 200, Body: text},
			{Kind: vpptest.Answer, Status: 503, Body: text, Header: http.Header{"Retry-After": {"60"}}},
			{Kind: vpptest.Refuse}, {Kind: vpptest.Reset}, {Kind: vpptest.Truncate}, {Kind: vpptest.Redirect},
		}
		for call, do := range everyCall {
			for i, fault := range faults {
				s.CreateUserByOther("u", "", "")
				time.Sleep(time.Hour)
				if err := s.ask(t); err != nil {
					t.Fatal(err)
				}
				fault.Count = -1
				s.srv.Fail(fault)
				err := do(t, s.client)
				s.srv.ResetFaults()
				if err == nil {
					t.Errorf("%s, fault %d: no error", call, i)
				}
				leak.Find(t, []string{text[:40]}, err)
			}
		}
		for name, shown := range map[string]string{
			"log": s.shown.Log(), "trace": fmt.Sprintf("%+v", s.trace), "client": fmt.Sprintf("%+v %#v", s.client, s.client),
		} {
			if shown == "" || strings.Contains(shown, text) || strings.Contains(shown, "sToken") || strings.Contains(shown, own.GUID) && name == "log" {
				t.Errorf("the %s shows too much, or nothing", name)
			}
		}
		for _, r := range s.srv.Received() {
			if r.Method != "POST" || len(r.Query) != 0 || strings.Contains(fmt.Sprint(r.Header), text) {
				t.Errorf("%s %s: %v", r.Method, r.Path, r.Header)
			}
			if with := strings.Contains(string(r.Body), text); with == (r.Path == configPath) {
				t.Errorf("%s: token in the body: %v", r.Path, with)
			}
		}
	})
}

// The token with which Apple pushes is a secret too.
func TestTheNotificationTokenShowsNowhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &answering{status: 200, body: `{"status":0,"apnToken":"geheim","expirationMillis":"never"}`}
		c := wireClient(t, server, nil)
		_, err := c.ClientConfig(t.Context())
		if e, ok := errors.AsType[*vpp.Error](err); !ok || e.Body != nil || strings.Contains(fmt.Sprintf("%+v", e), "geheim") {
			t.Errorf("%+v", err)
		}
		server.body = `{"status":0,"apnToken":"geheim"}`
		config, err := c.SetNotificationToken(t.Context(), vpp.NewSecret("geheim"))
		if err != nil || config.NotificationToken.Reveal() != "geheim" || !strings.Contains(*server.last.Load(), `"notificationToken":"geheim"`) {
			t.Errorf("%+v, %v", config, err)
		}
		text, err := json.Marshal(config)
		if err != nil || strings.Contains(string(text)+fmt.Sprintf("%+v %#v", config, config), "geheim") {
			t.Errorf("%s, %v", text, err)
		}
	})
}
