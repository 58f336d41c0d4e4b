package leak

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"testing"
)

// told is a testing.TB that counts complaints.
type told struct {
	testing.TB
	n    int
	ends []func()
}

func (t *told) Helper()               {}
func (t *told) Errorf(string, ...any) { t.n++ }
func (t *told) Cleanup(f func())      { t.ends = append(t.ends, f) }

// answer is an error like those of the services.
type answer struct {
	Body   []byte
	secret string
}

func (a *answer) Error() string { return "refused" }

const secret = "s3cr3t+/42"

func TestSecretsAreFoundInEverySpelling(t *testing.T) {
	for name, shown := range map[string]any{
		"as it is":         secret,
		"in an error":      errors.New("it was " + secret),
		"below an error":   fmt.Errorf("call: %w", &answer{Body: []byte(secret)}),
		"among errors":     errors.Join(errors.New("x"), &answer{Body: []byte("is " + secret)}),
		"in a hidden part": &answer{secret: secret},
		"in a struct":      struct{ Text string }{secret},
		"as bytes":         []byte(secret),
		"in hexadecimal":   fmt.Sprintf("%x", secret),
		"in capitals":      fmt.Sprintf("%X", secret),
		"in a query":       url.Values{"t": {secret}}.Encode(),
		"in Base64":        base64.StdEncoding.EncodeToString([]byte(secret)),
		"with a name":      base64.StdEncoding.EncodeToString([]byte("user:" + secret + ":more")),
		"with another":     base64.URLEncoding.EncodeToString([]byte("usr:" + secret + ".")),
		"with a third":     base64.RawURLEncoding.EncodeToString([]byte("names:" + secret + "..")),
	} {
		t.Run(name, func(t *testing.T) {
			complaints := new(told)
			Find(complaints, []string{"other", secret}, "harmless", shown)
			if complaints.n != 1 {
				t.Errorf("%d complaints about %s", complaints.n, Forms(shown))
			}
		})
	}
	complaints := new(told)
	Find(complaints, []string{secret, ""}, "harmless", nil, (*answer)(nil), errors.New("s3cr3t"), &answer{})
	if complaints.n != 0 {
		t.Errorf("%d complaints about nothing", complaints.n)
	}
}

func TestASinkIsSearchedInTheEnd(t *testing.T) {
	for name, show := range map[string]func(*Sink){
		"log":   func(s *Sink) { s.Logger().Debug("call", "token", secret) },
		"value": func(s *Sink) { s.Note(1, &answer{secret: secret}) },
		"file": func(s *Sink) {
			name := filepath.Join(t.TempDir(), "recording")
			if err := os.WriteFile(name, []byte("token: "+url.QueryEscape(secret)), 0o600); err != nil {
				t.Fatal(err)
			}
			s.NoteFile(t, name)
		},
	} {
		t.Run(name, func(t *testing.T) {
			complaints, known := new(told), []string(nil)
			s := Watch(complaints, func() []string { return known })
			show(s)
			s.Search(complaints)
			if complaints.n != 0 {
				t.Error("a complaint about nothing")
			}
			s.Search(complaints, secret)
			known = []string{secret}
			for _, end := range complaints.ends {
				end()
			}
			if complaints.n != 2 {
				t.Errorf("%d complaints", complaints.n)
			}
		})
	}
}

func TestKeysAreFoundAsNumbersAndText(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	raw, err := private.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for name, shown := range map[string]any{
		"key": private, "bytes": raw, "DER": der, "PEM": string(text), "number": new(big.Int).SetBytes(raw),
	} {
		for how, secrets := range map[string][]string{"key": Key(private), "PEM": PEM(text)} {
			complaints := new(told)
			Find(complaints, secrets, shown)
			if complaints.n != 1 {
				t.Errorf("%s by its %s: %d complaints", name, how, complaints.n)
			}
			Find(complaints, secrets, &private.PublicKey)
			if complaints.n != 1 {
				t.Errorf("a complaint about the public key")
			}
		}
	}
}

func TestAContentTokenIsFoundInside(t *testing.T) {
	file := []byte(base64.StdEncoding.EncodeToString([]byte(`{"token":"QUJD0815","orgName":"Example"}`)) + "\n")
	for _, shown := range []string{string(file), `{"token":"QUJD0815","orgName":"Example"}`, "bearer QUJD0815"} {
		complaints := new(told)
		Find(complaints, ContentToken(file), shown)
		if complaints.n != 1 {
			t.Errorf("%d complaints about %s", complaints.n, shown)
		}
	}
}
