package vpptest_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/vpp/vpptest"
)

// subscribed makes a location with the subscription 900001 and the users u and v, and r, who is only
// registered.
func subscribed(t testing.TB, opts *vpptest.Options) *client {
	t.Helper()
	c := start(t, opts)
	if err := c.loc.BuySubscription(vpptest.Subscription{AdamID: 900001}); !errors.Is(err, vpptest.ErrNotEnabled) {
		t.Errorf("error %v", err)
	}
	if a := c.post("/subscriptions/enable", ""); a.String() != `200 {"mdmInfo":null,"subscriptionManagement":true,"uId":"2049000000000001"}` {
		t.Error(a)
	}
	err := c.loc.BuySubscription(vpptest.Subscription{
		AdamID: 900001, Renewing: 2, Expiring: 1, PeriodEnd: time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC),
	})
	if err != nil {
		t.Fatal(err)
	}
	c.loc.CreateUserByOther("u", "", "u@school.example")
	c.loc.CreateUserByOther("v", "", "v@school.example")
	c.loc.CreateUserByOther("r", "", "")
	return c
}

// seats returns the counts as assigned, available and total, each renewing+expiring.
func (c *client) seats() string {
	c.t.Helper()
	type pair struct{ Renewing, Expiring int }
	s := decode[struct {
		Subscriptions []struct {
			Counts struct{ Assigned, Available, Total pair } `json:"counts"`
		} `json:"subscriptions"`
	}](c.t, c.want("/subscriptions", "", 200, "")).Subscriptions[0].Counts
	return fmt.Sprintf("%d+%d %d+%d %d+%d", s.Assigned.Renewing, s.Assigned.Expiring,
		s.Available.Renewing, s.Available.Expiring, s.Total.Renewing, s.Total.Expiring)
}

func (c *client) wantSeats(want string) {
	c.t.Helper()
	if got := c.seats(); got != want {
		c.t.Errorf("seats %s, want %s", got, want)
	}
}

func TestSubscriptions(t *testing.T) {
	c := subscribed(t, nil)
	if a := c.want("/subscriptions?adamId=900001", "", 200, ""); !strings.HasPrefix(a.body, `{"subscriptions":[{"adamId":900001,`+
		`"counts":{"assigned":{"renewing":0,"expiring":0},"available":{"renewing":2,"expiring":1},"total":{"renewing":2,"expiring":1}},`+
		`"parentAdamId":null,"periodEndDate":"2027-01-31","status":"ACTIVE"}],"uId":"2049000000000001","versionId":"`) {
		t.Error(a)
	}
	c.done("/subscriptions/associate", `{"adamIds":[900001],"clientUserIds":["u"],"renewing":true}`)
	c.wantSeats("1+0 1+1 2+1")
	c.done("/subscriptions/associate", `{"adamIds":[900001],"clientUserIds":["u"],"renewing":false}`)
	c.wantSeats("0+1 1+1 2+1") // a renewing seat without renewal
	c.done("/subscriptions/associate", `{"adamIds":[900001],"clientUserIds":["v"]}`)
	c.wantSeats("0+2 1+0 2+1")
	if a := c.get("/subscriptions/assignments?clientUserId=v"); !strings.HasPrefix(a.body, `{"assignments":[{"adamId":900001,"clientUserId":"v","renewing":false}],"uId"`) {
		t.Error(a)
	}
	c.loc.CreateUserByOther("w", "", "w@school.example")
	c.loc.CreateUserByOther("x", "", "x@school.example")
	c.wantStatus(c.event("/subscriptions/associate", `{"adamIds":[900001],"clientUserIds":["w","x"],"renewing":true}`), "ASSOCIATE FAILED 1/2 9709")
	c.wantSeats("1+2 0+0 2+1")
	c.done("/subscriptions/disassociate", `{"adamIds":[900001],"clientUserIds":["v"]}`)
	c.wantSeats("1+1 0+1 2+1")
	c.done("/subscriptions/disassociate", `{"adamIds":[900001],"clientUserIds":["w"],"deferred":true}`)
	c.wantSeats("0+2 0+1 2+1")
	c.loc.EndPeriod(900001)
	c.wantSeats("0+0 2+0 2+0")
	if got := c.loc.Subscriptions()[0]; got.PeriodEnd.Month() != time.March || got.AvailableRenewing != 2 {
		t.Errorf("%+v", got)
	}
	c.done("/subscriptions/associate", `{"adamIds":[900001],"clientUserIds":["u"],"renewing":true}`)
	c.loc.RetireUserByOther("u")
	c.wantSeats("0+0 2+0 2+0")
	c.loc.EndPeriod(1)
	c.wantNoViolations()
	c.done("/subscriptions/associate", `{"adamIds":[900001],"clientUserIds":["v"],"deferred":true}`)
	c.wantViolation("deferred")
	c.done("/subscriptions/disassociate", `{"adamIds":[900001],"clientUserIds":["v"],"renewing":true}`)
	c.wantViolation("renewing")
}

func TestSubscriptionErrors(t *testing.T) {
	c := subscribed(t, nil)
	if a := c.post("/subscriptions/disable", ""); a.status != 400 || decode[failed](t, a).Number != 9818 {
		t.Error(a)
	}
	c.loc.GrantByGroup(900001, "v")
	for _, tt := range []struct {
		path, body string
		number     int
	}{
		{"/subscriptions/associate", `{"adamIds":[900001]}`, 9811},
		{"/subscriptions/associate", `{"adamIds":[900001],"clientUserIds":["u","u"]}`, 9811},
		{"/subscriptions/associate", `{"adamIds":["900001"],"clientUserIds":["u"]}`, 9602},
		{"/subscriptions/associate", `{"adamIds":[1],"clientUserIds":["u"]}`, 9813},
		{"/subscriptions/associate", `{"adamIds":[900001],"clientUserIds":["r"]}`, 9814},
		{"/subscriptions/associate", `{"adamIds":[900001],"clientUserIds":["v"]}`, 9817},
		{"/subscriptions/associate", `{"adamIds":[` + numbered(26, "%d") + `],"clientUserIds":["u"]}`, 9816},
		{"/subscriptions/disassociate", `{"adamIds":[900001],"clientUserIds":[` + numbered(1001, `"%d"`) + `]}`, 9816},
		{"/subscriptions/disassociate", `{"adamIds":[900001],"clientUserIds":["u"]}`, 9815},
		{"/subscriptions/admins/add", `{"adamIds":[900001],"clientUserIds":["r"]}`, 9814},
		{"/subscriptions/admins/remove", `{"adamIds":[900001],"clientUserIds":["u"]}`, 9815},
		{"/subscriptions?cursor=abc", "", 9812},
		{"/subscriptions?adamId=x", "", 9813},
		{"/subscriptions/assignments?parentAdamId=x", "", 9813},
		{"/subscriptions/admins?includeUserState=x", "", 9813},
	} {
		c.wantError(tt.path, tt.body, 400, tt.number)
	}
	for _, path := range []string{"associate", "disassociate", "admins/add"} {
		c.wantError("/subscriptions/"+path, `[]`, 400, 9602)
	}
	c.wantSeats("0+0 2+1 2+1")
	d := start(t, nil)
	d.post("/subscriptions/enable", "")
	if a := d.post("/subscriptions/disable", ""); a.status != 200 || !strings.Contains(a.body, `"subscriptionManagement":false`) {
		t.Error(a)
	}
}

func TestAdmins(t *testing.T) {
	c := subscribed(t, nil)
	a := c.want("/subscriptions/admins/add", `{"adamIds":[900001],"clientUserIds":["u","v"]}`, 200, "")
	if v := c.version("/subscriptions/admins"); a.body != `{"uId":"2049000000000001","versionId":"`+v+`"}` {
		t.Error(a)
	}
	c.want("/subscriptions/admins/add", `{"adamIds":[900001],"clientUserIds":["u"]}`, 200, "")
	u, _ := c.loc.User("u")
	c.want("/subscriptions/admins/remove", `{"adamIds":[900001],"clientUserIds":["v"]}`, 200, "")
	c.want("/subscriptions/admins?adamId=900001&includeUserState=true", "", 200, `{"admins":[{"adamId":900001,"clientUserId":"u","idHash":"`+u.IDHash+
		`","userStatus":"Associated"}],"uId":"2049000000000001","versionId":"`+c.version("/subscriptions/admins")+`"}`)
	c.loc.RetireUserByOther("u")
	if a := c.get("/subscriptions/admins"); !strings.Contains(a.body, `"admins":[]`) {
		t.Error(a)
	}
	c.wantNoViolations()
}

func TestCursors(t *testing.T) {
	for _, trailing := range []bool{false, true} {
		c := subscribed(t, &vpptest.Options{PageSize: 2, TrailingCursor: trailing})
		for i := range 3 {
			_ = c.loc.BuySubscription(vpptest.Subscription{AdamID: int64(900002 + i), ParentAdamID: 77, Renewing: 1})
		}
		var sizes []int
		cursor := ""
		for range 9 {
			p := decode[struct {
				Subscriptions []any  `json:"subscriptions"`
				Next          string `json:"nextCursor"`
			}](t, c.get("/subscriptions"+cursor))
			sizes = append(sizes, len(p.Subscriptions))
			if cursor = "?cursor=" + p.Next; p.Next == "" {
				break
			}
		}
		if want := map[bool]string{false: "[2 2]", true: "[2 2 0]"}[trailing]; fmt.Sprint(sizes) != want {
			t.Errorf("pages %v, want %s", sizes, want)
		}
		next := decode[struct {
			Next string `json:"nextCursor"`
		}](t, c.get("/subscriptions?parentAdamId=77")).Next
		c.wantError("/subscriptions?cursor="+next, "", 400, 9812) // one of another list
		c.wantNoViolations()
		c.want("/subscriptions?adamId=900001,900002", "", 200, "")
		c.wantViolation("gives no syntax")
	}
}

func TestSubscriptionNotifications(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := subscribe(t, nil)
		c.post("/subscriptions/enable", "")
		_ = c.loc.BuySubscription(vpptest.Subscription{AdamID: 900001, ParentAdamID: 77, Renewing: 2})
		synctest.Wait()
		if !strings.Contains(r.bodies[0], `"notification":{"adamId":900001,"counts":{"available":{"renewing":2,"expiring":0},"total":{"renewing":2,"expiring":0}},"parentAdamId":77}`) {
			t.Error(r.bodies[0])
		}
		c.loc.CreateUserByOther("u", "", "u@school.example")
		c.done("/subscriptions/associate", `{"adamIds":[900001],"clientUserIds":["u"],"renewing":true}`)
		c.done("/subscriptions/disassociate", `{"adamIds":[900001],"clientUserIds":["u"],"deferred":true}`)
		synctest.Wait()
		if got := r.got(); got != "SUBSCRIPTION_COUNT, USER_MANAGEMENT CREATE SUCCESS 1 0, SUBSCRIPTION_COUNT, SUBSCRIPTION_MANAGEMENT ASSOCIATE SUCCESS 1 0" {
			t.Error(got)
		}
		c.loc.EndPeriod(900001)
		synctest.Wait()
		if got := r.got(); got != "SUBSCRIPTION_MANAGEMENT DISASSOCIATE SUCCESS 1 0, SUBSCRIPTION_COUNT" {
			t.Error(got)
		}
		c.wantNoViolations()
	})
}
