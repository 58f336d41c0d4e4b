package vpptest

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
)

// TokenOptions says what a content token is like. Zero fields get the documented default.
type TokenOptions struct {
	Secret  string    // the inner token; default random
	OrgName string    // default [LocationOptions.OrgName]
	Expires time.Time // default one year from now

	Pretty  bool // the JSON inside the Base64 is indented, as in Apple's sample of version 2
	Newline bool // the file ends with a line break

	ReadOnly  bool // the content manager who downloaded it may only read
	UserBased bool // a legacy token of a person, not of a location: 9647 from version 2
}

// token is a content token as the service knows it.
type token struct {
	loc     *Location
	file    string // without white space around it: what has to come back exactly
	opts    TokenOptions
	revoked bool
}

// timeFormat is how the service writes times: a numeric zone without a colon.
const timeFormat = "2006-01-02T15:04:05-0700"

func formatTime(t time.Time) string { return t.UTC().Format(timeFormat) }

// encodeFile writes the Base64 text of a .vpptoken file.
func (o TokenOptions) encodeFile() string {
	inner, _ := json.Marshal(struct {
		ExpDate string `json:"expDate"`
		Token   string `json:"token"`
		OrgName string `json:"orgName"`
	}{formatTime(o.Expires), o.Secret, o.OrgName})
	if o.Pretty {
		var b bytes.Buffer
		_ = json.Indent(&b, inner, "", "  ")
		inner = b.Bytes()
	}
	return base64.StdEncoding.EncodeToString(inner)
}

// IssueToken makes one more token of the location and returns the bytes of its .vpptoken file. The
// earlier ones stay valid. [Location.Token] returns the newest.
func (l *Location) IssueToken(opts TokenOptions) []byte {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	return l.issue(opts)
}

func (l *Location) issue(opts TokenOptions) []byte {
	if opts.Secret == "" {
		opts.Secret = base64.StdEncoding.EncodeToString([]byte(rand.Text() + rand.Text()))
	}
	if opts.OrgName == "" {
		opts.OrgName = l.opts.OrgName
	}
	if opts.Expires.IsZero() {
		opts.Expires = time.Now().AddDate(1, 0, 0)
	}
	t := &token{loc: l, opts: opts, file: opts.encodeFile()}
	l.s.tokens[t.file] = t
	l.tokens = append(l.tokens, t)
	return t.bytes()
}

func (t *token) bytes() []byte {
	if t.opts.Newline {
		return []byte(t.file + "\n")
	}
	return []byte(t.file)
}

// Token returns the bytes of the .vpptoken file that was issued last.
func (l *Location) Token() []byte {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	return l.tokens[len(l.tokens)-1].bytes()
}

// RevokeTokens revokes the tokens issued so far, as a change of the content manager's password does.
func (l *Location) RevokeTokens() {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	for _, t := range l.tokens {
		t.revoked = true
	}
}

// RevokeToken revokes one token, given by its file. It reports whether there is such a token.
func (l *Location) RevokeToken(file []byte) bool {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	t := l.s.tokens[strings.TrimSpace(string(file))]
	if t == nil || t.loc != l {
		return false
	}
	t.revoked = true
	return true
}

// ExpireTokens lets the tokens issued so far expire now, whatever their expDate says.
func (l *Location) ExpireTokens() {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	for _, t := range l.tokens {
		t.opts.Expires = time.Now()
	}
}

// refusal returns the error that a token as such meets, 0 for a good one.
func (t *token) refusal(now time.Time) int {
	switch {
	case t.revoked:
		return tokenRevoked
	case !now.Before(t.opts.Expires):
		return tokenExpired
	}
	return 0
}

// warnsAt reports whether answers tell the expiry: in the last 15 days.
func (t *token) warnsAt(now time.Time) bool { return t.opts.Expires.Sub(now) <= 15*24*time.Hour }

// explainToken says why a token that is not known might not be.
func (s *Server) explainToken(text string) string {
	if s.tokens[strings.TrimSpace(text)] != nil {
		return "the token has white space around it"
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		decoded = []byte(text)
	}
	var envelope struct {
		Token string `json:"token"`
	}
	secret := string(decoded)
	if json.Unmarshal(decoded, &envelope) == nil && envelope.Token != "" {
		secret = envelope.Token
	}
	for _, t := range s.tokens {
		switch {
		case t.opts.Secret != secret && t.opts.Secret != text:
		case envelope.Token != "":
			return "the token was encoded anew instead of sent as it was downloaded"
		default:
			return "the inner token was sent without its envelope"
		}
	}
	return ""
}
