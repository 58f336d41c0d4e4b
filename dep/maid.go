package dep

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/golang-jwt/jwt/v5"
)

// ManagedAppleAccountToken makes the token that a device asks for with the check-in message GetToken
// and the TokenServiceType com.apple.maid, so that Apple can verify that the person who signs in with
// a Managed Apple Account belongs to the organization of the server that manages the device. Its
// bytes are the TokenData of the answer.
//
// serverUUID is the server_uuid of the account detail ([Client.Account]). k must be the pair whose
// certificate the portal has now: [Credentials].Active, not a staged one.
//
// The token is a compact JWT signed with RS256. It is good for one use and for a short time only, so
// make one for each request. It costs one RSA signature and no call. Errors are [*InputError], or say
// that k is empty.
//
// https://developer.apple.com/documentation/devicemanagement/get-token
func (k *KeyPair) ManagedAppleAccountToken(serverUUID string) (Secret, error) {
	if k.isZero() {
		return Secret{}, errNoKeyPair
	}
	if serverUUID == "" || strings.ContainsFunc(serverUUID, unicode.IsSpace) {
		return Secret{}, &InputError{Field: "server_uuid", Rule: "must be the server_uuid of the account, without white space"}
	}
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss":          serverUUID,
		"iat":          time.Now().Unix(),
		"jti":          randomUUID(),
		"service_type": "com.apple.maid",
	})
	signed, err := token.SignedString(k.private())
	if err != nil {
		return Secret{}, fmt.Errorf("signing the Managed Apple Account token: %w", err)
	}
	return NewSecret(signed), nil
}

// randomUUID returns a version 4 UUID (RFC 9562, 5.4) in lower case.
func randomUUID() string {
	var u [16]byte
	rand.Read(u[:]) // never fails
	u[6] = u[6]&0x0F | 0x40
	u[8] = u[8]&0x3F | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
