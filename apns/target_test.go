package apns_test

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/apns"
)

const magic = "0A1B2C3D-0000-4000-8000-0000000000AA"

func TestParseTarget(t *testing.T) {
	raw := certOK(hex.DecodeString(token32))
	want := apns.Target{Topic: fixtureTopic, Token: token32, PushMagic: magic}
	for name, token := range map[string]string{
		"hex":                    token32,
		"hex, capitals":          strings.ToUpper(token32),
		"hex, spaces around":     "  " + token32 + "\t",
		"base64":                 base64.StdEncoding.EncodeToString(raw),
		"base64 without padding": base64.RawStdEncoding.EncodeToString(raw),
	} {
		got, err := apns.ParseTarget(" "+fixtureTopic, token, magic+" ")
		if err != nil || got != want {
			t.Errorf("%s: got %#v, %v", name, got, err)
		}
	}
	for name, c := range map[string]struct{ topic, token, want string }{
		"no topic":   {"", token32, token32},
		"40 bytes":   {fixtureTopic, "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj9AQUJDREVGRw==", token40},
		"one byte":   {fixtureTopic, "0f", "0f"},
		"127 bytes":  {fixtureTopic, strings.Repeat("fe", 127), strings.Repeat("fe", 127)},
		"short, hex": {fixtureTopic, "deadbeef", "deadbeef"},
	} {
		got, err := apns.ParseTarget(c.topic, c.token, magic)
		if err != nil || got != (apns.Target{Topic: c.topic, Token: c.want, PushMagic: magic}) {
			t.Errorf("%s: got %#v, %v", name, got, err)
		}
	}
}

func TestParseTargetSaysWhatIsWrong(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString
	raw := certOK(hex.DecodeString(token32))
	for name, c := range map[string]struct{ topic, token, magic, field, rule string }{
		"no token":                 {"", "", magic, "Token", "must not be empty"},
		"magic for token":          {"", magic, magic, "Token", "perhaps it is the PushMagic"},
		"base64 for the web":       {"", base64.URLEncoding.EncodeToString([]byte(strings.Repeat("\xFB\xFF", 16))), magic, "Token", "contains '-'"},
		"odd hex":                  {"", token32[:63], magic, "Token", "odd number of hex digits"},
		"short base64":             {"", b64(raw[:31]), magic, "Token", "too short for a token in base64"},
		"word":                     {"", "token", magic, "Token", "is neither hex nor base64"},
		"loose bits":               {"", strings.TrimRight(b64(raw), "8=") + "9", magic, "Token", "is neither hex nor base64"},
		"hex of base64":            {"", hex.EncodeToString([]byte(b64(raw))), magic, "Token", "is encoded twice"},
		"base64 of hex":            {"", b64([]byte(token32)), magic, "Token", "is encoded twice"},
		"128 bytes":                {"", strings.Repeat("fe", 128), magic, "Token", "has 128 bytes; at most 127"},
		"app's topic":              {"com.example.app", token32, magic, "Topic", `is "com.example.app"; the topic of device management begins with com.apple.mgmt.`},
		"bare prefix":              {"com.apple.mgmt.", token32, magic, "Topic", "begins with"},
		"topic with a line end":    {"com.apple.mgmt.x\ny", token32, magic, "Topic", "neither spaces"},
		"topic with an umlaut":     {"com.apple.mgmt.ö", token32, magic, "Topic", "outside of ASCII"},
		"endless topic":            {"com.apple.mgmt." + strings.Repeat("x", 250), token32, magic, "Topic", "has 265 bytes"},
		"no magic":                 {"", token32, " ", "PushMagic", "must not be empty"},
		"token for magic":          {"", token32, strings.ToUpper(token32), "PushMagic", "is the token again"},
		"magic that is not UTF-8":  {"", token32, "\xFF\xFE", "PushMagic", "must be UTF-8"},
		"endless magic":            {"", token32, strings.Repeat("x", 5000), "PushMagic", "larger than 4096 bytes"},
		"magic, one byte too long": {"", token32, strings.Repeat("x", 4087), "PushMagic", "larger than 4096 bytes"},
		"magic that grows":         {"", token32, strings.Repeat("\x01", 700), "PushMagic", "larger than 4096 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := apns.ParseTarget(c.topic, c.token, c.magic)
			refusedAs(t, err, c.field, c.rule)
			if got != (apns.Target{}) {
				t.Errorf("%#v came with the error", got)
			}
			if c.token != "" && len(c.token) > 8 && strings.Contains(err.Error(), c.token) {
				t.Error("the error quotes the token")
			}
		})
	}
	for _, long := range []string{strings.Repeat("x", 4086), strings.Repeat("\x01", 681), strings.Repeat(`"`, 2043)} {
		if _, err := apns.ParseTarget("", token32, long); err != nil {
			t.Errorf("a push of 4,096 bytes at most: %v", err)
		}
	}
}

func TestValidateTarget(t *testing.T) {
	good := apns.Target{Topic: fixtureTopic, Token: strings.ToUpper(token32), PushMagic: magic}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for _, c := range map[string]struct{ token, rule string }{
		"base64":    {"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "must be hex, not base64"},
		"raw bytes": {"\x00\x01\x02", "must be hex"},
		"odd":       {"abc", "odd number"},
		"empty":     {"", "must not be empty"},
	} {
		bad := good
		bad.Token = c.token
		refusedAs(t, bad.Validate(), "Token", c.rule)
	}
	if _, err := apns.NewTarget(fixtureTopic, nil, magic); err == nil {
		t.Error("a target without a token")
	}
}

func TestTargetIsStoredAsJSON(t *testing.T) {
	const stored = `{"topic":"` + fixtureTopic + `","token":"` + token32 + `","push_magic":"` + magic + `"}`
	target := apns.Target{Topic: fixtureTopic, Token: token32, PushMagic: magic}
	if got, err := json.Marshal(target); err != nil || string(got) != stored {
		t.Errorf("got %s, %v", got, err)
	}
	var again apns.Target
	if err := json.Unmarshal([]byte(stored), &again); err != nil || again != target {
		t.Errorf("got %#v, %v", again, err)
	}
	if got, _ := json.Marshal(apns.Target{Token: "0f", PushMagic: "m"}); string(got) != `{"token":"0f","push_magic":"m"}` {
		t.Errorf("got %s", got)
	}
}

func TestTargetPrintsShortened(t *testing.T) {
	target := apns.Target{Topic: fixtureTopic, Token: token32, PushMagic: "ööö magic"}
	const want = "target token=00010203… magic=öö… topic=" + fixtureTopic
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(verb, target); got != want {
			t.Errorf("%s: got %s", verb, got)
		}
	}
	var seen []string
	for _, attr := range target.LogValue().Group() {
		seen = append(seen, attr.String())
	}
	if diff := cmp.Diff([]string{"token=00010203…", "push_magic=öö…", "topic=" + fixtureTopic}, seen); diff != "" {
		t.Error(diff)
	}
	if got := fmt.Sprint(apns.Target{Token: "0f", PushMagic: "ööx"}); got != "target token=0f magic=öö… topic=" {
		t.Errorf("got %s", got)
	}
}

func FuzzParseTarget(f *testing.F) {
	f.Add(fixtureTopic, token32, magic)
	f.Add("", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "x")
	f.Add("", magic, token32)
	f.Add("com.apple.mgmt.", hex.EncodeToString([]byte(magic)), strings.Repeat(`"`, 3000))
	f.Fuzz(func(t *testing.T, topic, token, magic string) {
		target, err := apns.ParseTarget(topic, token, magic)
		if err != nil {
			if _, ok := errors.AsType[*apns.InputError](err); !ok || target != (apns.Target{}) {
				t.Errorf("got %#v, %T: %v", target, err, err)
			}
			return
		}
		again, err := apns.ParseTarget(target.Topic, target.Token, target.PushMagic)
		if err != nil || again != target {
			t.Errorf("%#v becomes %#v, %v", target, again, err)
		}
		body, err := json.Marshal(map[string]string{"mdm": target.PushMagic})
		if err != nil || len(body) > 4096 {
			t.Errorf("a push of %d bytes, %v", len(body), err)
		}
	})
}
