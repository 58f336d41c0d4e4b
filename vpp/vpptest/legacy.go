package vpptest

import (
	"maps"
	"net/http"
	"strings"
	"time"
)

// The limits of version 1, as its service configuration calls them.
const (
	legacyAssociate    = "maxBatchAssociateLicenseCount"
	legacyDisassociate = "maxBatchDisassociateLicenseCount"
)

// usedIn2 is the clientContext of a location whose token was used with version 2.
const usedIn2 = "token being used in v2"

// Where the services of version 1 are today, and where they were.
const (
	legacyBase    = "/mdm/"
	oldLegacyBase = "/WebObjects/MZFinance.woa/wa/"
)

// legacyState is what version 1 has for itself on a server.
type legacyState struct {
	limits   map[string]int
	base     string // where the services are alone, "" while they are at both places
	services map[string]legacyService
	batches  map[string]*batch // by batchToken
	since    map[string]sinceToken
	repeats  map[string]repeat
}

func (st *legacyState) init() {
	st.limits = map[string]int{legacyAssociate: 10, legacyDisassociate: 10}
	st.services = legacyServices()
	st.batches = make(map[string]*batch)
	st.since = make(map[string]sinceToken)
	st.repeats = make(map[string]repeat)
}

// legacyService is one service of version 1. run is called under Server.mu.
type legacyService struct {
	run     func(c *legacyCall) *reply
	write   bool
	list    listKind
	members map[string]kind // besides sToken
}

func legacyServices() map[string]legacyService {
	batched := map[string]kind{"batchToken": aText, "sinceModifiedToken": aText, "overrideIndex": aNumber}
	with := func(base, more map[string]kind) map[string]kind {
		all := maps.Clone(base)
		maps.Copy(all, more)
		return all
	}
	byUser := map[string]kind{"userId": aNumber, "clientUserIdStr": aText}
	return map[string]legacyService{
		"VPPServiceConfigSrv": {run: legacyServiceConfig},
		"VPPClientConfigSrv": {run: legacyClientConfig, members: map[string]kind{"clientContext": aText,
			"notificationToken": aText, "apnToken": aText, "notificationUrl": aText, "verbose": aFlag}},
		"registerVPPUserSrv": {run: legacyRegister, write: true, members: map[string]kind{"clientUserIdStr": aText,
			"email": aText, "managedAppleIDStr": aText}},
		"getVPPUserSrv": {run: legacyGetUser, members: with(byUser, map[string]kind{"itsIdHash": aText})},
		"getVPPUsersSrv": {run: legacyGetUsers, list: pageList, members: with(batched, map[string]kind{
			"includeRetired": aFlag, "includeRetiredOnly": aFlag, "ifModifiedSince": anyKind})},
		"editVPPUserSrv": {run: legacyEdit, write: true, members: with(byUser, map[string]kind{"email": aText,
			"managedAppleIDStr": aText, "itsIdHash": aText})},
		"retireVPPUserSrv": {run: legacyRetire, write: true, members: byUser},
		"getVPPAssetsSrv": {run: legacyGetAssets, members: map[string]kind{"includeLicenseCounts": aFlag,
			"pricingParam": aText}},
		"getAssignments": {run: legacyGetAssignments, list: pageList, members: map[string]kind{"adamIdStr": aText,
			"clientUserIdStr": aText, "serialNumber": aText, "pageIndex": aNumber, "requestId": aText}},
		"getVPPLicensesSrv": {run: legacyGetLicenses, list: pageList, members: with(batched, map[string]kind{
			"adamId": aText, "pricingParam": aText, "assignedOnly": aFlag, "userAssignedOnly": aFlag,
			"deviceAssignedOnly": aFlag, "serialNumber": aText})},
		"manageVPPLicensesByAdamIdSrv": {run: legacyManage, write: true, members: map[string]kind{"adamIdStr": aText,
			"pricingParam": aText, "associateClientUserIdStrs": aList, "associateSerialNumbers": aList,
			"disassociateClientUserIdStrs": aList, "disassociateSerialNumbers": aList,
			"disassociateLicenseIdStrs": aList, "notifyDisassociation": aFlag}},
	}
}

// SetLegacyPath moves the services of version 1 to paths that begin with prefix, "/mdm2/" say; at
// their old addresses they answer 9617 until the service configuration, which stays where it is, is
// read again.
func (s *Server) SetLegacyPath(prefix string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.legacy.base = prefix
}

// LegacyErrorFault returns a fault that answers the next request with an error of version 1, in
// an answer of status 200.
func LegacyErrorFault(number int) Fault {
	return Fault{Kind: Answer, Status: http.StatusOK, Body: string(encode(legacyError(number)))}
}

func legacyError(number int) object {
	return object{"status": -1, "errorNumber": number, "errorMessage": errorText(number)}
}

// answer1 answers a request of version 1, or of nobody's.
func (s *Server) answer1(c *call) *reply {
	path := c.r.URL.Path
	s.mu.Lock()
	current := s.legacy.base
	s.mu.Unlock()
	name, svc, moved := "", legacyService{}, false
	for _, base := range []string{legacyBase, oldLegacyBase, current} {
		if rest, ok := strings.CutPrefix(path, base); ok && base != "" && s.legacy.services[rest].run != nil {
			name, svc = rest, s.legacy.services[rest]
			moved = current != "" && base != current && rest != "VPPServiceConfigSrv"
		}
	}
	open := name == "VPPServiceConfigSrv"
	switch {
	case name == "":
		c.note("unknown path")
		return &reply{status: http.StatusNotFound}
	case c.r.Method != http.MethodPost && !(open && c.r.Method == http.MethodGet):
		c.note("the services of version 1 are called with POST")
		return &reply{status: http.StatusMethodNotAllowed}
	}
	lc := &legacyCall{call: c}
	good := lc.parse(svc.members)
	defer c.enter1(lc.text("sToken"), svc.list)()
	s.pause(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.state.unavailable:
		return c.fail(unavailable, nil)
	case s.removed[path]:
		return lc.fail(serviceRemoved)
	case moved:
		return lc.fail(movedService)
	case s.state.maintenance:
		return lc.fail(maintenance)
	case !good:
		return lc.fail(invalidArgument)
	}
	if number := lc.admit(svc, open); number != 0 {
		return lc.fail(number)
	}
	return svc.run(lc)
}

// enter1 finds the location and counts the call as under way until the returned function is called.
func (c *call) enter1(sToken string, list listKind) (leave func()) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.now = time.Now()
	c.tok = c.s.tokens[sToken]
	if c.tok == nil {
		return func() {}
	}
	c.loc = c.tok.loc
	c.loc.traffic.enter(c, list)
	return func() {
		c.s.mu.Lock()
		defer c.s.mu.Unlock()
		c.loc.traffic.leave(list)
	}
}

// admit checks the token, the rate and what the token may do.
func (c *legacyCall) admit(svc legacyService, open bool) int {
	switch {
	case open:
		return 0
	case !c.has("sToken"):
		return loginRequired
	case c.tok == nil:
		if why := c.s.explainToken(c.text("sToken")); why != "" {
			c.note("%s", why)
		}
		return tokenInvalid
	}
	if number := c.tok.refusal(c.now); number != 0 {
		return number
	}
	switch {
	case !c.loc.traffic.allow(c.call):
		return tooManyRequests
	case svc.write && c.tok.opts.ReadOnly:
		return notAllowed
	case svc.write && c.loc.cloudMDM:
		return managedByApple
	}
	return 0
}

func (c *legacyCall) fail(number int) *reply {
	return &reply{status: http.StatusOK, body: encode(legacyError(number))}
}

// ok answers with o, the status 0 unless o has one, and what every answer carries.
func (c *legacyCall) ok(o object) *reply {
	if _, has := o["status"]; !has {
		o["status"] = 0
	}
	o["uId"] = c.loc.opts.UID
	o["expirationMillis"] = c.tok.opts.Expires.UnixMilli()
	if c.loc.client.context != "" {
		o["clientContext"] = c.loc.client.context
	}
	if !c.tok.opts.UserBased {
		o["location"] = object{"locationId": c.loc.opts.LocationID, "locationName": c.loc.opts.Name}
	}
	if c.tok.warnsAt(c.now) {
		o["tokenExpDate"] = formatTime(c.tok.opts.Expires)
	}
	return &reply{status: http.StatusOK, body: encode(o)}
}
