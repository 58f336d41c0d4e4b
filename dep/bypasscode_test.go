package dep_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/applemdm/applemdm/dep"
)

// The vectors of the service: raw bytes, code, escrow key.
var bypassVectors = []struct{ raw, human, escrow string }{
	{"00000000000000000000000000000000", "00000-00000-0000-0000-0000-0000", "deab860d28deb5b7121d6d8fcf0f78e1471756d1b2c566c03277c23ea8930b4f"},
	{"1ea841db5edfafe6075b5ae0d845d254", "3UM43-PUYVY-QYD1-UVCC-HEHJ-FKA4", "6ab40d5eabe7218ec04182f461005600c7e3426bddd82cdb405bde9a1e0014b5"},
	{"cb84798c3ca85a674194550a2e96aed8", "TF27L-31WN1-E6FH-DMAM-52X5-NFV0", "23cf8b7873425fd8efe31dc5b6ab9c357eb98a2a59c82ea1084ca8af58cc480a"},
	{"000102030405060708090a0b0c0d0e0f", "000H4-0R40M-30F2-0918-5HR3-8F17", "c5ced1d0c51459c1a887866a5868dd3e9e6f4fc4a8c244f3f9eb9383c0f8aecb"},
}

func TestBypassCodeVectors(t *testing.T) {
	for _, v := range bypassVectors {
		t.Run(v.human, func(t *testing.T) {
			raw, err := hex.DecodeString(v.raw)
			if err != nil {
				t.Fatal(err)
			}
			code, err := dep.BypassCodeFromBytes(raw)
			if err != nil {
				t.Fatal(err)
			}
			if got := code.RevealHuman(); got != v.human {
				t.Errorf("human code %s", got)
			}
			escrow, err := code.EscrowKey()
			if err != nil || escrow.Reveal() != v.escrow {
				t.Errorf("escrow key %s, %v", escrow.Reveal(), err)
			}
			for _, text := range []string{v.human, strings.ToLower(v.human), strings.ReplaceAll(v.human, "-", ""),
				" " + strings.ReplaceAll(v.human, "-", " ") + " "} {
				parsed, err := dep.ParseBypassCode(text)
				if err != nil || !bytes.Equal(parsed.RevealBytes(), raw) || !parsed.Equal(code) {
					t.Errorf("%q parsed to %x, %v", text, parsed.RevealBytes(), err)
				}
			}
		})
	}
}

func TestParseBypassCodeRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, rule string }{
		"empty":          {"", "26 letters and digits, not 0"},
		"one too few":    {"3UM43-PUYVY-QYD1-UVCC-HEHJ-FKA", "26 letters and digits, not 25"},
		"one too many":   {"3UM43-PUYVY-QYD1-UVCC-HEHJ-FKA40", "26 letters and digits, not 27"},
		"the letter O":   {"3UM43-PUYVO-QYD1-UVCC-HEHJ-FKA4", "wrong symbol at place 11"},
		"the letter b":   {"bUM43-PUYVY-QYD1-UVCC-HEHJ-FKA4", "wrong symbol at place 1:"},
		"another script": {"3UM43-PUYVÿ-QYD1-UVCC-HEHJ-FKA4", "wrong symbol at place 11"},
		"not UTF-8":      {"3UM43\xFF", "wrong symbol at place 6"},
		"last above 7":   {"3UM43-PUYVY-QYD1-UVCC-HEHJ-FKA8", "must end in a digit from 0 to 7"},
	} {
		code, err := dep.ParseBypassCode(c.text)
		input, ok := errors.AsType[*dep.InputError](err)
		if !ok || input.Field != "bypass code" || !strings.Contains(input.Rule, c.rule) || !code.IsZero() {
			t.Errorf("%s: got %v", name, err)
		}
		if len(c.text) > 8 && strings.Contains(fmt.Sprint(err), c.text[6:9]) {
			t.Errorf("%s: the error shows the code: %v", name, err)
		}
	}
	for _, n := range []int{0, 15, 17} {
		if _, err := dep.BypassCodeFromBytes(make([]byte, n)); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("not %d", n)) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func TestNewBypassCodesDiffer(t *testing.T) {
	a, b := dep.NewBypassCode(), dep.NewBypassCode()
	if a.Equal(b) || len(a.RevealBytes()) != 16 || len(a.RevealHuman()) != 31 {
		t.Errorf("got %x and %x", a.RevealBytes(), b.RevealBytes())
	}
}

func TestZeroBypassCode(t *testing.T) {
	var code dep.BypassCode
	if escrow, err := code.EscrowKey(); err == nil || !escrow.IsZero() {
		t.Error("no code has an escrow key")
	}
	if !code.IsZero() || code.RevealBytes() != nil || code.RevealHuman() != "" || fmt.Sprint(code) != "" {
		t.Error("no code gives something")
	}
}

func TestBypassCodeNeverShows(t *testing.T) {
	code, err := dep.ParseBypassCode(bypassVectors[1].human)
	if err != nil {
		t.Fatal(err)
	}
	type holder struct {
		Name string
		code dep.BypassCode
	}
	for _, v := range []any{code, &code, struct{ Code dep.BypassCode }{code}, holder{"x", code}} {
		for how, text := range shown(t, v) {
			for _, hidden := range []string{"3UM43", "1ea841", "1EA841", "30 168 65", "\x1e\xa8"} {
				if strings.Contains(text, hidden) {
					t.Errorf("%T with %s shows the code: %s", v, how, text)
				}
			}
		}
	}
	for _, verb := range []string{"%v", "%#v", "%x", "%d"} {
		if got := fmt.Sprintf(verb, code); got != "[redacted]" {
			t.Errorf("%s: got %s", verb, got)
		}
	}
	if got := code.String(); got != "[redacted]" {
		t.Errorf("String: got %s", got)
	}
}

// In FIPS 140-only mode Go refuses Apple's salt: an error, not a panic and not a wrong key. The mode
// is for a whole process.
func TestEscrowKeyInFIPSMode(t *testing.T) {
	if os.Getenv("GODEBUG") == "fips140=only" {
		escrow, err := dep.NewBypassCode().EscrowKey()
		fmt.Println("escrow key:", escrow.IsZero(), err)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestEscrowKeyInFIPSMode$")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=only")
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("escrow key: true deriving the escrow key: ")) {
		t.Errorf("%v: %s", err, out)
	}
}

func FuzzParseBypassCode(f *testing.F) {
	for _, v := range bypassVectors {
		f.Add(v.human)
	}
	f.Add("3um43puyvyqyd1uvcchehjfka4")
	f.Fuzz(func(t *testing.T, text string) {
		code, err := dep.ParseBypassCode(text)
		if err != nil {
			return
		}
		canonical := strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(text))
		if got := strings.ReplaceAll(code.RevealHuman(), "-", ""); got != canonical {
			t.Errorf("%q became %q", text, got)
		}
	})
}
