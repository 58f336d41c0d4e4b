package vpptest_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/vpp/vpptest"
)

const one = `{"assets":[{"adamId":"1","pricingParam":"STDQ"}],`

func TestEventDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, &vpptest.Options{EventDelay: time.Minute, EventLife: time.Hour})
		c.loc.Buy(vpptest.Asset{AdamID: "1", Total: 2})
		id := c.event("/assets/associate", one+`"serialNumbers":["A","B"]}`)
		c.wantStatus(id, "ASSOCIATE PENDING 0/2")
		if len(c.loc.Assignments()) != 0 {
			t.Error("done before its time")
		}
		time.Sleep(30 * time.Second)
		c.wantStatus(id, "ASSOCIATE PENDING 0/2")
		c.wantNoViolations()
		time.Sleep(28 * time.Second)
		c.wantStatus(id, "ASSOCIATE PENDING 0/2")
		c.wantViolation("polls should be 30 s apart")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		c.wantStatus(id, "ASSOCIATE COMPLETE 2/2")
		c.wantStatus(id, "ASSOCIATE COMPLETE 2/2")
		c.wantNoViolations()
		time.Sleep(time.Hour)
		c.wantError("/status?eventId="+id, "", 400, 9708)
	})
}

func TestHeldEvents(t *testing.T) {
	c := start(t, nil)
	c.loc.Buy(vpptest.Asset{AdamID: "1", Total: 3})
	c.loc.HoldEvents()
	first := c.event("/assets/associate", one+`"serialNumbers":["A","B","C"]}`)
	second := c.event("/assets/associate", one+`"serialNumbers":["D"]}`)
	if n := c.loc.RunTasks(2); n != 2 {
		t.Errorf("%d tasks run", n)
	}
	c.wantStatus(first, "ASSOCIATE PENDING 2/3")
	if n := c.loc.RunTasks(1); n != 1 {
		t.Errorf("%d tasks run", n)
	}
	c.wantStatus(first, "ASSOCIATE COMPLETE 3/3")
	c.wantStatus(second, "ASSOCIATE PENDING 0/1")
	c.loc.RunEvents()
	c.wantStatus(second, "ASSOCIATE FAILED 0/1 9709")
	c.done("/assets/revoke", `{"serialNumbers":["A"]}`) // not held any more
	c.loc.HoldEvents()
	third := c.event("/assets/revoke", `{"serialNumbers":["NOTHING"]}`)
	c.wantStatus(third, "REVOKE PENDING 0/0") // even what has nothing to do
	c.loc.RunEvents()
	c.wantStatus(third, "REVOKE COMPLETE 0/0")
	if got := fmt.Sprint(c.loc.Events()); got != fmt.Sprintf("[{%s ASSOCIATE COMPLETE 3 3} {%s ASSOCIATE FAILED 1 0} {%s REVOKE COMPLETE 1 1} {%s REVOKE COMPLETE 0 0}]",
		first, second, c.loc.Events()[2].ID, third) {
		t.Error(got)
	}
	c.wantNoViolations()
}

func TestFates(t *testing.T) {
	c := start(t, nil)
	c.loc.Buy(vpptest.Asset{AdamID: "1", Total: 9})
	c.loc.NextEvents(vpptest.Forget, vpptest.ForgetRun, vpptest.Stall, vpptest.StallRun)
	var ids []string
	for i := range 5 {
		ids = append(ids, c.event("/assets/associate", fmt.Sprintf(one+`"serialNumbers":["S%d"]}`, i)))
	}
	c.wantError("/status?eventId="+ids[0], "", 400, 9708)
	c.wantError("/status?eventId="+ids[1], "", 400, 9708)
	c.wantStatus(ids[2], "ASSOCIATE PENDING 0/1")
	c.wantStatus(ids[3], "ASSOCIATE PENDING 0/1")
	c.wantStatus(ids[4], "ASSOCIATE COMPLETE 1/1")
	if got := fmt.Sprint(c.loc.Assignments()); got != "[{1 STDQ  S1 } {1 STDQ  S3 } {1 STDQ  S4 }]" {
		t.Error(got)
	}
	c.wantNoViolations()
}

func TestPendingPolls(t *testing.T) {
	c := start(t, &vpptest.Options{PendingPolls: 2})
	id := c.event("/users/create", `{"users":[{"clientUserId":"u"}]}`)
	c.wantStatus(id, "CREATE PENDING 0/1")
	c.wantStatus(id, "CREATE PENDING 0/1")
	c.wantStatus(id, "CREATE COMPLETE 1/1")
	c.wantViolation("30 s apart")
}

func TestOutcomes(t *testing.T) {
	c := start(t, nil)
	c.loc.Buy(vpptest.Asset{AdamID: "1", Total: 9})
	c.loc.SetOutcome("B", 9603)
	c.loc.SetOutcome("v", 9635)
	c.wantStatus(c.event("/assets/associate", one+`"serialNumbers":["A","B"]}`), "ASSOCIATE FAILED 1/2 9603")
	c.wantStatus(c.event("/users/create", `{"users":[{"clientUserId":"u"},{"clientUserId":"v"}]}`), "CREATE FAILED 1/2 9635")
	c.loc.SetOutcome("B", 0)
	c.wantStatus(c.event("/assets/associate", one+`"serialNumbers":["B"]}`), "ASSOCIATE COMPLETE 1/1")
	c.loc.SetOutcome("1", 9609)
	c.wantStatus(c.event("/assets/disassociate", one+`"serialNumbers":["B"]}`), "DISASSOCIATE FAILED 0/1 9609")
	c.loc.SetOutcome("1", 0)
	c.srv.SetMaintenance(true)
	c.wantStatus(c.event("/assets/revoke", `{"serialNumbers":["B"]}`), "REVOKE FAILED 0/1 9644")
	c.srv.SetMaintenance(false)
	c.wantStatus(c.event("/assets/revoke", `{"serialNumbers":["B","NOTHING"]}`), "REVOKE COMPLETE 1/1")
	c.wantStatus(c.event("/assets/revoke", `{"serialNumbers":["B"]}`), "REVOKE COMPLETE 0/0")
	c.wantStatus(c.event("/assets/disassociate", one+`"serialNumbers":["B"]}`), "DISASSOCIATE COMPLETE 1/1")
	c.wantStatus(c.event("/assets/associate", one+`"serialNumbers":["A"]}`), "ASSOCIATE COMPLETE 1/1")
	if a, _ := c.loc.Asset("1", ""); a.Assigned != 1 {
		t.Errorf("a repeated association took another licence: %+v", a)
	}
	c.wantNoViolations()
}

// Close ends what waits.
func TestCloseWithEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, &vpptest.Options{EventDelay: time.Hour})
		c.event("/users/create", `{"users":[{"clientUserId":"u"}]}`)
		c.srv.Close()
		time.Sleep(2 * time.Hour)
		if len(c.loc.Users()) != 0 {
			t.Error("an event outlived the server")
		}
	})
}
