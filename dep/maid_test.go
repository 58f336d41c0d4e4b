package dep_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/dep"
)

const serverUUID = "0A1B2C3D4E5F60718293A4B5C6D7E8F9"

func TestManagedAppleAccountToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it is 2000-01-01
		k := testPair(t)
		secret, err := k.ManagedAppleAccountToken(serverUUID)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(secret) != "[redacted]" {
			t.Error("the token prints")
		}
		parts := strings.Split(secret.Reveal(), ".")
		if len(parts) != 3 {
			t.Fatalf("%d parts", len(parts))
		}
		decode := func(part string) []byte {
			data, err := base64.RawURLEncoding.DecodeString(part)
			if err != nil {
				t.Fatal(err)
			}
			return data
		}
		digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
		public := k.Certificate().PublicKey.(*rsa.PublicKey)
		if err := rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], decode(parts[2])); err != nil {
			t.Error(err)
		}
		if header := string(decode(parts[0])); header != `{"alg":"RS256","typ":"JWT"}` {
			t.Errorf("header %s", header)
		}
		var claims map[string]any
		if err := json.Unmarshal(decode(parts[1]), &claims); err != nil {
			t.Fatal(err)
		}
		jti, _ := claims["jti"].(string)
		if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(jti) {
			t.Errorf("jti %q", jti)
		}
		want := map[string]any{"iss": serverUUID, "iat": 946684800.0, "jti": jti, "service_type": "com.apple.maid"}
		if diff := cmp.Diff(want, claims); diff != "" {
			t.Error(diff)
		}
		if again, _ := k.ManagedAppleAccountToken(serverUUID); again.Equal(secret) {
			t.Error("the same token twice")
		}
	})
}

func TestManagedAppleAccountTokenRefuses(t *testing.T) {
	for _, uuid := range []string{"", " ", "0A1B\n"} {
		got, err := testPair(t).ManagedAppleAccountToken(uuid)
		if input, _ := errors.AsType[*dep.InputError](err); input == nil || input.Field != "server_uuid" || !got.IsZero() {
			t.Errorf("%q: got %v", uuid, err)
		}
	}
	for _, k := range []*dep.KeyPair{nil, {}} {
		if _, err := k.ManagedAppleAccountToken(serverUUID); err == nil {
			t.Error("no key pair signed")
		}
	}
}
