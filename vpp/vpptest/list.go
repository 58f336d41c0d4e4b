package vpptest

import "slices"

// assetElement is an asset in answers. Those of unlimited assets have no counts but one.
type assetElement struct {
	AdamID           string   `json:"adamId"`
	AssignedCount    int      `json:"assignedCount"`
	AvailableCount   *int     `json:"availableCount,omitzero"`
	DeviceAssignable bool     `json:"deviceAssignable"`
	PricingParam     string   `json:"pricingParam"`
	ProductType      string   `json:"productType"`
	RetiredCount     *int     `json:"retiredCount,omitzero"`
	Revocable        bool     `json:"revocable"`
	Platforms        []string `json:"supportedPlatforms"`
	TotalCount       *int     `json:"totalCount,omitzero"`
}

func assetElementOf(a *asset, counts bool) assetElement {
	el := assetElement{
		AdamID: a.ref.AdamID, PricingParam: a.ref.PricingParam, ProductType: a.product,
		DeviceAssignable: a.onDevices, Revocable: a.revocable(), Platforms: a.platforms, AssignedCount: a.assigned,
	}
	if counts {
		el.AvailableCount, el.RetiredCount, el.TotalCount = new(a.available()), new(a.retired), new(a.totalCount())
	}
	return el
}

// assetFilter is the query of GET /assets.
type assetFilter struct {
	adamID, product, pricing                 string
	revocable, onDevices, unlimited          *bool
	minAvail, maxAvail, minAssign, maxAssign int
}

func (c *call) assetFilter() (f assetFilter, ok bool) {
	f.adamID, f.product, f.pricing = c.query.Get("adamId"), c.query.Get("productType"), c.query.Get("pricingParam")
	good := slices.Contains([]string{"", App, Book}, f.product) && slices.Contains([]string{"", Standard, Plus}, f.pricing)
	for name, field := range map[string]**bool{
		"revocable": &f.revocable, "deviceAssignable": &f.onDevices, "unlimited": &f.unlimited,
	} {
		if *field, ok = c.flag(name); !ok {
			good = false
		}
	}
	for name, field := range map[string]struct {
		n      *int
		absent int
	}{
		"minAvailableCount": {&f.minAvail, 0}, "maxAvailableCount": {&f.maxAvail, unlimitedCount},
		"minAssignedCount": {&f.minAssign, 0}, "maxAssignedCount": {&f.maxAssign, unlimitedCount},
	} {
		if *field.n, ok = c.number(name, field.absent); !ok {
			good = false
		}
	}
	return f, good
}

func (f *assetFilter) matches(a *asset) bool {
	text := func(want, is string) bool { return want == "" || want == is }
	flag := func(want *bool, is bool) bool { return want == nil || *want == is }
	return text(f.adamID, a.ref.AdamID) && text(f.product, a.product) && text(f.pricing, a.ref.PricingParam) &&
		flag(f.revocable, a.revocable()) && flag(f.onDevices, a.onDevices) &&
		a.available() >= f.minAvail && a.available() <= f.maxAvail &&
		a.assigned >= f.minAssign && a.assigned <= f.maxAssign
}

// listAssets is GET /assets. With unlimited=true, unlimited assets are in a list of their own, all
// of them on the first page.
func listAssets(c *call) *reply {
	f, ok := c.assetFilter()
	if !ok {
		return c.fail(invalidArgument, nil)
	}
	separate := f.unlimited != nil && *f.unlimited
	items := listOf(c, assetSet, func() []assetElement {
		list := []assetElement{}
		for _, a := range c.loc.assetOrder {
			if f.matches(a) && (f.unlimited == nil || !a.unlimited) {
				list = append(list, assetElementOf(a, true))
			}
		}
		return list
	})
	if !separate {
		return page(c, assetSet, "assets", items)
	}
	unlimited := []assetElement{}
	for _, a := range c.loc.assetOrder {
		if index, _ := c.number("pageIndex", 0); index == 0 && a.unlimited && f.matches(a) {
			unlimited = append(unlimited, assetElementOf(a, false))
		}
	}
	return page(c, assetSet, "assets", items, member{"unlimitedAssets", unlimited})
}

type assignmentElement struct {
	AdamID       string `json:"adamId"`
	PricingParam string `json:"pricingParam"`
	ClientUserID string `json:"clientUserId,omitzero"`
	SerialNumber string `json:"serialNumber,omitzero"`
	UserStatus   string `json:"userStatus,omitzero"`
	IDHash       string `json:"idHash,omitzero"`
}

// listAssignments is GET /assignments. With sinceVersionId it tells those that were made or changed
// hands since; what was taken back is not told, as Apple does not say how it would be.
func listAssignments(c *call) *reply {
	active, ok1 := c.is("excludeInactiveUsers")
	state, ok2 := c.is("includeUserState")
	pricing := c.query.Get("pricingParam")
	if !ok1 || !ok2 || !slices.Contains([]string{"", Standard, Plus}, pricing) {
		return c.fail(invalidArgument, nil)
	}
	since, rep := c.sinceVersion(assignmentSet)
	if rep != nil {
		return rep
	}
	adamID, serial, clientID := c.query.Get("adamId"), c.query.Get("serialNumber"), c.query.Get("clientUserId")
	build := func() []assignmentElement {
		list := []assignmentElement{}
		c.loc.holdings.all(func(as *assignment) {
			t := as.holder.target()
			el := assignmentElement{
				AdamID: as.asset.ref.AdamID, PricingParam: as.asset.ref.PricingParam,
				ClientUserID: t.ClientUserID, SerialNumber: t.SerialNumber,
			}
			u := as.holder.user
			switch {
			case as.rev <= since, adamID != "" && el.AdamID != adamID, pricing != "" && el.PricingParam != pricing,
				serial != "" && t.SerialNumber != serial, clientID != "" && t.ClientUserID != clientID,
				active && u != nil && !u.active():
				return
			}
			if state && u != nil {
				el.UserStatus, el.IDHash = u.status, u.hash()
			}
			list = append(list, el)
		})
		return list
	}
	return page(c, assignmentSet, "assignments", listOf(c, assignmentSet, build))
}

// sinceVersion reads sinceVersionId. Without one every revision is newer.
func (c *call) sinceVersion(set dataset) (int, *reply) {
	id := c.query.Get("sinceVersionId")
	if id == "" {
		return -1, nil
	}
	rev, ok := c.loc.since(set, id)
	if !ok {
		return 0, c.fail(badVersion, nil)
	}
	return rev, nil
}
