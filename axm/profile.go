package axm

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/applemdm/applemdm/internal/sniff"
)

// profileField is where a profile is.
const profileField = "ConfigurationProfile"

// profilePlist is as much of a profile as tells whether there is anything in it.
type profilePlist struct {
	XMLName xml.Name `xml:"plist"`
	Dict    *struct {
		Elements []profileElement `xml:",any"`
	} `xml:"dict"`
}

type profileElement struct {
	XMLName  xml.Name
	Text     string     `xml:",chardata"`
	Elements []struct{} `xml:",any"`
}

// checkProfile refuses a profile of which Apple is known to want another form, or to find nothing in
// it. What the payloads are is not looked at.
func checkProfile(text string) error {
	if text == "" {
		return &InputError{Field: profileField, Rule: "must not be empty"}
	}
	if kind := sniff.Of([]byte(text)); kind != sniff.Plist {
		return &WrongFileError{Want: sniff.Plist, Got: kind}
	}
	if rule := profileRule(text); rule != "" {
		return &InputError{Field: profileField, Rule: rule}
	}
	return nil
}

// profileRule returns the rule that a property list breaks, or "".
func profileRule(text string) string {
	const byteOrderMark = "\ufeff"
	switch {
	case !strings.HasPrefix(strings.TrimLeft(text, byteOrderMark+" \t\r\n"), "<"):
		return "must be XML as it is: neither the binary form nor Base64"
	case !utf8.ValidString(text):
		return "must be in UTF-8"
	}
	decoder := xml.NewDecoder(strings.NewReader(text))
	decoder.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	var profile profilePlist
	err := decoder.Decode(&profile)
	line, _ := decoder.InputPos()
	switch {
	case err != nil: // which may quote what is secret in a profile
		return fmt.Sprintf("is damaged or cut short in line %d", line)
	case profile.Dict == nil:
		return "must have a dictionary at its root"
	case !hasPayloads(profile.Dict.Elements):
		return "must have something in its PayloadContent"
	}
	return ""
}

// hasPayloads reports whether the dictionary of these elements has payloads, or encrypted ones.
func hasPayloads(dictionary []profileElement) bool {
	at := slices.IndexFunc(dictionary, func(e profileElement) bool {
		return e.XMLName.Local == "key" && strings.HasSuffix(e.Text, "PayloadContent")
	})
	if at < 0 || at+1 == len(dictionary) {
		return false
	}
	content := dictionary[at+1]
	return len(content.Elements) > 0 || strings.TrimSpace(content.Text) != ""
}
