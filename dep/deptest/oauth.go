package deptest

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Refusals of /session. The words run into the reason phrase in the field, without a separator.
var (
	errOAuth         = badRequest("oauth_problem_adviceBad Request")
	errUnauthorized  = refusal(http.StatusUnauthorized, "oauth_problem_adviceUnauthorized")
	errTokenExpired  = refusal(http.StatusForbidden, "token_expiredForbidden")
	errTokenRejected = refusal(http.StatusForbidden, "token_rejectedForbidden")
)

// oauthRequired are the parameters that must be there; oauth_version and realm may be.
var oauthRequired = []string{
	"oauth_consumer_key", "oauth_token", "oauth_signature_method",
	"oauth_signature", "oauth_timestamp", "oauth_nonce",
}

// verifyOAuth checks the signature of a request to /session and the token that made it.
func (s *Server) verifyOAuth(c *call) *reply {
	params, why := parseAuthorization(c.r.Header.Values("Authorization"))
	if why == "" {
		why = checkParams(params, c.r)
	}
	if why != "" {
		c.note("%s", why)
		return errOAuth
	}
	token, valid, known := s.tokens.find(params["oauth_token"])
	if !known || params["oauth_consumer_key"] != token.ConsumerKey {
		c.note("unknown consumer key or access token")
		return errUnauthorized
	}
	if why := s.checkSignature(params, token, c); why != "" {
		c.note("%s", why)
		return errUnauthorized
	}
	switch {
	case !valid:
		return errTokenRejected
	case !c.now.Before(token.Expiry):
		return errTokenExpired
	}
	return nil
}

// parseAuthorization splits an OAuth Authorization header. The second result says what is wrong.
func parseAuthorization(headers []string) (map[string]string, string) {
	if len(headers) != 1 {
		return nil, strconv.Itoa(len(headers)) + " Authorization headers, not 1"
	}
	scheme, rest, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, "OAuth") {
		return nil, "the Authorization header is not OAuth"
	}
	params := make(map[string]string)
	for field := range strings.SplitSeq(rest, ",") {
		name, quoted, ok := strings.Cut(strings.TrimSpace(field), "=")
		value, isQuoted := unquote(quoted)
		if !ok || !isQuoted {
			return nil, "an OAuth parameter is not name=\"value\""
		}
		plain, err := url.PathUnescape(value)
		if err != nil {
			return nil, "the OAuth parameter " + name + " is not percent-encoded"
		}
		if _, twice := params[name]; twice {
			return nil, "duplicate OAuth parameter " + name
		}
		params[name] = plain
	}
	return params, ""
}

func unquote(s string) (string, bool) {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return "", false
	}
	return s[1 : len(s)-1], true
}

// checkParams says what is wrong with the set of parameters, "" for nothing.
func checkParams(params map[string]string, r *http.Request) string {
	for _, name := range oauthRequired {
		if params[name] == "" {
			return "missing OAuth parameter " + name
		}
	}
	for name := range params {
		if !slices.Contains(oauthRequired, name) && name != "oauth_version" && name != "realm" {
			return "unsupported OAuth parameter " + name
		}
	}
	if m := params["oauth_signature_method"]; m != "HMAC-SHA1" {
		return "unsupported signature method " + m
	}
	if v, ok := params["oauth_version"]; ok && v != "1.0" {
		return "unsupported OAuth version " + v
	}
	if r.URL.RawQuery != "" {
		return "/session takes no query"
	}
	return ""
}

// checkSignature says why the request was not signed, now and for the first time, with token.
func (s *Server) checkSignature(params map[string]string, token Token, c *call) string {
	seconds, err := strconv.ParseInt(params["oauth_timestamp"], 10, 64)
	if err != nil {
		return "oauth_timestamp is not a number"
	}
	if skew := c.now.Sub(time.Unix(seconds, 0)).Abs(); skew > s.opts.TimestampWindow {
		return "oauth_timestamp is off by " + skew.String()
	}
	base := baseString(c.r.Method, s.sessionURL(c.r), params)
	if !validSignature(base, params["oauth_signature"], token) {
		return "wrong oauth_signature; the base string is " + base
	}
	if !s.sessions.firstUse(params["oauth_nonce"], seconds, c.now, s.opts.TimestampWindow) {
		return "oauth_nonce was used before"
	}
	return ""
}

// sessionURL is the URL that the client has signed: normalised, without default port and query.
func (s *Server) sessionURL(r *http.Request) string {
	if s.opts.ExternalURL != "" {
		return s.opts.ExternalURL + r.URL.Path
	}
	scheme, port := "http", ":80"
	if r.TLS != nil {
		scheme, port = "https", ":443"
	}
	return scheme + "://" + strings.TrimSuffix(strings.ToLower(r.Host), port) + r.URL.Path
}

// baseString is the text that is signed: every parameter but realm and the signature, encoded,
// sorted and encoded again.
func baseString(method, target string, params map[string]string) string {
	var pairs []string
	for name, value := range params {
		if name != "realm" && name != "oauth_signature" {
			pairs = append(pairs, percent(name)+"="+percent(value))
		}
	}
	slices.Sort(pairs)
	return method + "&" + percent(target) + "&" + percent(strings.Join(pairs, "&"))
}

func validSignature(base, signature string, token Token) bool {
	got, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		return false
	}
	mac := hmac.New(sha1.New, []byte(percent(token.ConsumerSecret)+"&"+percent(token.AccessSecret)))
	mac.Write([]byte(base))
	return hmac.Equal(got, mac.Sum(nil))
}

// percent encodes all but the unreserved characters of RFC 3986.
func percent(s string) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		switch ch := s[i]; {
		case ch >= 'a' && ch <= 'z', ch >= 'A' && ch <= 'Z', ch >= '0' && ch <= '9',
			ch == '-', ch == '.', ch == '_', ch == '~':
			b.WriteByte(ch)
		default:
			b.WriteByte('%')
			b.WriteByte(hexDigits[ch>>4])
			b.WriteByte(hexDigits[ch&15])
		}
	}
	return b.String()
}
