package vpp

import (
	"github.com/applemdm/applemdm/internal/published"
	"github.com/applemdm/applemdm/internal/rest"
)

// target is where requests go.
type target struct {
	engine *rest.Engine
	path   rest.Path
}

// targets returns where the published URLs lead. Those that lead to where the token must not go are
// left out, so that the documented paths are used in their place.
func (c *Client) targets(urls map[string]string) map[string]target {
	targets := make(map[string]target, len(urls))
	for name, text := range urls {
		if name == URLContentMetadataLookup || name == URLInvitationEmail {
			continue // not called with the token, or not by us
		}
		t, ok := c.targetOf(text)
		if ok {
			targets[name] = t
		} else if c.opts.Logger != nil {
			c.opts.Logger.Warn("a published URL is not used", "name", name, "url", text)
		}
	}
	return targets
}

// targetOf returns where a published URL leads, and whether the token may go there.
func (c *Client) targetOf(text string) (target, bool) {
	baseURL, path, ok := published.Locate(c.opts.BaseURL, text)
	if !ok {
		return target{}, false
	}
	if baseURL == c.opts.BaseURL {
		return target{c.engine, rest.ParsePath(path)}, true
	}
	engine, err := c.newEngine(baseURL)
	return target{engine, rest.ParsePath(path)}, err == nil
}
