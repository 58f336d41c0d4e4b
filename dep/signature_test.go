package dep

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

type fixedNonce string

func (n fixedNonce) Nonce() string { return string(n) }

// The signature that the documented rules of OAuth 1.0a give for known keys, time and nonce.
func TestSignatureVector(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Unix(1767225600, 0)))
		token := &Token{
			ConsumerKey: "CK_demo0001", ConsumerSecret: NewSecret("CS_demo0003"),
			AccessToken: NewSecret("AT_demo0002"), AccessSecret: NewSecret("AS_demo0004"),
		}
		req, err := http.NewRequest(http.MethodGet, DefaultBaseURL+"/session", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := token.sign(req, fixedNonce("a1b2c3d4e5f60718")); err != nil {
			t.Fatal(err)
		}
		const want = `OAuth oauth_consumer_key="CK_demo0001", oauth_nonce="a1b2c3d4e5f60718", ` +
			`oauth_signature="4T1tTjLnTC0uqZB9h4FrxUNGpiY%3D", oauth_signature_method="HMAC-SHA1", ` +
			`oauth_timestamp="1767225600", oauth_token="AT_demo0002", oauth_version="1.0", realm="ADM"`
		if got := req.Header.Get("Authorization"); got != want {
			t.Errorf("Authorization:\n got %s\nwant %s", got, want)
		}
	})
}

func TestNoncesAreRandomByDefault(t *testing.T) {
	token := &Token{ConsumerKey: "k", ConsumerSecret: NewSecret("s"), AccessToken: NewSecret("t"), AccessSecret: NewSecret("u")}
	seen := make(map[string]bool)
	for range 100 {
		req, err := http.NewRequest(http.MethodGet, DefaultBaseURL+"/session", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := token.sign(req, nil); err != nil {
			t.Fatal(err)
		}
		seen[req.Header.Get("Authorization")] = true
	}
	if len(seen) != 100 {
		t.Errorf("%d different headers for 100 signatures", len(seen))
	}
}
