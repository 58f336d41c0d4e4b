package cassette

import (
	"encoding/base64"
	"net/netip"
	"regexp"
	"strings"
	"testing"
)

func TestStandInsKeepTheForm(t *testing.T) {
	s := newStandIns([]byte("key"))
	for value, want := range map[string]string{
		"C02ABCDEF123":                               `^[A-Z]\d\d[A-Z]{6}\d{3}$`,
		"0F1E2D3C-4B5A-6978-8796-A5B4C3D2E1F0":       `^0[A-F]\d[A-F]\d[A-F]\d[A-F]-\d[A-F]\d[A-F]-\d{4}-\d{4}-[A-F]\d[A-F]\d[A-F]\d[A-F]\d[A-F]\d[A-F]\d$`,
		"02:00:5e:10:00:17":                          `^0\d:\d\d:\d[a-f]:\d\d:\d\d:\d\d$`,
		"00008030-001A2B3C4D5E002E":                  `^0\d{7}-\d{3}[A-F](\d[A-F]){4}\d{3}[A-F]$`,
		"+1 555 0142":                                `^\+[1-9] \d{3} \d{4}$`,
		"ada.lovelace@school.example.edu":            `^user-[0-9a-f]{8}@example\.org$`,
		"Springfield High":                           `^Text [0-9A-F]{8}$`,
		"Springfield":                                `^[A-Z][a-z]{10}$`,
		"192.0.2.7":                                  `^10\.\d+\.\d+\.\d+$`,
		"2001:67c::7":                                `^2001:db8:`,
		"MDowOjE3NjcyMjU2":                           `^[A-Z]{2}[a-z][a-z][A-Z][a-z][A-Z]\d[A-Z][a-z][a-z][a-z][A-Z][a-z][A-Z]\d$`,
		"com.apple.mgmt.External.6ba7b810-9dad-11d1": `^com\.apple\.mgmt\.External\.[1-9][a-f]{2}\d[a-f]\d{3}-\d[a-f]{3}-\d{2}[a-f]\d$`,
		strings.Repeat("0a1b", 16):                   `^(0|\d)([a-f]\d){31}[a-f]$`,
		"Zürich":                                     `^[A-Z][a-z]+$`,
		"89049032000000000000000000000017":           `^[1-9]\d{31}$`,
	} {
		got := s.get(value)
		if !regexp.MustCompile(want).MatchString(got) || got == value {
			t.Errorf("%s has the stand-in %s", value, got)
		}
		if again := s.get(value); again != got {
			t.Errorf("%s has the stand-ins %s and %s", value, got, again)
		}
		if other := newStandIns([]byte("key")).get(value); other != got {
			t.Errorf("the same key makes %s and %s", got, other)
		}
		if other := newStandIns(nil).get(value); other == got {
			t.Errorf("another key makes %s too", got)
		}
	}
	for _, nothing := range []string{"", " ", "-", "::"} {
		if got := s.get(nothing); nothing != "::" && got != nothing {
			t.Errorf("%q became %q", nothing, got)
		}
	}
}

func TestStandInsOfNumbers(t *testing.T) {
	s := newStandIns(nil)
	for range 50 {
		if got := newStandIns(nil).get("352099001761481"); !luhn(got) || got == "352099001761481" {
			t.Errorf("an IMEI became %s", got)
		}
	}
	for range 50 { // a zero at the end would be lost when it is read
		if got := newStandIns(nil).number("4.5"); !regexp.MustCompile(`^[1-9]\.[1-9]$`).MatchString(got) {
			t.Errorf("4.5 became %s", got)
		}
	}
	for value, want := range map[string]string{
		"12345": `^[1-9]\d{4}$`, "-12": `^-[1-9]\d$`, "0.5": `^0\.\d$`, "-1.5e3": `^-[1-9]\.\de3$`,
		"9223372036854775807": `^1\d{18}$`, "2147483647": `^1\d{9}$`,
	} {
		if got := s.number(value); !regexp.MustCompile(want).MatchString(got) || got == value {
			t.Errorf("%s became %s", value, got)
		}
	}
}

// Short values have few stand-ins of their form, and still each has its own.
func TestStandInsDiffer(t *testing.T) {
	s, seen := newStandIns(nil), map[string]string{}
	for _, c := range lower + capitals + digits[1:] {
		got := s.get(string(c))
		if other, again := seen[got]; again || got == string(c) {
			t.Errorf("%c and %s became %s", c, other, got)
		}
		seen[got] = string(c)
	}
}

func TestStandInsOfBlobs(t *testing.T) {
	der := append([]byte{0x30, 0x82, 0x00, 0x60}, []byte(strings.Repeat("Springfield!", 8))...)
	got, err := base64.StdEncoding.DecodeString(newStandIns(nil).get(base64.StdEncoding.EncodeToString(der)))
	if err != nil || len(got) != len(der) || string(got[:4]) != string(der[:4]) || strings.Contains(string(got), "Spring") {
		t.Errorf("%q, %v", got, err)
	}
}

func TestAddressesAreNobodys(t *testing.T) {
	documents := netip.MustParsePrefix("2001:db8::/32")
	for range 50 {
		s := newStandIns(nil)
		if a := netip.MustParseAddr(s.get("17.253.144.10")); !a.IsPrivate() {
			t.Error(a)
		}
		if a := netip.MustParseAddr(s.get("2620:149:af0::10")); !documents.Contains(a) {
			t.Error(a)
		}
	}
}
