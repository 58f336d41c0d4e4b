package vpptest

import (
	"slices"
	"strconv"
)

// legacyProduct is how version 1 calls a type of product.
func legacyProduct(a *asset) (id int, name string) {
	switch {
	case a.product == Book:
		return 10, "Publication"
	case slices.Equal(a.platforms, []string{"macOS"}):
		return 7, "Software"
	}
	return 8, "Application"
}

type legacyAsset struct {
	AdamIDStr        string `json:"adamIdStr"`
	PricingParam     string `json:"pricingParam"`
	ProductTypeID    int    `json:"productTypeId"`
	ProductTypeName  string `json:"productTypeName"`
	DeviceAssignable bool   `json:"deviceAssignable"`
	IsIrrevocable    bool   `json:"isIrrevocable"`
	AssignedCount    *int   `json:"assignedCount,omitzero"`
	AvailableCount   *int   `json:"availableCount,omitzero"`
	RetiredCount     *int   `json:"retiredCount,omitzero"`
	TotalCount       *int   `json:"totalCount,omitzero"`
}

// legacyGetAssets is getVPPAssetsSrv.
func legacyGetAssets(c *legacyCall) *reply {
	list := []legacyAsset{}
	for _, a := range c.loc.assetOrder {
		if pricing := c.text("pricingParam"); pricing != "" && pricing != a.ref.PricingParam {
			continue
		}
		id, name := legacyProduct(a)
		el := legacyAsset{
			AdamIDStr: a.ref.AdamID, PricingParam: a.ref.PricingParam, ProductTypeID: id, ProductTypeName: name,
			DeviceAssignable: a.onDevices, IsIrrevocable: !a.revocable(),
		}
		if c.flag("includeLicenseCounts") {
			el.AssignedCount, el.AvailableCount = new(a.assigned), new(a.available())
			el.RetiredCount, el.TotalCount = new(a.retired), new(a.totalCount())
		}
		list = append(list, el)
	}
	return c.ok(object{"assets": list, "totalCount": len(list)})
}

// legacyLicense is a VppLicense. Inside a user it has no holder and no status.
type legacyLicense struct {
	LicenseID       int64  `json:"licenseId"`
	LicenseIDStr    string `json:"licenseIdStr"`
	AdamID          int64  `json:"adamId"`
	AdamIDStr       string `json:"adamIdStr"`
	PricingParam    string `json:"pricingParam"`
	ProductTypeID   int    `json:"productTypeId"`
	ProductTypeName string `json:"productTypeName"`
	IsIrrevocable   bool   `json:"isIrrevocable"`
	Status          string `json:"status,omitzero"`
	UserID          int64  `json:"userId,omitzero"`
	UserIDStr       string `json:"userIdStr,omitzero"`
	ClientUserIDStr string `json:"clientUserIdStr,omitzero"`
	ITSIDHash       string `json:"itsIdHash,omitzero"`
	SerialNumber    string `json:"serialNumber,omitzero"`
}

func legacyLicenseOf(lic *licence) legacyLicense {
	id, name := legacyProduct(lic.asset)
	adamID, _ := strconv.ParseInt(lic.asset.ref.AdamID, 10, 64)
	return legacyLicense{
		LicenseID: lic.id, LicenseIDStr: strconv.FormatInt(lic.id, 10), AdamID: adamID,
		AdamIDStr: lic.asset.ref.AdamID, PricingParam: lic.asset.ref.PricingParam,
		ProductTypeID: id, ProductTypeName: name, IsIrrevocable: !lic.asset.revocable(),
	}
}

// withHolder adds who has the licence.
func (el legacyLicense) withHolder(lic *licence, refunded bool) legacyLicense {
	el.Status = "Available"
	switch {
	case refunded:
		el.Status = "Refunded"
	case lic.holder != nil:
		el.Status = "Associated"
		el.SerialNumber = lic.holder.holder.serial
		if u := lic.holder.holder.user; u != nil {
			el.UserID, el.UserIDStr = u.id, strconv.FormatInt(u.id, 10)
			el.ClientUserIDStr, el.ITSIDHash = u.clientID, u.hash()
		}
	}
	return el
}

// legacyGetLicenses is getVPPLicensesSrv. Of unlimited assets only licences that were assigned once
// are listed.
func legacyGetLicenses(c *legacyCall) *reply {
	params := make(map[string]string)
	for _, name := range []string{"adamId", "pricingParam", "serialNumber"} {
		params[name] = c.text(name)
	}
	exclusive := 0
	for _, name := range []string{"assignedOnly", "userAssignedOnly", "deviceAssignedOnly"} {
		params[name] = c.text(name)
		if c.flag(name) {
			exclusive++
		}
	}
	if exclusive > 1 {
		return c.fail(invalidArgument)
	}
	o, number := c.batch(batchKind{"licenses", assignmentSet}, params, c.loc.legacyLicenses)
	if number != 0 {
		return c.fail(number)
	}
	return c.ok(o)
}

func (l *Location) legacyLicenses(params map[string]string, since int) []any {
	is := func(name string) bool { return params[name] == "true" || params[name] == "1" }
	wanted := func(lic *licence) bool {
		assigned := lic.holder != nil
		return lic.rev > since &&
			(!is("assignedOnly") || assigned) &&
			(!is("userAssignedOnly") || assigned && lic.holder.holder.user != nil) &&
			(!is("deviceAssignedOnly") || assigned && lic.holder.holder.serial != "") &&
			(params["serialNumber"] == "" || assigned && lic.holder.holder.serial == params["serialNumber"])
	}
	list := []any{}
	for _, a := range l.assetOrder {
		if id := params["adamId"]; id != "" && (id != a.ref.AdamID ||
			params["pricingParam"] != "" && params["pricingParam"] != a.ref.PricingParam) {
			continue
		}
		a.materialize(l.s)
		for _, lic := range a.licences {
			if wanted(lic) {
				list = append(list, legacyLicenseOf(lic).withHolder(lic, false))
			}
		}
		for _, lic := range a.refunded {
			if wanted(lic) {
				list = append(list, legacyLicenseOf(lic).withHolder(lic, true))
			}
		}
	}
	return list
}

type legacyAssignment struct {
	AdamIDStr       string `json:"adamIdStr"`
	PricingParam    string `json:"pricingParam"`
	ClientUserIDStr string `json:"clientUserIdStr,omitzero"`
	SerialNumber    string `json:"serialNumber,omitzero"`
}

// assignmentRequest is a list of assignments that is being read.
type assignmentRequest struct{ items []legacyAssignment }

// maxLegacyPage is how many assignments a page of getAssignments holds.
const maxLegacyPage = 300

// legacyGetAssignments is getAssignments. The list is made when it is asked for.
func legacyGetAssignments(c *legacyCall) *reply {
	size := min(maxLegacyPage, c.s.opts.PageSize)
	req := c.loc.requests[c.text("requestId")]
	switch {
	case c.has("requestId") && req == nil, c.has("pageIndex") && !c.has("requestId"):
		return c.fail(invalidArgument)
	case req == nil:
		req = &assignmentRequest{items: c.legacyAssignments()}
	}
	id := c.text("requestId")
	if len(req.items) > size && id == "" {
		id = uuidOf("request", c.loc.opts.UID, c.s.next())
		c.loc.requests[id] = req
	}
	index, pages := int(c.integer("pageIndex")), (len(req.items)+size-1)/size
	if index < 0 || index > 0 && index >= pages {
		return c.fail(invalidArgument)
	}
	items := req.items[index*size : min((index+1)*size, len(req.items))]
	o := object{
		"assignments": items, "assignmentsInCurrentPage": len(items), "currentPageIndex": index,
		"totalAssignments": len(req.items), "totalPages": pages,
	}
	if id != "" {
		o["requestId"] = id
	}
	if index+1 < pages {
		o["nextPageIndex"] = index + 1
	}
	return c.ok(o)
}

func (c *legacyCall) legacyAssignments() []legacyAssignment {
	list := []legacyAssignment{}
	matches := func(name, value string) bool { return c.text(name) == "" || c.text(name) == value }
	c.loc.holdings.all(func(as *assignment) {
		t, ref := as.holder.target(), as.asset.ref
		if matches("adamIdStr", ref.AdamID) && matches("clientUserIdStr", t.ClientUserID) && matches("serialNumber", t.SerialNumber) {
			list = append(list, legacyAssignment{ref.AdamID, ref.PricingParam, t.ClientUserID, t.SerialNumber})
		}
	})
	return list
}
