package vpptest

import (
	"maps"
	"slices"
	"strings"
)

// admit checks what comes before any endpoint.
func (c *call) admit(ep endpoint) *reply {
	s := c.s
	if s.state.unavailable {
		return c.fail(unavailable, nil)
	}
	if s.removed[c.r.URL.Path] {
		return c.fail(serviceRemoved, nil)
	}
	if rep := c.checkType(); rep != nil {
		return rep
	}
	c.checkQuery(ep)
	if ep.open {
		return nil
	}
	if rep := c.authorize(); rep != nil {
		return rep
	}
	if !c.loc.traffic.allow(c) {
		return c.fail(tooManyRequests, nil)
	}
	c.loc.client.context = usedIn2
	if ep.write {
		return c.mayWrite()
	}
	return nil
}

// authorize checks the token.
func (c *call) authorize() *reply {
	values := c.r.Header.Values("Authorization")
	switch {
	case len(values) == 0:
		return c.fail(loginRequired, nil)
	case len(values) > 1:
		c.note("%d Authorization headers", len(values))
		return c.fail(badAuthorization, nil)
	case !strings.HasPrefix(values[0], "Bearer ") || strings.TrimPrefix(values[0], "Bearer ") == "":
		return c.fail(badAuthorization, nil)
	case c.tok == nil:
		if why := c.s.explainToken(strings.TrimPrefix(values[0], "Bearer ")); why != "" {
			c.note("%s", why)
		}
		return c.fail(loginRequired, nil)
	}
	if number := c.tok.refusal(c.now); number != 0 {
		return c.fail(number, nil)
	}
	if c.tok.opts.UserBased {
		return c.fail(userBasedToken, nil)
	}
	return nil
}

func (c *call) mayWrite() *reply {
	l := c.loc
	if c.tok.opts.ReadOnly {
		return c.fail(notAllowed, nil)
	}
	if l.cloudMDM {
		return c.fail(managedByApple, nil)
	}
	if l.client.foreign && l.client.told && c.path != "/client/config" {
		c.note("written although another MDM has claimed the location and the client was told")
	}
	return nil
}

// checkType checks the Content-Type of a request with a body.
func (c *call) checkType() *reply {
	if len(c.body) == 0 {
		return nil
	}
	ct := c.r.Header.Get("Content-Type")
	media, _, _ := strings.Cut(ct, ";")
	if !strings.EqualFold(strings.TrimSpace(media), jsonType) {
		return c.fail(badContentType, nil)
	}
	if ct != jsonType {
		c.note("Content-Type is %q, not %q", ct, jsonType)
	}
	return nil
}

func (c *call) checkQuery(ep endpoint) {
	for _, name := range slices.Sorted(maps.Keys(c.query)) {
		switch values := c.query[name]; {
		case !slices.Contains(ep.query, name):
			c.note("unknown query parameter %q", name)
		case len(values) > 1:
			c.note("%d values of query parameter %q", len(values), name)
		}
	}
}
