package dep_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/internal/sniff"
)

func generate(t *testing.T, opts *dep.KeyPairOptions) *dep.KeyPair {
	t.Helper()
	k, err := dep.GenerateKeyPair(opts)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestGenerateKeyPair(t *testing.T) {
	type facts struct {
		Bits                int
		Subject, Issuer     string
		NotBefore, NotAfter string
		Usage               x509.KeyUsage
	}
	const usage = x509.KeyUsageKeyEncipherment | x509.KeyUsageDigitalSignature
	synctest.Test(t, func(t *testing.T) { // it is 2000-01-01
		for name, c := range map[string]struct {
			opts *dep.KeyPairOptions
			want facts
		}{
			"nil": {nil, facts{2048, "CN=Device Assignment Server Token", "CN=Device Assignment Server Token",
				"1999-12-31", "2001-12-31", usage}},
			"zero": {&dep.KeyPairOptions{}, facts{2048, "CN=Device Assignment Server Token", "CN=Device Assignment Server Token",
				"1999-12-31", "2001-12-31", usage}},
			"all set": {&dep.KeyPairOptions{Bits: 3072, CommonName: "Größe", Validity: 48 * time.Hour},
				facts{3072, "CN=Größe", "CN=Größe", "1999-12-31", "2000-01-03", usage}},
		} {
			k := generate(t, c.opts)
			block, rest := pem.Decode(k.CertificatePEM())
			if block == nil || block.Type != "CERTIFICATE" || len(rest) > 0 {
				t.Fatalf("%s: CertificatePEM gave %s", name, k.CertificatePEM())
			}
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			got := facts{cert.PublicKey.(*rsa.PublicKey).N.BitLen(), cert.Subject.String(), cert.Issuer.String(),
				cert.NotBefore.Format(time.DateOnly), cert.NotAfter.Format(time.DateOnly), cert.KeyUsage}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
			if cert.SerialNumber.Sign() <= 0 || cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) != nil {
				t.Errorf("%s: serial %v, or a bad signature", name, cert.SerialNumber)
			}
			if !bytes.Equal(k.Certificate().Raw, block.Bytes) {
				t.Errorf("%s: Certificate and CertificatePEM differ", name)
			}
		}
	})
}

func TestGenerateKeyPairsDiffer(t *testing.T) {
	a, b := generate(t, nil), generate(t, nil)
	if a.Certificate().SerialNumber.Cmp(b.Certificate().SerialNumber) == 0 || bytes.Equal(a.RevealPEM(), b.RevealPEM()) {
		t.Error("two pairs share a serial number or all")
	}
}

func TestGenerateKeyPairRefusesBadOptions(t *testing.T) {
	for name, opts := range map[string]*dep.KeyPairOptions{
		"Bits":       {Bits: 1024},
		"CommonName": {CommonName: strings.Repeat("ö", 65)},
		"Validity":   {Validity: -time.Hour},
	} {
		k, err := dep.GenerateKeyPair(opts)
		if input, _ := errors.AsType[*dep.InputError](err); input == nil || input.Field != name || k != nil {
			t.Errorf("%s: got %v, %v", name, k, err)
		}
	}
	if _, err := dep.GenerateKeyPair(&dep.KeyPairOptions{CommonName: "\xFF"}); err == nil {
		t.Error("a common name that is not UTF-8 was accepted")
	}
}

func TestKeyPairRevealIsWhatParseKeyPairReads(t *testing.T) {
	k := generate(t, nil)
	again, err := dep.ParseKeyPair(k.RevealPEM())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(k.RevealPEM(), again.RevealPEM()) {
		t.Error("the pair changed on its way")
	}
	opens(t, again, download(k.CertificatePEM(), "CK_demo0001", "2099-01-05T09:30:00Z"))
}

func TestParseKeyPairReadsEveryForm(t *testing.T) {
	pkcs8, pkcs1, cert := string(testdata(t, "key-pkcs8.pem")), string(testdata(t, "key-pkcs1.pem")), string(testdata(t, "cert.pem"))
	other := string(testdata(t, "other-cert.pem"))
	for name, text := range map[string]string{
		"PKCS#8 then certificate":   pkcs8 + cert,
		"certificate then PKCS#8":   cert + pkcs8,
		"PKCS#1":                    pkcs1 + cert,
		"no line end at the end":    cert + strings.TrimRight(pkcs1, "\n"),
		"glued without a line end":  strings.TrimRight(cert, "\n") + pkcs8,
		"CRLF":                      strings.ReplaceAll(pkcs8+cert, "\n", "\r\n"),
		"text around the blocks":    "Bag Attributes\n    friendlyName: x\n" + pkcs8 + "\nsubject=CN = Test\n" + cert + "\nend\n",
		"another certificate first": other + cert + pkcs8,
		"an unreadable one first":   string(testdata(t, "negative-cert.pem")) + cert + pkcs8,
		"blocks of other kinds":     "-----BEGIN DH PARAMETERS-----\nMAA=\n-----END DH PARAMETERS-----\n" + cert + pkcs8,
		"label of PKCS#1 on PKCS#8": strings.ReplaceAll(pkcs8, "PRIVATE", "RSA PRIVATE") + cert,
	} {
		t.Run(name, func(t *testing.T) {
			k, err := dep.ParseKeyPair([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			opens(t, k, testdata(t, "aes128-stream.p7m"))
			if string(k.CertificatePEM()) != cert {
				t.Error("it took another certificate")
			}
		})
	}
}

func TestParseKeyPairSaysWhatIsWrong(t *testing.T) {
	key, cert := string(testdata(t, "key-pkcs8.pem")), string(testdata(t, "cert.pem"))
	block := func(label string, bytes []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: bytes}))
	}
	der, _ := pem.Decode([]byte(key))
	pkcs1, _ := pem.Decode(testdata(t, "key-pkcs1.pem"))
	for name, c := range map[string]struct{ text, field, rule string }{
		"no key":                 {cert, "private key", "is missing"},
		"no certificate":         {key, "certificate", "is missing"},
		"two keys":               {key + key + cert, "private key", "more than one"},
		"encrypted PKCS#8":       {string(testdata(t, "key-encrypted.pem")) + cert, "private key", "passphrase"},
		"encrypted PKCS#1":       {string(testdata(t, "key-encrypted-pkcs1.pem")) + cert, "private key", "passphrase"},
		"EC key":                 {string(testdata(t, "ec-key.pem")) + cert, "private key", "must be RSA (this is: EC P-256"},
		"Ed25519 key":            {string(testdata(t, "ed25519-key.pem")) + cert, "private key", "must be RSA"},
		"too short a key":        {string(testdata(t, "small-key.pem")) + string(testdata(t, "small-cert.pem")), "private key", "1024 bits"},
		"key of no kind":         {block("PRIVATE KEY", []byte("noise")) + cert, "private key", "is damaged"},
		"PKCS#8 damaged inside":  {block("PRIVATE KEY", append(der.Bytes[:40:40], make([]byte, len(der.Bytes)-40)...)) + cert, "private key", "is damaged"},
		"PKCS#1 damaged inside":  {block("RSA PRIVATE KEY", damaged(pkcs1.Bytes, 300)) + cert, "private key", "is damaged"},
		"huge key":               {block("PRIVATE KEY", make([]byte, 7<<10)) + cert, "private key", "is larger than any key"},
		"certificate of another": {key + string(testdata(t, "other-cert.pem")), "certificate", "belongs to another key"},
		"negative serial":        {key + string(testdata(t, "negative-cert.pem")), "certificate", "negative serial number"},
		"huge file":              {strings.Repeat(cert, 300) + key, "key pair", "is larger than 256 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := dep.ParseKeyPair([]byte(c.text))
			input, ok := errors.AsType[*dep.InputError](err)
			if !ok || k != nil || input.Field != c.field || !strings.Contains(input.Rule, c.rule) {
				t.Errorf("got %v, %v; want %s: %s", k, err, c.field, c.rule)
			}
		})
	}
	for name, c := range map[string]struct {
		data []byte
		got  sniff.Kind
	}{
		"binary certificate": {testPair(t).Certificate().Raw, sniff.Certificate},
		"server token":       {testdata(t, "aes128-stream.p7m"), sniff.ServerToken},
		"nothing":            {nil, sniff.Empty},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := dep.ParseKeyPair(c.data)
			got, _ := errors.AsType[*dep.WrongFileError](err)
			if diff := cmp.Diff(&dep.WrongFileError{Want: sniff.KeyPair, Got: c.got}, got); diff != "" {
				t.Error(diff, err)
			}
		})
	}
}

func damaged(der []byte, at int) []byte {
	der = bytes.Clone(der)
	der[at] ^= 0x55
	return der
}

func TestKeyPairNeverShowsItsKey(t *testing.T) {
	k := testPair(t)
	key, _ := pem.Decode(testdata(t, "key-pkcs1.pem"))
	parsed, err := x509.ParsePKCS1PrivateKey(key.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	prime := parsed.Primes[0]
	hidden := []string{"PRIVATE KEY", prime.String(), prime.Text(16), strings.ToUpper(prime.Text(16)), parsed.D.String(),
		fmt.Sprint(prime.Bytes()[:8]), fmt.Sprint(prime.Bits())}
	c := dep.Credentials{Active: k, Staged: k}
	for _, v := range []any{k, *k, c, &c, struct{ *dep.KeyPair }{k}, struct {
		Name    string
		private dep.KeyPair
	}{"x", *k}} {
		for how, text := range shown(t, v) {
			for _, h := range hidden {
				if strings.Contains(text, h) {
					t.Errorf("%T with %s shows %s", v, how, h)
				}
			}
		}
	}
	want := "key pair of the certificate CN=Test Only, serial A1B2C3D, valid until "
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
		if got := fmt.Sprintf(verb, k); !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %s", verb, got)
		}
	}
}

func TestZeroKeyPair(t *testing.T) {
	for _, k := range []*dep.KeyPair{nil, {}} {
		if k.Certificate() != nil || k.CertificatePEM() != nil || k.RevealPEM() != nil || fmt.Sprint(k) != "no key pair" {
			t.Errorf("%#v gives something", k)
		}
	}
}

func FuzzParseKeyPair(f *testing.F) {
	f.Add(append(testdata(f, "key-pkcs8.pem"), testdata(f, "cert.pem")...))
	f.Add(append(testdata(f, "cert.pem"), testdata(f, "key-pkcs1.pem")...))
	f.Add(append(testdata(f, "ec-key.pem"), testdata(f, "cert.pem")...))
	f.Add(append(testdata(f, "key-encrypted-pkcs1.pem"), testdata(f, "cert.pem")...))
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := dep.ParseKeyPair(text)
		if (k == nil) == (err == nil) {
			t.Fatalf("got %v and %v", k, err)
		}
		if k == nil {
			return
		}
		if _, err := dep.ParseKeyPair(k.RevealPEM()); err != nil {
			t.Errorf("what RevealPEM returned is refused: %v", err)
		}
	})
}
