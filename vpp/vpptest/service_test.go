package vpptest_test

import (
	"testing"

	"github.com/applemdm/applemdm/vpp/vpptest"
)

func TestServiceConfig(t *testing.T) {
	c := start(t, nil)
	c.srv.SetLimit("maxRequestPerSecond", 15)
	c.header = nil // it needs no token
	type config struct {
		Limits map[string]int    `json:"limits"`
		URLs   map[string]string `json:"urls"`
		Types  []string          `json:"notificationTypes"`
		Codes  []struct {
			Number  int    `json:"errorNumber"`
			Message string `json:"errorMessage"`
		} `json:"errorCodes"`
	}
	got := decode[config](t, c.want("/service/config", "", 200, ""))
	for name, want := range map[string]int{
		"maxAssets": 25, "maxClientUserIds": 1000, "maxSerialNumbers": 1000, "maxRevokeClientUserIds": 100,
		"maxRevokeSerialNumbers": 100, "maxUsers": 100, "maxSubscriptions": 25, "maxSubscriptionClientUserIds": 1000,
		"maxNotificationLength": 512, "maxMdmNameLength": 100, "maxMdmIdLength": 100, "maxMdmMetadataLength": 255,
		"maxRequestPerSecond": 15,
	} {
		if got.Limits[name] != want {
			t.Errorf("%s is %d, want %d", name, got.Limits[name], want)
		}
	}
	if len(got.Limits) != 13 || len(got.URLs) != 13 || len(got.Types) != 7 || len(got.Codes) != 38 || got.Codes[0].Number != 9601 {
		t.Errorf("%d limits, %d URLs, %d types, %d codes", len(got.Limits), len(got.URLs), len(got.Types), len(got.Codes))
	}
	if got.URLs["eventStatus"] != c.srv.URL+"/mdm/v2/status" ||
		got.URLs["contentMetadataLookup"] != c.srv.URL+"/WebObjects/MZStorePlatform.woa/wa/lookup" {
		t.Errorf("URLs %v", got.URLs)
	}
	c.srv.SetLimit("maxAssets", 3)
	c.srv.SetLimit("maxRequestPerSecond", 0)
	if got := decode[config](t, c.get("/service/config")); got.Limits["maxAssets"] != 3 || len(got.Limits) != 12 {
		t.Errorf("limits %v", got.Limits)
	}
	apple := decode[config](t, c.send("GET", "/mdm/v2/service/config", "", map[string][]string{"Host": {"vpp.itunes.apple.com"}}))
	if apple.URLs["getUsers"] != "https://vpp.itunes.apple.com/mdm/v2/users" ||
		apple.URLs["contentMetadataLookup"] != "https://uclient-api.itunes.apple.com/WebObjects/MZStorePlatform.woa/wa/lookup" {
		t.Errorf("URLs %v", apple.URLs)
	}
	c.wantNoViolations()
}

// The first walk through all that a client needs most.
func TestAssociate(t *testing.T) {
	c := start(t, nil)
	c.loc.Buy(vpptest.Asset{AdamID: "1000000001", Total: 2, Platforms: []string{"iOS", "macOS"}})
	id := c.event("/assets/associate", `{"assets":[{"adamId":"1000000001","pricingParam":"STDQ"}],"serialNumbers":["X1","X2","NONSENSE"]}`)
	st := c.wantStatus(id, "ASSOCIATE FAILED 2/3 9709")
	if f := st.Failures[0].Info; f.Assets[0]["adamId"] != "1000000001" || len(f.Serials) != 1 || f.Serials[0] != "NONSENSE" {
		t.Errorf("failures %+v", st.Failures)
	}
	c.want("/assets?productType=App&deviceAssignable=true", "", 200,
		`{"assets":[{"adamId":"1000000001","assignedCount":2,"availableCount":0,"deviceAssignable":true,"pricingParam":"STDQ",`+
			`"productType":"App","retiredCount":0,"revocable":true,"supportedPlatforms":["iOS","macOS"],"totalCount":2}],`+
			`"currentPageIndex":0,"size":1,"totalPages":1,"uId":"2049000000000001","versionId":"`+c.version("/assets")+`"}`)
	c.done("/assets/disassociate", `{"assets":[{"adamId":"1000000001","pricingParam":"STDQ"}],"serialNumbers":["X1"]}`)
	c.want("/assignments", "", 200, `{"assignments":[{"adamId":"1000000001","pricingParam":"STDQ","serialNumber":"X2"}],`+
		`"currentPageIndex":0,"size":1,"totalPages":1,"uId":"2049000000000001","versionId":"`+c.version("/assignments")+`"}`)
	c.done("/users/create", `{"users":[{"clientUserId":"u-1","managedAppleId":"pat@school.example"}]}`)
	c.done("/assets/associate", `{"assets":[{"adamId":"1000000001","pricingParam":"STDQ"}],"clientUserIds":["u-1"]}`)
	c.done("/assets/revoke", `{"clientUserIds":["u-1"]}`)
	c.done("/assets/revoke", `{"serialNumbers":["X2"]}`)
	if a, _ := c.loc.Asset("1000000001", ""); a.Available != 2 || len(c.loc.Assignments()) != 0 {
		t.Errorf("%+v, %v", a, c.loc.Assignments())
	}
	c.wantNoViolations()
}

// version returns the versionId that a list has now.
func (c *client) version(path string) string {
	c.t.Helper()
	return decode[struct {
		Version string `json:"versionId"`
	}](c.t, c.get(path)).Version
}
