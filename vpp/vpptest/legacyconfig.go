package vpptest

import (
	"net/http"
	"slices"
)

// legacyTexts is what version 1 says of the numbers that version 2 does not have.
func legacyTexts() map[int]string {
	return map[int]string{
		missingArgument: "A required argument is missing.",
		nothingFound:    "Nothing was found.",
		9605:            "The storefront does not fit the account.",
		9606:            "The token could not be made.",
		irrevocable:     "The license is irrevocable.",
		9608:            "An internal service gave no answer.",
		noLicence:       "The license was not found.",
		9611:            "The admin user was not found.",
		9612:            "The claim job could not be made.",
		9613:            "The unclaim job could not be made.",
		9614:            "Invalid date format.",
		9615:            "The country of the organization was not found.",
		alreadyHas:      "The user has a license already.",
		movedService:    "The service has moved.",
		alreadyRetired:  "The user is retired already.",
		notAssociated:   "The license is not associated.",
		userDeleted:     "The user is deleted already.",
		tokenInvalid:    "The sToken is invalid.",
		9624:            "The license was refunded.",
		9626:            "The license went to another user.",
		9627:            "The license was assigned too often.",
		notForDevices:   "The product cannot be assigned to devices.",
		foreignBatch:    "The batchToken is not one of this sToken.",
		9630:            "The user has a license already; stop repeating.",
		9631:            "No license is available; stop repeating.",
		9632:            "The same request came too often.",
		batchLost:       "The data of the batch are lost.",
		9636:            "No registered user.",
		9638:            "The owner of the token has no organization.",
		9642:            "The Apple Account has to accept the Terms first.",
		9643:            "The license is locked by a pending transfer.",
	}
}

// legacyServiceConfig is VPPServiceConfigSrv. There is no key for getAssignments.
func legacyServiceConfig(c *legacyCall) *reply {
	base := c.s.legacy.base
	setDefault(&base, legacyBase)
	base = c.baseURL() + base
	var codes []codeEntry
	for number, text := range legacyTexts() {
		codes = append(codes, codeEntry{text, number})
	}
	for _, number := range []int{loginRequired, invalidArgument, internalError, userNotFound, tokenExpired, 9623,
		tokenRevoked, serviceRemoved, accountForeign, notAllowed, accountTaken, maintenance, tooManyRequests} {
		codes = append(codes, codeEntry{errorText(number), number})
	}
	slices.SortFunc(codes, func(a, b codeEntry) int { return a.Number - b.Number })
	return &reply{status: http.StatusOK, body: encode(object{
		"status":                          0,
		"registerUserSrvUrl":              base + "registerVPPUserSrv",
		"editUserSrvUrl":                  base + "editVPPUserSrv",
		"getUserSrvUrl":                   base + "getVPPUserSrv",
		"getUsersSrvUrl":                  base + "getVPPUsersSrv",
		"retireUserSrvUrl":                base + "retireVPPUserSrv",
		"getVPPAssetsSrvUrl":              base + "getVPPAssetsSrv",
		"getLicensesSrvUrl":               base + "getVPPLicensesSrv",
		"manageVPPLicensesByAdamIdSrvUrl": base + "manageVPPLicensesByAdamIdSrv",
		"clientConfigSrvUrl":              base + "VPPClientConfigSrv",
		"contentMetadataLookupUrl":        c.lookupURL(),
		"invitationEmailUrl":              invitationURL + "?cc=us&inviteCode=%25inviteCode%25&mt=8",
		"vppWebsiteUrl":                   "https://business.apple.com",
		legacyAssociate:                   c.s.legacy.limits[legacyAssociate],
		legacyDisassociate:                c.s.legacy.limits[legacyDisassociate],
		"errorCodes":                      codes,
	})}
}

// legacyClientConfig is VPPClientConfigSrv.
func legacyClientConfig(c *legacyCall) *reply {
	st := &c.loc.client
	if c.has("clientContext") {
		context := c.text("clientContext")
		if len(context) >= 256 {
			return c.fail(invalidArgument)
		}
		st.context = context
	}
	if c.has("notificationToken") || c.has("apnToken") {
		st.apnToken = c.text("notificationToken") + c.text("apnToken")
	}
	o := object{
		"countryCode":        c.loc.opts.Country,
		"defaultPlatform":    c.loc.opts.Platform,
		"email":              "content.manager@" + c.loc.opts.UID + ".example",
		"organizationId":     c.loc.opts.OrganizationID,
		"organizationIdHash": hexOf(32, "organization", c.loc.opts.OrganizationID),
	}
	if c.flag("verbose") {
		o["appleId"] = o["email"]
	}
	if st.apnToken != "" {
		o["apnToken"] = st.apnToken
	}
	return c.ok(o)
}

// SetClientContext is what a manager that uses version 1 writes to the location.
func (l *Location) SetClientContext(context string) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.client.context = context
}
