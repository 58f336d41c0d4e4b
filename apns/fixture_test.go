package apns_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/applemdm/applemdm/apns"
)

const (
	fixtureTopic = "com.apple.mgmt.External.0f0e0d0c-0000-4000-8000-000000000001" // of push.pem
	otherTopic   = "com.apple.mgmt.External.0f0e0d0c-0000-4000-8000-000000000002"
)

// certFile reads the test data of the push certificate; its README says what is what.
func certFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "certificate", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func derOf(t testing.TB, text []byte) []byte {
	t.Helper()
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatal("not PEM")
	}
	return block.Bytes
}

func toPEM(label string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
}

func certOK[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newECKey() *ecdsa.PrivateKey { return certOK(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

// minted is a certificate made in the test, with its key.
type minted struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func (m minted) certPEM() []byte { return toPEM("CERTIFICATE", m.cert.Raw) }

func (m minted) keyPEM() []byte {
	return toPEM("PRIVATE KEY", certOK(x509.MarshalPKCS8PrivateKey(m.key)))
}

// parsed is m as the package reads it.
func (m minted) parsed(t testing.TB) *apns.Certificate {
	t.Helper()
	certificate, err := apns.ParseCertificate(m.certPEM(), m.keyPEM())
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// mint makes a self-signed push certificate for topic, valid for a year, and changes it first.
func mint(topic string, change ...func(*x509.Certificate)) minted {
	template := &x509.Certificate{
		SerialNumber: certOK(rand.Int(rand.Reader, big.NewInt(1<<60))),
		Subject:      pkix.Name{CommonName: "APSP:test-only", ExtraNames: userID(topic)},
		NotBefore:    time.Now().Add(-time.Minute),
		NotAfter:     time.Now().Add(365 * 24 * time.Hour),
	}
	for _, f := range change {
		f(template)
	}
	key := newECKey()
	der := certOK(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	return minted{certOK(x509.ParseCertificate(der)), key}
}

func userID(topic string) []pkix.AttributeTypeAndValue {
	if topic == "" {
		return nil
	}
	return []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}, Value: topic}}
}

// refusedAs checks that err is an InputError about a field, whose rule contains text.
func refusedAs(t *testing.T, err error, field, text string) {
	t.Helper()
	input, ok := errors.AsType[*apns.InputError](err)
	if !ok || input.Field != field || !strings.Contains(input.Rule, text) {
		t.Errorf("got %v; want %s: …%s…", err, field, text)
	}
}

// everyShape returns v as all printers, loggers and encoders show it.
func everyShape(t *testing.T, v any) map[string]string {
	t.Helper()
	shapes := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		shapes[verb] = fmt.Sprintf(verb, v)
	}
	var text, structured bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Info("x", "v", v)
	slog.New(slog.NewJSONHandler(&structured, nil)).Info("x", "v", v)
	shapes["slog text"], shapes["slog JSON"] = text.String(), structured.String()
	if encoded, err := json.Marshal(v); err == nil {
		shapes["json"] = string(encoded)
	}
	return shapes
}
