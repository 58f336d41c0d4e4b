package deptest_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"

	"github.com/applemdm/applemdm/dep/deptest"
)

// keyPair is made once: RSA keys are slow.
var keyPair = sync.OnceValues(func() (*rsa.PrivateKey, *x509.Certificate) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key, selfSigned(key, &key.PublicKey)
})

func selfSigned(key, public any) *x509.Certificate {
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes([]byte{0xc1, 2, 3, 4, 5, 6, 7, 8}),
		Subject:      pkix.Name{CommonName: "applemdm"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return cert
}

// open undoes what the portal does, with a CMS library of somebody else's.
func open(t *testing.T, file []byte) string {
	t.Helper()
	key, cert := keyPair()
	if file[0] != 0x30 {
		file = unwrap(file)
	}
	p7, err := pkcs7.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := p7.Decrypt(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

// unwrap takes off header and base64.
func unwrap(file []byte) []byte {
	if _, body, isMIME := bytes.Cut(bytes.ReplaceAll(file, []byte("\r\n"), []byte("\n")), []byte("\n\n")); isMIME {
		file = body
	}
	der, _ := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(file)), ""))
	return der
}

func TestIssueToken(t *testing.T) {
	srv := deptest.NewServer(nil)
	defer srv.Close()
	_, cert := keyPair()
	before := srv.Token()
	file, err := srv.IssueToken(cert)
	if err != nil {
		t.Fatal(err)
	}
	if srv.Token() == before {
		t.Error("the token in force did not change")
	}
	const header = "Content-Type: application/pkcs7-mime; name=\"smime.p7m\"; smime-type=enveloped-data\r\n" +
		"Content-Transfer-Encoding: base64\r\n" +
		"Content-Disposition: attachment; filename=\"smime.p7m\"\r\n" +
		"Content-Description: S/MIME Encrypted Message\r\n\r\nMIAGCSqGSIb3DQEHA6CA" // 30 80 06 09 2A 86 48 86 F7 0D 01 07 03 A0 80
	if !strings.HasPrefix(string(file), header) {
		t.Errorf("the file begins %q", file[:min(len(file), 300)])
	}
	for line := range strings.Lines(string(file)) {
		if len(line) > 78 && !strings.HasPrefix(line, "Content-Type") {
			t.Errorf("line of %d characters", len(line)-2)
		}
	}
	text := open(t, file)
	rest, ok := strings.CutPrefix(text, "Content-Type: text/plain;charset=UTF-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n-----BEGIN MESSAGE-----\r\n")
	message, end := strings.CutSuffix(rest, "\r\n-----END MESSAGE-----\r\n")
	if !ok || !end {
		t.Fatalf("inner text %q", text)
	}
	lines := strings.Split(message, "\r\n")
	if len(lines) < 3 || len(lines[0]) != 76 || strings.ContainsAny(lines[0][74:], "{},:") {
		t.Errorf("the JSON is not broken inside of its strings: %q", lines)
	}
	token := srv.Token()
	diff(t, "JSON", strings.Join(lines, ""), `{"consumer_key":"`+token.ConsumerKey+`","consumer_secret":"`+token.ConsumerSecret+
		`","access_token":"`+token.AccessToken+`","access_secret":"`+token.AccessSecret+
		`","access_token_expiry":"`+token.Expiry.Format(time.RFC3339)+`"}`)
	for value, prefix := range map[string]string{token.ConsumerKey: "CK_", token.ConsumerSecret: "CS_", token.AccessToken: "AT_O", token.AccessSecret: "AS_"} {
		if !strings.HasPrefix(value, prefix) {
			t.Errorf("%q does not begin with %q", value, prefix)
		}
	}
}

func variants() map[string]deptest.TokenOptions {
	return map[string]deptest.TokenOptions{
		"default":          {},
		"AES-256":          {Cipher: deptest.AES256},
		"3DES":             {Cipher: deptest.TripleDES},
		"DER":              {DER: true},
		"chunks":           {Chunk: 100},
		"small chunks":     {Chunk: 1},
		"chunks of 130":    {Chunk: 130}, // the shortest length form ends at 127
		"broken header":    {BrokenHeader: true},
		"bare base64":      {Wrapping: deptest.BareBase64},
		"bare binary":      {Wrapping: deptest.BareBinary},
		"no message lines": {NoMessageLines: true},
		"LF":               {LF: true},
		"all at once":      {Cipher: deptest.AES256, DER: true, LF: true, NoMessageLines: true, Wrapping: deptest.BareBase64},
	}
}

func TestTokenVariants(t *testing.T) {
	token := vectorToken()
	token.Expiry = time.Date(2027, 1, 5, 9, 30, 0, 0, time.UTC)
	_, cert := keyPair()
	for name, opts := range variants() {
		t.Run(name, func(t *testing.T) {
			file, err := deptest.EncryptToken(token, cert, opts)
			if err != nil {
				t.Fatal(err)
			}
			text := open(t, file)
			if strings.Contains(text, "MESSAGE") == opts.NoMessageLines || strings.Contains(text, "\r") == opts.LF {
				t.Errorf("inner text %q", text)
			}
			_, body, _ := strings.Cut(strings.NewReplacer("\r\n", "\n", "-----BEGIN MESSAGE-----", "", "-----END MESSAGE-----", "").Replace(text), "\n\n")
			diff(t, "JSON", strings.ReplaceAll(body, "\n", ""), `{"consumer_key":"CK_demo0001","consumer_secret":"CS_demo0003",`+
				`"access_token":"AT_demo0002","access_secret":"AS_demo0004","access_token_expiry":"2027-01-05T09:30:00Z"}`)
			if strings.Contains(string(file), "enveloped-\r\ndata") != opts.BrokenHeader {
				t.Error("the header is not as wished")
			}
		})
	}
}

func TestTokenNeedsRSA(t *testing.T) {
	srv := deptest.NewServer(nil)
	defer srv.Close()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	before := srv.Token()
	for _, cert := range []*x509.Certificate{nil, selfSigned(key, &key.PublicKey)} {
		if file, err := srv.IssueToken(cert); err == nil || file != nil {
			t.Errorf("file of %d bytes, error %v", len(file), err)
		}
		if _, err := deptest.EncryptToken(before, cert, deptest.TokenOptions{}); err == nil {
			t.Error("no error")
		}
	}
	if srv.Token() != before {
		t.Error("a failed issue has changed the token")
	}
}

// OpenSSL opens every variant that is an S/MIME file. The test says nothing where it is not
// installed: the one above has opened them all.
func TestOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Log("openssl is not installed")
		return
	}
	key, cert := keyPair()
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	keyFile := write("key.pem", pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	certFile := write("cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
	for name, opts := range variants() {
		form := "SMIME"
		if opts.BrokenHeader || opts.Wrapping == deptest.BareBase64 {
			continue
		}
		if opts.Wrapping == deptest.BareBinary {
			form = "DER"
		}
		file, err := deptest.EncryptToken(vectorToken(), cert, opts)
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(openssl, "smime", "-decrypt", "-inform", form, "-in", write("token.p7m", file), "-inkey", keyFile, "-recip", certFile).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "CK_demo0001") {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
}
