package deptest

import (
	"crypto/x509"
	"strconv"
	"time"
)

// Token is a server token in plain values.
type Token struct {
	ConsumerKey    string
	ConsumerSecret string
	AccessToken    string
	AccessSecret   string
	Expiry         time.Time
}

// JSON returns the token as the portal encrypts it and as GET /token of depsim answers it.
func (t Token) JSON() []byte {
	b := []byte{'{'}
	b = appendString(b, "consumer_key", t.ConsumerKey)
	b = appendString(b, "consumer_secret", t.ConsumerSecret)
	b = appendString(b, "access_token", t.AccessToken)
	b = appendString(b, "access_secret", t.AccessSecret)
	b = appendTime(b, "access_token_expiry", t.Expiry)
	return append(b, '}')
}

// tokens holds the token in force and remembers the ones before it, in order to refuse them by
// name.
type tokens struct {
	life    time.Duration // 0 is a year
	current Token
	former  map[string]Token // by access token
	revoked bool             // the current one is
}

func (ts *tokens) start(first Token, life time.Duration) {
	ts.life = life
	ts.former = make(map[string]Token)
	fresh := ts.fresh()
	or(&first.ConsumerKey, "CK_"+lowerHex(24))
	or(&first.ConsumerSecret, "CS_"+lowerHex(20))
	or(&first.AccessToken, fresh.AccessToken)
	or(&first.AccessSecret, fresh.AccessSecret)
	if first.Expiry.IsZero() {
		first.Expiry = fresh.Expiry
	}
	ts.current = first
}

// fresh makes the access half of a new token.
func (ts *tokens) fresh() Token {
	now := time.Now().UTC().Truncate(time.Second)
	expiry := now.AddDate(1, 0, 0)
	if ts.life > 0 {
		expiry = now.Add(ts.life)
	}
	serial := strconv.FormatInt(now.UnixMilli(), 10)
	return Token{
		AccessToken:  "AT_O4711O" + lowerHex(20) + "O" + serial,
		AccessSecret: "AS_" + lowerHex(20),
		Expiry:       expiry,
	}
}

// renew puts a new token in force. The consumer key names the server entry and stays.
func (ts *tokens) renew() Token {
	ts.former[ts.current.AccessToken] = ts.current
	next := ts.fresh()
	next.ConsumerKey, next.ConsumerSecret = ts.current.ConsumerKey, ts.current.ConsumerSecret
	ts.current, ts.revoked = next, false
	return next
}

// find returns the token with the given access token, and whether it is still in force.
func (ts *tokens) find(accessToken string) (t Token, valid, known bool) {
	if accessToken == ts.current.AccessToken {
		return ts.current, !ts.revoked, true
	}
	t, known = ts.former[accessToken]
	return t, false, known
}

// Token returns the token in force.
func (s *Server) Token() Token {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tokens.current
}

// RenewToken makes a new token, as a download from the portal does: the previous one and its
// sessions stop working, and /session answers it with 403 token_rejectedForbidden.
func (s *Server) RenewToken() Token {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions.endAll()
	return s.tokens.renew()
}

// RevokeToken makes the token in force stop working without another taking its place.
func (s *Server) RevokeToken() {
	s.set(func() { s.tokens.revoked = true; s.sessions.endAll() })
}

// SetTokenExpiry changes when the token in force expires. Sessions end when it has.
func (s *Server) SetTokenExpiry(t time.Time) {
	s.set(func() { s.tokens.current.Expiry = t.UTC().Truncate(time.Second) })
}

// IssueToken is [Server.RenewToken] with the new token in a .p7m file, as the portal offers it for
// download: S/MIME, streamed BER, AES-128, encrypted to the RSA key of cert.
func (s *Server) IssueToken(cert *x509.Certificate) ([]byte, error) {
	return s.IssueTokenWith(cert, TokenOptions{})
}

// IssueTokenWith is [Server.IssueToken] in another of the shapes that occur. It fails, without
// making a token, if cert cannot be encrypted to.
func (s *Server) IssueTokenWith(cert *x509.Certificate, opts TokenOptions) ([]byte, error) {
	if _, err := rsaKey(cert); err != nil {
		return nil, err
	}
	return EncryptToken(s.RenewToken(), cert, opts)
}

// plainToken answers GET /token.
func (s *Server) plainToken() *reply {
	return success(s.Token().JSON())
}
