package vpptest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/applemdm/applemdm/vpp/vpptest"
)

// numbered returns n JSON texts.
func numbered(n int, format string) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(format, i)
	}
	return strings.Join(list, ",")
}

func TestManageErrors(t *testing.T) {
	c := start(t, nil)
	c.loc.Buy(vpptest.Asset{AdamID: "1", Total: 9})
	c.loc.Buy(vpptest.Asset{AdamID: "2", Total: 9, ProductType: vpptest.Book})
	c.loc.Buy(vpptest.Asset{AdamID: "3", Total: 9, NotDeviceAssignable: true})
	c.done("/users/create", `{"users":[{"clientUserId":"u"}]}`)
	for _, tt := range []struct {
		path, body string
		number     int
		info       string
	}{
		{"/assets/associate", `{"serialNumbers":["A"]}`, 9718, ""},
		{"/assets/associate", `{"assets":[],"serialNumbers":["A"]}`, 9718, ""},
		{"/assets/associate", `{"assets":[{"adamId":"1","pricingParam":"STDQ"}]}`, 9719, ""},
		{"/assets/associate", `{"assets":[` + numbered(26, `{"adamId":"%d","pricingParam":"STDQ"}`) + `],"serialNumbers":["A"]}`, 9700, ""},
		{"/assets/associate", `{"assets":[{"adamId":"1","pricingParam":"STDQ"}],"clientUserIds":[` + numbered(1001, `"%d"`) + `]}`, 9701, ""},
		{"/assets/disassociate", `{"assets":[{"adamId":"1","pricingParam":"STDQ"}],"serialNumbers":[` + numbered(1001, `"%d"`) + `]}`, 9702, ""},
		{"/assets/associate", `{"assets":[{"adamId":"1","pricingParam":"STDQ"},{"adamId":"1","pricingParam":"PLUS"},{"adamId":"1","pricingParam":"STDQ"}],"serialNumbers":["A"]}`,
			9703, `[map[adamId:1 pricingParam:STDQ] map[adamId:1 pricingParam:STDQ]] [] []`},
		{"/assets/associate", `{"assets":[{"adamId":"1","pricingParam":"STDQ"}],"clientUserIds":["u","v","u"]}`, 9704, `[] [u u] []`},
		{"/assets/associate", `{"assets":[{"adamId":"1","pricingParam":"STDQ"}],"serialNumbers":["A","B","A"]}`, 9705, `[] [] [A A]`},
		{"/assets/disassociate", `{"assets":[{"adamId":"1","pricingParam":"STDQ"},{"adamId":"2","pricingParam":"STDQ"}],"clientUserIds":["u"]}`,
			9706, `[map[adamId:2 pricingParam:STDQ]] [] []`},
		{"/assets/associate", `{"assets":[{"adamId":"1","pricingParam":"STDQ"},{"adamId":"2","pricingParam":"STDQ"},{"adamId":"3","pricingParam":"STDQ"}],"serialNumbers":["A"]}`,
			9707, `[map[adamId:2 pricingParam:STDQ] map[adamId:3 pricingParam:STDQ]] [] []`},
		{"/assets/associate", `{"assets":[{"adamId":"1","pricingParam":"STDQ"}],"clientUserIds":["u","v"]}`, 9609, `[] [v] []`},
		{"/assets/associate", `{"assets":[{"adamId":"x1","pricingParam":"STDQ"}],"serialNumbers":["A"]}`, 9602, ""},
		{"/assets/associate", `{"assets":[{"adamId":"1","pricingParam":"HIGH"}],"serialNumbers":["A"]}`, 9602, ""},
		{"/assets/associate", `{"assets":[{"adamId":"1","pricingParam":"STDQ"}],"serialNumbers":[""]}`, 9602, ""},
		{"/assets/revoke", `{}`, 9719, ""},
		{"/assets/revoke", `{"clientUserIds":[` + numbered(101, `"%d"`) + `]}`, 9701, ""},
		{"/assets/revoke", `{"serialNumbers":[` + numbered(101, `"%d"`) + `]}`, 9702, ""},
		{"/assets/revoke", `{"clientUserIds":["v"]}`, 9609, `[] [v] []`},
		{"/assets/revoke", `{"serialNumbers":["A","A"]}`, 9705, `[] [] [A A]`},
		{"/users/create", `{}`, 9720, ""},
		{"/users/create", `{"users":[` + numbered(101, `{"clientUserId":"%d"}`) + `]}`, 9714, ""},
		{"/users/create", `{"users":[{"clientUserId":"a"},{"clientUserId":"b"},{"clientUserId":"a"}]}`, 9715, `[] [a a] []`},
		{"/users/create", `{"users":[{"clientUserId":"a","email":"a@b.example"},{"clientUserId":"b","email":"nobody"}]}`, 9717, `[] [b] []`},
		{"/users/create", `{"users":[{"clientUserId":"a","managedAppleId":"x@localhost"}]}`, 9717, `[] [a] []`},
		{"/users/create", `{"users":[{"email":"a@b.example"}]}`, 9602, ""},
		{"/users/update", `{"users":[{"clientUserId":"v"}]}`, 9609, `[] [v] []`},
		{"/users/retire", `{"users":[{"clientUserId":"v"}]}`, 9609, `[] [v] []`},
		{"/status", "", 9708, ""},
		{"/status?eventId=5f0e8b52-0000-4000-8000-000000000001", "", 9708, ""},
	} {
		got := decode[failed](t, c.wantError(tt.path, tt.body, 400, tt.number))
		info := ""
		if got.Info != nil {
			info = fmt.Sprint(got.Info.Assets, got.Info.Users, got.Info.Serials)
		}
		if info = strings.ReplaceAll(info, "] [", "] ["); strings.ReplaceAll(info, "][", "] [") != tt.info {
			t.Errorf("%s: errorInfo %s, want %s", tt.path, info, tt.info)
		}
	}
	if len(c.loc.Assignments()) != 0 || len(c.loc.Events()) != 1 {
		t.Errorf("a refused call did something: %v", c.loc.Events())
	}
	c.wantNoViolations()

	c.srv.SetLimit("maxAssets", 1)
	c.wantError("/assets/associate", `{"assets":[{"adamId":"1","pricingParam":"STDQ"},{"adamId":"3","pricingParam":"STDQ"}],"clientUserIds":["u"]}`, 400, 9700)
	c.srv.SetLimit("maxAssets", 0) // not published, and as by default
	c.done("/assets/associate", `{"assets":[{"adamId":"1"},{"adamId":"3","pricingParam":"STDQ"}],"clientUserIds":["u"]}`)
	c.wantViolation("without pricingParam")
	c.done("/assets/associate", `{"assets":[{"adamId":"1","pricingParam":"STDQ","quality":1}],"clientUserIds":["u"],"serialNumbers":["A"]}`)
	if v := strings.Join(c.srv.Violations(), "\n"); !strings.Contains(v, "in one call") || !strings.Contains(v, `"quality"`) {
		t.Errorf("violations %s", v)
	}
}

func TestFailures(t *testing.T) {
	body := `{"assets":[{"adamId":"1","pricingParam":"STDQ"},{"adamId":"404","pricingParam":"STDQ"}],"clientUserIds":["u","ghost"]}`
	for _, tt := range []struct {
		name     string
		detail   vpptest.FailureDetail
		failures string
	}{
		{"by asset", vpptest.DetailByAsset, `[` +
			`{"errorNumber":9609,"errorMessage":"Registered user not found.","errorInfo":{"assets":[{"adamId":"1","pricingParam":"STDQ"}],"clientUserIds":["ghost"]}},` +
			`{"errorNumber":9709,"errorMessage":"Not enough licenses.","errorInfo":{"assets":[{"adamId":"404","pricingParam":"STDQ"}],"clientUserIds":["u","ghost"]}}]`},
		{"merged", vpptest.DetailMerged, `[` +
			`{"errorNumber":9609,"errorMessage":"Registered user not found.","errorInfo":{"assets":[{"adamId":"1","pricingParam":"STDQ"}],"clientUserIds":["ghost"]}},` +
			`{"errorNumber":9709,"errorMessage":"Not enough licenses.","errorInfo":{"assets":[{"adamId":"404","pricingParam":"STDQ"}],"clientUserIds":["u","ghost"]}}]`},
		{"none", vpptest.DetailNone, `[` +
			`{"errorNumber":9609,"errorMessage":"Registered user not found.","errorInfo":{}},` +
			`{"errorNumber":9709,"errorMessage":"Not enough licenses.","errorInfo":{}}]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := start(t, &vpptest.Options{FailureDetail: tt.detail, LateUserNotFound: true})
			c.loc.Buy(vpptest.Asset{AdamID: "1", Total: 5})
			c.loc.CreateUserByOther("u", "", "")
			id := c.event("/assets/associate", body)
			c.want("/status?eventId="+id, "", 200, `{"eventStatus":"FAILED","eventType":"ASSOCIATE","failures":`+tt.failures+
				`,"numCompleted":1,"numRequested":4,"uId":"2049000000000001"}`)
			c.wantNoViolations()
		})
	}
}

func TestUnlimited(t *testing.T) {
	c := start(t, &vpptest.Options{PageSize: 1})
	c.loc.Buy(vpptest.Asset{AdamID: "1", Unlimited: true, Platforms: []string{"visionOS"}})
	c.loc.Buy(vpptest.Asset{AdamID: "2", Total: 1})
	c.done("/assets/associate", `{"assets":[{"adamId":"1","pricingParam":"STDQ"}],"serialNumbers":["A","B"]}`)
	const free = `{"adamId":"1","assignedCount":2,"availableCount":2147483647,"deviceAssignable":true,"pricingParam":"STDQ","productType":"App",` +
		`"retiredCount":0,"revocable":true,"supportedPlatforms":["visionOS"],"totalCount":2147483647}`
	const separate = `"unlimitedAssets":[{"adamId":"1","assignedCount":2,"deviceAssignable":true,"pricingParam":"STDQ","productType":"App",` +
		`"revocable":true,"supportedPlatforms":["visionOS"]}]`
	for query, want := range map[string]string{
		"":                 `{"assets":[` + free + `],`,
		"?unlimited=true":  separate,
		"?unlimited=false": `{"assets":[{"adamId":"2",`,
	} {
		if a := c.want("/assets"+query, "", 200, ""); !strings.Contains(a.body, want) {
			t.Errorf("%q: %v", query, a)
		}
	}
	if a := c.want("/assets?unlimited=false", "", 200, ""); strings.Contains(a.body, "unlimitedAssets") {
		t.Error(a)
	}
	if c.loc.Refund("1", "", 1) != 0 {
		t.Error("an unlimited asset was refunded")
	}
	c.wantNoViolations()
}

func TestFilters(t *testing.T) {
	c := start(t, nil)
	c.loc.Buy(vpptest.Asset{AdamID: "1", Total: 5})
	c.loc.Buy(vpptest.Asset{AdamID: "2", Total: 5, ProductType: vpptest.Book})
	c.loc.Buy(vpptest.Asset{AdamID: "2", Total: 3, ProductType: vpptest.Book, PricingParam: vpptest.Plus})
	c.loc.Buy(vpptest.Asset{AdamID: "3", Total: 1, NotDeviceAssignable: true})
	c.loc.CreateUserByOther("u", "", "pat@school.example")
	c.loc.AssignByOther("1", "", vpptest.ToDevice("A"), vpptest.ToDevice("B"), vpptest.ToUser("u"))
	c.loc.AssignByOther("2", "PLUS", vpptest.ToUser("u"))
	for query, want := range map[string]string{
		"/assets?adamId=2":                              "2STDQ 2PLUS",
		"/assets?adamId=2&pricingParam=PLUS":            "2PLUS",
		"/assets?productType=Book":                      "2STDQ 2PLUS",
		"/assets?revocable=true":                        "1STDQ 3STDQ",
		"/assets?deviceAssignable=false":                "2STDQ 2PLUS 3STDQ",
		"/assets?minAvailableCount=2":                   "1STDQ 2STDQ 2PLUS",
		"/assets?maxAvailableCount=2":                   "1STDQ 2PLUS 3STDQ",
		"/assets?minAssignedCount=1&maxAssignedCount=1": "2PLUS",
		"/assignments?adamId=1":                         "1STDQA 1STDQB 1STDQu",
		"/assignments?serialNumber=B":                   "1STDQB",
		"/assignments?clientUserId=u":                   "1STDQu 2PLUSu",
		"/assignments?pricingParam=PLUS":                "2PLUSu",
		"/assignments?excludeInactiveUsers=true":        "1STDQA 1STDQB 1STDQu 2PLUSu",
	} {
		type element struct{ AdamID, PricingParam, ClientUserID, SerialNumber string }
		got := decode[struct{ Assets, Assignments []element }](t, c.want(query, "", 200, ""))
		var names []string
		for _, el := range append(got.Assets, got.Assignments...) {
			names = append(names, el.AdamID+el.PricingParam+el.ClientUserID+el.SerialNumber)
		}
		if strings.Join(names, " ") != want {
			t.Errorf("%s: %q, want %q", query, names, want)
		}
	}
	c.loc.RetireUserByOther("u") // the book is lost with the user
	if a := c.get("/assignments?includeUserState=true&clientUserId=u"); !strings.Contains(a.body,
		`"assignments":[{"adamId":"2","pricingParam":"PLUS","clientUserId":"u","userStatus":"Retired","idHash":"`) {
		t.Error(a)
	}
	if a := c.get("/assignments?excludeInactiveUsers=true&clientUserId=u"); !strings.Contains(a.body, `"assignments":[]`) {
		t.Error(a)
	}
	c.wantNoViolations()
}

func TestDelta(t *testing.T) {
	c := start(t, &vpptest.Options{PageSize: 2})
	c.loc.Buy(vpptest.Asset{AdamID: "1", Total: 50})
	serials := []vpptest.Target{vpptest.ToDevice("A"), vpptest.ToDevice("B"), vpptest.ToDevice("C")}
	c.loc.AssignByOther("1", "", serials...)
	v := c.version("/assignments")
	if a := c.want("/assignments?sinceVersionId="+v, "", 200, ""); !strings.Contains(a.body, `"size":0`) || !strings.Contains(a.body, v) {
		t.Error(a)
	}
	c.loc.UnassignByOther("1", "", serials[0])
	c.loc.AssignByOther("1", "", vpptest.ToDevice("D"))
	if a := c.want("/assignments?sinceVersionId="+v, "", 200, ""); !strings.Contains(a.body, `"assignments":[{"adamId":"1","pricingParam":"STDQ","serialNumber":"D"}]`) {
		t.Error(a)
	}
	users := c.version("/users")
	c.wantError("/assignments?sinceVersionId="+users, "", 400, 9721) // one of another list
	c.wantError("/users?sinceVersionId=never", "", 400, 9721)
	c.loc.CreateUserByOther("u", "", "")
	if a := c.want("/users?sinceVersionId="+users, "", 200, ""); !strings.Contains(a.body, `"clientUserId":"u"`) {
		t.Error(a)
	}
	later := c.version("/users")
	c.loc.RetireUserByOther("u")
	if a := c.want("/users?sinceVersionId="+later, "", 200, ""); !strings.Contains(a.body, `"users":[{"clientUserId":"u","status":"Retired"}]`) {
		t.Error(a)
	}
	c.want("/assets?sinceVersionId="+users, "", 200, "")
	c.wantViolation("sinceVersionId")
}

// Licences come and go; the sum stays what it should be.
func TestPortal(t *testing.T) {
	c := start(t, nil)
	to := c.srv.AddLocation(vpptest.LocationOptions{})
	c.loc.Buy(vpptest.Asset{AdamID: "1", Total: 10})
	c.loc.AssignByOther("1", "", vpptest.ToDevice("A"), vpptest.ToDevice("B"))
	if n := c.loc.TransferTo(to, "1", "", 3); n != 3 {
		t.Errorf("%d moved", n)
	}
	if n := c.loc.Refund("1", "", 100); n != 5 {
		t.Errorf("%d refunded", n)
	}
	if n := c.loc.Refund("1", "", 1) + c.loc.Refund("9", "", 1) + c.loc.TransferTo(to, "9", "", 1); n != 0 {
		t.Errorf("%d refunded", n)
	}
	if n := c.loc.AssignByOther("1", "", vpptest.ToDevice("C")); n != 0 {
		t.Error("there is a licence left")
	}
	if n := c.loc.RevokeByOther(vpptest.ToDevice("A"), vpptest.ToUser("nobody")); n != 1 {
		t.Errorf("%d revoked", n)
	}
	if n := c.loc.UnassignByOther("1", "", vpptest.ToDevice("A"), vpptest.ToDevice("B")); n != 2 {
		t.Errorf("%d unassigned", n)
	}
	from, _ := c.loc.Asset("1", "")
	got := to.Assets()
	if from.Total != 2 || from.Available != 2 || len(got) != 1 || got[0].Total != 3 || got[0].Platforms[0] != "iOS" {
		t.Errorf("%+v, %+v", from, got)
	}
	if _, there := to.Asset("1", "PLUS"); there {
		t.Error("another quality is there")
	}
}
