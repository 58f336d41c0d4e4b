package vpptest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// developer is the MDM vendor's account, with one key.
type developer struct {
	key          *ecdsa.PrivateKey // made when first needed
	keyID, issID string
}

// maxTokenLife is how far in the future a developer token may expire.
const maxTokenLife = 15_777_000 * time.Second

// DeveloperKey is what signs the developer tokens of the metadata service: the content of a .p8
// file, PKCS #8 in PEM, and the two identifiers that go into each token.
type DeveloperKey struct {
	KeyID  string
	TeamID string
	P8     []byte
}

func (d *developer) make() {
	if d.key != nil {
		return
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic("vpptest: " + err.Error()) // only without a source of randomness
	}
	*d = developer{key: key, keyID: rand.Text()[:10], issID: rand.Text()[:10]}
}

// DeveloperKey returns the key that signs developer tokens. It is made on the first call.
func (s *Server) DeveloperKey() DeveloperKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := &s.catalog.developer
	d.make()
	der, err := x509.MarshalPKCS8PrivateKey(d.key)
	if err != nil {
		panic("vpptest: " + err.Error()) // not with a key that was just made
	}
	return DeveloperKey{d.keyID, d.issID, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})}
}

// DeveloperToken returns a developer token that is valid for an hour.
func (s *Server) DeveloperToken() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := &s.catalog.developer
	d.make()
	part := func(v any) string { return base64.RawURLEncoding.EncodeToString(encode(v)) }
	now := time.Now()
	text := part(object{"alg": "ES256", "kid": d.keyID}) + "." +
		part(object{"iss": d.issID, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()})
	sum := sha256.Sum256([]byte(text))
	r, sig, err := ecdsa.Sign(rand.Reader, d.key, sum[:])
	if err != nil {
		panic("vpptest: " + err.Error())
	}
	raw := make([]byte, 64)
	r.FillBytes(raw[:32])
	sig.FillBytes(raw[32:])
	return text + "." + base64.RawURLEncoding.EncodeToString(raw)
}

// RevokeDeveloperKey makes all developer tokens fail with 401 until the next key is asked for.
func (s *Server) RevokeDeveloperKey() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catalog.developer = developer{}
}

// check returns why the developer token of a request is refused, "" if it is good.
func (d *developer) check(r *http.Request, now time.Time) string {
	text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	parts := strings.Split(text, ".")
	if !ok || len(parts) != 3 {
		return "no developer token"
	}
	var header struct {
		Alg string `json:"alg"`
		Kid string `json:"kid"`
	}
	var claims struct {
		Iss    string   `json:"iss"`
		Iat    int64    `json:"iat"`
		Exp    int64    `json:"exp"`
		Origin []string `json:"origin"`
	}
	if !decodePart(parts[0], &header) || !decodePart(parts[1], &claims) {
		return "the developer token is not a JWS of JSON"
	}
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	switch {
	case header.Alg != "ES256":
		return "the algorithm is not ES256"
	case d.key == nil || header.Kid != d.keyID:
		return "the key identifier is unknown"
	case claims.Iss != d.issID:
		return "iss is not the team of the key"
	case err != nil || len(sig) != 64:
		return "the signature is not 64 bytes"
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if !ecdsa.Verify(&d.key.PublicKey, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) {
		return "the signature is wrong"
	}
	issued, expires := time.Unix(claims.Iat, 0), time.Unix(claims.Exp, 0)
	switch {
	case claims.Iat == 0 || issued.After(now.Add(time.Minute)):
		return "iat is missing or in the future"
	case !now.Before(expires):
		return "the developer token has expired"
	case expires.Sub(now) > maxTokenLife:
		return "exp is more than 15777000 seconds ahead"
	case len(claims.Origin) > 0 && !slices.Contains(claims.Origin, r.Header.Get("Origin")):
		return "the origin does not match"
	}
	return ""
}

func decodePart(text string, v any) bool {
	b, err := base64.RawURLEncoding.DecodeString(text)
	return err == nil && json.Unmarshal(b, v) == nil
}
