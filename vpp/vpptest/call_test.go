package vpptest_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/vpp/vpptest"
)

func TestTransport(t *testing.T) {
	c := start(t, nil)
	if a := c.send("DELETE", "/mdm/v2/assets", "", nil); a.status != 405 || decode[failed](t, a).Number != 9726 {
		t.Error(a)
	}
	create := `{"users":[{"clientUserId":"u"}]}`
	if a := c.send("POST", "/mdm/v2/users/create", create, http.Header{"Content-Type": {"text/json"}}); a.status != 415 || decode[failed](t, a).Number != 9727 {
		t.Error(a)
	}
	c.wantNoViolations()
	if a := c.send("POST", "/mdm/v2/users/create", create, http.Header{"Content-Type": {"Application/JSON; charset=utf-8"}}); a.status != 200 {
		t.Error(a)
	}
	c.wantViolation("Content-Type")
	if a := c.get("/assets"); a.header.Get("Content-Type") != "application/json" {
		t.Error(a.header)
	}
	if a := c.get("/inapps"); a.status != 404 || a.body != "" {
		t.Error(a)
	}
	c.wantViolation("unknown path")
	c.wantError("/assets/revoke", `[]`, 400, 9602)
	c.wantViolation("body:")
	c.wantError("/assets/revoke", `{"serialNumbers":"X"}`, 400, 9602)
	c.wantViolation("body:")
	c.done("/assets/revoke", `{"serialNumbers":["X"],"serials":[],"clientUserIds":null}`)
	c.wantViolation(`unknown member "serials"`)
	c.want("/assets?page=1", "", 200, "")
	c.wantViolation(`unknown query parameter "page"`)
	c.want("/assets?adamId=1&adamId=2", "", 200, "")
	c.wantViolation(`2 values of query parameter "adamId"`)
	for _, path := range []string{"/assets?pageIndex=x", "/assets?revocable=1", "/assets?minAssignedCount=few", "/assets?productType=Song",
		"/assignments?includeUserState=yes", "/assignments?pricingParam=BEST", "/users?activeOnly=0"} {
		c.wantError(path, "", 400, 9602)
	}
	c.wantNoViolations()
}

func TestAppleHosts(t *testing.T) {
	c := start(t, nil)
	if a := c.send("GET", "http://vpp.itunes.apple.com/mdm/v2/assets", "", nil); a.status != 200 {
		t.Error(a)
	}
	c.wantNoViolations()
	if a := c.send("GET", "http://uclient-api.itunes.apple.com/mdm/v2/assets", "", nil); a.status != 404 {
		t.Error(a)
	}
	c.wantViolation("not a path of host uclient-api.itunes.apple.com")
}

func TestTLSAndExternalURL(t *testing.T) {
	srv := vpptest.NewServer(&vpptest.Options{TLS: true})
	defer srv.Close()
	c := clientOf(t, srv, srv.AddLocation(vpptest.LocationOptions{}))
	if a := c.send("GET", "https://vpp.itunes.apple.com/mdm/v2/client/config", "", nil); a.status != 200 {
		t.Error(a)
	}
	if a := c.get("/service/config"); !strings.Contains(a.body, `"`+srv.URL+`/mdm/v2/assets"`) {
		t.Error(a)
	}
	c = start(t, &vpptest.Options{ExternalURL: "https://vpp.example.org/sim"})
	if a := c.get("/service/config"); !strings.Contains(a.body, `"https://vpp.example.org/sim/mdm/v2/assets"`) ||
		!strings.Contains(a.body, `"https://vpp.example.org/sim/WebObjects/MZStorePlatform.woa/wa/lookup"`) {
		t.Error(a)
	}
}

func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, nil)
		c.srv.SetLimit("maxRequestPerSecond", 3)
		for range 3 {
			c.want("/assets", "", 200, "")
			c.want("/service/config", "", 200, "") // is nobody's
		}
		a := c.wantError("/assets", "", 429, 9646)
		if a.header.Get("Retry-After") != "" {
			t.Errorf("header %v", a.header)
		}
		c.wantViolation("more than 3 requests in a second")
		c.srv.SetErrorsIn200(func(n int) bool { return n == 9646 })
		c.wantError("/assets", "", 200, 9646)
		c.wantViolation("more than 3")
		c.srv.SetErrorsIn200(nil)
		time.Sleep(time.Second) // refused requests do not count
		for range 30 {
			c.want("/assets", "", 200, "")
			time.Sleep(time.Second / 3)
		}
		c.wantNoViolations()
		if got := c.loc.Traffic(); got.Throttled != 2 || got.PeakRate != 5 || got.PeakPages != 1 {
			t.Errorf("%+v", got)
		}
		// Locations have a budget each, version 1 and 2 have one together.
		d := clientOf(t, c.srv, c.srv.AddLocation(vpptest.LocationOptions{}))
		for range 3 {
			d.want("/assets", "", 200, "")
		}
		if a := d.send("POST", "/mdm/getVPPAssetsSrv", `{"sToken":"`+string(d.loc.Token())+`"}`, nil); !strings.Contains(a.body, "9646") || a.status != 200 {
			t.Error(a)
		}
		d.wantViolation("more than 3")
	})
}

func TestPagesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, &vpptest.Options{Latency: 200 * time.Millisecond})
		at := time.Now()
		c.together(5, "/assets")
		if took := time.Since(at); took != 200*time.Millisecond {
			t.Errorf("took %v", took)
		}
		c.wantNoViolations()
		c.together(6, "/users")
		c.wantViolation("6 page requests at once")
		if got := c.loc.Traffic().PeakPages; got != 6 {
			t.Errorf("%d pages at once", got)
		}
		c.together(2, "/subscriptions")
		c.wantViolation("2 cursor requests at once")
		c.srv.SetLatency(0)
		c.together(1, "/users")
		c.wantNoViolations()
	})
}

// together sends n requests at once.
func (c *client) together(n int, path string) {
	done := make(chan int)
	for range n {
		go func() { done <- c.get(path).status }()
	}
	for range n {
		if status := <-done; status != 200 {
			c.t.Errorf("%s: status %d", path, status)
		}
	}
}

func TestUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, &vpptest.Options{RetryAfter: 90500 * time.Millisecond})
		c.srv.SetUnavailable(true)
		if a := c.wantError("/assets", "", 503, 9729); a.header.Get("Retry-After") != "91" {
			t.Errorf("header %v", a.header)
		}
		c.srv.SetUnavailable(false)
		time.Sleep(time.Second)
		c.want("/assets", "", 200, "")
		c.wantViolation("before Retry-After is over")
		time.Sleep(90 * time.Second)
		c.want("/assets", "", 200, "")
		c.srv.RemoveService("/mdm/v2/assets")
		c.wantError("/assets", "", 410, 9634)
		c.want("/users", "", 200, "")
		c.loc.SetManagedByApple(true)
		c.wantError("/users/create", `{"users":[{"clientUserId":"u"}]}`, 403, 9645)
		c.want("/users", "", 200, "")
		c.wantNoViolations()
	})
}

// A scripted Retry-After counts as well, for the client that got it only.
func TestRetryAfterOfFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, nil)
		d := clientOf(t, c.srv, c.srv.AddLocation(vpptest.LocationOptions{}))
		for _, kind := range []vpptest.Kind{vpptest.BusySeconds, vpptest.BusyDate} {
			c.srv.Fail(vpptest.Fault{Kind: kind, RetryAfter: time.Minute})
			c.wantError("/assets", "", 503, 9729)
			time.Sleep(30 * time.Second)
			d.want("/assets", "", 200, "")
			c.wantNoViolations()
			c.want("/assets", "", 200, "")
			c.wantViolation("before Retry-After is over")
			time.Sleep(30 * time.Second)
			c.want("/assets", "", 200, "")
			c.wantNoViolations()
		}
	})
}

func TestErrorsIn200(t *testing.T) {
	c := start(t, &vpptest.Options{ErrorsIn200: func(n int) bool { return n/100 == 96 }})
	c.loc.RevokeTokens()
	c.wantError("/assets", "", 200, 9625)
	c.srv.SetErrorsIn200(nil)
	c.wantError("/assets", "", 401, 9625)
}

func TestFaults(t *testing.T) {
	c := start(t, nil)
	f := vpptest.ErrorFault(9603)
	f.Path, f.Count = "/mdm/v2/assets", 2
	c.srv.Fail(f)
	c.want("/users", "", 200, "")
	if a := c.wantError("/assets", "", 500, 9603); a.header.Get("Content-Type") != "application/json" {
		t.Errorf("header %v", a.header)
	}
	if c.srv.PendingFaults() != 1 {
		t.Errorf("%d faults pending", c.srv.PendingFaults())
	}
	c.srv.ResetFaults()
	c.srv.Fail(vpptest.Fault{Kind: vpptest.Busy, Status: 429})
	c.wantError("/assets", "", 429, 9646)
	c.srv.Fail(vpptest.Fault{Kind: vpptest.BusySeconds, RetryAfter: time.Second})
	if a := c.wantError("/assets", "", 503, 9729); a.header.Get("Retry-After") != "1" {
		t.Errorf("header %v", a.header)
	}
	c.srv.Fail(vpptest.Fault{Kind: vpptest.HTML})
	if a := c.get("/assets"); a.status != 502 {
		t.Error(a)
	}
	c.srv.Fail(vpptest.LegacyErrorFault(9617))
	if a := c.get("/assets"); a.String() != `200 {"errorMessage":"The service has moved.","errorNumber":9617,"status":-1}` {
		t.Error(a)
	}
	c.srv.Fail(vpptest.ErrorFault(1))
	c.wantError("/assets", "", 400, 1)
	if n := c.srv.Count("GET", "/mdm/v2/*"); n != 7 || len(c.srv.Received()) != 7 || c.srv.Dials() != 1 {
		t.Errorf("%d requests, %d dials", n, c.srv.Dials())
	}
	c.srv.ResetReceived()
	if len(c.srv.Received()) != 0 {
		t.Error("requests left")
	}
}

// A reader that follows the rules sees everything, page by page.
func TestPaging(t *testing.T) {
	c := start(t, &vpptest.Options{PageSize: 3})
	for i := range 7 {
		c.loc.Buy(vpptest.Asset{AdamID: strconv.Itoa(100 + i), Total: 1})
	}
	type page struct {
		Assets  []struct{ AdamID string } `json:"assets"`
		Current *int                      `json:"currentPageIndex"`
		Next    *int                      `json:"nextPageIndex"`
		Size    int                       `json:"size"`
		Total   int                       `json:"totalPages"`
	}
	sizes := ""
	for index := range 3 {
		p := decode[page](t, c.want("/assets?pageIndex="+strconv.Itoa(index), "", 200, ""))
		sizes += fmt.Sprint(p.Size, p.Total, *p.Current, p.Next != nil && *p.Next == index+1, " ")
		if len(p.Assets) != p.Size {
			t.Errorf("size %d of %d", p.Size, len(p.Assets))
		}
	}
	if sizes != "3 3 0 true 3 3 1 true 1 3 2 false " {
		t.Errorf("pages %q", sizes)
	}
	c.wantError("/assets?pageIndex=3", "", 400, 9650)
	c.wantError("/assets?pageIndex=-1", "", 400, 9650)
	c.srv.SetPageSize(5)
	if p := decode[page](t, c.get("/assets?pageIndex=1")); p.Total != 2 || p.Size != 2 {
		t.Errorf("%+v", p)
	}
	c.wantNoViolations()
}

func TestVersionBetweenPages(t *testing.T) {
	var changes int
	opts := &vpptest.Options{PageSize: 2, BeforePage: func(loc *vpptest.Location, path string, index int) {
		if path == "/assignments" && index == 1 {
			changes++
			loc.UnassignByOther("100", "", vpptest.ToDevice("S0"))
		}
	}}
	c := start(t, opts)
	c.loc.Buy(vpptest.Asset{AdamID: "100", Total: 9})
	for i := range 5 {
		c.loc.AssignByOther("100", "", vpptest.ToDevice("S"+strconv.Itoa(i)))
	}
	type page struct {
		Version     string `json:"versionId"`
		Total       int    `json:"totalPages"`
		Assignments []struct {
			Serial string `json:"serialNumber"`
		} `json:"assignments"`
	}
	one := decode[page](t, c.get("/assignments"))
	two := decode[page](t, c.get("/assignments?pageIndex=1"))
	if changes != 1 || one.Version == two.Version || one.Total != 3 || two.Total != 2 || two.Assignments[0].Serial != "S3" {
		t.Errorf("%+v, %+v", one, two)
	}
	again := c.version("/assignments")
	if again != two.Version {
		t.Error("versionId changes by itself")
	}
	c.loc.Touch()
	if c.version("/assignments") == again {
		t.Error("Touch changes nothing")
	}
}
