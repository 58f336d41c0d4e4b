package vpptest

// endpoint is one method of one path of version 2. run is called under Server.mu.
type endpoint struct {
	run   func(c *call) *reply
	open  bool     // needs no token
	write bool     // not for tokens that only read
	list  listKind // how it is paged
	query []string // the parameters that exist
}

type listKind int

const (
	noList listKind = iota
	pageList
	cursorList
)

// routes is the endpoints of version 2, by path and method.
func routes() map[string]map[string]endpoint {
	get := func(run func(*call) *reply, list listKind, query ...string) endpoint {
		return endpoint{run: run, list: list, query: query}
	}
	post := func(run func(*call) *reply) endpoint { return endpoint{run: run, write: true} }
	return map[string]map[string]endpoint{
		"/service/config": {"GET": {run: serviceConfig, open: true}},
		"/client/config":  {"GET": get(clientConfig, noList), "POST": post(setClientConfig)},
		"/assets": {"GET": get(listAssets, pageList, "pageIndex", "adamId", "productType", "pricingParam",
			"revocable", "deviceAssignable", "minAvailableCount", "maxAvailableCount", "minAssignedCount",
			"maxAssignedCount", "unlimited")},
		"/assignments": {"GET": get(listAssignments, pageList, "pageIndex", "adamId", "clientUserId",
			"serialNumber", "pricingParam", "excludeInactiveUsers", "includeUserState", "sinceVersionId")},
		"/assets/associate":    {"POST": post(associate)},
		"/assets/disassociate": {"POST": post(disassociate)},
		"/assets/revoke":       {"POST": post(revoke)},
		"/users": {"GET": get(listUsers, pageList, "pageIndex", "activeOnly", "retiredOnly", "clientUserId",
			"sinceVersionId", "managedAppleId")},
		"/users/create":               {"POST": post(createUsers)},
		"/users/update":               {"POST": post(updateUsers)},
		"/users/retire":               {"POST": post(retireUsers)},
		"/status":                     {"GET": get(eventStatus, noList, "eventId")},
		"/subscriptions":              {"GET": get(listSubscriptions, cursorList, "parentAdamId", "adamId", "cursor")},
		"/subscriptions/enable":       {"POST": post(enableSubscriptions)},
		"/subscriptions/disable":      {"POST": post(disableSubscriptions)},
		"/subscriptions/associate":    {"POST": post(associateSeats)},
		"/subscriptions/disassociate": {"POST": post(disassociateSeats)},
		"/subscriptions/assignments": {"GET": get(listSeats, cursorList, "parentAdamId", "adamId",
			"clientUserId", "cursor")},
		"/subscriptions/admins":        {"GET": get(listAdmins, cursorList, "adamId", "includeUserState", "cursor")},
		"/subscriptions/admins/add":    {"POST": post(addAdmins)},
		"/subscriptions/admins/remove": {"POST": post(removeAdmins)},
	}
}
