package axm_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/axm/axmtest"
)

func TestParseKeyTakesWhatThePortalAndPeopleMakeOfIt(t *testing.T) {
	private := wirePrivate()
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for _, label := range []string{"EC PRIVATE KEY", "PRIVATE KEY"} {
		for name, der := range map[string][]byte{"PKCS#8": pkcs8, "SEC 1": sec1} {
			text := pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
			for form, data := range map[string][]byte{
				"as it is":          text,
				"Windows line ends": bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")),
				"indented":          bytes.ReplaceAll(text, []byte("\n"), []byte("\n\t ")),
				"byte order mark":   append([]byte("\xEF\xBB\xBF"), text...),
				"mail around it":    append([]byte("Hello,\nhere is the key:\n\n"), append(text, "\nBye\n"...)...),
				"DER":               der,
			} {
				key, err := axm.ParseKey(businessID, keyID, data)
				if err != nil || key.API() != axm.APIBusiness || key.ClientID != businessID || key.KeyID != keyID {
					t.Errorf("%s in %s, %s: %v, %v", name, label, form, key, err)
				}
			}
		}
	}
}

func TestParseKeyTrimsTheIdentifiers(t *testing.T) {
	key, err := axm.ParseKey("\u200b "+schoolID+"\r\n", "\ufeff\t"+keyID+"\u00a0\n", keyPEM(t))
	if err != nil || key.ClientID != schoolID || key.KeyID != keyID || key.API() != axm.APISchool {
		t.Errorf("%v, %v", key, err)
	}
}

func TestParseKeyNamesWhatIsWrong(t *testing.T) {
	good := keyPEM(t)
	for name, tc := range map[string]struct {
		clientID, keyID string
		pem             []byte
		want            string
	}{
		"no prefix":         {"0a1b", keyID, good, `client ID: must begin with "BUSINESSAPI." or "SCHOOLAPI."`},
		"swapped":           {keyID, businessID, good, "client ID: must begin with \"BUSINESSAPI.\" or \"SCHOOLAPI.\"; the key ID does, so the two are swapped"},
		"prefix alone":      {"BUSINESSAPI.", keyID, good, "client ID: must not be empty"},
		"space within":      {"BUSINESSAPI.0a 1b", keyID, good, "client ID: must not have spaces, line ends or characters outside of ASCII within"},
		"no key ID":         {businessID, " ", good, "key ID: must not be empty"},
		"client ID twice":   {businessID, businessID, good, "key ID: is a client ID; the key ID stands beside the key in the portal"},
		"line end within":   {businessID, "a\nb", good, "key ID: must not have spaces, line ends or characters outside of ASCII within"},
		"something longer":  {businessID, strings.Repeat("a", 129), good, "key ID: has 129 characters, so it is something else"},
		"empty":             {businessID, keyID, nil, "wrong file: want EC P-256 private key, as the School and Business Manager API uses, got empty file"},
		"certificate":       {businessID, keyID, certificateFile("lab.pem").Data, "wrong file: want EC P-256 private key, as the School and Business Manager API uses, got certificate"},
		"web page":          {businessID, keyID, []byte("<!doctype html><html>"), "wrong file: want EC P-256 private key, as the School and Business Manager API uses, got HTML page"},
		"too large":         {businessID, keyID, make([]byte, 1<<20+1), "private key: is larger than 1 MiB, so it is none"},
		"key of P-384":      {businessID, keyID, keyOfP384(t), "wrong file: want EC P-256 private key, as the School and Business Manager API uses, got EC private key"},
		"cut short":         {businessID, keyID, good[:len(good)/2], "wrong file: want EC P-256 private key, as the School and Business Manager API uses, got file of an unknown kind"},
		"a PEM of nonsense": {businessID, keyID, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("nonsense")}), "private key: is damaged"},
	} {
		key, err := axm.ParseKey(tc.clientID, tc.keyID, tc.pem)
		if err == nil || err.Error() != tc.want || key != nil {
			t.Errorf("%s: %v, want %s", name, err, tc.want)
		}
		_, input := errors.AsType[*axm.InputError](err)
		_, file := errors.AsType[*axm.WrongFileError](err)
		if input == file {
			t.Errorf("%s: %T", name, err)
		}
	}
}

func keyOfP384(t *testing.T) []byte {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func TestFileKey(t *testing.T) {
	s := newSite(t, nil, nil)
	path := filepath.Join(t.TempDir(), "key.pem")
	source := axm.FileKey{ClientID: s.Account().ClientID(), KeyID: s.Account().Key().ID, Path: path}
	c, err := axm.New(source, &axm.Options{HTTPClient: s.srv.Client(), BaseURL: s.srv.URL, TokenURL: s.srv.URL + tokenPath})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.API(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	write := func(text []byte) {
		t.Helper()
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write([]byte("<html>"))
	if _, err := c.API(t.Context()); err == nil || !strings.Contains(err.Error(), path) {
		t.Error(err)
	}
	write(s.Account().Key().PEMAs(axmtest.PrivateKey, axmtest.SEC1))
	for _, err := range c.Servers(t.Context(), axm.ListOptions{}) {
		if err != nil {
			t.Error(err)
		}
	}
	if n := s.tokens(); n != 1 {
		t.Errorf("%d tokens", n)
	}
}

// Whatever prints or encodes a key shows its identifiers only.
func TestAKeyDoesNotPrint(t *testing.T) {
	key := mustKey(t, businessID)
	der, err := x509.MarshalPKCS8PrivateKey(wirePrivate())
	if err != nil {
		t.Fatal(err)
	}
	d, err := wirePrivate().Bytes()
	if err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&logged, nil))
	logger.Info("key", "pointer", key, "value", *key)
	oldJSON, err := json.Marshal(key)
	if err != nil {
		t.Fatal(err)
	}
	newJSON, err := jsonv2.Marshal(key)
	if err != nil {
		t.Fatal(err)
	}
	holder := struct {
		Key  *axm.Key
		copy axm.Key
	}{key, *key}
	shown := logged.String() + string(oldJSON) + string(newJSON)
	client, err := axm.New(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	shown += fmt.Sprintf("%+v%#v", client, client)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		shown += fmt.Sprintf(verb+verb+verb, key, *key, holder)
	}
	for _, secret := range []string{
		hex.EncodeToString(d), hex.EncodeToString(der), base64.StdEncoding.EncodeToString(d),
		new(big.Int).SetBytes(d).String(), fmt.Sprint(d), fmt.Sprintf("%#v", d), string(d),
	} {
		if strings.Contains(shown, secret) {
			t.Errorf("the key shows in %s", shown)
		}
	}
	if want := `{"clientId":"` + businessID + `","keyId":"` + keyID + `"}`; string(oldJSON) != want || string(newJSON) != want {
		t.Errorf("%s, %s", oldJSON, newJSON)
	}
	if want := "API key " + keyID + " of " + businessID; key.String() != want || fmt.Sprint(key, *key) != want+" "+want {
		t.Errorf("%s", key)
	}
	if !strings.Contains(logged.String(), "pointer.clientId="+businessID) {
		t.Errorf("%s", logged.String())
	}
}
