package dep_test

import (
	"bytes"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/internal/sniff"
)

func opens(t *testing.T, k *dep.KeyPair, p7m []byte) {
	t.Helper()
	token, err := k.OpenToken(p7m)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(demo, bare(token)); diff != "" {
		t.Error(diff)
	}
}

func TestOpenTokenReadsWhatOpenSSLMakes(t *testing.T) {
	for _, file := range []string{"aes128-stream.p7m", "aes256.p7m", "3des.p7m", "aes128-stream.der", "aes256.der", "chunks.der"} {
		t.Run(file, func(t *testing.T) { opens(t, testPair(t), testdata(t, file)) })
	}
}

func TestOpenTokenReadsEveryWrapping(t *testing.T) {
	k := testPair(t)
	file := string(testdata(t, "aes128-stream.p7m"))
	_, body, _ := strings.Cut(file, "\n\n")
	der := testdata(t, "aes128-stream.der")
	for name, text := range map[string]string{
		"CRLF":                     strings.ReplaceAll(file, "\n", "\r\n"),
		"byte order mark":          "\xEF\xBB\xBF" + file,
		"blank lines around":       "\n\r\n" + file + "\n\n",
		"header folded":            strings.Replace(file, "enveloped-data", "enveloped-\n data", 1),
		"header folded badly":      strings.Replace(file, "enveloped-data", "enveloped-\ndata", 1),
		"blank line of spaces":     strings.Replace(file, "\n\n", "\n \t\n", 1),
		"base64 only":              body,
		"base64 in one line":       strings.ReplaceAll(body, "\n", ""),
		"base64 without padding":   strings.TrimRight(strings.ReplaceAll(body, "\n", ""), "="),
		"PEM":                      string(pem.EncodeToMemory(&pem.Block{Type: "PKCS7", Bytes: der})),
		"PEM of another label":     string(pem.EncodeToMemory(&pem.Block{Type: "CMS", Bytes: der})),
		"binary":                   string(der),
		"binary with a line after": string(der) + "\r\n",
	} {
		t.Run(name, func(t *testing.T) { opens(t, k, []byte(text)) })
	}
}

func TestOpenTokenReadsEveryEncoding(t *testing.T) {
	k := testPair(t)
	text := tokenText("CK_demo0001", "2099-01-05T09:30:00Z")
	for name, p := range map[string]portal{
		"Apple's":                  {pieces: 1},
		"several pieces":           {pieces: 5},
		"pieces of pieces":         {pieces: 3, nested: true},
		"long definite lengths":    {definite: true, pieces: 2},
		"one primitive string":     {definite: true},
		"primitive in indefinite":  {},
		"definite pieces":          {definite: true, pieces: 2, nested: true},
		"negative serial":          {pieces: 1, serial: big.NewInt(-5)},
		"another serial":           {pieces: 1, serial: big.NewInt(5)},
		"another issuer":           {pieces: 1, issuer: otherPair(t).Certificate().RawIssuer},
		"ours is the second of 2":  {pieces: 1, extra: certificates(otherPair(t), 1)},
		"ours is the last allowed": {pieces: 1, extra: certificates(otherPair(t), 7)},
	} {
		t.Run(name, func(t *testing.T) { opens(t, k, smime(p.issue(k.Certificate(), text))) })
	}
}

func TestOpenTokenReadsLargeFiles(t *testing.T) {
	k := testPair(t)
	text := strings.Replace(bareToken, "{", `{"more":"`+strings.Repeat("x", 100_000)+`",`, 1)
	for name, p := range map[string]portal{"in pieces": {pieces: 30}, "in one": {definite: true}} {
		t.Run(name, func(t *testing.T) { opens(t, k, smime(p.issue(k.Certificate(), text))) })
	}
}

func TestOpenTokenForAnotherCertificate(t *testing.T) {
	ours := otherPair(t)
	_, err := ours.OpenToken(testdata(t, "aes128-stream.p7m"))
	want := &dep.RecipientError{Issuer: "CN=Test Only", Serial: "A1B2C3D", OurIssuer: "CN=Test Only Other", OurSerial: "7F"}
	got, _ := errors.AsType[*dep.RecipientError](err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff, err)
	}
	for _, part := range []string{`issuer "CN=Test Only", serial A1B2C3D`, `issuer "CN=Test Only Other", serial 7F`} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q lacks %q", err, part)
		}
	}
	if errors.Is(err, dep.ErrTokenDamaged) {
		t.Error("it counts as damaged")
	}

	t.Run("a larger key", func(t *testing.T) {
		larger, err := dep.GenerateKeyPair(&dep.KeyPairOptions{Bits: 3072})
		if err != nil {
			t.Fatal(err)
		}
		_, err = ours.OpenToken(portal{pieces: 1}.issue(larger.Certificate(), bareToken))
		if _, ok := errors.AsType[*dep.RecipientError](err); !ok {
			t.Error(err)
		}
	})
	t.Run("a negative serial and an odd issuer", func(t *testing.T) {
		p := portal{pieces: 1, serial: big.NewInt(-128), issuer: []byte{0x30, 0x02, 0x05, 0x00}}
		_, err := ours.OpenToken(p.issue(testPair(t).Certificate(), bareToken))
		got, _ := errors.AsType[*dep.RecipientError](err)
		if got == nil || got.Serial != "80" || got.Issuer != "unreadable" {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("same issuer and serial", func(t *testing.T) {
		p := portal{pieces: 1, serial: ours.Certificate().SerialNumber, issuer: ours.Certificate().RawIssuer}
		_, err := ours.OpenToken(p.issue(testPair(t).Certificate(), bareToken))
		if !errors.Is(err, dep.ErrTokenDamaged) || !strings.Contains(err.Error(), "same issuer and serial number (7F)") {
			t.Error(err)
		}
	})
}

func TestOpenTokenOfDamagedFiles(t *testing.T) {
	k := testPair(t)
	whole := portal{pieces: 1}.issue(k.Certificate(), bareToken)
	header := []byte{0x30, 0x80, 0x06, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 7, 3}
	with := func(rest ...byte) []byte { return append(bytes.Clone(header), rest...) }
	definite := portal{definite: true}
	enveloped := oid(1, 2, 840, 113549, 1, 7, 3)
	for name, c := range map[string]struct {
		data []byte
		say  string
	}{
		"cut in the middle":        {whole[:len(whole)/2], "ASN.1 ends early"},
		"cut at the end":           {whole[:len(whole)-3], "ASN.1 ends early"},
		"cut after the type":       {header, "ASN.1 ends early"},
		"cut in a length":          {with(0x04, 0x82, 0x01), "ASN.1 ends early"},
		"an absurd length":         {with(0x04, 0x84, 0xFF, 0xFF, 0xFF, 0xFF), "ASN.1 ends early"},
		"indefinite and primitive": {with(0x04, 0x80), "indefinite length"},
		"a long tag":               {with(0x1F, 0x01), "tag number"},
		"nested without end":       {with(bytes.Repeat([]byte{0x30, 0x80}, 200_000)...), "levels deep"},
		"a piece that is none":     {with(0x24, 0x80, 0x02, 0x01, 0x00, 0x00, 0x00), "part that is none"},
		"nothing in it":            {with(0x00, 0x00), "asn1: "},
		"no envelope in it":        {definite.tlv(0x30, enveloped, definite.tlv(0xA0, []byte{2, 1, 0})), "asn1: "},
		"no recipient": {definite.tlv(0x30, enveloped, definite.tlv(0xA0,
			definite.tlv(0x30, []byte{2, 1, 0}, definite.tlv(0x31)))), "it has 0 recipients"},
		"a recipient only": {definite.tlv(0x30, enveloped, definite.tlv(0xA0, definite.tlv(0x30, []byte{2, 1, 0},
			definite.tlv(0x31, portal{definite: true}.recipient(k.Certificate(), make([]byte, 16)))))), "asn1: "},
		"too many recipients": {portal{extra: certificates(k, 8)}.issue(k.Certificate(), bareToken), "it has 9 recipients"},
		"padding of zeros":    {portal{padding: make([]byte, 15)}.issue(k.Certificate(), "1"), "JSON"},
		"padding too long":    {portal{padding: bytes.Repeat([]byte{0xFF}, 15)}.issue(k.Certificate(), "1"), "broken padding"},
		"padding of two kinds": {portal{padding: []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}}.issue(k.Certificate(), "1"),
			"invalid padding"},
		"not whole blocks":   {portal{padding: []byte{1}}.issue(k.Certificate(), bareToken), "broken padding"},
		"unknown cipher":     {portal{cipher: []int{1, 2, 3}}.issue(k.Certificate(), bareToken), "cannot decrypt"},
		"base64 cut":         {bytes.Replace(smime(whole), []byte("MIA"), []byte("M#A"), 1), "ASN.1 ends early"},
		"header without end": {[]byte("Content-Type: application/pkcs7-mime; smime-type=enveloped-data\nX: y\n"), "ASN.1 ends early"},
	} {
		t.Run(name, func(t *testing.T) {
			token, err := k.OpenToken(c.data)
			if token != nil || err == nil || !strings.Contains(err.Error(), c.say) {
				t.Fatalf("got %v, %v; want %q", token, err, c.say)
			}
			if _, ok := errors.AsType[*dep.RecipientError](err); ok {
				t.Error("it counts as encrypted for another certificate")
			}
			if name != "padding of zeros" && !errors.Is(err, dep.ErrTokenDamaged) {
				t.Errorf("%v is not ErrTokenDamaged", err)
			}
			mustHide(t, "the error", err.Error())
		})
	}
}

// An RSA operation with the wrong key now and then succeeds, and gives a content key of any length.
func TestOpenTokenWithContentKeyOfWrongLength(t *testing.T) {
	for name, cipher := range map[string][]int{"AES": nil, "3DES": {1, 2, 840, 113549, 3, 7}} {
		p := portal{keySize: 17, cipher: cipher, serial: big.NewInt(9)}
		_, err := testPair(t).OpenToken(p.issue(testPair(t).Certificate(), bareToken))
		if _, ok := errors.AsType[*dep.RecipientError](err); !ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOpenTokenNamesOtherFiles(t *testing.T) {
	k := testPair(t)
	for name, c := range map[string]struct {
		data []byte
		got  sniff.Kind
	}{
		"content token":   {[]byte(base64.StdEncoding.EncodeToString([]byte(`{"token":"QUJD","expDate":"2027-03-04T09:10:11+0000","orgName":"Example"}`))), sniff.ContentToken},
		"decrypted token": {[]byte(bareToken), sniff.ServerTokenText},
		"certificate":     {testdata(t, "cert.pem"), sniff.Certificate},
		"signed message":  {[]byte{0x30, 0x80, 0x06, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 7, 2}, sniff.SignedData},
		"web page":        {[]byte("<!DOCTYPE html><html></html>"), sniff.HTML},
		"nothing":         {nil, sniff.Empty},
		"a letter":        {[]byte("Dear administrator: the token is attached.\n\nRegards"), sniff.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := k.OpenToken(c.data)
			got, _ := errors.AsType[*dep.WrongFileError](err)
			if diff := cmp.Diff(&dep.WrongFileError{Want: sniff.ServerToken, Got: c.got}, got); diff != "" {
				t.Error(diff, err)
			}
		})
	}
	t.Run("something else was encrypted", func(t *testing.T) {
		_, err := k.OpenToken(portal{pieces: 1}.issue(k.Certificate(), "<html>AS_demo0004</html>"))
		got, _ := errors.AsType[*dep.WrongFileError](err)
		if got == nil || got.Got != sniff.HTML || !strings.Contains(err.Error(), "what the file contains, decrypted") {
			t.Error(err)
		}
		mustHide(t, "the error", err.Error())
	})
	t.Run("too large", func(t *testing.T) {
		_, err := k.OpenToken(append(testdata(t, "aes256.der"), make([]byte, 1<<20)...))
		if input, _ := errors.AsType[*dep.InputError](err); input == nil || input.Field != "p7m" {
			t.Error(err)
		}
	})
	t.Run("no key pair", func(t *testing.T) {
		for _, k := range []*dep.KeyPair{nil, {}} {
			if _, err := k.OpenToken(testdata(t, "aes256.der")); err == nil || !strings.Contains(err.Error(), "no key pair") {
				t.Error(err)
			}
		}
	})
}

func FuzzOpenToken(f *testing.F) {
	k := testPair(f)
	for _, file := range []string{"aes128-stream.p7m", "aes128-stream.der", "aes256.der", "3des.p7m"} {
		f.Add(testdata(f, file))
	}
	small := portal{definite: true}.tlv(0x30, oid(1, 2, 840, 113549, 1, 7, 3), portal{}.tlv(0xA0, []byte{asn1.TagNull, 0}))
	f.Add(small)
	f.Fuzz(func(t *testing.T, data []byte) {
		token, err := k.OpenToken(data)
		if (token == nil) == (err == nil) {
			t.Fatalf("got %v and %v", token, err)
		}
		if err != nil {
			mustHide(t, "the error", err.Error())
		}
	})
}
