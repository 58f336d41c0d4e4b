// Package published deals with the URLs that a service publishes. Those of its own endpoints are worth
// following, and yet must not lead a credential to a stranger.
package published

import (
	"net/url"
	"strings"
)

// Follow parses the published URL text and reports whether a credential may travel there: only to the
// host of base or, if that is one of Apple's, to another of theirs. A URL with a user, a query, a
// fragment or no path is none to follow. base must be a URL.
func Follow(base, text string) (*url.URL, bool) {
	home, err := url.Parse(base)
	if err != nil {
		return nil, false
	}
	u, err := url.Parse(text)
	if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") == "" {
		return nil, false
	}
	return u, strings.EqualFold(Origin(home), Origin(u)) || isApple(home) && isApple(u)
}

// Locate returns where the published URL text leads: a base URL, which is base itself for what is below
// that and otherwise the host of text, and the path below it. It reports whether [Follow] allows it.
func Locate(base, text string) (baseURL, path string, ok bool) {
	u, ok := Follow(base, text)
	if !ok {
		return "", "", false
	}
	home, _ := url.Parse(base) // Follow has
	path, within := strings.CutPrefix(u.Path, strings.TrimSuffix(home.Path, "/")+"/")
	if within && strings.EqualFold(u.Host, home.Host) {
		return base, path, true
	}
	return Origin(u), u.Path, true
}

// Invitation returns the published URL at which invitations are accepted, with the code of one of them
// in the place that it holds free for that.
func Invitation(text, inviteCode string) string {
	code := url.QueryEscape(inviteCode)
	return strings.NewReplacer("%25inviteCode%25", code, "%inviteCode%", code).Replace(text)
}

// Origin returns the scheme and the host of u.
func Origin(u *url.URL) string { return strings.ToLower(u.Scheme + "://" + u.Host) }

// isApple reports whether u is at a host of Apple's, and nobody can listen in.
func isApple(u *url.URL) bool {
	host := strings.ToLower(u.Hostname())
	return u.Scheme == "https" && (u.Port() == "" || u.Port() == "443") &&
		(host == "apple.com" || strings.HasSuffix(host, ".apple.com"))
}
