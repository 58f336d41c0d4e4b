package vpptest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// cachedList is the last list that was made of a dataset: reading it page by page does not make it
// anew for each page.
type cachedList struct {
	query string
	revs  [setCount]int
	items any
}

// listOf returns what build makes for the query of the call, from the cache if nothing has changed.
func listOf[T any](c *call, set dataset, build func() []T) []T {
	query := make(url.Values, len(c.query))
	for name, values := range c.query {
		if name != "pageIndex" && name != "cursor" {
			query[name] = values
		}
	}
	cached := &c.loc.lists[set]
	if text := query.Encode(); cached.items == nil || cached.query != text || cached.revs != c.loc.revs {
		*cached = cachedList{query: text, revs: c.loc.revs, items: build()}
	}
	return cached.items.([]T)
}

// member is a member of an answer.
type member struct {
	name  string
	value any
}

// page answers with one page of items, under the name of the list, and with more members.
func page[T any](c *call, set dataset, name string, items []T, more ...member) *reply {
	index, ok := c.number("pageIndex", 0)
	if !ok {
		return c.fail(invalidArgument, nil)
	}
	size := c.s.opts.PageSize
	total := (len(items) + size - 1) / size
	if index < 0 || index > 0 && index >= total {
		return c.fail(badPage, nil)
	}
	from, to := index*size, min((index+1)*size, len(items))
	o := object{
		name: items[from:to], "size": to - from, "currentPageIndex": index, "totalPages": total,
		"versionId": c.loc.versionID(set),
	}
	for _, m := range more {
		o[m.name] = m.value
	}
	if index+1 < total {
		o["nextPageIndex"] = index + 1
	}
	return c.ok(o)
}

// number reads a query parameter that is an integer.
func (c *call) number(name string, absent int) (n int, ok bool) {
	text := c.query.Get(name)
	if text == "" {
		return absent, true
	}
	n, err := strconv.Atoi(text)
	return n, err == nil
}

// flag reads a query parameter that is a boolean; nil if it is not there.
func (c *call) flag(name string) (is *bool, ok bool) {
	switch c.query.Get(name) {
	case "":
		return nil, true
	case "true":
		return new(true), true
	case "false":
		return new(false), true
	}
	return nil, false
}

// is reads a flag whose absence means false.
func (c *call) is(name string) (is, ok bool) {
	p, ok := c.flag(name)
	return p != nil && *p, ok
}

// serviceConfig is GET /service/config.
func serviceConfig(c *call) *reply {
	base := c.baseURL() + base2
	urls := object{
		"clientConfig":          base + "/client/config",
		"getAssets":             base + "/assets",
		"getAssignments":        base + "/assignments",
		"associateAssets":       base + "/assets/associate",
		"disassociateAssets":    base + "/assets/disassociate",
		"revokeAssets":          base + "/assets/revoke",
		"getUsers":              base + "/users",
		"createUsers":           base + "/users/create",
		"updateUsers":           base + "/users/update",
		"retireUsers":           base + "/users/retire",
		"eventStatus":           base + "/status",
		"contentMetadataLookup": c.lookupURL(),
		"invitationEmail":       invitationURL + "?inviteCode=%25inviteCode%25&mt=8",
	}
	return &reply{status: http.StatusOK, body: encode(object{
		"errorCodes": errorCodes(), "limits": c.s.limits, "urls": urls, "notificationTypes": notificationTypes(),
	})}
}

// Addresses of Apple's.
const (
	serviceHost   = "vpp.itunes.apple.com"
	lookupHost    = "uclient-api.itunes.apple.com"
	lookupPath    = "/WebObjects/MZStorePlatform.woa/wa/lookup"
	invitationURL = "https://buy.itunes.apple.com/WebObjects/MZFinance.woa/wa/associateVPPUserWithITSAccount"
)

// baseURL is where the client finds this server.
func (c *call) baseURL() string {
	if c.s.opts.ExternalURL != "" {
		return c.s.opts.ExternalURL
	}
	scheme := "http"
	if c.r.TLS != nil || c.r.Host == serviceHost {
		scheme = "https"
	}
	return scheme + "://" + c.r.Host
}

func (c *call) lookupURL() string {
	if c.s.opts.ExternalURL == "" && c.r.Host == serviceHost {
		return "https://" + lookupHost + lookupPath
	}
	return c.baseURL() + lookupPath
}

// hostServes reports whether a path is one of a host, as far as that is one of Apple's. Under any
// other name this server answers all paths.
func hostServes(host, path string) bool {
	name, _, _ := strings.Cut(host, ":")
	bases, known := map[string][]string{
		serviceHost:         {legacyBase, oldLegacyBase},
		lookupHost:          {lookupPath},
		"api.ent.apple.com": {catalogBase},
		"api.edu.apple.com": {catalogBase},
	}[name]
	return !known || slices.ContainsFunc(bases, func(base string) bool { return strings.HasPrefix(path, base) })
}
