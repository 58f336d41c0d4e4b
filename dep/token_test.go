package dep_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/internal/sniff"
)

const bareToken = `{"consumer_key":"CK_demo0001","consumer_secret":"CS_demo0003","access_token":"AT_demo0002",` +
	`"access_secret":"AS_demo0004","access_token_expiry":"2099-01-05T09:30:00Z"}`

// plain is a token with its secrets bare, for comparisons.
type plain struct{ Key, Secret, Access, AccessSecret, Expiry string }

func bare(t *dep.Token) plain {
	return plain{t.ConsumerKey, t.ConsumerSecret.Reveal(), t.AccessToken.Reveal(), t.AccessSecret.Reveal(),
		t.Expiry.Format(time.RFC3339)}
}

var demo = plain{"CK_demo0001", "CS_demo0003", "AT_demo0002", "AS_demo0004", "2099-01-05T09:30:00Z"}

// everywhere wraps the string after each n bytes.
func everywhere(text string, n int, lineEnd string) string {
	var b strings.Builder
	for i, c := range []byte(text) {
		if i > 0 && i%n == 0 {
			b.WriteString(lineEnd)
		}
		b.WriteByte(c)
	}
	return b.String()
}

func TestParseTokenReadsEveryForm(t *testing.T) {
	header := "Content-Type: text/plain;charset=UTF-8\nContent-Transfer-Encoding: 7bit\n\n"
	for name, text := range map[string]string{
		"bare":                      bareToken,
		"byte order mark":           "\xEF\xBB\xBF" + bareToken,
		"header":                    header + bareToken,
		"header and message lines":  header + "-----BEGIN MESSAGE-----\n" + bareToken + "\n-----END MESSAGE-----\n",
		"message lines only":        "-----BEGIN MESSAGE-----\n" + bareToken + "\n-----END MESSAGE-----",
		"broken every 76, LF":       everywhere(bareToken, 76, "\n"),
		"broken every 7, CRLF":      everywhere(bareToken, 7, "\r\n"),
		"broken after every byte":   everywhere(bareToken, 1, "\n"),
		"what the portal encrypts":  string(testdata(t, "inner.txt")),
		"what Apple's page shows":   string(testdata(t, "inner-bare.txt")),
		"unknown member":            strings.Replace(bareToken, "{", `{"new":[1],`, 1),
		"offset without a colon":    strings.Replace(bareToken, "09:30:00Z", "09:30:00+0000", 1),
		"another zone":              strings.Replace(bareToken, "09:30:00Z", "11:30:00+02:00", 1),
		"white space between names": strings.ReplaceAll(bareToken, ",", " ,\n\t"),
	} {
		t.Run(name, func(t *testing.T) {
			token, err := dep.ParseToken([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(demo, bare(token)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseTokenNamesWhatIsWrong(t *testing.T) {
	replaced := func(old, new string) string { return strings.Replace(bareToken, old, new, 1) }
	for name, c := range map[string]struct{ text, field, rule string }{
		"no consumer_key":        {replaced(`"consumer_key":"CK_demo0001",`, ""), "consumer_key", "is missing"},
		"no consumer_secret":     {replaced(`"consumer_secret":"CS_demo0003",`, ""), "consumer_secret", "is missing"},
		"no access_token":        {replaced(`"access_token":"AT_demo0002",`, ""), "access_token", "is missing"},
		"no access_secret":       {replaced(`"access_secret":"AS_demo0004",`, ""), "access_secret", "is missing"},
		"no access_token_expiry": {replaced(`,"access_token_expiry":"2099-01-05T09:30:00Z"`, ""), "access_token_expiry", "is missing"},
		"empty":                  {replaced("AS_demo0004", ""), "access_secret", "must not be empty"},
		"a number":               {replaced(`"AS_demo0004"`, "4"), "access_secret", "must be a string"},
		"null":                   {replaced(`"AS_demo0004"`, "null"), "access_secret", "must be a string"},
		"redacted":               {replaced("AS_demo0004", "[redacted]"), "access_secret", "store what Token.Reveal returns"},
		"no time":                {replaced("2099-01-05T09:30:00Z", "tomorrow"), "access_token_expiry", "must be an RFC 3339 time"},
		"a year of five digits":  {replaced("2099-01-05T09:30:00Z", "9999-12-31T23:00:00-02:00"), "access_token_expiry", "must be an RFC 3339 time"},
		"cut inside a secret":    {bareToken[:100], "token", "not JSON at byte 100"},
		"no braces":              {strings.Trim(bareToken, "{}"), "token", "is not a JSON object"},
		"an array":               {"[" + bareToken[1:len(bareToken)-1] + "]", "token", "is not a JSON object"},
		"braces the wrong way":   {`}"consumer_key"{`, "token", "not JSON at byte 1"},
		"the same member twice":  {replaced("{", `{"access_secret":"AS_other",`), "token", "is damaged"},
		"too large":              {bareToken + strings.Repeat(" ", 1<<20), "token", "is larger than 1 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			token, err := dep.ParseToken([]byte(c.text))
			input, ok := errors.AsType[*dep.InputError](err)
			if !ok || token != nil {
				t.Fatalf("got %v, %v", token, err)
			}
			if input.Field != c.field || !strings.Contains(input.Rule, c.rule) {
				t.Errorf("got %v, want %s: %s", err, c.field, c.rule)
			}
			mustHide(t, "the error", err.Error())
		})
	}
}

func TestParseTokenNamesOtherFiles(t *testing.T) {
	for name, c := range map[string]struct {
		data []byte
		got  sniff.Kind
	}{
		"the file before decryption": {testdata(t, "aes128-stream.p7m"), sniff.ServerToken},
		"content token":              {[]byte("eyJ0b2tlbiI6IlFVSkQiLCJleHBEYXRlIjoiMjAyNy0wMy0wNFQwOToxMDoxMSswMDAwIiwib3JnTmFtZSI6IkV4YW1wbGUifQ=="), sniff.ContentToken},
		"certificate":                {testdata(t, "cert.pem"), sniff.Certificate},
		"empty object":               {[]byte("{}"), sniff.JSON},
		"empty":                      {nil, sniff.Empty},
		"noise":                      {[]byte("noise"), sniff.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := dep.ParseToken(c.data)
			want := &dep.WrongFileError{Want: sniff.ServerTokenText, Got: c.got}
			got, _ := errors.AsType[*dep.WrongFileError](err)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff, err)
			}
		})
	}
}

func TestTokenRevealIsWhatParseTokenReads(t *testing.T) {
	token, err := dep.ParseToken([]byte(bareToken))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(bareToken, string(token.Reveal())); diff != "" {
		t.Error(diff)
	}
}

// mustHide fails if text holds one of the demo token's secrets.
func mustHide(t *testing.T, what, text string) {
	t.Helper()
	for _, secret := range []string{"CS_demo", "AT_demo", "AS_demo", fmt.Sprintf("%x", "CS_demo"), "PRIVATE KEY"} {
		if strings.Contains(text, secret) {
			t.Errorf("%s shows %s: %s", what, secret, text)
		}
	}
}

// shown is v in every form that prints, logs or encodes.
func shown(t *testing.T, v any) map[string]string {
	t.Helper()
	type holder struct {
		Public  any
		private any
	}
	out := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		out[verb] = fmt.Sprintf(verb, v)
		out[verb+" inside"] = fmt.Sprintf(verb, holder{v, v})
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("text", "v", v, "holder", holder{v, v})
	slog.New(slog.NewJSONHandler(&log, nil)).Info("json", "v", v, "holder", holder{v, v})
	out["slog"] = log.String()
	for name, marshal := range map[string]func(any) ([]byte, error){
		"json": json.Marshal, "json v2": func(v any) ([]byte, error) { return jsonv2.Marshal(v) },
	} {
		encoded, err := marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = string(encoded)
	}
	return out
}

func TestTokenNeverShowsItsSecrets(t *testing.T) {
	token, err := dep.ParseToken([]byte(bareToken))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{token, *token, struct{ T dep.Token }{*token}, []*dep.Token{token}} {
		for how, text := range shown(t, v) {
			mustHide(t, fmt.Sprintf("%T with %s", v, how), text)
		}
	}
	for how, want := range map[string]string{
		"%v":   "server token CK_demo0001 (expires 2099-01-05T09:30:00Z)",
		"slog": "consumer_key=CK_demo0001",
		"json": `{"consumer_key":"CK_demo0001","consumer_secret":"[redacted]","access_token":"[redacted]","access_secret":"[redacted]","access_token_expiry":"2099-01-05T09:30:00Z"}`,
	} {
		if got := shown(t, token)[how]; !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", how, got, want)
		}
	}
}

func TestTokenExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		token := &dep.Token{Expiry: time.Now().Add(24 * time.Hour)}
		for _, c := range []struct {
			after   time.Duration
			expired bool
		}{{0, false}, {24*time.Hour - 1, false}, {24 * time.Hour, true}, {48 * time.Hour, true}} {
			if got := token.Expired(time.Now().Add(c.after)); got != c.expired {
				t.Errorf("Expired after %v: %v", c.after, got)
			}
			if got := token.ExpiresWithin(c.after); got != c.expired {
				t.Errorf("ExpiresWithin(%v): %v", c.after, got)
			}
		}
		time.Sleep(25 * time.Hour)
		if !token.ExpiresWithin(0) {
			t.Error("an expired token does not expire within 0")
		}
	})
}

func TestTokenSources(t *testing.T) {
	token := &dep.Token{ConsumerKey: "CK_demo0001"}
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, "seen")
	for name, source := range map[string]dep.TokenSource{
		"token": token,
		"function": dep.TokenFunc(func(ctx context.Context) (*dep.Token, error) {
			if ctx.Value(key{}) != "seen" {
				return nil, errors.New("another context")
			}
			return token, nil
		}),
	} {
		if got, err := source.Token(ctx); got != token || err != nil {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add([]byte(bareToken))
	f.Add(testdata(f, "inner.txt"))
	f.Add([]byte(`}"consumer_key"{`))
	f.Fuzz(func(t *testing.T, data []byte) {
		token, err := dep.ParseToken(data)
		if err != nil {
			return
		}
		again, err := dep.ParseToken(token.Reveal())
		if err != nil {
			t.Fatalf("what Reveal returned is refused: %v", err)
		}
		if diff := cmp.Diff(bare(token), bare(again)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestFileTokenIsReadAnewForEachSession(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token.json")
	source := dep.FileToken(file)
	if _, err := source.Token(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a file: %v", err)
	}
	for _, key := range []string{"CK_first", "CK_second"} {
		text := `{"consumer_key":"` + key + `","consumer_secret":"CS_a","access_token":"AT_b","access_secret":"AS_c","access_token_expiry":"2027-01-05T09:30:00Z"}`
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		token, err := source.Token(t.Context())
		if err != nil || token.ConsumerKey != key {
			t.Errorf("Token = %v, %v, want %s", token, err, key)
		}
	}
	if err := os.WriteFile(file, []byte("no token"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := source.Token(t.Context()); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a file that is no token: %v", err)
	}
}
