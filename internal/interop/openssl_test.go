package interop

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/dep/deptest"
)

const innerToken = "Content-Type: text/plain;charset=UTF-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n" +
	"-----BEGIN MESSAGE-----\n" +
	`{"consumer_key":"CK_demo0001","consumer_secret":"CS_de` + "\n" + `mo0003","access_token":"AT_demo0002",` + "\n" +
	`"access_secret":"AS_demo0004","access_token_expiry":"2099-01-05T09:30:00Z"}` + "\n-----END MESSAGE-----\n"

// TestOpenSSLEnvelopes opens what OpenSSL encrypts, in every form that it can make.
func TestOpenSSLEnvelopes(t *testing.T) {
	pair, err := dep.GenerateKeyPair(nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, inner := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "inner.txt")
	write(t, cert, pair.CertificatePEM())
	write(t, inner, []byte(innerToken))
	for _, cipher := range []string{"-aes-128-cbc", "-aes-256-cbc", "-des3"} {
		for _, form := range [][]string{{"-stream"}, {}, {"-outform", "DER"}, {"-outform", "PEM"}, {"-stream", "-outform", "DER"}} {
			args := append([]string{"smime", "-encrypt", cipher, "-binary", "-in", inner}, form...)
			p7m := openssl(t, append(args, cert)...)
			token, err := pair.OpenToken(p7m)
			if err != nil {
				t.Errorf("%s %v: %v", cipher, form, err)
				continue
			}
			if token.ConsumerKey != "CK_demo0001" || token.ConsumerSecret.Reveal() != "CS_demo0003" || token.AccessSecret.Reveal() != "AS_demo0004" {
				t.Errorf("%s %v: token %s with other contents", cipher, form, token.ConsumerKey)
			}
		}
	}
}

// TestOpenSSLOpensTheSimulatorsToken has OpenSSL decrypt what the simulator issues.
func TestOpenSSLOpensTheSimulatorsToken(t *testing.T) {
	pair, err := dep.GenerateKeyPair(nil)
	if err != nil {
		t.Fatal(err)
	}
	srv := deptest.NewServer(nil)
	defer srv.Close()
	dir := t.TempDir()
	key, file := filepath.Join(dir, "key.pem"), filepath.Join(dir, "token.p7m")
	write(t, key, pair.RevealPEM())
	for _, cipher := range []deptest.Cipher{deptest.AES128, deptest.AES256, deptest.TripleDES} {
		p7m, err := srv.IssueTokenWith(pair.Certificate(), deptest.TokenOptions{Cipher: cipher})
		if err != nil {
			t.Fatal(err)
		}
		write(t, file, p7m)
		text := openssl(t, "smime", "-decrypt", "-in", file, "-inkey", key)
		joined := bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("\n"), nil), []byte("\r"), nil)
		if !bytes.Contains(joined, []byte(srv.Token().AccessSecret)) {
			t.Errorf("cipher %v: OpenSSL read %q", cipher, text)
		}
	}
}

func write(t *testing.T, file string, data []byte) {
	t.Helper()
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func openssl(t *testing.T, args ...string) []byte {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command("openssl", args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("openssl %v: %v\n%s", args, err, errs.String())
	}
	return out.Bytes()
}
