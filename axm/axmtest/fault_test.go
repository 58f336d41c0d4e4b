package axmtest_test

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/axm/axmtest"
)

func TestFaults(t *testing.T) {
	c := start(t, nil)
	c.org.AddSerials("A")
	c.srv.Fail(axmtest.ErrorFault(422, "ENTITY_UNPROCESSABLE", "no"))
	a := c.wantError("GET", "orgDevices", "", "422 ENTITY_UNPROCESSABLE")
	if a.header.Get("Content-Type") != "application/json" || a.header.Get("X-Apple-Request-Uuid") == "" {
		t.Errorf("header %v", a.header)
	}
	c.srv.Fail(axmtest.Fault{Kind: axmtest.Busy})
	if a := c.wantError("GET", "orgDevices", "", "503 SERVICE_UNAVAILABLE"); a.header.Get("Retry-After") != "" {
		t.Errorf("header %v", a.header)
	}
	for status, want := range map[int]string{401: "NOT_AUTHORIZED", 403: "FORBIDDEN_ERROR", 404: "NOT_FOUND", 429: "RATE_LIMIT_EXCEEDED", 502: "UNEXPECTED_ERROR"} {
		c.srv.Fail(axmtest.Fault{Kind: axmtest.Busy, Status: status, Method: "GET", Header: http.Header{"X-Own": {"1"}}})
		if a := c.get("orgDevices"); a.status != status || !strings.Contains(a.body, want) || a.header.Get("X-Own") != "1" {
			t.Error(a)
		}
	}
	c.wantNoViolations()
	c.srv.Fail(axmtest.Fault{Kind: axmtest.BusySeconds, Status: 429, RetryAfter: time.Minute})
	if a := c.get("orgDevices"); a.header.Get("Retry-After") != "60" {
		t.Errorf("header %v", a.header)
	}
	c.want("GET", "orgDevices", "", 200, "")
	c.wantViolation("before Retry-After is over")
	if a := c.token(form(c.org.Account(), assertionOf(c.org.Account(), time.Now()).sign(t))); a.status != 200 {
		t.Error(a)
	}
	c.wantNoViolations() // that was for another credential
	for range 2 {        // of other accounts, for all one can see
		c.srv.Fail(axmtest.Fault{Kind: axmtest.BusySeconds, Path: "/auth/oauth2/token", RetryAfter: time.Minute})
		c.token(form(c.org.Account(), ""))
	}
	c.wantNoViolations()

	// A lost answer: the device is released, the client does not know it.
	c.srv.Fail(axmtest.Fault{Kind: axmtest.Lose, Path: "/v1/orgDeviceActivities"})
	if _, err := c.try("POST", "/v1/orgDeviceActivities", activityText("RELEASE_DEVICES", "", "", "A"), nil); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("error %v", err)
	}
	if n := len(c.org.Activities()); n != 1 || len(c.org.Devices()) != 0 {
		t.Errorf("%d activities, %d devices", n, len(c.org.Devices()))
	}
	c.srv.Fail(axmtest.Fault{Kind: axmtest.Refuse})
	if _, err := c.http.Get(c.srv.URL); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("error %v", err)
	}
	c.srv.Fail(axmtest.Fault{Path: "/x"})
	if c.srv.PendingFaults() != 1 {
		t.Errorf("%d faults pending", c.srv.PendingFaults())
	}
	c.srv.ResetFaults()
	if c.srv.PendingFaults() != 0 {
		t.Errorf("%d faults pending", c.srv.PendingFaults())
	}
	c.want("GET", "orgDevices", "", 200, "")
	if c.srv.Dials() < 2 {
		t.Errorf("%d dials", c.srv.Dials())
	}
}

// The faults of answers, on all three hosts.
func TestSpoiltAnswers(t *testing.T) {
	c := start(t, nil)
	c.http.Transport.(*http.Transport).DisableKeepAlives = true // or net/http would repeat some by itself
	c.org.AddSerials("A")
	id := c.start(activityText("UNASSIGN_DEVICES", "", "", "A"))
	logURL := c.one("orgDeviceActivities/" + id).Attributes["downloadUrl"].(string)
	asks := map[string]func() (answer, error){
		"API": func() (answer, error) { return c.try("GET", "/v1/orgDevices", "", nil) },
		"token": func() (answer, error) {
			f := form(c.org.Account(), assertionOf(c.org.Account(), time.Now()).sign(t))
			return c.try("POST", "http://account.apple.com/auth/oauth2/v2/token", f.Encode(), formHeader())
		},
		"log": func() (answer, error) {
			return c.try("GET", logURL, "", http.Header{"Authorization": nil})
		},
	}
	for name, ask := range asks {
		t.Run(name, func(t *testing.T) {
			good, err := ask()
			if err != nil || good.status != 200 {
				t.Fatal(good, err)
			}
			c.srv.Fail(axmtest.Fault{Kind: axmtest.Truncate})
			if a, err := ask(); err != nil || a.status != 200 || len(a.body) > len(good.body)/2+1 {
				t.Error(a, err)
			}
			c.srv.Fail(axmtest.Fault{Kind: axmtest.ResetBody})
			if a, err := ask(); err == nil {
				t.Error(a)
			}
			c.srv.Fail(axmtest.Fault{Kind: axmtest.HTML})
			if a, err := ask(); err != nil || a.status != 502 || !strings.Contains(a.body, "<html>") {
				t.Error(a, err)
			}
			c.srv.Fail(axmtest.Fault{Kind: axmtest.Empty})
			if a, err := ask(); err != nil || a.status != 500 || a.body != "" {
				t.Error(a, err)
			}
			c.srv.Fail(axmtest.Fault{Kind: axmtest.WrongType})
			if a, err := ask(); err != nil || a.header.Get("Content-Type") != "text/html" {
				t.Error(a, err)
			}
			c.srv.Fail(axmtest.Fault{Kind: axmtest.Oversize, Size: 100_000})
			if a, err := ask(); err != nil || len(a.body) < 100_000 {
				t.Error(err)
			}
			if name == "log" {
				return
			}
			c.srv.Fail(axmtest.Fault{Kind: axmtest.Unknown})
			if a, err := ask(); err != nil || !strings.Contains(a.body, `"zz_string"`) {
				t.Error(a, err)
			}
		})
	}
	c.srv.Fail(axmtest.Fault{Kind: axmtest.Gzip})
	a := c.send("GET", "/v1/orgDevices", "", http.Header{"Accept-Encoding": {"identity"}})
	zr, err := gzip.NewReader(strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(zr); err != nil || !strings.HasPrefix(string(text), `{"data":[`) {
		t.Errorf("%s %v", text, err)
	}
	c.srv.Fail(axmtest.Fault{Kind: axmtest.Redirect})
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if a := c.get("orgDevices"); a.status != 307 || a.header.Get("Location") != "https://elsewhere.test/v1/orgDevices" {
		t.Error(a)
	}
	c.wantNoViolations()
}

func TestReceived(t *testing.T) {
	c := start(t, &axmtest.Options{KeepRequests: 2})
	for range 3 {
		c.want("GET", "orgDevices", "", 200, "")
	}
	c.want("POST", "mdmServers", "{}", 409, "")
	got := c.srv.Received()
	if len(got) != 2 || got[1].Path != "/v1/mdmServers" || string(got[1].Body) != "{}" || got[1].Status != 409 || got[1].Header.Get("Authorization") == "" {
		t.Errorf("received %+v", got)
	}
	if c.srv.Count("", "") != 4 || c.srv.Count("GET", "/v1/*") != 3 || c.srv.Count("POST", "") != 1 {
		t.Errorf("counts: %d", c.srv.Count("", ""))
	}
	c.srv.ResetReceived()
	if len(c.srv.Received()) != 0 || len(c.srv.Violations()) != 0 {
		t.Error("ResetReceived left something")
	}
}

// A bubble ends only when all its goroutines have: Close leaves none, even with a request that
// waits for an answer which never comes, or for the latency of the service.
func TestNoGoroutineIsLeft(t *testing.T) {
	for _, useTLS := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := start(t, &axmtest.Options{TLS: useTLS})
			c.want("GET", "orgDevices", "", 200, "")
			c.srv.Fail(axmtest.Fault{Kind: axmtest.Silence})
			c.srv.UpdateOptions(func(o *axmtest.Options) { o.Latency = time.Hour })
			failed := make(chan error)
			for range 2 {
				go func() {
					_, err := c.http.Get(c.srv.URL + "/v1/orgDevices")
					failed <- err
				}()
			}
			synctest.Wait()
			c.srv.Close()
			c.srv.Close()
			for range 2 {
				if err := <-failed; err == nil {
					t.Error("silence became an answer")
				}
			}
		})
	}
}
