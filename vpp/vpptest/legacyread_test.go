package vpptest_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/applemdm/applemdm/vpp/vpptest"
)

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
