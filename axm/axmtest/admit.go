package axmtest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// answerAPI answers a request of one of the two APIs.
func (s *Server) answerAPI(c *call) *reply {
	if rep := c.authorize(); rep != nil {
		return rep
	}
	if rep := c.throttle(); rep != nil {
		return rep
	}
	if accept := c.r.Header.Get("Accept"); !strings.EqualFold(strings.TrimSpace(accept), jsonType) {
		c.note("Accept is %q, not %q", accept, jsonType)
		return &reply{status: http.StatusNotAcceptable}
	}
	if rep := c.route(); rep != nil {
		return rep
	}
	if rep := c.checkType(); rep != nil {
		return rep
	}
	if rep := c.checkQuery(); rep != nil {
		return rep
	}
	c.org.actor = c.account
	defer func() { c.org.actor = nil }()
	return c.endpoint.run(c)
}

// authorize finds the account of the access token.
func (c *call) authorize() *reply {
	bearer, isBearer := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	a := c.s.access[bearer]
	switch {
	case !isBearer:
		c.note("no access token")
		return c.unauthorized()
	case a == nil:
		c.note("unknown access token")
		return c.unauthorized()
	case a.ended:
		return c.unauthorized()
	case !c.now.Before(a.expires):
		c.note("the access token has expired")
		return c.unauthorized()
	case a.account.deleted:
		c.note("the account of the access token was deleted")
		return c.unauthorized()
	case c.host() == a.account.org.kind.otherHost():
		c.note("an access token of %s at the host of the other API", a.account.org.kind.scope())
		return c.unauthorized()
	}
	c.account, c.org = a.account, a.account.org
	return nil
}

// unauthorized is a 401, whose body cannot be relied on.
func (c *call) unauthorized() *reply {
	switch c.s.opts.Unauthorized {
	case UnauthorizedHTML:
		return &reply{
			status: http.StatusUnauthorized, kind: "text/html",
			body: []byte("<html><head><title>401</title></head><body><h1>Unauthorized</h1></body></html>\n"),
		}
	case UnauthorizedJSON:
		return fail(http.StatusUnauthorized, problem{code: codeUnauthorized, detail: "Provide a valid access token."})
	}
	return &reply{status: http.StatusUnauthorized}
}

// route finds the endpoint of the call and checks that the account may use it.
func (c *call) route() *reply {
	pattern, ok := c.pattern()
	rt, known := c.s.routes[pattern]
	if !ok || !known {
		c.note("unknown path")
		return notFound("path", c.r.URL.Path)
	}
	ep, known := rt.methods[c.r.Method]
	if !known {
		c.note("method is not one of this path")
		return forbidden(rt.refusal(c.r.Method))
	}
	if c.org.kind == School && !ep.school {
		return forbidden("The resource is not part of the Apple School Manager API.")
	}
	if !c.account.may(ep.needs) {
		return forbidden("The role of the API account lacks a permission: " + string(ep.needs) + ".")
	}
	c.endpoint = ep
	return nil
}

// pattern is the path of the call with {id} in place of the identifier, which it keeps.
func (c *call) pattern() (string, bool) {
	parts := strings.Split(strings.TrimPrefix(c.r.URL.EscapedPath(), "/v1/"), "/")
	if len(parts) > 1 {
		id, err := url.PathUnescape(parts[1])
		if err != nil || id == "" {
			return "", false
		}
		c.id, parts[1] = id, "{id}"
		c.related = parts[len(parts)-1]
	}
	return strings.Join(parts, "/"), true
}

// checkType checks the Content-Type of a request with a body, and that there is a body where there
// must be one.
func (c *call) checkType() *reply {
	needsBody := c.endpoint.body
	switch {
	case needsBody && len(c.body) == 0:
		return badBody("The request has no body.")
	case !needsBody && len(c.body) > 0:
		c.note("%s with a body", c.r.Method)
		return nil
	case !needsBody:
		return nil
	}
	ct := c.r.Header.Get("Content-Type")
	media, _, _ := strings.Cut(ct, ";")
	if !strings.EqualFold(strings.TrimSpace(media), jsonType) {
		c.note("Content-Type is %q, not %q", ct, jsonType)
		return badBody("The Content-Type is not application/json.")
	}
	return nil
}

// checkQuery checks the parameters of the query and keeps what all endpoints understand.
func (c *call) checkQuery() *reply {
	if _, err := url.ParseQuery(c.r.URL.RawQuery); err != nil {
		return badParameter(codeParamInvalid, "", "The query cannot be read.")
	}
	for _, name := range sortedKeys(c.query) {
		if len(c.query[name]) > 1 {
			return badParameter(codeParamInvalid, name, "The parameter is there more than once.")
		}
		if !c.takes(name) {
			return badParameter(codeParamIllegal, name, "The parameter '"+name+"' cannot be used with this request.")
		}
	}
	if rep := c.readFields(); rep != nil {
		return rep
	}
	return c.readLimit()
}

// takes reports whether the endpoint has a query parameter.
func (c *call) takes(name string) bool {
	ep := c.endpoint
	switch {
	case name == "limit" || name == "cursor":
		return ep.list
	case strings.HasPrefix(name, "fields["):
		return ep.shows != "" && name == "fields["+ep.shows+"]"
	}
	return slices.Contains(ep.query, name)
}
