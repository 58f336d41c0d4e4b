package axmtest_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/axm/axmtest"
)

// The budget is counted by account and method over any span of its length.
func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, &axmtest.Options{Budget: axmtest.ObservedBudget()})
		c.org.AddSerials("A")
		for range 20 {
			c.want("GET", "orgDevices", "", 200, "")
			time.Sleep(time.Second)
		}
		c.wantNoViolations()
		a := c.wantError("GET", "orgDevices", "", "429 RATE_LIMIT_EXCEEDED")
		if a.header.Get("Retry-After") != "40" {
			t.Errorf("%v", a.header)
		}
		second, err := c.org.AddAccount(axmtest.AccountOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if a := c.send("GET", "/v1/orgDevices", "", http.Header{"Authorization": {"Bearer " + second.AccessToken()}}); a.status != 200 {
			t.Errorf("the budget is not one of an account: %v", a)
		}
		for range 10 {
			c.start(activityText("UNASSIGN_DEVICES", "", "", "A"))
		}
		c.wantNoViolations()
		if a := c.wantError("POST", "orgDeviceActivities", activityText("UNASSIGN_DEVICES", "", "", "A"), "429 RATE_LIMIT_EXCEEDED"); a.header.Get("Retry-After") != "3600" {
			t.Errorf("%v", a.header)
		}
		time.Sleep(39 * time.Second)
		c.wantError("GET", "orgDevices", "", "429 RATE_LIMIT_EXCEEDED")
		c.wantViolation("sent 1s before Retry-After is over")
		time.Sleep(time.Second)
		c.want("GET", "orgDevices", "", 200, "")
		c.wantError("GET", "orgDevices", "", "429 RATE_LIMIT_EXCEEDED")

		c.srv.UpdateOptions(func(o *axmtest.Options) { o.RetryAfter = axmtest.RetryAfterDate })
		if a := c.get("orgDevices"); a.header.Get("Retry-After") != "Sat, 01 Jan 2000 00:01:01 GMT" {
			t.Errorf("%v", a.header)
		}
		c.srv.UpdateOptions(func(o *axmtest.Options) { o.RetryAfter = axmtest.RetryAfterAbsent })
		if a := c.get("orgDevices"); a.status != 429 || a.header.Get("Retry-After") != "" {
			t.Errorf("%v", a.header)
		}
		if got := c.srv.Traffic(); got != (axmtest.Traffic{Peak: 1, Throttled: 6}) {
			t.Errorf("%+v", got)
		}
		c.srv.UpdateOptions(func(o *axmtest.Options) { o.Budget = nil })
		c.want("GET", "orgDevices", "", 200, "")
		c.srv.Close()
	})
}

// More than four streams at once: those beyond get no answer.
func TestMaxStreams(t *testing.T) {
	for _, useTLS := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := start(t, &axmtest.Options{TLS: useTLS, MaxStreams: 4, Latency: time.Second})
			var mu sync.Mutex
			got := make(map[string]int)
			var wg sync.WaitGroup
			for range 6 {
				wg.Go(func() {
					a, err := c.try("GET", "/v1/orgDevices", "", nil)
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						got["error"]++
					} else {
						got[fmt.Sprint(a.status)]++
					}
				})
			}
			wg.Wait()
			traffic := c.srv.Traffic()
			// net/http asks once more for what it may ask for again.
			if got["200"] < 4 || got["200"]+got["error"] != 6 || traffic.Dropped < 2 || traffic.Peak < 6 {
				t.Errorf("TLS %v: %v, %+v", useTLS, got, traffic)
			}
			if v := c.srv.Violations(); len(v) != traffic.Dropped || !strings.Contains(v[0], "requests are under way") {
				t.Error(v)
			}
			c.srv.Close()
		})
	}
}

// The connection is closed in place of a page, and a cursor goes on over another one.
func TestPagesPerConnection(t *testing.T) {
	c := start(t, &axmtest.Options{PagesPerConnection: 2, PageSize: 1})
	c.org.AddSerials("A", "B", "C", "D", "E")
	var got []string
	failures := 0
	for next := "/v1/orgDevices?limit=1000"; next != ""; {
		a, err := c.once("GET", next)
		if err != nil {
			failures++
			continue
		}
		l := decode[list](t, a)
		got, next = append(got, l.ids()), l.Links.Next
		if l.Meta.Paging.Limit != 1000 || l.Meta.Paging.Total != 5 {
			t.Errorf("%+v", l.Meta)
		}
	}
	if strings.Join(got, "") != "ABCDE" || failures != 2 {
		t.Errorf("%s after %d failures", got, failures)
	}
}

// once sends a request on a connection of its own, which net/http has no reason to repeat.
func (c *client) once(method, url string) (answer, error) {
	fresh := *c
	fresh.http = c.srv.Client()
	defer fresh.http.CloseIdleConnections()
	return fresh.try(method, url, "", nil)
}

// All the ways in which a page tells of the next one.
func TestPaging(t *testing.T) {
	c := start(t, &axmtest.Options{TLS: true})
	c.org.AddSerials("A", "B", "C")
	const host = "https://api-business.apple.com"
	for name, tt := range map[string]struct {
		paging axmtest.Paging
		next   string // what precedes the query of links.next
		cursor bool
		total  int
		fields bool
	}{
		"plain":          {axmtest.Paging{}, host, true, 3, true},
		"no total":       {axmtest.Paging{NoTotal: true}, host, true, 0, true},
		"no link":        {axmtest.Paging{NoNextLink: true}, "", true, 3, false},
		"no cursor":      {axmtest.Paging{NoNextCursor: true}, host, false, 3, true},
		"without .com":   {axmtest.Paging{WithoutCom: true}, "https://api-business.apple", true, 3, true},
		"without fields": {axmtest.Paging{WithoutFields: true}, host, true, 3, false},
		"other host":     {axmtest.Paging{OtherHost: "elsewhere.test"}, "https://elsewhere.test", true, 3, true},
	} {
		t.Run(name, func(t *testing.T) {
			c.srv.UpdateOptions(func(o *axmtest.Options) { o.Paging = tt.paging })
			a := c.send("GET", host+"/v1/orgDevices?fields%5BorgDevices%5D=status&limit=2", "", nil)
			l := decode[list](t, a)
			if l.ids() != "A B" || l.Meta.Paging.Total != tt.total || strings.Contains(a.body, "total") != (tt.total > 0) || (l.Meta.Paging.NextCursor != "") != tt.cursor {
				t.Error(a)
			}
			if tt.next == "" && l.Links.Next != "" || !strings.HasPrefix(l.Links.Next, tt.next+"/v1/orgDevices?"[:len("/v1/orgDevices?")*min(1, len(tt.next))]) {
				t.Errorf("next is %s", l.Links.Next)
			}
			if strings.Contains(l.Links.Next, "fields%5BorgDevices%5D=status") != tt.fields {
				t.Errorf("next is %s", l.Links.Next)
			}
		})
	}
	c.srv.UpdateOptions(func(o *axmtest.Options) { o.Paging = axmtest.Paging{} })
	c.srv.RepeatCursor(2)
	first := c.list("orgDevices?limit=2")
	second := c.list("orgDevices?limit=2&cursor=" + first.Meta.Paging.NextCursor)
	third := c.list("orgDevices?limit=2&cursor=" + second.Meta.Paging.NextCursor)
	if first.ids() != "A B" || second.ids() != "A B" || first.Meta.Paging.NextCursor != second.Meta.Paging.NextCursor || third.ids() != "A B" {
		t.Errorf("%+v\n%+v\n%+v", first, second, third)
	}
	if last := c.list("orgDevices?limit=2&cursor=" + third.Meta.Paging.NextCursor); last.ids() != "C" || last.Links.Next != "" || last.Meta.Paging.NextCursor != "" {
		t.Errorf("%+v", last)
	}
	c.srv.RepeatCursor(-1)
	for range 3 {
		if l := c.list("orgDevices"); l.Links.Next == "" {
			t.Errorf("%+v", l)
		}
	}
}

// Cursors age, are made stale, and belong to one list.
func TestCursors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, &axmtest.Options{CursorLife: time.Minute})
		c.org.AddSerials("A", "B", "C")
		next := func() string { return "orgDevices?cursor=" + c.list("orgDevices?limit=1").Meta.Paging.NextCursor }
		path := next()
		time.Sleep(time.Minute - time.Nanosecond)
		if got := c.list(path).ids(); got != "B C" {
			t.Error(got)
		}
		time.Sleep(time.Nanosecond)
		c.wantError("GET", path, "", "400 PARAMETER_ERROR.INVALID cursor")
		path = next()
		c.srv.UpdateOptions(func(o *axmtest.Options) { o.StaleCursor = 410 })
		c.org.ExpireCursors()
		c.wantError("GET", path, "", "410 PARAMETER_ERROR.INVALID cursor")
		path = next()
		c.want("GET", path, "", 200, "")
		c.wantError("GET", strings.Replace(path, "orgDevices", "mdmServers", 1), "", "400 PARAMETER_ERROR.INVALID cursor")
		other := clientOf(t, c.srv, c.srv.AddOrg(axmtest.OrgOptions{}))
		other.wantError("GET", path, "", "400 PARAMETER_ERROR.INVALID cursor")
		c.wantNoViolations()
		c.srv.Close()
	})
}
