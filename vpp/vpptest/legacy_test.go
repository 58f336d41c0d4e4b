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

type batch struct {
	Users    []struct{ ClientUserIDStr, Status string } `json:"users"`
	Licenses []struct{ LicenseIDStr, Status, SerialNumber, ClientUserIDStr string }
	Count    int    `json:"batchCount"`
	Batch    string `json:"batchToken"`
	Since    string `json:"sinceModifiedToken"`
	Total    any    `json:"totalBatchCount"`
	All      int    `json:"totalCount"`
}

func TestLegacyBatches(t *testing.T) {
	c := start(t, &vpptest.Options{PageSize: 2})
	for i := range 5 {
		c.loc.CreateUserByOther("u"+strconv.Itoa(i), "", "")
	}
	c.loc.RetireUserByOther("u0")
	get := func(body string) batch {
		t.Helper()
		return decode[batch](t, c.wantV1("getVPPUsersSrv", body, `"status":0`))
	}
	first := get(`"includeRetired":1,"batchToken":null,"ifModifiedSince":null`)
	if first.Count != 2 || first.All != 5 || first.Total != "2" || first.Since != "" || len(first.Batch) < 2000 {
		t.Errorf("%+v", first)
	}
	c.loc.CreateUserByOther("late", "", "") // comes with the next change
	c.loc.OmitTokens(1)
	if b := get(`"batchToken":"` + first.Batch + `"`); b.Count != 2 || b.Batch != "" || b.Since != "" {
		t.Errorf("%+v", b)
	}
	second := get(`"batchToken":"` + first.Batch + `"`)
	last := get(`"batchToken":"` + second.Batch + `"`)
	if second.Since != "" || last.Count != 1 || last.Since == "" || last.Batch != "" {
		t.Errorf("%+v, %+v", second, last)
	}
	parallel := get(`"batchToken":"` + first.Batch + `","overrideIndex":"2"`)
	if parallel.Since == "" || parallel.Users[0].ClientUserIDStr != last.Users[0].ClientUserIDStr {
		t.Errorf("%+v", parallel)
	}
	c.failV1("getVPPUsersSrv", `"batchToken":"`+first.Batch+`","overrideIndex":3`, 9602)
	c.failV1("getVPPUsersSrv", `"batchToken":"H4sI"`, 9602)
	c.failV1("getVPPUsersSrv", `"sinceModifiedToken":"H4sI"`, 9602)
	c.failV1("getVPPLicensesSrv", `"sinceModifiedToken":"`+last.Since+`"`, 9602)
	delta := get(`"sinceModifiedToken":"` + last.Since + `"`)
	if delta.Count != 1 || delta.Users[0].ClientUserIDStr != "late" || delta.Total != "0" {
		t.Errorf("%+v", delta)
	}
	if none := get(`"sinceModifiedToken":"` + delta.Since + `"`); none.Count != 0 || none.Since == "" {
		t.Errorf("%+v", none)
	}
	if b := get(`"includeRetiredOnly":true`); b.Count != 1 || b.Users[0].Status != "Retired" {
		t.Errorf("%+v", b)
	}
	if b := get(``); b.All != 5 {
		t.Errorf("%+v", b)
	}
	c.loc.LoseBatches()
	c.failV1("getVPPUsersSrv", `"batchToken":"`+first.Batch+`"`, 9633)
	mine := get(``).Batch
	c.loc.IssueToken(vpptest.TokenOptions{})
	c.failV1("getVPPUsersSrv", `"batchToken":"`+mine+`"`, 9629)
	c.failV1("getVPPUsersSrv", `"sinceModifiedToken":"`+last.Since+`"`, 9629)
	c.wantNoViolations()
}

func TestLegacyLicenses(t *testing.T) {
	c := start(t, nil)
	c.loc.Buy(vpptest.Asset{AdamID: "1", Total: 3})
	c.loc.Buy(vpptest.Asset{AdamID: "2", Total: 2, ProductType: vpptest.Book})
	c.loc.Buy(vpptest.Asset{AdamID: "3", Unlimited: true})
	c.loc.CreateUserByOther("u", "", "u@school.example")
	c.loc.AssignByOther("1", "", vpptest.ToDevice("A"), vpptest.ToUser("u"))
	c.loc.AssignByOther("2", "", vpptest.ToUser("u"))
	list := func(body string) batch {
		t.Helper()
		return decode[batch](t, c.wantV1("getVPPLicensesSrv", body, `"status":0`))
	}
	for body, want := range map[string]int{
		``:                                   5,
		`"assignedOnly":true`:                3,
		`"userAssignedOnly":true`:            2,
		`"deviceAssignedOnly":"1"`:           1,
		`"serialNumber":"A"`:                 1,
		`"adamId":1`:                         3,
		`"adamId":"2","pricingParam":"PLUS"`: 0,
	} {
		if b := list(body); b.Count != want || b.Total != 0.0 {
			t.Errorf("%s: %+v, want %d", body, b, want)
		}
	}
	c.failV1("getVPPLicensesSrv", `"assignedOnly":true,"userAssignedOnly":true`, 9602)
	c.wantV1("getVPPLicensesSrv", `"serialNumber":"A"`, `{"licenseId":5,"licenseIdStr":"5","adamId":1,"adamIdStr":"1","pricingParam":"STDQ",`+
		`"productTypeId":8,"productTypeName":"Application","isIrrevocable":false,"status":"Associated","serialNumber":"A"}`)
	since := list(``).Since
	c.loc.Refund("1", "", 1)
	b := list(`"sinceModifiedToken":"` + since + `"`)
	if b.Count != 1 || b.Licenses[0].Status != "Refunded" {
		t.Errorf("%+v", b)
	}
	c.failV1("getVPPLicensesSrv", `"sinceModifiedToken":"`+list(``).Since+`x"`, 9602)

	c.wantV1("getVPPAssetsSrv", `"includeLicenseCounts":true,"pricingParam":"STDQ"`, `"assets":[{"adamIdStr":"1","pricingParam":"STDQ","productTypeId":8,`+
		`"productTypeName":"Application","deviceAssignable":true,"isIrrevocable":false,"assignedCount":2,"availableCount":0,"retiredCount":0,"totalCount":2},`+
		`{"adamIdStr":"2","pricingParam":"STDQ","productTypeId":10,"productTypeName":"Publication","deviceAssignable":false,"isIrrevocable":true,`)
	c.wantV1("getVPPAssetsSrv", `"pricingParam":"PLUS"`, `"assets":[],`)
	c.wantNoViolations()
}

func TestLegacyAssignments(t *testing.T) {
	c := start(t, nil)
	c.loc.Buy(vpptest.Asset{AdamID: "1", Total: 700})
	c.loc.CreateUserByOther("u", "", "")
	c.loc.AssignByOther("1", "", vpptest.ToDevice("A"), vpptest.ToUser("u"))
	c.wantV1("getAssignments", `"serialNumber":"A"`, `{"assignments":[{"adamIdStr":"1","pricingParam":"STDQ","serialNumber":"A"}],"assignmentsInCurrentPage":1,"currentPageIndex":0,`)
	if a := c.wantV1("getAssignments", `"clientUserIdStr":"u","adamIdStr":1`, `"totalAssignments":1,"totalPages":1`); strings.Contains(a.body, "requestId") || strings.Contains(a.body, "nextPageIndex") {
		t.Error(a)
	}
	for i := range 599 {
		c.loc.AssignByOther("1", "", vpptest.ToDevice(strconv.Itoa(i)))
	}
	type page struct {
		ID       string `json:"requestId"`
		Next     int    `json:"nextPageIndex"`
		In       int    `json:"assignmentsInCurrentPage"`
		Total    int    `json:"totalAssignments"`
		Pages    int    `json:"totalPages"`
		Assigned []any  `json:"assignments"`
	}
	one := decode[page](t, c.v1("getAssignments", ""))
	if one.ID == "" || one.Next != 1 || one.In != 300 || one.Total != 601 || one.Pages != 3 || len(one.Assigned) != 300 {
		t.Errorf("%+v", one)
	}
	c.loc.RevokeByOther(vpptest.ToDevice("A"))
	three := decode[page](t, c.v1("getAssignments", `"requestId":"`+one.ID+`","pageIndex":"2"`))
	if three.In != 1 || three.Next != 0 || three.ID != one.ID {
		t.Errorf("%+v", three)
	}
	c.failV1("getAssignments", `"pageIndex":1`, 9602)
	c.failV1("getAssignments", `"requestId":"x"`, 9602)
	c.failV1("getAssignments", `"requestId":"`+one.ID+`","pageIndex":3`, 9602)
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
