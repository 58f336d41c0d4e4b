package keypem

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	"github.com/applemdm/applemdm/internal/sniff"
)

func TestParseP256(t *testing.T) {
	key := ok(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	pkcs8, sec1 := ok(x509.MarshalPKCS8PrivateKey(key)), ok(x509.MarshalECPrivateKey(key))
	params := encode("EC PARAMETERS", []byte{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07})
	for name, text := range map[string]string{
		"PKCS#8":                          encode("PRIVATE KEY", pkcs8),
		"PKCS#8 under the label of SEC 1": encode("EC PRIVATE KEY", pkcs8),
		"SEC 1":                           encode("EC PRIVATE KEY", sec1),
		"SEC 1 under the label of PKCS#8": encode("PRIVATE KEY", sec1),
		"after its parameters":            params + encode("EC PRIVATE KEY", sec1),
		"Windows":                         "\xEF\xBB\xBF" + strings.ReplaceAll(encode("PRIVATE KEY", pkcs8), "\n", "\r\n"),
		"indented":                        strings.ReplaceAll("\n"+encode("PRIVATE KEY", pkcs8), "\n", "\n    "),
		"DER":                             string(pkcs8),
		"Base64":                          base64.StdEncoding.EncodeToString(sec1) + "\n",
	} {
		got, err := ParseP256([]byte(text))
		if err != nil || !got.Equal(key) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseP256Refuses(t *testing.T) {
	text := encode("PRIVATE KEY", ok(x509.MarshalPKCS8PrivateKey(ok(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)))))
	p384 := ok(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	rsaKey := ok(rsa.GenerateKey(rand.Reader, 2048))
	for name, c := range map[string]struct {
		text string
		got  sniff.Kind
	}{
		"nothing":     {"", sniff.Empty},
		"noise":       {"noise", sniff.Unknown},
		"P-384":       {encode("PRIVATE KEY", ok(x509.MarshalPKCS8PrivateKey(p384))), sniff.ECKey},
		"RSA":         {encode("PRIVATE KEY", ok(x509.MarshalPKCS8PrivateKey(rsaKey))), sniff.RSAKey},
		"certificate": {encode("CERTIFICATE", certificate(1, p384)), sniff.Certificate},
		"public key":  {encode("PUBLIC KEY", ok(x509.MarshalPKIXPublicKey(p384.Public()))), sniff.PublicKey},
	} {
		_, err := ParseP256([]byte(c.text))
		wrong, is := errors.AsType[*sniff.WrongFileError](err)
		if !is || wrong.Want != sniff.APIKey || wrong.Got != c.got {
			t.Errorf("%s: got %v, want %s", name, err, c.got)
		}
	}
	_, err := ParseP256([]byte(text + text))
	refused(t, "two keys", err, "private key", "the only one")
	_, err = ParseP256([]byte(encode("ENCRYPTED PRIVATE KEY", []byte("x"))))
	refused(t, "encrypted", err, "private key", "passphrase")
	block, _ := pem.Decode([]byte(text))
	_, err = ParseP256([]byte(encode("PRIVATE KEY", block.Bytes[:60])))
	refused(t, "cut off", err, "private key", "is damaged")
}
