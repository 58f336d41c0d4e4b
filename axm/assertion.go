package axm

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/applemdm/applemdm/internal/secret"
)

const (
	// audience is what every assertion is for, whatever URL it is sent to.
	audience = "https://account.apple.com/auth/oauth2/v2/token"

	// An assertion is used at once and for what is tried again, so it need not live long; Apple allows
	// 180 days. It begins earlier than now for hosts whose clock is ahead.
	assertionLife = 10 * time.Minute
	clockSlack    = time.Minute
	mostPatience  = 24 * time.Hour
)

// lifeFor returns how long an assertion has to live for all tries of an exchange.
func lifeFor(retry Retry) time.Duration {
	pauses := time.Duration(min(retry.Tries-1, 100))
	return assertionLife + min(pauses*min(retry.MaxWait, mostPatience), mostPatience)
}

// assertion signs the statement that the client is who it says, by which it asks for a token.
//
// https://developer.apple.com/documentation/apple-school-and-business-manager-api/implementing-oauth-for-the-apple-school-manager-and-apple-business-api
func (k *Key) assertion(now time.Time, life time.Duration) (secret.String, error) {
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"iss": k.ClientID, // Apple's table leaves it out; its sample has it, and others are refused
		"sub": k.ClientID,
		"aud": audience,
		"iat": now.Add(-clockSlack).Unix(),
		"exp": now.Add(life).Unix(),
		"jti": rand.Text(),
	})
	token.Header["kid"] = k.KeyID
	text, err := token.SignedString(k.private())
	if err != nil {
		return secret.String{}, fmt.Errorf("sign the client assertion: %w", err)
	}
	return secret.New(text), nil
}
