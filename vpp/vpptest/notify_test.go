package vpptest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/vpp/vpptest"
)

// receiver takes notifications.
type receiver struct {
	mu     sync.Mutex
	bodies []string
	times  []time.Time
	auth   string
	status func(n int) int // of the nth request; nil is always 204
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	r.auth = req.Method + " " + req.Host + req.URL.Path + " " + req.Header.Get("Content-Type") + " " + req.Header.Get("Authorization")
	r.bodies = append(r.bodies, string(body))
	r.times = append(r.times, time.Now())
	n, status := len(r.bodies), r.status
	r.mu.Unlock()
	if status != nil {
		w.WriteHeader(status(n))
		return
	}
	w.WriteHeader(204)
}

// got returns the notifications in brief and forgets them.
func (r *receiver) got() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, body := range r.bodies {
		var n struct {
			Type    string `json:"notificationType"`
			Content struct {
				Type        string            `json:"type"`
				Result      string            `json:"result"`
				Assignments []json.RawMessage `json:"assignments"`
				Users       []json.RawMessage `json:"users"`
				Delta       int               `json:"countDelta"`
				Error       struct {
					Number int `json:"errorNumber"`
				} `json:"error"`
			} `json:"notification"`
		}
		if err := json.Unmarshal([]byte(body), &n); err != nil {
			out = append(out, err.Error())
			continue
		}
		text := n.Type
		if k := n.Content; k.Type != "" {
			text += fmt.Sprint(" ", k.Type, " ", k.Result, " ", len(k.Assignments)+len(k.Users), " ", k.Error.Number)
		} else if k.Delta != 0 {
			text += fmt.Sprint(" ", k.Delta)
		}
		out = append(out, text)
	}
	r.bodies = nil
	return strings.Join(out, ", ")
}

const allTypes = `"notificationTypes":["ASSET_COUNT","ASSET_MANAGEMENT","USER_MANAGEMENT","USER_ASSOCIATED","SUBSCRIPTION_MANAGEMENT","SUBSCRIPTION_COUNT"]`

// subscribe makes a server with a receiver that has subscribed everything, inside a bubble.
func subscribe(t *testing.T, opts *vpptest.Options) (*client, *receiver) {
	c := start(t, opts)
	r := &receiver{}
	c.srv.DeliverTo(r)
	c.want("/client/config", `{"notificationUrl":"https://mdm.acme.example/hook/42","notificationAuthToken":"s3cr3t",`+allTypes+`}`, 200, "")
	if got := r.got(); got != "TEST_NOTIFICATION" {
		t.Errorf("got %q", got)
	}
	return c, r
}

func TestNotifications(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := subscribe(t, nil)
		if r.auth != "POST mdm.acme.example/hook/42 application/json Bearer s3cr3t" {
			t.Errorf("received %q", r.auth)
		}
		c.want("/client/config", "", 200, `{"countryISO2ACode":"US","defaultPlatform":"enterprisestore","locationName":"Location 1",`+
			`"notificationAuthToken":"s3cr3t","notificationUrl":"https://mdm.acme.example/hook/42","subscribedNotificationTypes":["ASSET_COUNT",`+
			`"ASSET_MANAGEMENT","USER_MANAGEMENT","USER_ASSOCIATED","SUBSCRIPTION_MANAGEMENT","SUBSCRIPTION_COUNT"],"uId":"2049000000000001",`+
			`"websiteURL":"https://business.apple.com"}`)
		check := func(want string) {
			t.Helper()
			synctest.Wait()
			if got := r.got(); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		c.loc.Buy(vpptest.Asset{AdamID: "1", Total: 202})
		check("ASSET_COUNT 202")
		c.loc.Refund("1", "", 2)
		check("ASSET_COUNT -2")
		c.event("/assets/associate", one+`"serialNumbers":[`+numbered(201, `"S%d"`)+`]}`)
		check("ASSET_MANAGEMENT ASSOCIATE SUCCESS 100 0, ASSET_MANAGEMENT ASSOCIATE SUCCESS 100 0, ASSET_MANAGEMENT ASSOCIATE FAILURE 1 9709")
		c.event("/users/create", `{"users":[{"clientUserId":"u"},{"clientUserId":"v"}]}`)
		check("USER_MANAGEMENT CREATE SUCCESS 2 0")
		c.event("/users/create", `{"users":[{"clientUserId":"u","email":"u@a.example"}]}`)
		synctest.Wait()
		if body := r.bodies[0]; !strings.Contains(body, `"error":{"errorNumber":9716,`) || !strings.Contains(body, `"users":[{"clientUserId":"u","email":"u@a.example"}]`) {
			t.Error(body)
		}
		check("USER_MANAGEMENT CREATE FAILURE 1 9716")
		code := c.loc.Users()[0].InviteCode
		c.loc.AcceptInvitation("u", "")
		synctest.Wait()
		if body := r.bodies[0]; !strings.Contains(body, `"notification":{"associatedUsers":[{"clientUserId":"u","idHash":"`) || !strings.Contains(body, `"inviteCode":"`+code+`"`) {
			t.Error(body)
		}
		check("USER_ASSOCIATED")
		c.loc.RevokeByOther(vpptest.ToDevice("S1"))
		check("ASSET_MANAGEMENT REVOKE SUCCESS 1 0")
		c.loc.Notify("NEWS", `{"a":[1]}`)
		check("NEWS")
		c.loc.Notify(vpptest.UnlimitedAsset, `{"adamId":"1"}`)
		check("UNLIMITED_ASSET")
		c.want("/client/config", `{"notificationTypes":["ASSET_COUNT"]}`, 200, "")
		c.loc.RetireUserByOther("u")
		c.loc.Buy(vpptest.Asset{AdamID: "1", Total: 1})
		check("ASSET_COUNT 1")
		c.want("/client/config", `{"notificationUrl":"","notificationAuthToken":""}`, 200, "")
		c.loc.Buy(vpptest.Asset{AdamID: "1", Total: 1})
		check("")
		c.wantNoViolations()
	})
}

func TestNotificationBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := subscribe(t, nil)
		c.loc.Buy(vpptest.Asset{AdamID: "1", Total: 1})
		id := c.event("/assets/associate", one+`"serialNumbers":["A"]}`)
		synctest.Wait()
		sent := c.loc.Notifications()
		if len(sent) != 3 || sent[2].EventID != id || sent[2].Type != vpptest.AssetManagement || fmt.Sprint(sent[2].Attempts) != "[204]" {
			t.Fatalf("sent %+v", sent)
		}
		want := `{"notification":{"assignments":[{"adamId":"1","pricingParam":"STDQ","serialNumber":"A"}],"eventId":"` + id +
			`","result":"SUCCESS","type":"ASSOCIATE"},"notificationId":"` + sent[2].ID + `","notificationType":"ASSET_MANAGEMENT","uId":"2049000000000001"}`
		if r.bodies[1] != want || string(sent[2].Body) != want {
			t.Errorf("got %s\nwant %s", r.bodies[1], want)
		}
		want = `{"notification":{"adamId":"1","countDelta":1,"pricingParam":"STDQ"},"notificationId":"` + sent[1].ID +
			`","notificationType":"ASSET_COUNT","uId":"2049000000000001"}`
		if r.bodies[0] != want {
			t.Errorf("got %s\nwant %s", r.bodies[0], want)
		}
	})
}

func TestDeliveryRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := subscribe(t, nil)
		r.status = func(n int) int {
			if n < 3 {
				return 500
			}
			return 200
		}
		begin := time.Now()
		c.loc.Buy(vpptest.Asset{AdamID: "1", Total: 1})
		time.Sleep(time.Hour)
		if got := r.got(); got != "ASSET_COUNT 1, ASSET_COUNT 1, ASSET_COUNT 1" {
			t.Error(got)
		}
		if r.times[2].Sub(begin) != time.Minute || r.times[3].Sub(begin) != 3*time.Minute {
			t.Errorf("times %v", r.times)
		}
		r.status = func(int) int { return 307 }
		c.loc.Buy(vpptest.Asset{AdamID: "1", Total: 1})
		time.Sleep(time.Hour)
		sent := c.loc.Notifications()
		if got := fmt.Sprint(sent[1].Attempts, sent[2].Attempts); got != "[500 500 200] [307 307 307]" {
			t.Error(got)
		}
	})
}

func TestDeliveryTroubles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := subscribe(t, &vpptest.Options{NotifyRetry: time.Second})
		made := 0
		c.loc.SetDelivery(vpptest.Delivery{
			Delay: func(vpptest.Notification) time.Duration {
				made++
				return time.Duration(10-made) * time.Second
			},
			Lose:   func(n vpptest.Notification) bool { return strings.Contains(string(n.Body), `"countDelta":2`) },
			Copies: func(n vpptest.Notification) int { return strings.Count(string(n.Body), `"countDelta":3`) },
		})
		for n := range 4 {
			c.loc.Buy(vpptest.Asset{AdamID: "1", Total: n + 1})
		}
		time.Sleep(time.Minute)
		if got := r.got(); got != "ASSET_COUNT 4, ASSET_COUNT 3, ASSET_COUNT 3, ASSET_COUNT 1" {
			t.Error(got)
		}
		if sent := c.loc.Notifications(); !sent[2].Lost || sent[2].Attempts != nil || len(sent[3].Attempts) != 2 {
			t.Errorf("%+v", sent)
		}
		c.loc.SetDelivery(vpptest.Delivery{})
		r.status = func(int) int { time.Sleep(time.Minute); return 200 }
		c.loc.Buy(vpptest.Asset{AdamID: "1", Total: 1})
		time.Sleep(time.Hour)
		if sent := c.loc.Notifications(); fmt.Sprint(sent[5].Attempts) != "[0 0 0]" {
			t.Errorf("a receiver that takes a minute: %v", sent[5].Attempts)
		}
	})
}
