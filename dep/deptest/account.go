package deptest

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// account answers GET /account.
func account(c *call) *reply {
	a := &c.s.opts.Account
	b := appendString([]byte{'{'}, "server_name", a.ServerName)
	b = appendString(b, "server_uuid", a.ServerUUID)
	b = appendString(b, "admin_id", a.AdminID)
	b = appendString(b, "facilitator_id", a.FacilitatorID)
	b = appendString(b, "org_name", a.OrgName)
	b = appendString(b, "org_email", a.OrgEmail)
	b = appendString(b, "org_phone", a.OrgPhone)
	b = appendString(b, "org_address", a.OrgAddress)
	if c.version >= 3 {
		b = appendString(b, "org_id", a.OrgID)
		b = appendString(b, "org_id_hash", a.OrgIDHash)
		b = appendString(b, "org_type", a.OrgType)
		b = appendString(b, "org_version", a.OrgVersion)
		b = c.s.appendURLs(b)
	}
	return success(append(b, '}'))
}

// appendURLs lists what the server answers, with the limits of what is read page by page. Rosters
// are listed for education only.
func (s *Server) appendURLs(b []byte) []byte {
	b = append(appendName(b, "urls"), '[')
	for _, path := range slices.Sorted(maps.Keys(s.routes)) {
		isRoster := strings.HasPrefix(path, "/roster/")
		if isRoster && s.opts.Account.OrgType != "edu" {
			continue
		}
		if b[len(b)-1] != '[' {
			b = append(b, ',')
		}
		b = appendString(append(b, '{'), "uri", path)
		b = appendStrings(b, "http_method", slices.Sorted(maps.Keys(s.routes[path])))
		if isRoster || path == "/server/devices" || path == "/devices/sync" {
			b = append(appendName(b, "limit"), '{')
			b = appendInt(b, "default", s.pageDefault(isRoster))
			b = append(appendInt(b, "maximum", s.opts.MaxLimit), '}')
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

// pageDefault is the page size of a request without a limit.
func (s *Server) pageDefault(isRoster bool) int {
	if isRoster {
		return s.opts.MaxLimit
	}
	return min(s.opts.DefaultLimit, s.opts.MaxLimit)
}

// betaTokens answers GET /os-beta-enrollment/tokens.
func betaTokens(c *call) *reply {
	if c.s.seedOff {
		return refusal(http.StatusForbidden, "APPLE_SEED_FOR_IT_TURNED_OFF")
	}
	b := append(appendName([]byte{'{'}, c.s.opts.BetaKey), '[')
	for i, t := range c.s.opts.BetaTokens {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(append(b, '{'), "token", t.Token)
		b = appendString(b, "title", t.Title)
		b = append(appendString(b, "os", t.OS), '}')
	}
	return success(append(b, `]}`...))
}

// serviceDiscovery is what account-driven enrolment is told, if anything.
type serviceDiscovery struct {
	url     string
	updated time.Time
}

// orgSupported refuses organisations of the old programs, which lack the newer calls.
func (c *call) orgSupported() *reply {
	if c.s.opts.Account.OrgVersion == "v1" {
		return badRequest("ORG_NOT_SUPPORTED")
	}
	return nil
}

// assignDiscovery answers POST /account-driven-enrollment/profile.
func assignDiscovery(c *call) *reply {
	if rep := c.orgSupported(); rep != nil {
		return rep
	}
	var req struct {
		URL *string `json:"mdm_service_discovery_url"`
	}
	if rep := c.decode(&req); rep != nil {
		return rep
	}
	if req.URL == nil {
		return badRequest("MDM_SERVICE_DISCOVERY_URL_REQUIRED")
	}
	if u, err := url.Parse(*req.URL); err != nil || u.Scheme != "https" || u.Host == "" {
		return badRequest("MDM_SERVICE_DISCOVERY_URL_NOT_VALID")
	}
	c.s.ade = serviceDiscovery{url: *req.URL, updated: c.now}
	return success(nil)
}

// fetchDiscovery answers GET /account-driven-enrollment/profile.
func fetchDiscovery(c *call) *reply {
	if rep := c.orgSupported(); rep != nil {
		return rep
	}
	if c.s.ade.url == "" {
		return refusal(http.StatusNotFound, "NOT_FOUND")
	}
	b := appendString([]byte{'{'}, "mdm_service_discovery_url", c.s.ade.url)
	return success(append(appendTime(b, "last_updated_timestamp", c.s.ade.updated), '}'))
}

// removeDiscovery answers DELETE /account-driven-enrollment/profile.
func removeDiscovery(c *call) *reply {
	if rep := c.orgSupported(); rep != nil {
		return rep
	}
	c.s.ade = serviceDiscovery{}
	return success(nil)
}
