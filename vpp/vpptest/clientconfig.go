package vpptest

import (
	"net/url"
	"slices"
	"unicode/utf8"
)

type mdmInfo struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Metadata string `json:"metadata"`
}

// Types of notifications.
const (
	TestNotification       = "TEST_NOTIFICATION"
	AssetCount             = "ASSET_COUNT"
	AssetManagement        = "ASSET_MANAGEMENT"
	UserManagement         = "USER_MANAGEMENT"
	UserAssociated         = "USER_ASSOCIATED"
	SubscriptionManagement = "SUBSCRIPTION_MANAGEMENT"
	SubscriptionCount      = "SUBSCRIPTION_COUNT"
	UnlimitedAsset         = "UNLIMITED_ASSET"
)

// notificationTypes are those that can be subscribed.
func notificationTypes() []string {
	return []string{AssetCount, AssetManagement, UserManagement, UserAssociated, SubscriptionManagement,
		SubscriptionCount, UnlimitedAsset}
}

// clientConfig is GET /client/config.
func clientConfig(c *call) *reply {
	l := c.loc
	o := object{
		"countryISO2ACode": l.opts.Country,
		"defaultPlatform":  l.opts.Platform,
		"locationName":     l.opts.Name,
		"websiteURL":       "https://business.apple.com",
	}
	if l.opts.Platform == "volumestore" {
		o["websiteURL"] = "https://school.apple.com"
	}
	if l.client.hookURL != "" {
		o["notificationUrl"] = l.client.hookURL
		o["notificationAuthToken"] = l.client.hookToken
	}
	if l.client.hookTypes != nil {
		o["subscribedNotificationTypes"] = l.client.hookTypes
	}
	if l.client.apnToken != "" {
		o["apnToken"] = l.client.apnToken
	}
	return c.ok(o)
}

type clientConfigRequest struct {
	MdmInfo *struct {
		ID       *string   `json:"id"`
		Name     *string   `json:"name"`
		Metadata *string   `json:"metadata"`
		Rest     strangers `json:",embed"`
	} `json:"mdmInfo"`
	NotificationURL       *string   `json:"notificationUrl"`
	NotificationAuthToken *string   `json:"notificationAuthToken"`
	NotificationTypes     *[]string `json:"notificationTypes"`
	Rest                  strangers `json:",embed"`
}

// setClientConfig is POST /client/config. Empty texts for the URL and its token together clear
// both; Apple does not say how that is done. A body that is empty, or {}, is a read.
func setClientConfig(c *call) *reply {
	var req clientConfigRequest
	if len(c.body) > 0 {
		if rep := c.decode(&req, &req.Rest); rep != nil {
			return rep
		}
	}
	number := c.checkMdm(&req)
	if number == 0 {
		number = c.checkHook(&req)
	}
	if number != 0 {
		return c.fail(number, nil)
	}
	st := &c.loc.client
	if req.NotificationURL != nil {
		if *req.NotificationURL != "" && !c.testHook(*req.NotificationURL, *req.NotificationAuthToken) {
			return c.fail(hookUnreachable, nil)
		}
		st.hookURL, st.hookToken = *req.NotificationURL, *req.NotificationAuthToken
	}
	if req.NotificationTypes != nil {
		st.hookTypes = slices.Clone(*req.NotificationTypes)
	}
	if m := req.MdmInfo; m != nil {
		st.mdm = &mdmInfo{*m.ID, *m.Name, *m.Metadata}
		st.foreign, st.told = false, false
	}
	return clientConfig(c)
}

func (c *call) checkMdm(req *clientConfigRequest) int {
	m := req.MdmInfo
	if m == nil {
		return 0
	}
	for name := range m.Rest {
		c.note("unknown member %q", name)
	}
	given := func(p *string) bool { return p != nil && *p != "" }
	longer := func(p *string, limit string) bool { return utf8.RuneCountInString(*p) > c.s.limit(limit) }
	switch {
	case !given(m.ID) || !given(m.Name) || !given(m.Metadata):
		return mdmIncomplete
	case longer(m.ID, maxMdmID):
		return mdmIDTooLong
	case longer(m.Name, maxMdmName):
		return mdmNameTooLong
	case longer(m.Metadata, maxMdmMetadata):
		return metadataTooLong
	}
	return 0
}

func (c *call) checkHook(req *clientConfigRequest) int {
	if req.NotificationTypes != nil {
		for _, t := range *req.NotificationTypes {
			if t != TestNotification && !slices.Contains(notificationTypes(), t) {
				return invalidArgument
			}
		}
	}
	if req.NotificationURL == nil && req.NotificationAuthToken == nil {
		return 0
	}
	if req.NotificationURL == nil || req.NotificationAuthToken == nil ||
		(*req.NotificationURL == "") != (*req.NotificationAuthToken == "") {
		return hookIncomplete
	}
	limit := c.s.limit(maxNotification)
	if len(*req.NotificationURL) > limit || len(*req.NotificationAuthToken) > limit {
		return hookTooLong
	}
	if *req.NotificationURL == "" {
		return 0
	}
	u, err := url.Parse(*req.NotificationURL)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return hookInvalid
	}
	return 0
}

// testHook sends the TEST_NOTIFICATION, without the lock, and reports whether it was taken.
func (c *call) testHook(url, token string) bool {
	d := c.loc.newDelivery(TestNotification, "", object{})
	d.url, d.token = url, token
	c.s.mu.Unlock()
	defer c.s.mu.Lock()
	return c.s.deliver(c.r.Context(), d)
}

// ClaimByOther lets another MDM claim the location with its own mdmInfo, which every answer of
// version 2 tells from now on.
func (l *Location) ClaimByOther(id, name, metadata string) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.client.mdm = &mdmInfo{id, name, metadata}
	l.client.foreign, l.client.told = true, false
}
