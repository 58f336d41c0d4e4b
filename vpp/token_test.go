package vpp_test

import (
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/internal/leak"
	"github.com/applemdm/applemdm/internal/sniff"
	"github.com/applemdm/applemdm/vpp"
)

const insideToken = `{"token":"QUJDREVGZ2hpams=","expDate":"2099-03-04T09:10:11+0000","orgName":"Example School District"}`

// stoken returns a token file as Apple hands it out.
func stoken(inside string) string { return base64.StdEncoding.EncodeToString([]byte(inside)) }

// plain is a token with its secret bare, for comparisons.
type plain struct{ Text, OrgName, Expiry string }

func bare(t *vpp.Token) plain {
	return plain{string(t.Reveal()), t.OrgName, t.Expiry.Format(time.RFC3339)}
}

func TestParseTokenReadsEveryForm(t *testing.T) {
	text := stoken(insideToken)
	pretty := stoken("{\n  \"orgName\" : \"Example School District\",\n  \"expDate\" : \"2099-03-04T02:10:11-0700\",\n  \"token\" : \"QUJD\",\n  \"more\" : [1]\n}")
	for name, tc := range map[string]struct{ file, sent string }{
		"one line":           {text, text},
		"with a line end":    {text + "\n", text},
		"with blanks around": {" \t\r\n" + text + "\r\n\r\n", text},
		"with a byte order":  {"\xEF\xBB\xBF" + text, text},
		"broken, LF":         {text[:30] + "\n" + text[30:], text},
		"broken, CRLF":       {text[:30] + "\r\n" + text[30:60] + "\r\n" + text[60:], text},
		"pretty, old zone":   {pretty, pretty},
		"members twice":      {stoken(`{"token":"a","token":"b",` + insideToken[1:]), stoken(`{"token":"a","token":"b",` + insideToken[1:])},
	} {
		t.Run(name, func(t *testing.T) {
			token, err := vpp.ParseToken([]byte(tc.file))
			if err != nil {
				t.Fatal(err)
			}
			want := plain{tc.sent, "Example School District", "2099-03-04T09:10:11Z"}
			if diff := cmp.Diff(want, bare(token)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseTokenWithoutOrganisation(t *testing.T) {
	token, err := vpp.ParseToken([]byte(stoken(`{"token":"x","expDate":"2099-03-04T09:10:11Z"}`)))
	if err != nil || token.OrgName != "" {
		t.Errorf("%v, %v", token, err)
	}
}

func TestParseTokenNamesTheWrongFile(t *testing.T) {
	for name, tc := range map[string]struct {
		file string
		got  vpp.FileKind
	}{
		"nothing":           {"", sniff.Empty},
		"blanks":            {" \n", sniff.Empty},
		"server token":      {"Content-Type: application/pkcs7-mime; name=\"smime.p7m\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString([]byte("\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0\x80")), sniff.ServerToken},
		"opened one":        {`{"consumer_key":"CK","consumer_secret":"CS"}`, sniff.ServerTokenText},
		"decoded token":     {insideToken, sniff.ContentTokenText},
		"web page":          {"<!DOCTYPE html><html><body>Sign in</body></html>", sniff.HTML},
		"other JSON":        {`{"a":1}`, sniff.JSON},
		"bare secret":       {"QUJDREVGZ2hpams=", sniff.Unknown},
		"redacted":          {"[redacted]", sniff.Unknown},
		"other JSON inside": {stoken(`{"a":1}`), sniff.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := vpp.ParseToken([]byte(tc.file))
			wrong, ok := errors.AsType[*vpp.WrongFileError](err)
			if !ok || wrong.Want != sniff.ContentToken || wrong.Got != tc.got {
				t.Errorf("%v, want a %s", err, tc.got)
			}
		})
	}
}

func TestParseTokenRefusesDamage(t *testing.T) {
	for name, tc := range map[string]struct{ file, want string }{
		"too large":       {strings.Repeat("A", 1<<20+1), "token: is larger than 1 MiB"},
		"no padding":      {strings.TrimRight(stoken(insideToken+strings.Repeat(" ", 4-len(insideToken)%3)), "="), "token: is damaged or cut short: not Base64"},
		"cut":             {stoken(insideToken[:len(insideToken)-9]), "token: is damaged or cut short: not JSON inside, at byte 92"},
		"no token":        {stoken(`{"tokens":1,"expDate":"","x":"token","token":null}`), "token: must be a string"},
		"missing token":   {stoken(`{"x":["token"],"expDate":"2099-03-04T09:10:11Z"}`), "token: is missing from the token"},
		"empty token":     {stoken(`{"token":"","expDate":"2099-03-04T09:10:11Z"}`), "token: must not be empty"},
		"missing expDate": {stoken(`{"token":"x","y":["expDate"]}`), "expDate: is missing from the token"},
		"odd expDate":     {stoken(`{"token":"x","expDate":"next year"}`), "expDate: must be a time"},
		"number expDate":  {stoken(`{"token":"x","expDate":4070912}`), "expDate: must be a string"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := vpp.ParseToken([]byte(tc.file))
			if _, ok := errors.AsType[*vpp.InputError](err); !ok || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), "QUJD") {
				t.Error("the error quotes the token")
			}
		})
	}
}

func TestTokensAreTheirOwnSource(t *testing.T) {
	token := mustParse(t, insideToken)
	if got, err := token.Token(t.Context()); got != token || err != nil {
		t.Errorf("%v, %v", got, err)
	}
}

func TestFileTokenReadsTheFileEachTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.vpptoken")
	source := vpp.FileToken(path)
	if _, err := source.Token(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a file: %v", err)
	}
	for _, org := range []string{"one", "two"} {
		text := stoken(strings.ReplaceAll(insideToken, "Example School District", org)) + "\n"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if token, err := source.Token(t.Context()); err != nil || token.OrgName != org {
			t.Errorf("%v, %v", token, err)
		}
	}
	if err := os.WriteFile(path, []byte("<html>"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := source.Token(t.Context())
	if _, ok := errors.AsType[*vpp.WrongFileError](err); !ok || !strings.Contains(err.Error(), path) {
		t.Errorf("%v", err)
	}
}

func TestTokenExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		token := mustParse(t, strings.Replace(insideToken, "2099-03-04T09:10:11", "2000-01-31T00:00:00", 1))
		at := token.Expiry
		if token.Expired(at.Add(-time.Second)) || !token.Expired(at) {
			t.Error("Expired is wrong")
		}
		if token.ExpiresWithin(30*24*time.Hour-time.Second) || !token.ExpiresWithin(30*24*time.Hour) {
			t.Error("ExpiresWithin is wrong")
		}
	})
}

func TestTokensDoNotPrint(t *testing.T) {
	token := mustParse(t, insideToken)
	leak.Find(t, []string{"QUJD", stoken(insideToken)[:20]}, token, *token)
	if got := token.String(); got != "content token of Example School District (expires 2099-03-04T09:10:11Z)" {
		t.Error(got)
	}
}

func mustParse(t testing.TB, inside string) *vpp.Token {
	t.Helper()
	token, err := vpp.ParseToken([]byte(stoken(inside)))
	if err != nil {
		t.Fatal(err)
	}
	return token
}
