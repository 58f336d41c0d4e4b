package keypem

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/applemdm/applemdm/internal/field"
)

func ok[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func encode(label string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}))
}

func certificate(serial int64, key crypto.Signer) []byte {
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "Test Only"}}
	return ok(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
}

func TestBlocks(t *testing.T) {
	key, cert := encode("PRIVATE KEY", []byte("some key that is long enough to need a second line of PEM")), encode("CERTIFICATE", []byte("one"))
	for name, text := range map[string]string{
		"plain":                key + cert,
		"glued":                strings.TrimSpace(key) + cert,
		"glued the other way":  strings.TrimSpace(cert) + strings.TrimSpace(key),
		"CRLF":                 strings.ReplaceAll(key+cert, "\n", "\r\n"),
		"CR":                   strings.ReplaceAll(key+cert, "\n", "\r"),
		"indented":             strings.ReplaceAll("\n"+key+cert, "\n", "\n      "),
		"byte order mark":      "\xEF\xBB\xBF" + key + cert,
		"text around":          "Bag Attributes\n    friendlyName: x\n" + key + "subject=CN = x\n" + cert + "end",
		"other kinds":          encode("DH PARAMETERS", []byte("x")) + key + encode("PUBLIC KEY", []byte("x")) + cert,
		"X509":                 key + encode("X509 CERTIFICATE", []byte("one")),
		"no line end, at last": key + strings.TrimSpace(cert),
	} {
		keys, certificates := Blocks([]byte(text))
		if len(keys) != 1 || len(certificates) != 1 || !strings.HasPrefix(string(keys[0].Bytes), "some key") || string(certificates[0].Bytes) != "one" {
			t.Errorf("%s: got %v, %v", name, keys, certificates)
		}
	}
	keys, certificates := Blocks([]byte(cert + key + cert + key))
	if len(keys) != 2 || len(certificates) != 2 {
		t.Errorf("got %d keys and %d certificates", len(keys), len(certificates))
	}
	if keys, certificates := Blocks(nil); keys != nil || certificates != nil {
		t.Errorf("nothing gave %v, %v", keys, certificates)
	}
}

func TestParseKey(t *testing.T) {
	rsaKey := ok(rsa.GenerateKey(rand.Reader, 2048))
	ecKey := ok(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	_, edKey := ok2(ed25519.GenerateKey(rand.Reader))
	for name, c := range map[string]struct {
		der  []byte
		want crypto.Signer
	}{
		"PKCS#1":         {x509.MarshalPKCS1PrivateKey(rsaKey), rsaKey},
		"PKCS#8 RSA":     {ok(x509.MarshalPKCS8PrivateKey(rsaKey)), rsaKey},
		"SEC 1":          {ok(x509.MarshalECPrivateKey(ecKey)), ecKey},
		"PKCS#8 EC":      {ok(x509.MarshalPKCS8PrivateKey(ecKey)), ecKey},
		"PKCS#8 Ed25519": {ok(x509.MarshalPKCS8PrivateKey(edKey)), edKey},
	} {
		got, err := ParseKey(c.der)
		if err != nil || !c.want.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(got.Public()) {
			t.Errorf("%s: got %T, %v", name, got, err)
		}
	}
	for name, c := range map[string]struct {
		der  []byte
		rule string
	}{
		"noise":   {[]byte("noise"), "is damaged"},
		"nothing": {nil, "is damaged"},
		"huge":    {make([]byte, 6<<10+1), "is larger than any key in use"},
		"X25519":  {ok(x509.MarshalPKCS8PrivateKey(ok(ecdh.X25519().GenerateKey(rand.Reader)))), "cannot sign"},
	} {
		_, err := ParseKey(c.der)
		refused(t, name, err, "private key", c.rule)
	}
}

func ok2[A, B any](a A, b B, err error) (A, B) {
	if err != nil {
		panic(err)
	}
	return a, b
}

func refused(t *testing.T, name string, err error, field_, rule string) {
	t.Helper()
	input, is := errors.AsType[*field.InputError](err)
	if !is || input.Field != field_ || !strings.Contains(input.Rule, rule) {
		t.Errorf("%s: got %v, want %s: %s", name, err, field_, rule)
	}
}

func TestMatch(t *testing.T) {
	key, other := ok(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), ok(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	block := func(der []byte) *pem.Block { return &pem.Block{Type: "CERTIFICATE", Bytes: der} }
	mine, again, foreign, damaged := block(certificate(1, key)), block(certificate(2, key)), block(certificate(3, other)), block([]byte("x"))

	own, others, err := Match(key, []*pem.Block{damaged, foreign, mine, again})
	if err != nil || !bytes.Equal(own.Raw, mine.Bytes) || len(others) != 2 ||
		!bytes.Equal(others[0].Raw, foreign.Bytes) || !bytes.Equal(others[1].Raw, again.Bytes) {
		t.Errorf("got %v, %v, %v", own, others, err)
	}
	_, _, err = Match(key, []*pem.Block{foreign})
	refused(t, "foreign", err, "certificate", "belongs to another key")
	_, _, err = Match(key, []*pem.Block{damaged, foreign})
	refused(t, "damaged", err, "certificate", "cannot be read")
}

// encrypted reads a key that OpenSSL made; testdata/README.md says how.
func encrypted(t testing.TB, name string) *pem.Block {
	t.Helper()
	keys, _ := Blocks(ok(os.ReadFile(filepath.Join("testdata", name))))
	if len(keys) != 1 {
		t.Fatalf("%s has %d keys", name, len(keys))
	}
	return keys[0]
}

var encryptedFiles = []string{"traditional-aes128.pem", "traditional-des3.pem", "pbes2-aes256.pem", "pbes2-aes192-sha384.pem",
	"pbes2-aes128-sha1.pem", "pbes2-des3-sha512.pem", "pbes2-aes256-sha224.pem"}

func TestDecrypt(t *testing.T) {
	plain := ok(ParseKey(encrypted(t, "plain.pem").Bytes)).(*rsa.PrivateKey)
	for _, name := range encryptedFiles {
		block := encrypted(t, name)
		if !IsEncrypted(block) {
			t.Errorf("%s is not taken for encrypted", name)
		}
		der, err := Decrypt(block, "test")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if key, err := ParseKey(der); err != nil || !plain.Equal(key) {
			t.Errorf("%s: got another key, or %v", name, err)
		}
		for _, password := range []string{"", "tset", "Test"} {
			_, err := Decrypt(block, password)
			refused(t, name+" with "+password, err, "password", "does not open the private key")
		}
	}
	if IsEncrypted(encrypted(t, "plain.pem")) {
		t.Error("plain.pem is taken for encrypted")
	}
	if !IsEncrypted(&pem.Block{Type: "PRIVATE KEY", Bytes: encrypted(t, "pbes2-aes256.pem").Bytes}) {
		t.Error("a wrong label hides the encryption")
	}
}

func TestDecryptSaysWhatItCannotDo(t *testing.T) {
	good := encrypted(t, "pbes2-aes256.pem").Bytes
	swap := func(old, new string) []byte {
		if bytes.Count(good, []byte(old)) != 1 {
			t.Fatalf("%x is not once in the file", old)
		}
		return bytes.Replace(good, []byte(old), []byte(new), 1)
	}
	const (
		iterations = "\x02\x02\x08\x00" // 2,048
		aes256     = "\x60\x86\x48\x01\x65\x03\x04\x01\x2A"
		hmacSHA256 = "\x2A\x86\x48\x86\xF7\x0D\x02\x09"
		pbkdf2     = "\x2A\x86\x48\x86\xF7\x0D\x01\x05\x0C"
	)
	for name, c := range map[string]struct {
		block *pem.Block
		rule  string
	}{
		"PBES1":         {encrypted(t, "pbes1.pem"), "not supported"},
		"scrypt":        {encrypted(t, "scrypt.pem"), "not supported"},
		"other KDF":     {&pem.Block{Bytes: swap(pbkdf2, pbkdf2[:8]+"\x0F")}, "not supported"},
		"other cipher":  {&pem.Block{Bytes: swap(aes256, aes256[:8]+"\x2E")}, "not supported"},
		"other PRF":     {&pem.Block{Bytes: swap(hmacSHA256, hmacSHA256[:7]+"\x0D")}, "not supported"},
		"no iterations": {&pem.Block{Bytes: swap(iterations, "\x02\x02\x00\x00")}, "not supported"},
		"negative":      {&pem.Block{Bytes: swap(iterations, "\x02\x02\x88\x00")}, "not supported"},
		"other DEK": {&pem.Block{Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "RC4,00"}, Bytes: []byte("x")},
			"not supported"},
		"noise":        {&pem.Block{Bytes: []byte("noise")}, "is damaged"},
		"cut short":    {&pem.Block{Bytes: good[:len(good)-3]}, "is damaged"},
		"broken block": {&pem.Block{Bytes: shorten(t, good)}, "is damaged"},
	} {
		_, err := Decrypt(c.block, "test")
		refused(t, name, err, "private key", c.rule)
	}
}

// shorten takes three bytes of the encrypted data away and corrects the lengths around it.
func shorten(t *testing.T, der []byte) []byte {
	var key encryptedKey
	if !parses(der, &key) {
		t.Fatal("the file is not what it should be")
	}
	key.Data = key.Data[:len(key.Data)-3]
	return ok(asn1.Marshal(key))
}

// One that asks for more rounds than anybody needs is refused without doing them.
func TestDecryptBoundsItsWork(t *testing.T) {
	var (
		key    encryptedKey
		scheme pbes2
		kdf    derivation
	)
	if !parses(encrypted(t, "pbes2-aes256.pem").Bytes, &key) || !parses(key.Algorithm.Parameters.FullBytes, &scheme) ||
		!parses(scheme.Derivation.Parameters.FullBytes, &kdf) {
		t.Fatal("the file is not what it should be")
	}
	for _, c := range []struct{ iterations, length int }{{MaxIterations + 1, 0}, {1, 31}, {1 << 31, 32}} {
		kdf.Iterations, kdf.KeyLength = c.iterations, c.length
		scheme.Derivation.Parameters.FullBytes = ok(asn1.Marshal(kdf))
		key.Algorithm.Parameters.FullBytes = ok(asn1.Marshal(scheme))
		_, err := Decrypt(&pem.Block{Bytes: ok(asn1.Marshal(key))}, "test")
		refused(t, "too much", err, "private key", "not supported")
	}
}

func FuzzDecrypt(f *testing.F) {
	for _, name := range append(encryptedFiles, "pbes1.pem", "scrypt.pem") {
		f.Add(pem.EncodeToMemory(encrypted(f, name)))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, certificates := Blocks(text)
		for _, key := range keys {
			if !IsEncrypted(key) {
				continue
			}
			der, err := Decrypt(key, "test")
			if err == nil {
				_, err = ParseKey(der)
			}
			if _, is := errors.AsType[*field.InputError](err); err != nil && !is {
				t.Errorf("got %T: %v", err, err)
			}
		}
		for _, block := range certificates {
			if block.Type == "" {
				t.Error("a certificate without a label")
			}
		}
	})
}
