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

// v1 calls a service of version 1; body lacks the token and its opening brace.
func (c *client) v1(service, body string) answer {
	c.t.Helper()
	sep := ","
	if body == "" {
		sep = ""
	}
	return c.send("POST", "/mdm/"+service, `{"sToken":"`+string(c.loc.Token())+`"`+sep+body+`}`, http.Header{"Authorization": nil})
}

// wantV1 calls and expects a part of the answer.
func (c *client) wantV1(service, body, part string) answer {
	c.t.Helper()
	a := c.v1(service, body)
	if a.status != 200 || !strings.Contains(a.body, part) {
		c.t.Errorf("%s %s: %v\nwant %s", service, body, a, part)
	}
	return a
}

// failV1 calls and expects an error.
func (c *client) failV1(service, body string, number int) {
	c.t.Helper()
	a := c.v1(service, body)
	got := decode[struct {
		Status int `json:"status"`
		Number int `json:"errorNumber"`
	}](c.t, a)
	if a.status != 200 || got.Status != -1 || got.Number != number {
		c.t.Errorf("%s %s: %v, want error %d", service, body, a, number)
	}
}

func TestLegacyServiceConfig(t *testing.T) {
	c := start(t, nil)
	c.srv.SetLimit("maxBatchAssociateLicenseCount", 20)
	for _, url := range []string{"/mdm/VPPServiceConfigSrv", "/WebObjects/MZFinance.woa/wa/VPPServiceConfigSrv"} {
		for _, method := range []string{"GET", "POST"} {
			a := c.send(method, url, "", nil)
			for _, part := range []string{`"status":0`, `"getUsersSrvUrl":"` + c.srv.URL + `/mdm/getVPPUsersSrv"`, `"maxBatchAssociateLicenseCount":20`,
				`"maxBatchDisassociateLicenseCount":10`, `inviteCode=%25inviteCode%25&mt=8"`, `"errorCodes":[{"errorMessage":"A required argument is missing.","errorNumber":9600}`} {
				if a.status != 200 || !strings.Contains(a.body, part) {
					t.Errorf("%s %s: %v lacks %s", method, url, a, part)
				}
			}
		}
	}
	c.srv.SetLegacyPath("/mdm9/")
	if a := c.send("GET", "/mdm/VPPServiceConfigSrv", "", nil); !strings.Contains(a.body, c.srv.URL+"/mdm9/getVPPUsersSrv") {
		t.Error(a)
	}
	c.failV1("getVPPUsersSrv", "", 9617)
	if a := c.send("POST", "/mdm9/getVPPUsersSrv", `{"sToken":"`+string(c.loc.Token())+`"}`, nil); !strings.Contains(a.body, `"status":0`) {
		t.Error(a)
	}
	c.wantNoViolations()
}

func TestLegacyTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, nil)
		send := func(body string, number int) {
			t.Helper()
			if a := c.send("POST", "/mdm/getVPPAssetsSrv", body, nil); a.status != 200 || !strings.Contains(a.body, strconv.Itoa(number)) {
				t.Errorf("%s: %v, want %d", body, a, number)
			}
		}
		send(`{}`, 9601)
		send(`{"sToken":null}`, 9601)
		send(`{"sToken":"abc"}`, 9622)
		c.wantNoViolations()
		send(`{"sToken":`, 9602)
		c.wantViolation("body:")
		if a := c.send("PUT", "/mdm/getVPPAssetsSrv", `{}`, nil); a.status != 405 {
			t.Error(a)
		}
		c.wantViolation("called with POST")
		if a := c.send("POST", "/mdm/getVPPThingsSrv", `{}`, nil); a.status != 404 {
			t.Error(a)
		}
		c.wantViolation("unknown path")
		if a := c.send("POST", "/mdm/getVPPAssetsSrv", `{"sToken":"`+string(c.loc.Token())+`","x":1}`, http.Header{"Content-Type": {"application/json;charset=UTF8"}}); !strings.Contains(a.body, `"status":0`) {
			t.Error(a)
		}
		if v := c.srv.Violations(); len(v) != 2 || !strings.Contains(v[0], "Content-Type") || !strings.Contains(v[1], `"x"`) {
			t.Errorf("violations %q", v)
		}
		c.srv.ResetReceived()
		c.wantV1("getVPPAssetsSrv", `"includeLicenseCounts":"1"`, `"location":{"locationId":11111111111,"locationName":"Location 1"}`)
		c.failV1("getVPPAssetsSrv", `"includeLicenseCounts":"maybe"`, 9602)
		c.wantViolation("wrong type")
		time.Sleep(360 * 24 * time.Hour)
		c.wantV1("getVPPAssetsSrv", "", `"tokenExpDate":"2001-01-01T00:00:00+0000"`)
		time.Sleep(6 * 24 * time.Hour)
		c.failV1("getVPPAssetsSrv", "", 9621)
		c.loc.RevokeTokens()
		c.failV1("getVPPAssetsSrv", "", 9625)
		c.loc.IssueToken(vpptest.TokenOptions{ReadOnly: true})
		c.wantV1("getVPPAssetsSrv", "", `"status":0`)
		c.failV1("registerVPPUserSrv", `"clientUserIdStr":"u"`, 9637)
		c.loc.IssueToken(vpptest.TokenOptions{UserBased: true})
		if a := c.wantV1("registerVPPUserSrv", `"clientUserIdStr":"u"`, `"status":0`); strings.Contains(a.body, `"location"`) {
			t.Error(a)
		}
		c.loc.SetManagedByApple(true)
		c.failV1("registerVPPUserSrv", `"clientUserIdStr":"u"`, 9645)
		c.loc.SetManagedByApple(false)
		c.srv.SetMaintenance(true)
		c.failV1("getVPPAssetsSrv", "", 9644)
		c.srv.SetMaintenance(false)
		c.srv.RemoveService("/mdm/getVPPUserSrv")
		c.failV1("getVPPUserSrv", "", 9634)
		c.srv.SetUnavailable(true)
		if a := c.v1("getVPPAssetsSrv", ""); a.status != 503 || a.header.Get("Retry-After") != "120" {
			t.Error(a, a.header)
		}
		c.wantNoViolations()
		c.srv.ResetReceived()
		c.loc.IssueToken(vpptest.TokenOptions{})
		c.v1("getVPPAssetsSrv", "")
	})
}

func TestClientContext(t *testing.T) {
	c := start(t, nil)
	c.loc.SetClientContext(`{"hostname":"a","guid":"1"}`)
	c.wantV1("VPPClientConfigSrv", `"verbose":true`, `"clientContext":"{\"hostname\":\"a\",\"guid\":\"1\"}"`)
	c.wantV1("VPPClientConfigSrv", `"clientContext":"mine","notificationToken":"apn"`, `"apnToken":"apn"`)
	c.wantV1("VPPClientConfigSrv", `"clientContext":null`, `"clientContext":"mine"`)
	if a := c.wantV1("VPPClientConfigSrv", `"clientContext":""`, `"organizationId":2000000000001,`); strings.Contains(a.body, "clientContext") || strings.Contains(a.body, "appleId") {
		t.Error(a)
	}
	c.failV1("VPPClientConfigSrv", `"clientContext":"`+strings.Repeat("x", 256)+`"`, 9602)
	if a := c.get("/client/config"); !strings.Contains(a.body, `"apnToken":"apn"`) {
		t.Error(a)
	}
	c.wantV1("VPPClientConfigSrv", `"verbose":true`, `"clientContext":"token being used in v2"`)
	c.wantNoViolations()
}

func TestLegacyUsers(t *testing.T) {
	c := start(t, nil)
	a := c.wantV1("registerVPPUserSrv", `"clientUserIdStr":"8f6c-17","email":"pat@acme.example"`, `"status":"Registered"`)
	type user struct {
		User struct {
			ID       int64  `json:"userId"`
			Invite   string `json:"inviteCode"`
			URL      string `json:"inviteUrl"`
			Hash     string `json:"itsIdHash"`
			Licenses []struct {
				AdamID       int64 `json:"adamId"`
				ID           int64 `json:"licenseId"`
				Irrevocable  bool  `json:"isIrrevocable"`
				ProductType  int   `json:"productTypeId"`
				ProductTypeN string
			} `json:"licenses"`
		} `json:"user"`
	}
	one := decode[user](t, a).User
	if !strings.HasSuffix(one.URL, "?cc=us&inviteCode="+one.Invite+"&mt=8") || one.Hash != "" {
		t.Errorf("%+v", one)
	}
	if again := decode[user](t, c.v1("registerVPPUserSrv", `"clientUserIdStr":"8f6c-17"`)).User; again.ID != one.ID {
		t.Error("a second record")
	}
	c.wantV1("registerVPPUserSrv", `"clientUserIdStr":"8f6c-17","managedAppleIDStr":"pat@school.example"`, `"status":"Associated"`)
	c.wantV1("registerVPPUserSrv", `"clientUserIdStr":"8f6c-17","managedAppleIDStr":"other@school.example"`, `"status":"Associated"`)
	c.failV1("registerVPPUserSrv", `"clientUserIdStr":"8f6c-18","managedAppleIDStr":"pat@school.example"`, 9641)
	c.failV1("registerVPPUserSrv", `"email":"a@b.example"`, 9600)
	c.loc.SetOutcome("bad", 9642)
	c.failV1("registerVPPUserSrv", `"clientUserIdStr":"bad"`, 9642)
	c.loc.Buy(vpptest.Asset{AdamID: "2", Total: 5, ProductType: vpptest.Book})
	c.loc.Buy(vpptest.Asset{AdamID: "3", Total: 5, Platforms: []string{"macOS"}})
	c.loc.AssignByOther("2", "", vpptest.ToUser("8f6c-17"))
	c.loc.AssignByOther("3", "", vpptest.ToUser("8f6c-17"))
	two := decode[user](t, c.v1("getVPPUserSrv", fmt.Sprintf(`"userId":"%d","clientUserIdStr":"ignored"`, one.ID))).User
	if len(two.Licenses) != 2 || two.Licenses[0].AdamID != 2 || !two.Licenses[0].Irrevocable || two.Licenses[0].ProductType != 10 ||
		two.Licenses[1].ProductType != 7 || two.Hash == "" {
		t.Errorf("%+v", two)
	}
	c.wantV1("editVPPUserSrv", `"clientUserIdStr":"8f6c-17","email":"p.lee@acme.example","managedAppleIDStr":"pat@school.example"`, `"email":"p.lee@acme.example"`)
	three := decode[user](t, c.v1("retireVPPUserSrv", `"clientUserIdStr":"8f6c-17"`)).User
	if len(three.Licenses) != 1 || three.Licenses[0].AdamID != 2 {
		t.Errorf("%+v", three)
	}
	c.failV1("retireVPPUserSrv", fmt.Sprintf(`"userId":%d`, one.ID), 9618)
	c.failV1("retireVPPUserSrv", `"clientUserIdStr":"8f6c-17"`, 9609)
	c.failV1("retireVPPUserSrv", ``, 9600)
	c.failV1("editVPPUserSrv", `"userId":1`, 9609)
	c.failV1("getVPPUserSrv", `"clientUserIdStr":"8f6c-17"`, 9604)
	c.wantV1("getVPPUserSrv", `"clientUserIdStr":"8f6c-17","itsIdHash":"`+two.Hash+`"`, `"status":"Retired"`)
	four := decode[user](t, c.v1("registerVPPUserSrv", `"clientUserIdStr":"8f6c-17","managedAppleIDStr":"pat@school.example"`)).User
	if four.ID == one.ID || len(four.Licenses) != 1 {
		t.Errorf("%+v", four)
	}
	c.wantV1("getVPPUserSrv", fmt.Sprintf(`"userId":%d`, one.ID), `"status":"Deleted"`)
	c.failV1("editVPPUserSrv", fmt.Sprintf(`"userId":%d`, one.ID), 9620)
	c.failV1("editVPPUserSrv", fmt.Sprintf(`"userId":%d,"managedAppleIDStr":"x@school.example"`, 7), 9609)
	c.wantNoViolations()
}

func TestLegacyManage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, nil)
		c.loc.Buy(vpptest.Asset{AdamID: "1", Total: 1})
		c.loc.Buy(vpptest.Asset{AdamID: "2", Total: 9, ProductType: vpptest.Book})
		c.loc.CreateUserByOther("u", "", "u@school.example")
		const asset = `"adamIdStr":"1","pricingParam":"STDQ",`
		manage := func(body, part string) answer {
			t.Helper()
			return c.wantV1("manageVPPLicensesByAdamIdSrv", body, part)
		}
		a := manage(asset+`"associateSerialNumbers":["A","B"]`, `"status":-3`)
		for _, part := range []string{`"associations":[{"serialNumber":"A","licenseIdStr":"`, `{"serialNumber":"B","errorNumber":9610,"errorMessage":"The license was not found."}]`,
			`"adamIdStr":"1"`, `"productTypeId":8`, `"isIrrevocable":false`} {
			if !strings.Contains(a.body, part) {
				t.Errorf("%v lacks %s", a, part)
			}
		}
		manage(asset+`"associateSerialNumbers":["A"]`, `"errorNumber":9616,"errorMessage":"The user has a license already.","licenseAlreadyAssigned":{"licenseId":`)
		manage(asset+`"associateSerialNumbers":["A"]`, `"status":-1`)
		manage(asset+`"associateSerialNumbers":["A","B"]`, `"errorNumber":9630`)
		manage(asset+`"associateSerialNumbers":["B"]`, `"errorNumber":9631`)
		time.Sleep(5 * time.Minute)
		manage(asset+`"associateSerialNumbers":["B"]`, `"errorNumber":9610`)
		manage(asset+`"associateClientUserIdStrs":["ghost"]`, `"errorNumber":9609`)
		c.loc.SetOutcome("u", 9643)
		manage(asset+`"associateClientUserIdStrs":["u"]`, `"errorNumber":9643`)
		manage(asset+`"disassociateClientUserIdStrs":["u"]`, `"errorNumber":9643`)
		c.loc.SetOutcome("u", 0)
		// Removals come first.
		a = manage(asset+`"disassociateSerialNumbers":["A"],"associateClientUserIdStrs":["u"],"notifyDisassociation":false`, `"status":0`)
		if !strings.Contains(a.body, `"disassociations":[{"serialNumber":"A","licenseIdStr":"`) || len(c.loc.Assignments()) != 1 {
			t.Error(a)
		}
		id := decode[struct {
			Associations []struct{ LicenseIDStr string }
		}](t, a).Associations[0].LicenseIDStr
		manage(asset+`"disassociateSerialNumbers":["A"]`, `"errorNumber":9619`)
		manage(asset+`"disassociateLicenseIdStrs":["`+id+`"]`, `"status":0`)
		manage(asset+`"disassociateLicenseIdStrs":["`+id+`"]`, `"errorNumber":9619`)
		manage(asset+`"disassociateLicenseIdStrs":["99999"]`, `"errorNumber":9610`)
		c.loc.Refund("1", "", 1)
		manage(asset+`"disassociateLicenseIdStrs":["`+id+`"]`, `"errorNumber":9624`)
		manage(`"adamIdStr":2,"associateSerialNumbers":["A"]`, `"errorNumber":9628`)
		manage(`"adamIdStr":2,"associateClientUserIdStrs":["u"]`, `"isIrrevocable":true`)
		manage(`"adamIdStr":2,"disassociateClientUserIdStrs":["u"]`, `"errorNumber":9607`)
		manage(`"adamIdStr":"9","associateSerialNumbers":["A"]`, `"errorNumber":9610`)
		manage(`"adamIdStr":"9","disassociateLicenseIdStrs":["1"]`, `"errorNumber":9610`)
		c.loc.RetireUserByOther("u") // keeps the book of this Apple Account
		c.loc.CreateUserByOther("w", "", "u@school.example")
		manage(`"adamIdStr":2,"associateClientUserIdStrs":["w"]`, `"regUsersAlreadyAssigned":[{"userId":`)
		c.failV1("manageVPPLicensesByAdamIdSrv", `"associateSerialNumbers":["A"]`, 9600)
		c.failV1("manageVPPLicensesByAdamIdSrv", `"adamIdStr":"1"`, 9600)
		c.failV1("manageVPPLicensesByAdamIdSrv", asset+`"associateSerialNumbers":[`+numbered(11, `"%d"`)+`]`, 9602)
		c.srv.SetLimit("maxBatchDisassociateLicenseCount", 1)
		c.failV1("manageVPPLicensesByAdamIdSrv", asset+`"disassociateSerialNumbers":["A","B"]`, 9602)
		c.wantNoViolations()
		c.failV1("manageVPPLicensesByAdamIdSrv", asset+`"associateSerialNumbers":["A"],"associateClientUserIdStrs":["u"]`, 9602)
		c.wantViolation("more than one of")
	})
}
