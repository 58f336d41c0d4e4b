package vpp

import (
	"net/url"
	"strings"

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

// targetOf returns where a published URL leads, and whether the token may go there: only to the host
// of [Options.BaseURL] or, if that is one of Apple's, to another of theirs.
func (c *Client) targetOf(text string) (target, bool) {
	u, err := url.Parse(text)
	if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") == "" {
		return target{}, false
	}
	origin := strings.ToLower(u.Scheme + "://" + u.Host)
	base, _ := url.Parse(c.opts.BaseURL) // New has checked it
	if origin != strings.ToLower(base.Scheme+"://"+base.Host) && !(isApple(base) && isApple(u)) {
		return target{}, false
	}
	path, within := strings.CutPrefix(u.Path, strings.TrimSuffix(base.Path, "/")+"/")
	if within && strings.EqualFold(u.Host, base.Host) {
		return target{c.engine, rest.ParsePath(path)}, true
	}
	engine, err := c.newEngine(origin)
	return target{engine, rest.ParsePath(u.Path)}, err == nil
}

// isApple reports whether u is at a host of Apple's, and nobody can listen in.
func isApple(u *url.URL) bool {
	host := strings.ToLower(u.Hostname())
	return u.Scheme == "https" && (u.Port() == "" || u.Port() == "443") &&
		(host == "apple.com" || strings.HasSuffix(host, ".apple.com"))
}
