package apns_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"strings"
	"testing"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/internal/sniff"
)

func TestParsePKCS12(t *testing.T) {
	for name, c := range map[string]struct {
		password string
		chain    int
	}{
		"modern.p12":         {"test", 2},
		"legacy.p12":         {"test", 1},
		"empty-password.p12": {"", 1},
	} {
		got, err := apns.ParsePKCS12(certFile(t, name), c.password)
		if err != nil || got.Topic() != fixtureTopic || len(got.TLS().Certificate) != c.chain {
			t.Errorf("%s: got %v, %v", name, got, err)
			continue
		}
		if got.Fingerprint() != fixtureCertificate(t).Fingerprint() {
			t.Errorf("%s: it is another certificate", name)
		}
		for _, password := range []string{"tset", "", "Test"} {
			if password == c.password {
				continue
			}
			_, err := apns.ParsePKCS12(certFile(t, name), password)
			refusedAs(t, err, "password", "does not open the PKCS#12 file")
		}
	}
}

// Files of other programs have the issuer first.
func TestParsePKCS12FindsTheCertificateOfTheKey(t *testing.T) {
	m := mint(otherTopic)
	foreign := certOK(x509.ParseCertificate(derOf(t, certFile(t, "integration.pem"))))
	for name, encoder := range map[string]*pkcs12.Encoder{"modern": pkcs12.Modern2023, "legacy": pkcs12.LegacyDES, "bare": pkcs12.Passwordless} {
		password := map[bool]string{true: "", false: "pässwörd"}[name == "bare"]
		data := certOK(encoder.Encode(m.key, foreign, []*x509.Certificate{m.cert}, password))
		got, err := apns.ParsePKCS12(data, password)
		if err != nil || got.Topic() != otherTopic {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	data := certOK(pkcs12.Modern.Encode(m.key, foreign, nil, "x"))
	_, err := apns.ParsePKCS12(data, "x")
	refusedAs(t, err, "certificate", "belongs to another key")
}

func TestParsePKCS12SaysWhatIsWrong(t *testing.T) {
	modern := certFile(t, "modern.p12")
	x25519 := certOK(pkcs12.Modern.Encode(certOK(ecdh.X25519().GenerateKey(rand.Reader)), mint("").cert, nil, "test"))
	for name, c := range map[string]struct {
		data        []byte
		field, rule string
	}{
		"no key":         {certFile(t, "no-key.p12"), "private key", "export certificate and key together"},
		"no certificate": {certFile(t, "no-certificate.p12"), "certificate", "is missing from the PKCS#12 file"},
		"cut short":      {modern[:len(modern)-100], "PKCS#12 file", "cannot be read"},
		"too large":      {bytes.Repeat(modern, 100), "PKCS#12 file", "is larger than 256 KiB"},
		"key agreement":  {x25519, "private key", "cannot sign"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := apns.ParsePKCS12(c.data, "test")
			refusedAs(t, err, c.field, c.rule)
			if got != nil {
				t.Error("a certificate came with the error")
			}
		})
	}
	for name, c := range map[string]struct {
		data      []byte
		want, got string
	}{
		"PEM":    {certFile(t, "push.pem"), "PKCS#12 file (.p12) with the MDM push certificate", "MDM push certificate"},
		"vendor": {certFile(t, "vendor.p12"), "MDM push certificate", "vendor's certificate for signing"},
		"empty":  {nil, "PKCS#12 file (.p12) with the MDM push certificate", "empty file"},
	} {
		_, err := apns.ParsePKCS12(c.data, "test")
		wrong, ok := errors.AsType[*apns.WrongFileError](err)
		if !ok || string(wrong.Want) != c.want || !strings.HasPrefix(string(wrong.Got), c.got) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// A file may name any number of rounds, which the library would do; a second at most is all right.
func TestParsePKCS12BoundsItsWork(t *testing.T) {
	const rounds = "\x02\x02\x08\x00" // an INTEGER of 2,048
	modern := certFile(t, "modern.p12")
	places := 0
	for at := 0; ; places++ {
		next := bytes.Index(modern[at:], []byte(rounds))
		if next < 0 {
			break
		}
		at += next
		patched := bytes.Clone(modern)
		// Zero bytes of the salt before are not touched: the INTEGER becomes longer, a length shorter.
		copy(patched[at:], "\x02\x02\x7F\xFF")
		if _, err := apns.ParsePKCS12(patched, "test"); err == nil {
			t.Error("other rounds give the same key")
		}
		at += len(rounds)
	}
	if places != 3 { // the certificates, the key, the MAC
		t.Errorf("rounds stand at %d places", places)
	}
	for _, many := range []string{"\x02\x03\x4C\x4B\x41", "\x02\x04\x7F\xFF\xFF\xFF", "\x02\x09\x01\x00\x00\x00\x00\x00\x00\x00\x00"} {
		// SEQUENCE { 3, SEQUENCE { OCTET STRING { SEQUENCE { SEQUENCE { salt, many } } } } }, enough to be
		// taken for PKCS#12.
		kdf := wrap(0x30, "\x04\x02ab"+many)
		file := wrap(0x30, "\x02\x01\x03"+wrap(0x30, wrap(0xA0, wrap(0x04, wrap(0x30, kdf)))))
		_, err := apns.ParsePKCS12([]byte(file), "test")
		refusedAs(t, err, "PKCS#12 file", "demands more rounds")
	}
	few := wrap(0x30, "\x02\x01\x03"+wrap(0x30, wrap(0x30, "\x04\x02ab\x02\x03\x4C\x4B\x40")))
	_, err := apns.ParsePKCS12([]byte(few), "test")
	refusedAs(t, err, "PKCS#12 file", "cannot be read")
}

// wrap puts an ASN.1 tag and a short length before content.
func wrap(tag byte, content string) string {
	return string([]byte{tag, byte(len(content))}) + content
}

func FuzzParsePKCS12(f *testing.F) {
	for _, name := range []string{"modern.p12", "legacy.p12", "empty-password.p12", "no-key.p12", "no-certificate.p12"} {
		f.Add(certFile(f, name), "test")
	}
	f.Add(certOK(pkcs12.Passwordless.Encode(mint(otherTopic).key, mint(otherTopic).cert, nil, "")), "")
	f.Fuzz(func(t *testing.T, data []byte, password string) {
		c, err := apns.ParsePKCS12(data, password)
		if (c == nil) == (err == nil) {
			t.Fatalf("got %v and %v", c, err)
		}
		_, isInput := errors.AsType[*apns.InputError](err)
		_, isWrong := errors.AsType[*apns.WrongFileError](err)
		if err != nil && !isInput && !isWrong {
			t.Errorf("got %T: %v", err, err)
		}
		if c != nil && sniff.Of(c.RevealPEM()) != sniff.PushCertificate {
			t.Errorf("RevealPEM returned a %s", sniff.Of(c.RevealPEM()))
		}
	})
}
