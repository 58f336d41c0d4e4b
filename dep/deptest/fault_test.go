package deptest_test

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/dep/deptest"
)

func TestFaults(t *testing.T) {
	c := newClient(t, nil)
	c.srv.AddSerials("A")
	c.login()
	c.srv.Fail(deptest.Fault{Method: "GET", Path: "/account", Status: 403, Body: "T_C_NOT_SIGNED"})
	a := c.want("GET", "/account", "", 403, "T_C_NOT_SIGNED")
	if a.header.Get("Content-Type") != "text/plain;charset=UTF8" || a.header.Get("X-Apple-Request-UUID") == "" {
		t.Errorf("header %v", a.header)
	}
	c.srv.Fail(deptest.Fault{Body: `{"devices":{}}`, Header: http.Header{"X-Own": {"1"}}})
	if a := c.want("GET", "/account", "", 200, `{"devices":{}}`); a.header.Get("Content-Type") != "application/json;charset=UTF8" || a.header.Get("X-Own") != "1" {
		t.Errorf("header %v", a.header)
	}
	c.srv.Fail(deptest.Fault{Kind: deptest.BusySeconds, Status: 429, RetryAfter: time.Minute})
	if a := c.want("GET", "/account", "", 429, "TOO_MANY_REQUESTS"); a.header.Get("Retry-After") != "60" {
		t.Errorf("header %v", a.header)
	}
	// A lost answer: the device is gone, the client does not know it.
	c.srv.Fail(deptest.Fault{Kind: deptest.Lose, Path: "/devices/disown"})
	r, _ := http.NewRequest("POST", c.base+"/devices/disown", strings.NewReader(`{"devices":["A"]}`))
	r.Header = c.header.Clone()
	r.Header.Set("X-ADM-Auth-Session", c.session)
	if _, err := c.http.Do(r); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("error %v", err)
	}
	c.want("POST", "/devices/disown", `{"devices":["A"]}`, 200, `{"devices":{"A":"NOT_ACCESSIBLE"}}`)

	c.srv.Fail(deptest.Fault{Kind: deptest.Refuse})
	if _, err := c.http.Get(c.base); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("error %v", err)
	}
	c.srv.Fail(deptest.Fault{Path: "/x"})
	if c.srv.PendingFaults() != 1 {
		t.Errorf("%d faults pending", c.srv.PendingFaults())
	}
	c.srv.ResetFaults()
	if c.srv.PendingFaults() != 0 {
		t.Errorf("%d faults pending", c.srv.PendingFaults())
	}
	c.wantNoViolations()
}

func TestReceived(t *testing.T) {
	c := newClient(t, &deptest.Options{KeepRequests: 2})
	c.want("GET", "/account", "", 200, "") // 401, /session, 200
	c.want("POST", "/devices", `{"devices":["A"]}`, 200, "")
	got := c.srv.Received()
	if len(got) != 2 || got[1].Path != "/devices" || string(got[1].Body) != `{"devices":["A"]}` || got[1].Status != 200 ||
		got[1].Header.Get("X-ADM-Auth-Session") != c.session {
		t.Errorf("received %+v", got)
	}
	if c.srv.Count("", "") != 4 || c.srv.Count("GET", "/account") != 2 || c.srv.Count("GET", "/session") != 1 {
		t.Errorf("counts: %d", c.srv.Count("", ""))
	}
	c.srv.ResetReceived()
	if len(c.srv.Received()) != 0 || len(c.srv.Violations()) != 0 {
		t.Error("ResetReceived left something")
	}
}

// Readers and writers at once: every device that exists throughout is fetched exactly once.
func TestConcurrentUse(t *testing.T) {
	srv := deptest.NewServer(nil)
	defer srv.Close()
	stable := srv.AddRandomDevices(300)
	uuid := srv.AddProfile("p", "https://a.example/")
	stop := make(chan struct{})
	var writers, readers sync.WaitGroup
	writers.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			srv.AddSerials("T1", "T2")
			srv.RotateSessions(i % 5)
			srv.ModifyDevice(stable[i%300], func(d *deptest.Device) { d.AssetTag = fmt.Sprint(i) })
			srv.RemoveDevices("T1", "T2")
			if i%50 == 0 {
				srv.ExpireSessions()
			}
			runtime.Gosched()
		}
	})
	for n := range 4 {
		readers.Go(func() {
			c := clientOf(t, srv)
			for range 3 {
				got := c.steadyFetch()
				got = slices.DeleteFunc(got, func(s string) bool { return s == "T1" || s == "T2" })
				if !slices.Equal(got, stable) {
					t.Errorf("fetched %d devices of %d, or in another order", len(got), len(stable))
				}
				c.steady("PUT", "/profile/devices", fmt.Sprintf(`{"profile_uuid":%q,"devices":[%q]}`, uuid, stable[n]))
				_, _, _, _ = srv.Devices(), srv.Received(), srv.Violations(), srv.Logins()
			}
		})
	}
	readers.Wait()
	close(stop)
	writers.Wait()
	for n := range 4 {
		if d, _ := srv.Device(stable[n]); d.ProfileUUID != uuid {
			t.Errorf("device %d was not assigned", n)
		}
	}
}

// steady is call for a server whose sessions end at any time.
func (c *client) steady(method, path, body string) answer {
	for {
		if a := c.call(method, path, body); a.status != 401 {
			return a
		}
	}
}

func (c *client) steadyFetch() (serials []string) {
	body := `{"limit":70}`
	for {
		p := decode[page](c.t, c.steady("POST", "/server/devices", body))
		serials = append(serials, p.serials()...)
		if !p.More {
			return serials
		}
		body = fmt.Sprintf(`{"limit":70,"cursor":%q}`, p.Cursor)
	}
}

// A bubble ends only when all its goroutines have: Close leaves none, even with a request that
// waits for an answer which never comes.
func TestNoGoroutineIsLeft(t *testing.T) {
	for _, useTLS := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			srv := deptest.NewServer(&deptest.Options{TLS: useTLS})
			u := srv.StartUnlock()
			c := clientOf(t, srv)
			c.want("GET", "/account", "", 200, "")
			srv.Fail(deptest.Fault{Kind: deptest.Silence})
			failed := make(chan error)
			go func() {
				_, err := c.http.Get(c.base + "/account")
				failed <- err
			}()
			synctest.Wait()
			srv.Close()
			u.Close()
			if err := <-failed; err == nil {
				t.Error("silence became an answer")
			}
		})
	}
}

// Violations do not grow for ever.
func TestViolationsAreBounded(t *testing.T) {
	c := newClient(t, nil)
	for range 10_050 {
		rec := recorder{header: make(http.Header)}
		r, _ := http.NewRequest("GET", "/nothing", strings.NewReader(""))
		c.srv.ServeHTTP(&rec, r)
	}
	if n := len(c.srv.Violations()); n != 10_000 {
		t.Errorf("%d violations", n)
	}
}

type recorder struct{ header http.Header }

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) Write(p []byte) (int, error) { return len(p), nil }
func (r *recorder) WriteHeader(int)             {}
