package vpptest_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/applemdm/applemdm/vpp/vpptest"
)

// Clients of both versions, the portal and another MDM at once: what was counted fits what is there.
func TestConcurrentUse(t *testing.T) {
	c := start(t, &vpptest.Options{PageSize: 7, EventDelay: time.Millisecond})
	c.srv.DeliverTo(&receiver{})
	other := c.srv.AddLocation(vpptest.LocationOptions{})
	c.want("/client/config", `{"notificationUrl":"https://a.example/","notificationAuthToken":"t",`+allTypes+`}`, 200, "")
	c.loc.Buy(vpptest.Asset{AdamID: "1", Total: 60})
	c.loc.Buy(vpptest.Asset{AdamID: "2", Total: 10, ProductType: vpptest.Book})
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			d := clientOf(t, c.srv, c.loc)
			for i := range 15 {
				d.event("/assets/associate", fmt.Sprintf(one+`"serialNumbers":["S%d","T%d"]}`, i, n))
				d.v1("manageVPPLicensesByAdamIdSrv", fmt.Sprintf(`"adamIdStr":"1","disassociateSerialNumbers":["S%d"]`, i-1))
				id := d.event("/users/create", fmt.Sprintf(`{"users":[{"clientUserId":"u%d-%d"}]}`, n, i))
				d.status(id)
				c.loc.AcceptInvitation(fmt.Sprintf("u%d-%d", n, i-1), "")
				c.loc.AssignByOther("2", "", vpptest.ToUser(fmt.Sprintf("u%d-%d", n, i-2)))
				c.loc.RetireUserByOther(fmt.Sprintf("u%d-%d", n, i-3))
				c.loc.TransferTo(other, "1", "", 1)
				d.get("/assignments")
				d.v1("getVPPLicensesSrv", "")
			}
		})
	}
	wg.Wait()
	for deadline := time.Now().Add(5 * time.Second); ; {
		events := c.loc.Events()
		pending := 0
		for _, e := range events {
			if e.Status == "PENDING" {
				pending++
			}
		}
		if pending == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d events pending", pending, len(events))
		}
		time.Sleep(time.Millisecond)
	}
	assigned := make(map[string]int)
	for _, a := range c.loc.Assignments() {
		assigned[a.AdamID]++
	}
	total := 0
	for _, a := range append(c.loc.Assets(), other.Assets()...) {
		if a.Assigned+a.Available+a.Retired != a.Total || a.Available < 0 {
			t.Errorf("%+v", a)
		}
		if a.AdamID == "1" {
			total += a.Total
		}
	}
	for _, a := range c.loc.Assets() {
		if assigned[a.AdamID] != a.Assigned+a.Retired {
			t.Errorf("%+v, but %d assignments", a, assigned[a.AdamID])
		}
	}
	if total != 60 {
		t.Errorf("%d licences of 60", total)
	}
	for _, v := range c.srv.Violations() {
		if !strings.Contains(v, "30 s apart") {
			t.Error(v)
		}
	}
}

func TestNoGoroutineLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 3 {
		srv := vpptest.NewServer(&vpptest.Options{EventDelay: time.Hour, TLS: true})
		srv.DeliverTo(&receiver{status: func(int) int { return 500 }})
		c := clientOf(t, srv, srv.AddLocation(vpptest.LocationOptions{}))
		c.get("/assets")
		c.wantError("/client/config", `{"notificationUrl":"https://a.example/","notificationAuthToken":"t"}`, 400, 9728)
		srv.DeliverTo(&receiver{})
		c.want("/client/config", `{"notificationUrl":"https://a.example/","notificationAuthToken":"t",`+allTypes+`}`, 200, "")
		c.loc.Buy(vpptest.Asset{AdamID: "1", Total: 1})
		c.event("/users/create", `{"users":[{"clientUserId":"u"}]}`)
		srv.Close()
		srv.Close()
		c.loc.Buy(vpptest.Asset{AdamID: "1", Total: 1}) // nobody hears of it
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	buf := make([]byte, 1<<20)
	t.Errorf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
}

// A whole call of the largest size, and the list of what came of it.
func TestLargest(t *testing.T) {
	c := start(t, nil)
	for i := range 25 {
		c.loc.Buy(vpptest.Asset{AdamID: fmt.Sprint(1 + i), Unlimited: true})
	}
	id := c.event("/assets/associate", `{"assets":[`+numbered(26, `{"adamId":"%d","pricingParam":"STDQ"}`)[len(`{"adamId":"0","pricingParam":"STDQ"},`):]+
		`],"serialNumbers":[`+numbered(1000, `"S%d"`)+`]}`)
	c.wantStatus(id, "ASSOCIATE COMPLETE 25000/25000")
	c.srv.SetPageSize(1000)
	for index := range 25 {
		if a := c.get(fmt.Sprint("/assignments?pageIndex=", index)); !strings.Contains(a.body, `"size":1000,"totalPages":25`) {
			t.Fatalf("%.300s", a.body[len(a.body)-300:])
		}
	}
	begin := time.Now()
	for i := range 9 {
		c.done("/assets/disassociate", fmt.Sprintf(one+`"serialNumbers":["S%d"]}`, 900+i))
	}
	c.done("/assets/associate", one+`"serialNumbers":[`+numbered(9, `"S90%d"`)+`]}`)
	c.done("/assets/revoke", `{"serialNumbers":[`+numbered(100, `"S%d"`)+`]}`)
	if n := len(c.loc.Assignments()); n != 22_500 || time.Since(begin) > 5*time.Second {
		t.Errorf("%d assignments after %v", n, time.Since(begin))
	}
	// Most of it again, so that the list of assignments is tidied: the order of the rest stays.
	for i := 1; i < 10; i++ {
		c.done("/assets/revoke", `{"serialNumbers":[`+numbered(100, fmt.Sprintf(`"S%d%%02d"`, i))+`]}`)
	}
	c.loc.AssignByOther("1", "", vpptest.ToDevice("A"), vpptest.ToDevice("B"))
	if got := fmt.Sprint(c.loc.Assignments()); got != "[{1 STDQ  A } {1 STDQ  B }]" {
		t.Error(got)
	}
	c.wantNoViolations()
}
