package dep_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/dep"
)

const nextYear, inTwoYears = "2001-01-01T00:00:00Z", "2002-01-01T00:00:00Z" // in a synctest bubble

func stage(t *testing.T, c dep.Credentials) dep.Credentials {
	t.Helper()
	c, err := c.Stage(nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func promote(t *testing.T, c dep.Credentials, p7m []byte, opts *dep.PromoteOptions) dep.Credentials {
	t.Helper()
	c, err := c.Promote(p7m, opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mustBe(t *testing.T, c dep.Credentials, active, staged *dep.KeyPair, consumerKey, expiry string) {
	t.Helper()
	if c.Active != active || c.Staged != staged {
		t.Errorf("active %v, staged %v; want %v and %v", c.Active, c.Staged, active, staged)
	}
	want := plain{consumerKey, "CS_demo0003", "AT_demo0002", "AS_demo0004", expiry}
	if diff := cmp.Diff(want, bare(c.Token)); diff != "" {
		t.Error(diff)
	}
}

func TestCredentialsFromNothingThroughRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := stage(t, dep.Credentials{})
		if first.Active != nil || first.Token != nil || first.Staged == nil {
			t.Fatalf("staging gave %v", first)
		}
		if again := stage(t, first); again != first {
			t.Error("staging twice made another pair")
		}
		if insisted := stage(t, first.Unstage()); insisted.Staged == first.Staged {
			t.Error("staging after Unstage kept the pair")
		}
		one := promote(t, first, download(first.Staged.CertificatePEM(), "CK_demo0001", nextYear), nil)
		mustBe(t, one, first.Staged, nil, "CK_demo0001", nextYear)

		renewing := stage(t, one)
		mustBe(t, renewing, one.Active, renewing.Staged, "CK_demo0001", nextYear)
		two := promote(t, renewing, download(renewing.Staged.CertificatePEM(), "CK_demo0001", inTwoYears), nil)
		mustBe(t, two, renewing.Staged, nil, "CK_demo0001", inTwoYears)
		mustBe(t, renewing, one.Active, renewing.Staged, "CK_demo0001", nextYear)
	})
}

func TestPromoteTokenForTheActivePair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		active, staged := testPair(t), otherPair(t)
		file := download(active.CertificatePEM(), "CK_demo0001", nextYear)
		c := promote(t, dep.Credentials{Active: active, Staged: staged}, file, nil)
		mustBe(t, c, active, staged, "CK_demo0001", nextYear)
		t.Log("the same file again changes nothing")
		mustBe(t, promote(t, c, file, nil), active, staged, "CK_demo0001", nextYear)
	})
}

func TestPromoteRefusesUnlessForced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		active, staged := testPair(t), otherPair(t)
		stored := promote(t, dep.Credentials{Active: active}, download(active.CertificatePEM(), "CK_demo0001", nextYear), nil)
		stored.Staged = staged
		for name, c := range map[string]struct {
			consumerKey, expiry string
			is                  error
			say                 string
		}{
			"another server": {"CK_other", inTwoYears, dep.ErrConsumerKeyChanged, `"CK_other", the stored token's is "CK_demo0001"`},
			"expired":        {"CK_demo0001", "1999-12-31T00:00:00Z", dep.ErrTokenExpired, "1999-12-31"},
			"expires now":    {"CK_demo0001", "2000-01-01T00:00:00Z", dep.ErrTokenExpired, "2000-01-01"},
			"older":          {"CK_demo0001", "2000-12-31T00:00:00Z", dep.ErrTokenSuperseded, "before the stored one"},
		} {
			file := download(staged.CertificatePEM(), c.consumerKey, c.expiry)
			for _, opts := range []*dep.PromoteOptions{nil, {}} {
				got, err := stored.Promote(file, opts)
				if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.say) || got != (dep.Credentials{}) {
					t.Errorf("%s: got %v, %v", name, got, err)
				}
			}
			forced := promote(t, stored, file, &dep.PromoteOptions{Force: true})
			mustBe(t, forced, staged, nil, c.consumerKey, c.expiry)
		}
		mustBe(t, stored, active, staged, "CK_demo0001", nextYear)
	})
}

func TestPromoteSaysTheMoreTellingError(t *testing.T) {
	ours, others := testPair(t), otherPair(t)
	cut := portal{pieces: 1, padding: []byte{1}}.issue(ours.Certificate(), bareToken)
	for name, c := range map[string]struct {
		credentials dep.Credentials
		file        []byte
		ok          func(error) bool
	}{
		"no pair":                   {dep.Credentials{}, cut, func(err error) bool { return strings.Contains(err.Error(), "no key pair") }},
		"damaged, for the active":   {dep.Credentials{Active: ours, Staged: others}, cut, isDamaged},
		"damaged, for the staged":   {dep.Credentials{Active: others, Staged: ours}, cut, isDamaged},
		"damaged, forced":           {dep.Credentials{Active: ours}, cut, isDamaged},
		"for neither, names staged": {dep.Credentials{Active: others, Staged: generate(t, &dep.KeyPairOptions{CommonName: "Next"})}, testdata(t, "aes256.der"), isFor("CN=Next")},
		"for another, names active": {dep.Credentials{Active: others}, testdata(t, "aes256.der"), isFor("CN=Test Only Other")},
		"another file": {dep.Credentials{Active: others, Staged: ours}, testdata(t, "cert.pem"), func(err error) bool {
			_, ok := errors.AsType[*dep.WrongFileError](err)
			return ok
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.credentials.Promote(c.file, &dep.PromoteOptions{Force: true})
			if err == nil || !c.ok(err) || got != (dep.Credentials{}) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func isDamaged(err error) bool { return errors.Is(err, dep.ErrTokenDamaged) }

func isFor(ourIssuer string) func(error) bool {
	return func(err error) bool {
		misdirected, ok := errors.AsType[*dep.RecipientError](err)
		return ok && misdirected.OurIssuer == ourIssuer
	}
}

func TestStageRefusesBadOptions(t *testing.T) {
	c, err := dep.Credentials{Active: testPair(t)}.Stage(&dep.KeyPairOptions{Bits: 7})
	if input, _ := errors.AsType[*dep.InputError](err); input == nil || c != (dep.Credentials{}) {
		t.Errorf("got %v, %v", c, err)
	}
}

func TestCheckConsumerKey(t *testing.T) {
	a, b := &dep.Token{ConsumerKey: "CK_a"}, &dep.Token{ConsumerKey: "CK_b"}
	for name, c := range map[string]struct {
		stored, offered *dep.Token
		want            *dep.ConsumerKeyError
	}{
		"same":      {a, &dep.Token{ConsumerKey: "CK_a"}, nil},
		"different": {a, b, &dep.ConsumerKeyError{Stored: "CK_a", Offered: "CK_b"}},
		"first":     {nil, b, nil},
		"none":      {a, nil, nil},
	} {
		err := dep.CheckConsumerKey(c.stored, c.offered)
		got, _ := errors.AsType[*dep.ConsumerKeyError](err)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if (err != nil) != errors.Is(err, dep.ErrConsumerKeyChanged) {
			t.Errorf("%s: errors.Is does not match %v", name, err)
		}
	}
}

func TestCredentialsRevealIsWhatParseCredentialsReads(t *testing.T) {
	token, err := dep.ParseToken([]byte(bareToken))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]dep.Credentials{
		"empty":  {},
		"staged": {Staged: otherPair(t)},
		"whole":  {Active: testPair(t), Token: token, Staged: otherPair(t)},
	} {
		again, err := dep.ParseCredentials(c.Reveal())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Equal(again.Active.RevealPEM(), c.Active.RevealPEM()) || !bytes.Equal(again.Staged.RevealPEM(), c.Staged.RevealPEM()) {
			t.Errorf("%s: a key pair changed on its way", name)
		}
		if (again.Token == nil) != (c.Token == nil) || c.Token != nil && bare(again.Token) != bare(c.Token) {
			t.Errorf("%s: the token changed on its way", name)
		}
	}
	whole := dep.Credentials{Active: testPair(t), Token: token}
	for how, text := range shown(t, whole) {
		mustHide(t, how, text)
	}
	for _, how := range []string{"%v", "%+v", "slog", "json", "json v2"} {
		if text := shown(t, whole)[how]; !strings.Contains(text, "CK_demo0001") {
			t.Errorf("%s does not tell which token it is: %s", how, text)
		}
	}
	encoded, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := dep.ParseCredentials(encoded); err == nil {
		t.Errorf("credentials that lost their secrets in encoding were read: %v", got)
	}
	if got := string(dep.Credentials{Token: token}.Reveal()); got != `{"token":`+bareToken+`}` {
		t.Errorf("the stored form is %s", got)
	}
}

func TestParseCredentialsRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, say string }{
		"a token":          {bareToken, "credentials: are not what"},
		"an encoded value": {`{"Active":{},"token":{}}`, "credentials: are not what"},
		"no JSON":          {"x", "credentials: are not what"},
		"nothing":          {"", "credentials: are not what"},
		"a bad active":     {`{"active_key_pair":"x"}`, "active key pair: wrong file"},
		"a bad staged":     {`{"staged_key_pair":"x"}`, "staged key pair: wrong file"},
		"a bad token":      {`{"token":{"consumer_key":"CK_demo0001"}}`, "consumer_secret: is missing"},
		"a token of null":  {`{"token":null}`, "wrong file"},
	} {
		got, err := dep.ParseCredentials([]byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.say) || got != (dep.Credentials{}) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
		mustHide(t, name, fmt.Sprint(err))
	}
}
